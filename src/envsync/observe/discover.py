"""Find installed interpreters by their links, without running any, and the version manager that keeps each."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from envsync.model.interpreter import Candidate
from envsync.observe.dependencies import along
from envsync.observe.links import walk

_PATCH = re.compile(r"\d+\.\d+\.\d+")
_SYSTEM = ("/usr/bin/", "/bin/", "/usr/libexec/", "/usr/lib/")


@dataclass(frozen=True, slots=True)
class VersionManager:
    """Who keeps an interpreter, as far as a path tells."""

    tool: str
    """``pyenv``, ``mise``, ``asdf``, ``uv``, ``Homebrew``, ``python.org``, or ``the system``."""
    stable: bool
    """Whether the path names no patch release, and so survives an upgrade to the next one."""
    version: str = ""
    """Of the install tree, where it is one of CPython's: ``3.12.1``, ``3.12``."""


def version_manager_of(path: str) -> VersionManager | None:
    """Give who keeps what is at ``path``, or on the way to it; ``None`` where the path does not tell."""
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
    """Name the tools that keep interpreters on this machine."""
    return tuple(dict.fromkeys(tool for tool, root in managers() if tool != "Homebrew" and os.path.isdir(root)))


def _roots() -> Iterator[tuple[str, str]]:
    """Give the directories of install trees, by their own paths and by those that they lead to."""
    for tool, root in managers():
        directories = (root, f"{os.path.dirname(root)}/Cellar") if tool == "Homebrew" else (root,)
        for directory in directories:
            yield from ((tool, place) for place in dict.fromkeys((directory, os.path.realpath(directory))))


_NAMED = re.compile(
    # python3.12, cpython-3.13.0+freethreaded-linux-x86_64-gnu, 3.13t-dev, 3.14.0rc1, pypy3.10-7.3.17, graalpy-24.1.1
    r"(?:(?P<implementation>cpython|python|pypy|graalpy(?:-community)?)[-@]?)?"
    r"(?P<version>\d+\.\d+(?:\.\d+)?)(?P<pre>(?:a|b|rc)\d+)?(?P<threads>t|\+freethreaded|-freethreaded)?(?P<dev>-dev)?"
    r"(?:-(?:community-)?v?(?P<build>\d+(?:\.\d+)+)\S*)?"
    r"(?:-(?:linux|macos|darwin|x86_64|aarch64|amd64|arm64|src).*)?"
)
_FLOATING = re.compile(r"\d+|latest")
"""What mise calls links that go on to the next minor version as well."""
_PATCH = re.compile(r"\d+\.\d+\.\d+")
_MINOR = re.compile(r"\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Found:
    """The candidates, the most trusted source first, and the directories that were searched."""

    candidates: tuple[Candidate, ...]
    searched: tuple[str, ...]
    """Real directories."""
    dependencies: tuple[str, ...] = ()
    """Paths whose stamps vouch for what was found, and for what may be run of it."""


def discover() -> Found:
    """Search the directories of pyenv, mise, asdf, uv and Homebrew, python.org's framework, and PATH."""
    trees = tuple(dict.fromkeys(root for _, root in managers()))
    path = [directory for directory in os.environ.get("PATH", "").split(":") if directory.startswith("/")]
    bins = _by_one_name([*path, "/usr/local/bin", "/usr/bin"])
    candidates: list[Candidate] = []
    for root in trees:
        candidates += _in_trees(root)
    for directory in bins:
        if not _is_fleeting(directory):
            candidates += _in_bin(directory)
    real = dict.fromkeys(os.path.realpath(directory) for directory in (*trees, *bins))
    return Found(tuple(candidates), tuple(real), tuple(dict.fromkeys(_dependencies(trees, (*path, *bins)))))


def _by_one_name(directories: Iterable[str]) -> tuple[str, ...]:
    """Return each directory once, in their order: by its own name if that is among them, else by the first.

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
    """Give what the search depended on: directories, and what each name of an interpreter leads to, if anywhere."""
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
    """Find a link that leads to the same tree as ``path``, which names one patch release, and would follow upgrades."""
    parts = path.split("/")
    for index, part in enumerate(parts):
        if not _PATCH.search(part):
            continue
        directory, tree = "/".join(parts[:index]), "/".join(parts[: index + 1])
        twins = ("/".join([twin, *parts[index + 1 :]]) for twin in _links_to(tree, _twin_directories(directory)))
        # mise keeps `3` and `latest` beside `3.12`: those would follow to another minor version as well.
        usable = sorted(filter(os.path.exists, twins), key=lambda twin: _MINOR.search(twin) is None)
        if usable:
            return usable[0]
    return None


_MARKS = ("pyvenv.cfg", "conda-meta", "condabin")
"""What is beside ``bin`` in a virtual environment, in one of conda's, and in conda's own installation."""


def _is_fleeting(directory: str) -> bool:
    """Check whether what PATH gives here depends on the moment: shims, and environments that a shell has activated."""
    if os.path.basename(directory) == "shims" or os.path.lexists(f"{directory}/../pyvenv.cfg"):
        return True
    activated = os.environ.get("CONDA_PREFIX", "")
    is_condas = os.path.lexists(f"{directory}/../conda-meta") or (
        activated != "" and os.path.realpath(directory) == os.path.realpath(f"{activated}/bin")
    )
    return is_condas and not _is_condas_own(directory)


def _is_condas_own(directory: str) -> bool:
    """Check whether a directory is that of conda itself, which the environments that it makes are not."""
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


def managers() -> tuple[tuple[str, str], ...]:
    """List the tools that keep install trees of interpreters, each with the directory in which they lie."""
    home = os.path.expanduser("~")
    get = os.environ.get
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
    return tuple(dict.fromkeys((tool, root) for tool, root in roots if root.startswith("/")))


def _in_trees(root: str) -> Iterator[Candidate]:
    """Give the interpreters of a directory of install trees, each named after its version."""
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
    """Return what the name of an install tree tells of it; ``None`` where it names no interpreter.

    Of a link without a minor version, that of the tree that it leads to tells.
    """
    if _FLOATING.fullmatch(name) is None:
        return named(name, place)
    tree = named(os.path.basename(os.path.realpath(place)), place)
    if tree is None:
        return Candidate(place, "cpython", (), stable=True, floating=True)
    return replace(tree, stable=True, floating=True)


def named(name: str, place: str) -> Candidate | None:
    """Give what the name of a tree or of an executable tells of it; ``None`` where it names no interpreter."""
    match = _NAMED.fullmatch(name)
    if match is None:
        return None
    implementation = (match["implementation"] or "cpython").removesuffix("-community")
    version, build = _numbers(match["version"]), _numbers(match["build"] or "")
    if implementation in {"pypy", "graalpy"} and version[0] > 3:  # noqa: PLR2004  # no Python, but a release of its own
        version, build = (), version
    return Candidate(
        link=place,
        implementation="cpython" if implementation == "python" else implementation,
        version=version,
        # A symlink is what a tool keeps stable; so is a name without a patch release, as Debian's and Homebrew's.
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
