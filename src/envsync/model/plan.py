"""What a plan consists of: states, drift, actions, conflicts. Complete values, so that applying decides nothing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from envsync.model import desired
from envsync.model.document import Entry, document, status_of
from envsync.model.edits import Pin
from envsync.model.environment import Script
from envsync.model.interpreter import Facts
from envsync.model.packages import Change, Damage, Declared, Distribution
from envsync.model.world import World


class State(StrEnum):
    """How an environment stands to what the manifest says."""

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


@dataclass(frozen=True, slots=True)
class Conflict:
    """What envsync refuses to touch, and how a person can resolve it."""

    code: str
    message: str
    hint: str
    remedy: tuple[tuple[str, ...], ...] = ()
    """Commands that resolve it, one after the other, as lists of words; empty where that takes a decision."""

    def to_dict(self) -> Entry:
        """Return its entry in the JSON document."""
        return asdict(self) | {"remedy": [list(command) for command in self.remedy]}


@dataclass(frozen=True, slots=True)
class Blueprint:
    """All that is needed to build an environment."""

    name: str
    path: str
    """The declared path, which everything embedded names."""
    manifest: str
    """The file that declares it."""
    end: str
    """Where it goes."""
    identity: tuple[int, int] | None
    """Device and inode of what is there."""
    staging_parent: str
    """Where its staging directory goes."""
    exchangeable: bool
    """Whether the end can be exchanged for another directory; else its contents are, one by one."""
    layered: bool
    """Whether it is in a lower layer of an overlay: what is there is copied up before it is exchanged."""
    builders: tuple[str, ...]
    executable: str
    """The real interpreter, for the builder."""
    minor: str
    """``3.12``."""
    stdlib: str
    libraries: tuple[str, ...]
    """The directories that hold ``site-packages``, relative, in the order in which Python imports from them."""
    links: tuple[tuple[str, str], ...]
    """The ``python*`` entries of ``bin``, with their texts."""
    settings: tuple[tuple[str, str], ...]
    """What ``pyvenv.cfg`` must say."""
    optional: tuple[tuple[str, str], ...]
    """What it must say where the builder writes the key at all."""
    prompt: str | None
    system_site_packages: bool


@dataclass(frozen=True, slots=True)
class InstallSpec:
    """What is to be installed in an environment."""

    installer: str
    """``uv`` or ``pip``; ``auto`` where nothing is declared that takes one or the other."""
    may_choose: bool = False
    """Whether the manifest leaves the choice of the installer."""
    packages: desired.Packages = field(default_factory=desired.Packages)
    facts: Facts | None = None
    """Of the environment's Python, where that is known."""
    declared: Declared | None = None
    former: tuple[Distribution, ...] = ()
    """What was installed before a rebuild: what comes back has these versions."""
    former_python: str = ""
    """The version of the Python that it was installed for."""
    damaged: tuple[Damage, ...] = ()
    """What is installed and has to be put right."""
    only_damaged: bool = False
    """Whether nothing else is to be done; the declarations then tell indexes and hashes alone."""
    reinstall: tuple[str, ...] = ()
    """Names of projects to build again, whose metadata has changed since they were installed."""
    upgrade: bool = False
    """Whether to take the newest releases that the declarations allow."""
    only: tuple[str, ...] = ()
    """Names of the packages to upgrade; empty for all."""
    cached: bool = True
    """Whether the installer may use its cache, whose files environments may share."""


@dataclass(frozen=True, slots=True)
class Create:
    """Build an environment where there is none."""

    message: str
    blueprint: Blueprint
    to_make: tuple[str, ...]
    """Missing directories on the way, outermost first."""
    spec: InstallSpec | None = None
    foreign_staging: tuple[str, ...] = ()
    """Files of other tools in the directory that is there: they stay."""
    kind: str = "create"


@dataclass(frozen=True, slots=True)
class Repair:
    """Put single files of an environment right."""

    message: str
    blueprint: Blueprint
    links: tuple[tuple[str, str], ...] = ()
    """Symlinks inside of the environment to set, by relative path."""
    settings: tuple[tuple[str, str], ...] = ()
    """``pyvenv.cfg`` keys to set."""
    scripts: tuple[Script, ...] = ()
    """Scripts to make name the declared path."""
    regenerate: tuple[str, ...] = ()
    """Activation scripts to render again."""
    prompt_before: str | None = None
    """What ``pyvenv.cfg`` says is shown."""
    kind: str = "repair"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Build an environment aside, and exchange it for the one that is there."""

    message: str
    blueprint: Blueprint
    keep: int
    """How many former contents to keep."""
    generations_dir: str = ""
    """The directory that generations are moved to where it is on the same file system."""
    generations: tuple[str, ...] = ()
    """Staging directories of the contents that are kept already, the oldest first."""
    spec: InstallSpec | None = None
    known: tuple[str, ...] = ()
    """The distributions that were there when this was planned."""
    aliases: tuple[str, ...] = ()
    """Further names of the interpreter in ``bin``, to be made again."""
    bring: tuple[str, ...] = ()
    """Files and directories that are copied into the new environment, relative."""
    kind: str = "rebuild"


@dataclass(frozen=True, slots=True)
class Install:
    """Install what is declared into an environment that is there; ``keep`` and its likes as for a :class:`Rebuild`."""

    message: str
    blueprint: Blueprint
    spec: InstallSpec
    keep: int = 0
    generations_dir: str = ""
    generations: tuple[str, ...] = ()
    kind: str = "install"


@dataclass(frozen=True, slots=True)
class Rollback:
    """Exchange an environment for the generation that is kept of it."""

    message: str
    name: str
    end: str
    identity: tuple[int, int] | None
    staging_dir: str
    """Of the generation."""
    exchangeable: bool
    repair: Repair | None = None
    """What has to be put right in the generation, where it lies, to fit the interpreter link."""
    pin: Pin | None = None
    changes: tuple[Change, ...] = ()
    """The packages whose versions differ."""
    kind: str = "rollback"


@dataclass(frozen=True, slots=True)
class Link:
    """Make a symlink, or a script that runs a command, where nothing is."""

    message: str
    link: str
    place: str
    """Where that really is: the same path with no symlink on the way."""
    link_text: str
    to_make: tuple[str, ...] = ()
    """Missing directories on the way, outermost first."""
    is_launcher: bool = False
    """Whether it is to be a script that runs ``text``."""
    kind: str = "link"


Action = Create | Repair | Rebuild | Install | Rollback | Link


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
    """What a person should know, though nothing is wrong."""
    faults: tuple[str, ...] = ()
    """What does not work in it and envsync cannot put right; each is among the notes as well."""
    needs_installed: bool = False
    """Whether this is no plan yet, because it depends on what is installed, and that was not looked at."""
    interrupted: bool = False
    """Whether an earlier pass left something to clear away."""

    @property
    def packages(self) -> tuple[Change, ...]:
        """Which versions would change: as far as an installer could say, or by the two contents of a rollback."""
        for action in self.actions:
            if isinstance(action, Rollback):
                return action.changes
        return self.world.changes() if any(isinstance(action, Install) for action in self.actions) else ()

    @property
    def has_work(self) -> bool:
        """Whether applying it would change anything."""
        return bool(self.actions) or (self.interrupted and not self.conflicts)

    def to_dict(self) -> Entry:
        """Return its entry in the JSON document."""
        return (
            {"name": self.environment.name, "path": self.environment.path}
            | self.world.to_dict()
            | {
                "state": self.state.value,
                "drift": [asdict(one) for one in self.drift],
                "actions": [{"kind": one.kind, "message": one.message} for one in self.actions],
                "conflict": self.conflicts[0].to_dict() if self.conflicts else None,
                "conflicts": [one.to_dict() for one in self.conflicts],
                "notes": list(self.notes),
                "packages": [one.to_dict() for one in self.packages],
            }
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a pass would do, complete before the first write."""

    manifest: desired.Manifest
    environments: tuple[EnvironmentPlan, ...]
    foreign_staging: tuple[tuple[str, str], ...] = ()
    """Staging directories, each with its end, of environments that this manifest does not declare."""
    between: Mapping[str, tuple[Conflict, ...]] = field(default_factory=dict)
    """Conflicts with other environments of the manifest, by name, where there are any."""
    force_rebuild: frozenset[str] = frozenset()
    """The names of environments that are rebuilt in any case."""
    deep: bool = False
    """Whether every file of every installed package was compared with what was installed."""

    @property
    def has_work(self) -> bool:
        """Whether applying it would change anything."""
        return bool(self.foreign_staging) or any(one.has_work for one in self.environments)

    @property
    def ok(self) -> bool:
        """Whether nothing is in conflict."""
        return not any(one.state is State.CONFLICT for one in self.environments)

    def to_dict(self) -> Entry:
        """Return the document of ``envsync plan --json``."""
        status = status_of({one.state for one in self.environments})
        return document("plan", self.manifest.file, status, [one.to_dict() for one in self.environments])
