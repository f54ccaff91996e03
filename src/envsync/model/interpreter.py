"""An interpreter link that works, or the reason why it does not."""

from envsync.model.dataclass import dataclass
from envsync.model.links import Chain


@dataclass(frozen=True, slots=True)
class Facts:
    """What an interpreter reports about itself; see :mod:`envsync.observe.probe`."""

    version: str
    """``3.12.1``, ``3.14.0rc2``."""
    implementation: str
    """``cpython``, ``pypy``, ``graalpy``."""
    abi: str
    """Implementation, minor version, ABI flags and platform: ``cpython-312-x86_64-linux-gnu``."""
    base_prefix: str
    base_exec_prefix: str
    executable: str
    """The real binary."""
    stdlib: str
    """The directory of ``os.py``."""
    purelib: str
    """Where its environments hold pure packages, relative: ``lib/python3.12/site-packages``."""
    platlib: str
    """Where they hold packages with compiled parts: the same, or ``lib64/python3.12/site-packages``."""
    platlibdir: str
    """``lib``, or ``lib64`` where the Linux distribution has both."""
    version_info: str
    """``3.12.1.final.0``."""
    platform: str = ""
    """Operating system and architecture: ``linux-x86_64``, ``macosx-arm64``; empty if unknown."""

    @property
    def minor(self) -> str:
        """``3.12``."""
        return ".".join(self.version_info.split(".")[:2])

    @property
    def release(self) -> str:
        """``3.12.1``, without a pre-release suffix."""
        return ".".join(self.version_info.split(".")[:3])

    @property
    def free_threaded(self) -> bool:
        """Whether it is a build without the global interpreter lock."""
        return self.library.endswith("t")

    @property
    def label(self) -> str:
        """Its short name, without the patch release: ``3.12``, ``3.13t``, ``pypy3.10``."""
        implementation = "" if self.implementation == "cpython" else self.implementation
        return f"{implementation}{self.minor}{'t' if self.free_threaded else ''}"

    @property
    def library(self) -> str:
        """The directory of an environment that holds ``site-packages``, relative: ``lib/python3.12``."""
        return self.purelib.rpartition("/")[0]

    @property
    def libraries(self) -> tuple[str, ...]:
        """All such directories in import order (``lib64`` before ``lib``: site.py)."""
        return tuple(dict.fromkeys((self.platlib.rpartition("/")[0], self.library)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names in an environment's ``bin`` besides ``python``, to which they link."""
        threaded = (f"python{self.minor}t",) if self.free_threaded else ()
        return ("python3", f"python{self.minor}", *threaded)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter link that works."""

    declared: str
    link: str
    """What ``bin/python`` holds: absolute, unresolved."""
    home: str
    """What ``home`` in ``pyvenv.cfg`` holds."""
    chain: Chain
    facts: Facts
    notes: tuple[str, ...] = ()
    """What to tell the user about how the link was found."""
    through: tuple[str, ...] = ()
    """The links that led on to this one: into environments, to scripts and other programs that run it."""
    asked: bool = False
    """Whether a program that runs another one was run to find it: its answer may depend on anything, and is valid for
    one pass."""
    searched: bool = False
    """Whether it was chosen from the installed ones: one installed later may be chosen instead."""


@dataclass(frozen=True, slots=True)
class InterpreterProblem:
    """An interpreter link that does not work; the environment is left as it is."""

    declared: str
    link: str | None
    code: str
    message: str
    hint: str
    chain: Chain | None = None
    searched: bool = False
    """Whether the installed ones were searched: one installed later may fit."""
    remedy: tuple[tuple[str, ...], ...] = ()
    """Commands that bring it back, each as its words; empty where there is a choice to make."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An interpreter link, and what its name implies."""

    link: str
    implementation: str
    version: tuple[int, ...]
    """``(3, 12)`` or ``(3, 12, 1)``, as in the name; empty where it has none."""
    stable: bool
    """Whether the link survives a patch upgrade."""
    final: bool = True
    free_threaded: bool = False
    build: tuple[int, ...] = ()
    """The release of an implementation with version numbers of its own: ``(7, 3, 17)`` of PyPy."""
    floating: bool = False
    """Whether its name has no minor version: it moves on to the next one."""
    last_resort: bool = False
    """Whether it serves another purpose: the installation of conda itself."""
