"""Read the virtual environment at the end of a chain, and its editable installs whose directory is missing."""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from sys import intern

from envsync.formats import pyvenv_cfg
from envsync.formats.shebang import is_activator, is_python_name
from envsync.formats.staging_marker import is_staging_dir_name
from envsync.model.environment import BUILT_TOP, Contents, Environment, InnerLink, LostEditable, is_stray_file
from envsync.model.evidence import Paths
from envsync.model.packages import SEEDS
from envsync.observe.dependencies import followed
from envsync.observe.files import read_regular, read_text
from envsync.observe.libraries import is_builders_lib64, is_lib64_alias, read_libraries
from envsync.observe.links import walk
from envsync.observe.scripts import Scripts
from envsync.observe.unowned import base_directories, is_builders_lib, is_interpreter_part

_NOT_EDITABLE = frozenset({"_virtualenv.pth", "distutils-precedence.pth"})
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg")


class Editables:
    """The editable installs of an environment, by their ``direct_url.json`` (PEP 610) or ``.egg-link``."""

    def __init__(self, sites: Iterable[str]) -> None:
        """Take the ``site-packages`` directories, absolute. Raises ``OSError``."""
        self._found = dict(found for site in sites for found in _editables(site))
        self.evidence = tuple(place for found in self._found.values() for place in _evidence(*found))
        """Paths that the result depends on."""

    def lost(self, path: str) -> tuple[LostEditable, ...]:
        """Return those whose directory is missing, for an environment at ``path``."""
        project = os.path.dirname(path)
        current = project if any(os.path.isfile(f"{project}/{name}") for name in _PROJECT) else None
        return tuple(
            LostEditable(name, directory, current)
            for name, (directory, _) in self._found.items()
            if not os.path.isdir(directory)
        )


def _evidence(directory: str, file: str) -> Iterator[str]:
    """Yield what the existence of a directory depends on: not itself, which changes with every file of the project."""
    chain = walk(directory)
    yield from (file, *(hop.link for hop in chain.hops), os.path.dirname(chain.end))


def _editables(site: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each editable distribution: its name, and the pair of its directory and the file that names that."""
    names = sorted(os.listdir(site))
    for name in names:
        if name.endswith(".egg-link"):
            yield name.removesuffix(".egg-link"), (read_text(f"{site}/{name}").partition("\n")[0], f"{site}/{name}")
    # An editable install has a .pth file; without one, nothing has to be opened.
    if all(name in _NOT_EDITABLE or not name.endswith(".pth") for name in names):
        return
    from envsync.observe.packages import read_origin  # noqa: PLC0415  # as slow as the rest of a pass

    for name in names:
        file = f"{site}/{name}/direct_url.json"
        if name.endswith(".dist-info") and os.path.isfile(file):
            try:
                origin = read_origin(read_text(file))
            except ValueError:
                continue
            if origin is not None and origin.editable:
                yield name.partition("-")[0].replace("_", "-").lower(), (origin.requirement, file)


_COMMAND = re.compile(r".+ -m venv (?:--\S+ )*(?P<place>/.+)")
"""``/usr/bin/python3 -m venv --without-pip /home/a/.venv``."""
_CFG_LIMIT = 1 << 20
_BUILDER_FILES = frozenset(
    {"__pycache__", "_virtualenv.py", "_virtualenv.pth", "_virtualenv.pyc", "README.txt", ".DS_Store"}
)
"""What builders put into ``site-packages``."""


def read_environment(end: str, path: str) -> Environment | None:
    """Return the environment in the directory ``end``, whose scripts should name ``path``.

    ``None`` where it is no virtual environment: that has a regular file ``pyvenv.cfg`` with a ``home`` (PEP 405), or
    one beside ``bin/python`` and a ``lib/python*/site-packages``. Raises ``OSError`` where something cannot be read.
    """
    cfg = _read_cfg(f"{end}/pyvenv.cfg")
    if cfg is None:
        return None
    bin_entries = _scan(f"{end}/bin")
    pythons = tuple(_pythons(bin_entries))
    libraries, looked = read_libraries(end)
    if "home" not in dict(cfg) and not (pythons and libraries):
        return None
    former = {end, dict(cfg).get("envsync-path", end), *_commanded(cfg)}
    sites = [f"{end}/{library}/site-packages" for library in libraries]
    scripts = Scripts(end, path, former, sites, dict(cfg))
    editables = Editables(sites)
    stale = tuple(scripts.stale(bin_entries))
    return Environment(
        cfg=cfg,
        pythons=pythons,
        libraries=libraries,
        lib64=_inner_link(f"{end}/lib64") if os.path.lexists(f"{end}/lib64") else None,
        scripts=stale,
        activate_is=_no_script(bin_entries),
        lost_editables=editables.lost(path),
        has_bin=bool(bin_entries),
        activators=tuple(intern(entry.name) for entry in bin_entries if is_activator(entry.name)),
        contents=_contents(end, libraries, looked, bin_entries, dict(cfg)),
        partial_files=tuple(_partial_files(end, bin_entries)),
        dependencies=Paths.of(
            (*_dependencies(end, bin_entries, pythons, looked), *scripts.evidence, *editables.evidence)
        ),
    )


def _no_script(bin_entries: list["os.DirEntry[str]"]) -> str:
    """Return what ``activate`` is, where it is not a file and does not lead to one."""
    entry = next((entry for entry in bin_entries if entry.name == "activate"), None)
    if entry is None or os.path.isfile(entry.path):
        return ""
    return "a symlink that leads to no file" if entry.is_symlink() else "not a file"


def _commanded(cfg: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """Yield the directory that an environment was made for, if its builder recorded the command (venv does)."""
    match = _COMMAND.fullmatch(dict(cfg).get("command", ""))
    if match is not None:
        yield match["place"]


def _dependencies(
    end: str, bin_entries: list["os.DirEntry[str]"], pythons: tuple[InnerLink, ...], looked: tuple[str, ...]
) -> Iterator[str]:
    """Yield the paths that the result depends on; links are covered by their directory."""
    yield from (end, f"{end}/pyvenv.cfg", *followed(f"{end}/bin"), *followed(f"{end}/lib"), *followed(f"{end}/lib64"))
    yield from (entry.path for entry in bin_entries if entry.is_file(follow_symlinks=False))
    for python in pythons:
        yield from followed(f"{end}/bin/{python.name}") if "/" in (python.link_text or "") else ()
    for library in looked:
        yield from (*followed(f"{end}/{library}"), *followed(f"{end}/{library}/site-packages"))


def _read_cfg(file: str) -> tuple[tuple[str, str], ...] | None:
    text = read_regular(file, _CFG_LIMIT)
    return None if text is None else pyvenv_cfg.parse(text.decode("utf-8", "surrogateescape"))


def _scan(directory: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            raise
        return []


def _pythons(entries: list["os.DirEntry[str]"]) -> Iterator[InnerLink]:
    for entry in entries:
        if is_python_name(entry.name):
            yield _inner_link(entry.path)


def _inner_link(place: str) -> InnerLink:
    text = os.readlink(place) if os.path.islink(place) else None
    return InnerLink(intern(os.path.basename(place)), text and intern(text), os.path.exists(place))


def _partial_files(end: str, bin_entries: list["os.DirEntry[str]"]) -> Iterator[str]:
    for directory, entries in (("", _scan(end)), ("bin/", bin_entries)):
        for entry in entries:
            if is_staging_dir_name(entry.name) and not entry.is_dir(follow_symlinks=False):
                yield f"{directory}{entry.name}"


def _contents(
    end: str,
    libraries: tuple[str, ...],
    looked: tuple[str, ...],
    bin_entries: list["os.DirEntry[str]"],
    cfg: dict[str, str],
) -> Contents:
    packages: list[str] = []
    populated: list[str] = []
    top = [entry for entry in _scan(end) if not is_staging_dir_name(entry.name)]
    links = [entry.name for entry in top if entry.is_symlink() and not is_builders_lib64(entry.path)]
    others = [entry.name for entry in top if entry.name not in BUILT_TOP and not is_stray_file(entry.name)]
    foreign, aliases = _foreign_links(end, looked, bin_entries, cfg)
    links += foreign
    for library in looked:
        links += [f"{library}/{entry.name}" for entry in _scan(f"{end}/{library}") if entry.is_symlink()]
    for library in libraries:
        for entry in _scan(f"{end}/{library}/site-packages"):
            if entry.is_symlink():
                links.append(f"{library}/site-packages/{entry.name}")
            if entry.name not in _BUILDER_FILES:
                packages.append(entry.name)
            if library not in populated and _is_distribution(entry.name):
                populated.append(library)
    return Contents(
        tuple(packages),
        tuple(links),
        aliases=aliases,
        alias_links=tuple(_inner_link(f"{end}/bin/{alias}") for alias in aliases),
        others=tuple(others),
        populated=tuple(populated),
    )


def _foreign_links(
    end: str, looked: tuple[str, ...], bin_entries: list["os.DirEntry[str]"], cfg: dict[str, str]
) -> tuple[list[str], tuple[str, ...]]:
    """Return the links in ``bin`` and ``lib`` that no builder makes, relative, and further names of the interpreter."""
    foreign = [entry for entry in bin_entries if entry.is_symlink() and not is_python_name(entry.name)]
    tops = ("lib",) if is_lib64_alias(end) else ("lib", "lib64")
    linked = [(top, entry) for top in tops for entry in _scan(f"{end}/{top}") if entry.is_symlink()]
    if not foreign and not linked:
        return [], ()
    names = (entry.name for entry in bin_entries if is_python_name(entry.name))
    ends, beside = base_directories(end, names, cfg)
    foreign = [
        entry
        for entry in foreign
        if not (is_staging_dir_name(entry.name) or is_interpreter_part(entry.name, entry.path, beside))
    ]
    aliases = tuple(entry.name for entry in foreign if os.path.realpath(entry.path) in ends)
    links = [f"bin/{entry.name}" for entry in foreign if entry.name not in aliases]
    links += [f"{top}/{entry.name}" for top, entry in linked if not is_builders_lib(entry.path, looked, beside)]
    return links, aliases


def _is_distribution(name: str) -> bool:
    """Check whether an entry of ``site-packages`` is the metadata of a distribution that no builder seeds."""
    seed = name.partition("-")[0].lower() in SEEDS
    return name.endswith((".dist-info", ".egg-info", ".egg-link")) and not seed and not name.startswith("~")
