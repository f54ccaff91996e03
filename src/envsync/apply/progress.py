"""What a pass tells whoever follows it, while it works."""

from collections.abc import Callable

from envsync.model.plan import EnvironmentPlan, Install
from envsync.model.report import EnvironmentReport


class Progress:
    """Follows a pass; a subclass overrides what it wants to know, the rest does nothing.

    ``started``, ``step`` and ``line`` are called in the threads that work, and should return soon; ``done`` and
    ``interrupted`` in the thread that asked. Texts come from outside: escape them before a terminal shows them.
    """

    def started(self, name: str, what: str) -> None:
        """Hear that work on an environment begins; ``what`` names it: ``creating``, ``rebuilding``."""

    def step(self, name: str, text: str) -> None:
        """Hear that its next step begins, such as ``installing (uv)``."""

    def line(self, name: str, text: str) -> None:
        """Hear what its installer has printed, without secrets."""

    def done(self, report: EnvironmentReport) -> None:
        """Count an environment, which is done or has failed."""

    def interrupted(self, names: tuple[str, ...]) -> None:
        """Hear of a signal that ends the pass: only what is under way, ``names``, is completed.

        A second signal undoes that, too.
        """


class Calling(Progress):
    """Calls a function for each environment that is done, and follows nothing else."""

    def __init__(self, function: Callable[[EnvironmentReport], object]) -> None:
        """Take the function."""
        self._function = function

    def done(self, report: EnvironmentReport) -> None:
        """Pass it on."""
        self._function(report)


Follower = Progress | Callable[[EnvironmentReport], object]
"""What may follow a pass: all that happens, or only what is done."""


def following(follower: Follower) -> Progress:
    """Return what a pass reports to."""
    return follower if isinstance(follower, Progress) else Calling(follower)


_DOING = {
    "link": "linking",
    "install": "installing",
    "repair": "repairing",
    "create": "creating",
    "rebuild": "rebuilding",
    "rollback": "rolling back",
}
"""What is being done, by the kinds of actions; the last one names it."""


def work_on(plan: EnvironmentPlan) -> str:
    """Return what carrying out a plan is, such as ``creating``."""
    if any(isinstance(action, Install) and action.spec.upgrade for action in plan.actions):
        return "upgrading"
    kinds = [*_DOING]
    kind = max((action.kind for action in plan.actions), key=kinds.index, default="")
    return _DOING.get(kind, "clearing up")
