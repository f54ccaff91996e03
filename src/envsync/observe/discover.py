"""Find the interpreters that are installed, by their links, without running any of them."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from envsync.observe.chain import walk
from envsync.observe.witnesses import along

__all__ = ["Candidate", "Found", "discover", "keepers", "named", "stable_twin"]

_NAMED = re.compile(
    r"(?:(?P<implementation>cpython|python|pypy|graalpy(?:-community)?)[-@]?)?"
    r"(?P<version>\d+\.\d+(?:\.\d+)?)(?P<pre>(?:a|b|rc)\d+|-dev)?(?P<threads>t|\+freethreaded|-freethreaded)?"
    r"(?:-(?:linux|macos|darwin|x86_64|aarch64|amd64|arm64|v\d|src).*)?"
)
_PATCH = re.compile(r"\d+\.\d+\.\d+")
_MINOR = re.compile(r"\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An interpreter link whose name tells roughly what it is."""

    link: str
    implementation: str
    version: tuple[int, ...]
    """``(3, 12)`` or ``(3, 12, 1)``, as far as the name tells."""
    stable: bool
    """Whether it survives a patch upgrade."""
    final: bool = True
    free_threaded: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The candidates, the most trusted source first, and the folders that were searched."""

    candidates: tuple[Candidate, ...]
    searched: tuple[str, ...]
    """Real folders."""
    witnesses: tuple[str, ...] = ()
    """Paths whose stamps vouch for what was found, and for what may be run of it."""


def discover() -> Found:
    """Search the folders of pyenv, mise, asdf, uv and Homebrew, python.org's framework, and PATH."""
    trees = tuple(dict.fromkeys(root for _, root in keepers()))
    bins = tuple(dict.fromkeys([*os.environ.get("PATH", "").split(":"), "/usr/local/bin", "/usr/bin"]))
    candidates: list[Candidate] = []
    for root in trees:
        candidates += _in_trees(root)
    for folder in bins:
        if folder.startswith("/") and not _is_fleeting(folder):
            candidates += _in_bin(folder)
    absolute = [folder for folder in bins if folder.startswith("/")]
    real = dict.fromkeys(os.path.realpath(folder) for folder in (*trees, *absolute))
    return Found(tuple(candidates), tuple(real), tuple(dict.fromkeys(_witnesses(trees, absolute))))


def _witnesses(trees: Iterable[str], bins: Iterable[str]) -> Iterator[str]:
    """Give what the search hung on: folders, and what each name of an interpreter leads to, if anywhere."""
    for folder in (*trees, *bins):
        yield from along(walk(folder))
        if _is_fleeting(folder):
            yield f"{os.path.dirname(folder)}/pyvenv.cfg"
    for root in trees:
        for entry in _entries(root):
            candidate = named(entry.name, f"{root}/{entry.name}")
            if candidate is not None:
                for name in ("", *_names_of(candidate)):
                    yield from along(walk(f"{candidate.link}/bin/{name}"))
    for folder in bins:
        for entry in _entries(folder):
            if named(entry.name, folder) is not None:
                yield from along(walk(f"{folder}/{entry.name}"))


def _names_of(candidate: Candidate) -> tuple[str, ...]:
    minor = ".".join(map(str, candidate.version[:2]))
    return ("python", f"python{minor}", "python3", f"{candidate.implementation}{minor}")


def stable_twin(path: str) -> str | None:
    """Find a link that leads to the same tree as ``path``, which names one patch release, and would follow upgrades."""
    parts = path.split("/")
    for index, part in enumerate(parts):
        if not _PATCH.search(part):
            continue
        folder, tree = "/".join(parts[:index]), "/".join(parts[: index + 1])
        twins = ("/".join([twin, *parts[index + 1 :]]) for twin in _links_to(tree, _twin_folders(folder)))
        # mise keeps `3` and `latest` beside `3.12`: those would follow to another minor version as well.
        usable = sorted(filter(os.path.exists, twins), key=lambda twin: _MINOR.search(twin) is None)
        if usable:
            return usable[0]
    return None


def _is_fleeting(folder: str) -> bool:
    """Tell whether what PATH gives here depends on the moment: shims, and environments that a shell has activated."""
    return os.path.basename(folder) == "shims" or os.path.lexists(f"{folder}/../pyvenv.cfg")


def _twin_folders(folder: str) -> Iterator[str]:
    yield folder
    cellar, _, _formula = folder.rpartition("/Cellar/")
    if cellar:
        yield f"{cellar}/opt"


def _links_to(tree: str, folders: Iterator[str]) -> Iterator[str]:
    real = os.path.realpath(tree)
    for folder in folders:
        for entry in _entries(folder):
            place = f"{folder}/{entry.name}"
            if entry.is_symlink() and not _PATCH.search(entry.name) and os.path.realpath(place) == real:
                yield place


def keepers() -> tuple[tuple[str, str], ...]:
    """List the tools that keep install trees of interpreters, each with the folder in which they lie."""
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
    """Give the interpreters of a folder of install trees, each named after its version."""
    for entry in sorted(_entries(root), key=lambda entry: entry.name):
        candidate = named(entry.name, f"{root}/{entry.name}")
        if candidate is None:
            continue
        for name in _names_of(candidate):
            link = f"{candidate.link}/bin/{name}"
            if os.path.exists(link):
                yield replace(candidate, link=link)
                break


def _in_bin(folder: str) -> Iterator[Candidate]:
    for entry in sorted(_entries(folder), key=lambda entry: entry.name):
        if entry.name.startswith(("python", "pypy", "graalpy")):
            candidate = named(entry.name, f"{folder}/{entry.name}")
            if candidate is not None and os.path.exists(candidate.link):
                yield candidate


def named(name: str, place: str) -> Candidate | None:
    """Give what the name of a tree or of an executable tells of it; ``None`` where it names no interpreter."""
    match = _NAMED.fullmatch(name)
    if match is None:
        return None
    implementation = (match["implementation"] or "cpython").removesuffix("-community")
    version = tuple(int(part) for part in match["version"].split("."))
    return Candidate(
        link=place,
        implementation="cpython" if implementation == "python" else implementation,
        version=version,
        # A symlink is what a tool keeps stable; so is a name without a patch release, as Debian's and Homebrew's.
        stable=len(version) < 3,  # noqa: PLR2004  # major, minor, patch
        final=match["pre"] is None,
        free_threaded=match["threads"] is not None,
    )


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
