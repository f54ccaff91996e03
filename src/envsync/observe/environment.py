"""Read the virtual environment at the end of a chain, as venv, virtualenv, uv or envsync wrote it."""

import os
import stat
from collections.abc import Iterator
from sys import intern

from envsync import pyvenv_cfg
from envsync.areas import is_area_name
from envsync.observe.builders import base_folders, is_builders_lib, is_kin
from envsync.observe.editables import Editables
from envsync.observe.names import is_activator, is_python_name
from envsync.observe.read import read_regular
from envsync.observe.scripts import Scripts
from envsync.observe.witnesses import followed
from envsync.observed import Contents, Environment, InnerLink, Paths
from envsync.observed.unowned import BUILT_TOP, is_stray

__all__ = ["find_libraries", "read_environment"]

_CFG_LIMIT = 1 << 20
_BUILDER_FILES = frozenset(
    {"__pycache__", "_virtualenv.py", "_virtualenv.pth", "_virtualenv.pyc", "README.txt", ".DS_Store"}
)
"""What builders themselves leave in ``site-packages``."""


def read_environment(end: str, path: str) -> Environment | None:
    """Read the environment in the folder ``end``, whose scripts ought to name ``path``.

    ``None`` where the folder is not recognisably a virtual environment: that takes a regular file ``pyvenv.cfg``
    with a ``home`` (PEP 405), or one beside ``bin/python`` and a ``lib/python*/site-packages``.
    Raises ``OSError`` where something in it cannot be read.
    """
    cfg = _read_cfg(f"{end}/pyvenv.cfg")
    if cfg is None:
        return None
    bin_entries = _scan(f"{end}/bin")
    pythons = tuple(_pythons(bin_entries))
    libraries = tuple(find_libraries(end))
    if "home" not in dict(cfg) and not (pythons and libraries):
        return None
    former = {end, dict(cfg).get("envsync-path", end), *_commanded(cfg)}
    sites = [f"{end}/{library}/site-packages" for library in libraries]
    scripts = Scripts(end, path, former, sites, has_prompt="prompt" in dict(cfg))
    editables = Editables(sites)
    stale = tuple(scripts.stale(bin_entries))
    return Environment(
        cfg=cfg,
        pythons=pythons,
        libraries=libraries,
        lib64=_inner_link(f"{end}/lib64") if os.path.lexists(f"{end}/lib64") else None,
        scripts=stale,
        lost_editables=editables.lost(path),
        has_bin=bool(bin_entries),
        activators=tuple(intern(entry.name) for entry in bin_entries if is_activator(entry.name)),
        contents=_contents(end, libraries, bin_entries, dict(cfg)),
        debris=tuple(_debris(end, bin_entries)),
        witnesses=Paths.of((*_witnesses(end, bin_entries, pythons), *scripts.evidence, *editables.evidence)),
    )


def _commanded(cfg: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """Yield the directory for which an environment was made, where its builder wrote its command down."""
    place = dict(cfg).get("command", "").rpartition(" /")[2]
    if place and "-m venv" in dict(cfg)["command"]:
        yield f"/{place}"


def _witnesses(end: str, bin_entries: list["os.DirEntry[str]"], pythons: tuple[InnerLink, ...]) -> Iterator[str]:
    """Give what the reading of an environment hung on; for the links in a folder, the folder vouches."""
    yield from (end, f"{end}/pyvenv.cfg", *followed(f"{end}/bin"), *followed(f"{end}/lib"), *followed(f"{end}/lib64"))
    yield from (entry.path for entry in bin_entries if entry.is_file(follow_symlinks=False))
    for python in pythons:
        yield from followed(f"{end}/bin/{python.name}") if "/" in (python.text or "") else ()
    for entry in _libraries(end):
        yield from (*followed(entry.path), *followed(f"{entry.path}/site-packages"))


def _read_cfg(file: str) -> tuple[tuple[str, str], ...] | None:
    text = read_regular(file, _CFG_LIMIT)
    return None if text is None else pyvenv_cfg.parse(text.decode("utf-8", "surrogateescape"))


def _scan(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _pythons(entries: list["os.DirEntry[str]"]) -> Iterator[InnerLink]:
    for entry in entries:
        if is_python_name(entry.name):
            yield _inner_link(entry.path)


def find_libraries(end: str) -> Iterator[str]:
    """Give the folders that hold ``site-packages``, relative to the environment. Raises ``OSError``."""
    for entry in _libraries(end):
        if _is_folder(f"{entry.path}/site-packages/."):
            yield f"lib/{entry.name}"


def _libraries(end: str) -> Iterator["os.DirEntry[str]"]:
    return (entry for entry in _scan(f"{end}/lib") if entry.name.startswith(("python", "pypy", "graalpy")))


def _is_folder(place: str) -> bool:
    """Tell whether a folder is there; unlike ``isdir``, what cannot be looked at is an error, not a no.

    With ``/.`` at its end the folder itself has to be searchable as well: else its packages would seem to be gone.
    """
    try:
        return stat.S_ISDIR(os.stat(place).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _inner_link(place: str) -> InnerLink:
    text = os.readlink(place) if os.path.islink(place) else None
    end = os.path.realpath(place) if text and "/" in text else ""
    return InnerLink(intern(os.path.basename(place)), text and intern(text), os.path.exists(place), intern(end))


def _debris(end: str, bin_entries: list["os.DirEntry[str]"]) -> Iterator[str]:
    for folder, entries in (("", _scan(end)), ("bin/", bin_entries)):
        for entry in entries:
            if is_area_name(entry.name) and not entry.is_dir(follow_symlinks=False):
                yield f"{folder}{entry.name}"


def _contents(
    end: str, libraries: tuple[str, ...], bin_entries: list["os.DirEntry[str]"], cfg: dict[str, str]
) -> Contents:
    packages: list[str] = []
    top = [entry for entry in _scan(end) if not is_area_name(entry.name)]
    links = [entry.name for entry in top if entry.is_symlink() and entry.name != "lib64"]
    others = [entry.name for entry in top if entry.name not in BUILT_TOP and not is_stray(entry.name)]
    odd = [entry for entry in bin_entries if entry.is_symlink() and not is_python_name(entry.name)]
    linked = [entry for entry in _scan(f"{end}/lib") if entry.is_symlink()]
    aliases: list[str] = []
    if odd or linked:
        names = (entry.name for entry in bin_entries if is_python_name(entry.name))
        ends, beside = base_folders(end, names, cfg)
        odd = [one for one in odd if not (is_area_name(one.name) or is_kin(one.name, one.path, beside))]
        aliases = [one.name for one in odd if os.path.realpath(one.path) in ends]
        linked = [one for one in linked if not is_builders_lib(one.path, libraries, beside)]
    links += [f"bin/{entry.name}" for entry in odd if entry.name not in aliases]
    links += [f"lib/{entry.name}" for entry in linked]
    for library in libraries:
        links += [f"{library}/{entry.name}" for entry in _scan(f"{end}/{library}") if entry.is_symlink()]
        for entry in _scan(f"{end}/{library}/site-packages"):
            if entry.is_symlink():
                links.append(f"{library}/site-packages/{entry.name}")
            if entry.name not in _BUILDER_FILES:
                packages.append(entry.name)
    return Contents(tuple(packages), tuple(links), aliases=tuple(aliases), others=tuple(others))
