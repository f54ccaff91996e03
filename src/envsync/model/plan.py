"""What a plan consists of: states, drift, actions, conflicts. Complete values, so that applying decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from envsync.model import desired
from envsync.model.environment import Script
from envsync.model.packages import Change, Damage, Declared, Distribution
from envsync.model.world import Backend, World


class State(Enum):
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
    link: str = ""
    """The symlink that is missing, where that is the difference."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What envsync refuses to touch, and how a person can resolve it."""

    code: str
    message: str
    hint: str
    remedy: tuple[tuple[str, ...], ...] = ()
    """Commands that resolve it, one after the other, as lists of words; empty where that takes a decision."""


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
    builders: tuple[Backend, ...]
    """The one that builds it, then those that stand in for it where its work turns out to be unfit."""
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

    installer: Backend
    packages: desired.Packages = field(default_factory=desired.Packages)
    markers: tuple[tuple[str, str], ...] = ()
    """The values of environment markers for the environment's Python (PEP 508)."""
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
    """Install what is declared into an environment that is there."""

    message: str
    blueprint: Blueprint
    spec: InstallSpec
    keep: int = 0
    """How many former contents to keep."""
    generations_dir: str = ""
    """The directory that generations are moved to where it is on the same file system."""
    generations: tuple[str, ...] = ()
    """Staging directories of the contents that are kept already, the oldest first."""
    kind: str = "install"


@dataclass(frozen=True, slots=True)
class Pin:
    """A change of the manifest, so that one environment names its interpreter by its path."""

    file: str
    """The manifest, or the one of its includes that declares the environment."""
    former: bytes
    """What it holds now."""
    content: bytes
    """What it is to hold."""
    python: str
    """What ``python`` is to say there."""
    link: str
    """The interpreter link that this means."""


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
    interrupted: bool = False
    """Whether an earlier pass left something to clear away."""

    @property
    def packages(self) -> tuple[Change, ...]:
        """Which versions would change: as far as an installer could say, or by the two contents of a rollback."""
        rollbacks = [action for action in self.actions if isinstance(action, Rollback)]
        if rollbacks:
            return rollbacks[0].changes
        verdict = self.world.verdict
        if verdict is None or not any(isinstance(action, Install) for action in self.actions):
            return ()
        versions = self.world.installed.versions() if self.world.installed is not None else {}
        gone = (Change(name, versions.get(name), None) for name in verdict.extraneous)
        return (*verdict.changes, *gone)

    @property
    def has_work(self) -> bool:
        """Whether applying it would change anything."""
        return bool(self.actions) or (self.interrupted and not self.conflicts)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a pass would do, complete before the first write."""

    manifest: desired.Manifest
    environments: tuple[EnvironmentPlan, ...]
    foreign_staging: tuple[tuple[str, str], ...] = ()
    """Staging directories, each with its end, of environments that this manifest does not declare."""
    between: Mapping[str, tuple[Conflict, ...]] = field(default_factory=dict)
    """Conflicts with other environments of the manifest, by name, where there are any."""

    @property
    def has_work(self) -> bool:
        """Whether applying it would change anything."""
        return bool(self.foreign_staging) or any(one.has_work for one in self.environments)
