"""The ways in which envsync fails, each with what happened, where, and what to do."""

from envsync.model.dataclass import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.environments import ErrorEntry, ProblemEntry
    from envsync.model.desired import Inputs


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, ready to be rendered as text or JSON."""

    code: str
    """Stable, kebab-case."""
    message: str
    """What was found; where the remedy is not in ``hint``, also what is allowed."""
    hint: str = ""
    """What to do about it; may be empty."""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    key: str | None = None
    """Dotted manifest key, such as ``envs.blog.path``."""

    def to_dict(self) -> "ErrorEntry":
        """Return its entry among the ``errors`` of the JSON document."""
        return {**self.brief(), "file": self.file, "line": self.line, "column": self.column, "key": self.key}

    def brief(self) -> "ProblemEntry":
        """Return its entry where the document says already what it is about."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class EnvsyncError(Exception):
    """A failure that is a message, never a traceback."""

    exit_code = 1

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class UsageError(EnvsyncError):
    """Wrong usage of the command, or a wrong argument of a function."""

    exit_code = 2


class CannotRunError(EnvsyncError):
    """A command of the user's that cannot be run; the exit status is the shells': 126 or 127."""

    def __init__(self, problem: Problem, exit_code: int) -> None:
        super().__init__(problem)
        self.exit_code = exit_code


class ManifestError(Exception):
    """A manifest that cannot be read; carries every problem found, not the first only."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...], inputs: "Inputs | None" = None) -> None:
        from envsync.model.desired import Inputs  # noqa: PLC0415  # not needed for wrong usage

        super().__init__("; ".join(": ".join(filter(None, (problem.file, problem.message))) for problem in problems))
        self.problems = problems
        self.inputs = inputs or Inputs()
        """What was read or looked for: fixing the manifest changes some of it."""


class UntrustedError(ManifestError):
    """A manifest that was found, not named, and may not be applied."""

    exit_code = 1
