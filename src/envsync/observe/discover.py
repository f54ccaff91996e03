"""Find installed interpreters by their links, without running any, and the version manager of each."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from envsync.model.dataclass import dataclass
from envsync.model.interpreter import Candidate
from envsync.model.system import VARIABLES
from envsync.observe.dependencies import along
from envsync.observe.links import walk

_PATCH = re.compile(r"\d+\.\d+\.\d+")
"""``3.12.1`` in ``cpython-3.12.1-linux``."""
_SYSTEM = ("/usr/bin/", "/bin/", "/usr/libexec/", "/usr/lib/")


class InstallRoot(NamedTuple):
    """A version manager and its directory of install trees."""

    tool: str
    directory: str


@dataclass(frozen=True, slots=True)
class VersionManager:
    """The tool that installed an interpreter, by its path."""

    tool: str
    """``pyenv``, ``mise``, ``asdf``, ``uv``, ``Homebrew``, ``python.org``, or ``the system``."""
    stable: bool
    """Whether the path names no patch release, so that it survives an upgrade."""
    version: str = ""
    """Of the install tree, if one of CPython's: ``3.12.1``, ``3.12``."""


def version_manager_of(path: str) -> VersionManager | None:
    """Return the version manager that ``path`` lies in; ``None`` if unknown."""
    for tool, root in _roots():
        if path.startswith(f"{root}/"):
            inner = path.removeprefix(f"{root}/")
            top = inner.partition("/")[0]
            tree = tree_named(top, f"{root}/{top}")
            if tree is not None:
                plain = tree.implementation == "cpython" and tree.final and not tree.free_threaded and not tree.floating
                version = ".".join(map(str, tree.version)) if plain else ""
                return VersionManager(tool, _PATCH.search(inner) is None, version)
    if path.startswith(_SYSTEM):
        return VersionManager("the system", _PATCH.search(path) is None)
    return None


def version_managers_here() -> tuple[str, ...]:
    """Return the names of the version managers on this machine."""
    return tuple(dict.fromkeys(tool for tool, root in install_roots() if tool != "Homebrew" and os.path.isdir(root)))


def _roots() -> Iterator[InstallRoot]:
    """Yield the directories of install trees, as written and resolved."""
    for tool, root in install_roots():
        directories = (root, f"{os.path.dirname(root)}/Cellar") if tool == "Homebrew" else (root,)
        for directory in directories:
            yield from (InstallRoot(tool, place) for place in dict.fromkeys((directory, os.path.realpath(directory))))


_NAMED = re.compile(
    # python3.12, cpython-3.13.0+freethreaded-linux-x86_64-gnu, 3.13t-dev, 3.14.0rc1, pypy3.10-7.3.17, graalpy-24.1.1
    r"(?:(?P<implementation>cpython|python|pypy|graalpy(?:-community)?)[-@]?)?"
    r"(?P<version>\d+\.\d+(?:\.\d+)?)(?P<pre>(?:a|b|rc)\d+)?(?P<threads>t|\+freethreaded|-freethreaded)?(?P<dev>-dev)?"
    r"(?:-(?:community-)?v?(?P<build>\d+(?:\.\d+)+)\S*)?"
    r"(?:-(?:linux|macos|darwin|x86_64|aarch64|amd64|arm64|src).*)?"
)
_FLOATING = re.compile(r"\d+|latest")
"""``3``, ``latest``: mise's links that move on to the next minor version."""
_MINOR = re.compile(r"\d+\.\d+")
"""``3.12``."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The candidates, those of version managers first, and the directories that were searched."""

    candidates: tuple[Candidate, ...]
    searched: tuple[str, ...]
    """Real directories."""
    dependencies: tuple[str, ...] = ()
    """Paths that the candidates depend on, and what they run."""


def discover() -> Discovery:
    """Return the interpreters of pyenv, mise, asdf, uv, Homebrew, python.org's framework, and PATH."""
    trees = tuple(dict.fromkeys(root for _, root in install_roots()))
    path = [directory for directory in VARIABLES.get("PATH", "").split(":") if directory.startswith("/")]
    bins = _by_one_name([*path, "/usr/local/bin", "/usr/bin"])
    candidates: list[Candidate] = []
    for root in trees:
        candidates += _in_trees(root)
    for directory in bins:
        if not _is_temporary(directory):
            candidates += _in_bin(directory)
    real = dict.fromkeys(os.path.realpath(directory) for directory in (*trees, *bins))
    return Discovery(tuple(candidates), tuple(real), tuple(dict.fromkeys(_dependencies(trees, (*path, *bins)))))


def _by_one_name(directories: Iterable[str]) -> tuple[str, ...]:
    """Return each directory once, in order: by its real path if that is among them, otherwise by the first.

    ``/bin`` and ``/usr/sbin`` lead to ``/usr/bin`` on many systems, and shells differ in which they search first.
    """
    names: dict[str, str] = {}
    for directory in directories:
        real = os.path.realpath(directory)
        plain = "/" + "/".join(part for part in directory.split("/") if part not in {"", "."})
        if plain == real or real not in names:
            names[real] = real if ".." in plain.split("/") else plain
    return tuple(names.values())


def _dependencies(trees: Iterable[str], bins: Iterable[str]) -> Iterator[str]:
    """Yield what the search depends on: directories, and what each name of an interpreter leads to."""
    for directory in (*trees, *bins):
        yield from along(walk(directory))
    for directory in bins:
        yield from (f"{os.path.dirname(os.path.realpath(directory))}/{mark}" for mark in _MARKS)
    for root in trees:
        for entry in _entries(root):
            candidate = tree_named(entry.name, f"{root}/{entry.name}")
            if candidate is not None:
                for name in ("", *_names_of(candidate)):
                    yield from along(walk(f"{candidate.link}/bin/{name}"))
    for directory in bins:
        for entry in _entries(directory):
            if named(entry.name, directory) is not None:
                yield from along(walk(f"{directory}/{entry.name}"))


def _names_of(candidate: Candidate) -> tuple[str, ...]:
    minor = ".".join(map(str, candidate.version[:2]))
    return ("python", f"python{minor}", "python3", f"{candidate.implementation}{minor}")


def stable_twin(path: str) -> str | None:
    """Return a link to the same tree as ``path``, a patch release, that follows upgrades; ``None`` without one."""
    parts = path.split("/")
    for index, part in enumerate(parts):
        if not _PATCH.search(part):
            continue
        directory, tree = "/".join(parts[:index]), "/".join(parts[: index + 1])
        twins = ("/".join([twin, *parts[index + 1 :]]) for twin in _links_to(tree, _twin_directories(directory)))
        # mise has `3` and `latest` beside `3.12`: those also follow to the next minor version.
        usable = sorted(filter(os.path.exists, twins), key=lambda twin: _MINOR.search(twin) is None)
        if usable:
            return usable[0]
    return None


_MARKS = ("pyvenv.cfg", "conda-meta", "condabin")
"""What is beside ``bin`` in a virtual environment, in one of conda's, and in conda's own installation."""


def _is_temporary(directory: str) -> bool:
    """Check whether a directory is in PATH only for now: shims, and activated environments."""
    if os.path.basename(directory) == "shims" or os.path.lexists(f"{directory}/../pyvenv.cfg"):
        return True
    activated = VARIABLES.get("CONDA_PREFIX", "")
    is_condas = os.path.lexists(f"{directory}/../conda-meta") or (
        activated != "" and os.path.realpath(directory) == os.path.realpath(f"{activated}/bin")
    )
    return is_condas and not _is_condas_own(directory)


def _is_condas_own(directory: str) -> bool:
    """Check whether a directory belongs to conda itself, not to one of its environments."""
    return os.path.isdir(f"{directory}/../condabin")


def _twin_directories(directory: str) -> Iterator[str]:
    yield directory
    cellar, _, _formula = directory.rpartition("/Cellar/")
    if cellar:
        yield f"{cellar}/opt"


def _links_to(tree: str, directories: Iterator[str]) -> Iterator[str]:
    real = os.path.realpath(tree)
    for directory in directories:
        for entry in _entries(directory):
            place = f"{directory}/{entry.name}"
            if entry.is_symlink() and not _PATCH.search(entry.name) and os.path.realpath(place) == real:
                yield place


def install_roots() -> tuple[InstallRoot, ...]:
    """Return where version managers install interpreters, whether or not they do on this machine."""
    home = os.path.expanduser("~")
    get = VARIABLES.get
    data = get("XDG_DATA_HOME") or f"{home}/.local/share"
    brews = [get("HOMEBREW_PREFIX"), "/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"]
    roots = [
        ("pyenv", f"{get('PYENV_ROOT') or f'{home}/.pyenv'}/versions"),
        ("mise", f"{get('MISE_DATA_DIR') or f'{data}/mise'}/installs/python"),
        ("asdf", f"{get('ASDF_DATA_DIR') or f'{home}/.asdf'}/installs/python"),
        ("uv", get("UV_PYTHON_INSTALL_DIR") or f"{data}/uv/python"),
        *(("Homebrew", f"{brew}/opt") for brew in brews if brew),
        ("python.org", "/Library/Frameworks/Python.framework/Versions"),
    ]
    return tuple(dict.fromkeys(InstallRoot(tool, root) for tool, root in roots if root.startswith("/")))


def _in_trees(root: str) -> Iterator[Candidate]:
    """Yield the interpreters in a directory of install trees, which are named after their versions."""
    for entry in sorted(_entries(root), key=lambda entry: entry.name):
        candidate = tree_named(entry.name, f"{root}/{entry.name}")
        if candidate is None:
            continue
        for name in _names_of(candidate):
            link = f"{candidate.link}/bin/{name}"
            if os.path.exists(link):
                yield replace(candidate, link=link)
                break


def _in_bin(directory: str) -> Iterator[Candidate]:
    last_resort = _is_condas_own(directory)
    for entry in sorted(_entries(directory), key=lambda entry: entry.name):
        if entry.name.startswith(("python", "pypy", "graalpy")):
            candidate = named(entry.name, f"{directory}/{entry.name}")
            if candidate is not None and os.path.exists(candidate.link):
                yield replace(candidate, last_resort=last_resort)


def tree_named(name: str, place: str) -> Candidate | None:
    """Return what the name of an install tree implies; ``None`` where it is not an interpreter's.

    For a link without a minor version, the name of the tree that it leads to counts.
    """
    if _FLOATING.fullmatch(name) is None:
        return named(name, place)
    tree = named(os.path.basename(os.path.realpath(place)), place)
    if tree is None:
        return Candidate(place, "cpython", (), stable=True, floating=True)
    return replace(tree, stable=True, floating=True)


def named(name: str, place: str) -> Candidate | None:
    """Return what the name of a tree or of an executable implies; ``None`` where it is not an interpreter's."""
    match = _NAMED.fullmatch(name)
    if match is None:
        return None
    implementation = (match["implementation"] or "cpython").removesuffix("-community")
    version, build = _numbers(match["version"]), _numbers(match["build"] or "")
    if implementation in {"pypy", "graalpy"} and version[0] > 3:  # noqa: PLR2004  # the implementation's own release
        version, build = (), version
    return Candidate(
        link=place,
        implementation="cpython" if implementation == "python" else implementation,
        version=version,
        # A name without a patch release is stable, as Debian's and Homebrew's.
        stable=len(version) < 3 and not build,  # noqa: PLR2004  # major, minor, patch
        final=match["pre"] is None and match["dev"] is None,
        free_threaded=match["threads"] is not None,
        build=build,
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part)


def _entries(directory: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        return []
