"""A plan: states, drift, actions, conflicts. Complete values, so that applying decides nothing."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from envsync.model import desired
from envsync.model.blueprint import Blueprint
from envsync.model.dataclass import dataclass
from envsync.model.document import document, status_of
from envsync.model.edits import Pin
from envsync.model.environment import Script
from envsync.model.install import InstallSpec
from envsync.model.packages import Change
from envsync.model.world import ForeignStaging, World

if TYPE_CHECKING:
    from envsync.model.contract.documents import Planned
    from envsync.model.contract.environments import ActionEntry, ConflictEntry, DriftEntry, EnvironmentEntry


class State(StrEnum):
    """How an environment compares to the manifest."""

    IN_SYNC = "in-sync"
    MISSING = "missing"
    DRIFT = "drift"
    CONFLICT = "conflict"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the manifest and the disk."""

    code: str
    message: str
    link: str = ""
    """The symlink that is missing, where that is the difference."""
    change: Change | None = None
    """The package whose version is another one, where that is the difference."""
    before: str | None = None
    after: str | None = None
    """What is there, and what should be: a version, a link's text, a value; ``None`` where only the message says so."""

    def to_dict(self) -> "DriftEntry":
        """Return its entry in the JSON document."""
        return {"code": self.code, "message": self.message, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Conflict:
    """What envsync refuses to touch, and how the user can resolve it."""

    code: str
    message: str
    hint: str
    remedy: tuple[tuple[str, ...], ...] = ()
    """Commands that resolve it, in order, each as its words; empty where the user has to decide."""

    def to_dict(self) -> "ConflictEntry":
        """Return its entry in the JSON document."""
        remedy = [list(command) for command in self.remedy]
        return {"code": self.code, "message": self.message, "hint": self.hint, "remedy": remedy}


@dataclass(frozen=True, slots=True)
class Create:
    """Build an environment where there is none."""

    message: str
    blueprint: Blueprint
    to_make: tuple[str, ...]
    """Missing parent directories, outermost first."""
    spec: InstallSpec | None = None
    stray_files: tuple[str, ...] = ()
    """Stray files in the directory that is there: they stay."""
    kind: Literal["create"] = "create"


@dataclass(frozen=True, slots=True)
class Repair:
    """Repair single files of an environment."""

    message: str
    blueprint: Blueprint
    links: tuple[tuple[str, str], ...] = ()
    """Symlinks inside the environment to set, as pairs of relative path and link text."""
    settings: tuple[tuple[str, str], ...] = ()
    """``pyvenv.cfg`` settings to write, as pairs of key and value."""
    scripts: tuple[Script, ...] = ()
    """Scripts in which to write the declared path."""
    regenerate: tuple[str, ...] = ()
    """Activation scripts to render again."""
    prompt_before: str | None = None
    """The prompt in ``pyvenv.cfg`` now."""
    kind: Literal["repair"] = "repair"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Build an environment in a staging directory, and swap it with the one that is there."""

    message: str
    blueprint: Blueprint
    keep: int
    """The number of generations to keep."""
    generations_dir: str = ""
    """The directory that generations are moved to, if on the same file system."""
    generations: tuple[str, ...] = ()
    """Staging directories of the existing generations, the oldest first."""
    spec: InstallSpec | None = None
    known: tuple[str, ...] = ()
    """The distributions that were installed when this was planned."""
    aliases: tuple[str, ...] = ()
    """Further names of the interpreter in ``bin``, to link again."""
    bring: tuple[str, ...] = ()
    """Files and directories to copy into the new environment, relative."""
    kind: Literal["rebuild"] = "rebuild"


@dataclass(frozen=True, slots=True)
class Install:
    """Install what is declared into an existing environment; generations are as in :class:`Rebuild`."""

    message: str
    blueprint: Blueprint
    spec: InstallSpec
    keep: int = 0
    generations_dir: str = ""
    generations: tuple[str, ...] = ()
    kind: Literal["install"] = "install"


@dataclass(frozen=True, slots=True)
class Rollback:
    """Swap an environment with its latest generation, which is in ``staging_dir``."""

    message: str
    name: str
    end: str
    identity: tuple[int, int] | None
    staging_dir: str
    exchangeable: bool
    repair: Repair | None = None
    """The repair that fits the generation, where it lies, to the interpreter link."""
    pin: Pin | None = None
    changes: tuple[Change, ...] = ()
    """The packages whose versions differ."""
    kind: Literal["rollback"] = "rollback"


@dataclass(frozen=True, slots=True)
class Link:
    """Make a symlink, or a script that runs a command, where nothing exists; ``to_make`` is as in :class:`Create`."""

    message: str
    link: str
    place: str
    """The real path of ``link``: its parent resolved."""
    link_text: str
    to_make: tuple[str, ...] = ()
    is_launcher: bool = False
    """Whether to make a script that runs ``link_text``."""
    end: str = ""
    """The real path of the environment in which the link is recorded; empty where it is not."""
    kind: Literal["link"] = "link"


Action = Create | Repair | Rebuild | Install | Rollback | Link


def _action_entry(action: Action) -> "ActionEntry":
    """Return an action's entry in the JSON document; one that links also says where, and what the link holds."""
    entry: ActionEntry = {"kind": action.kind, "message": action.message}
    return {**entry, "link": action.link, "text": action.link_text} if isinstance(action, Link) else entry


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """What is to be done about one environment, and why."""

    environment: desired.Environment
    world: World
    state: State
    drift: tuple[Drift, ...] = ()
    actions: tuple[Action, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()
    """What the user should know, though nothing is wrong."""
    faults: tuple[str, ...] = ()
    """What does not work in it and envsync cannot repair; each is also among the notes."""
    left_out: tuple[Conflict, ...] = ()
    """Aliases and exposed commands whose place is taken; each is also among the faults."""
    interrupted: bool = False
    """Whether an interrupted pass left something to remove."""

    @property
    def packages(self) -> tuple[Change, ...]:
        """The versions that would change, as far as an installer reports them, or by the two contents of a rollback."""
        work = {type(one): one for one in self.actions}
        if isinstance(back := work.get(Rollback), Rollback):
            return back.changes
        keeps = Rebuild in work and self.environment.packages.on_missing != "relax"  # the versions that were there
        changes = self.world.changes() if work.keys() & {Install, Rebuild} else ()
        return tuple(one for one in changes if not keeps or None in {one.before, one.after})

    @property
    def has_work(self) -> bool:
        """Whether applying it would change anything."""
        return bool(self.actions) or (self.interrupted and not self.conflicts)

    def to_dict(self) -> "EnvironmentEntry":
        """Return its entry in the JSON document."""
        return {
            "name": self.environment.name,
            "path": self.environment.path,
            "description": self.environment.description,
            **self.world.to_dict(),
            "state": self.state.value,
            "drift": [one.to_dict() for one in self.drift],
            "actions": [_action_entry(one) for one in self.actions],
            "conflict": self.conflicts[0].to_dict() if self.conflicts else None,
            "conflicts": [one.to_dict() for one in self.conflicts],
            "notes": list(self.notes),
            "left_out": [one.to_dict() for one in self.left_out],
            "packages": [one.to_dict() for one in self.packages],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a pass would do, complete before the first write."""

    manifest: desired.Manifest
    environments: tuple[EnvironmentPlan, ...]
    foreign_staging: tuple[ForeignStaging, ...] = ()
    between: Mapping[str, tuple[Conflict, ...]] = field(default_factory=dict)
    """Conflicts with other environments of the manifest, by name of the environment."""
    force_rebuild: frozenset[str] = frozenset()
    """The names of environments that are rebuilt in any case."""
    deep: bool = False
    """Whether every file of every installed package was compared with what was installed."""
    notes: tuple[str, ...] = ()
    """What is of no declared environment."""
    began: int = 0
    """When looking began, in nanoseconds since the epoch; 0 where that is unknown."""

    @property
    def has_work(self) -> bool:
        """Whether applying it would change anything."""
        return bool(self.foreign_staging) or any(plan.has_work for plan in self.environments)

    @property
    def ok(self) -> bool:
        """Whether nothing is in conflict."""
        return not any(one.state is State.CONFLICT for one in self.environments)

    def to_dict(self) -> "Planned":
        """Return the document of ``envsync plan --json``."""
        status = status_of({one.state for one in self.environments})
        found = document("plan", self.manifest.file, status, [one.to_dict() for one in self.environments])
        return {**found, "notes": list(self.notes)}
