"""Read the virtual environment at the end of a chain, as venv, virtualenv, uv or envsync wrote it."""

import errno
import os
from collections.abc import Iterator
from sys import intern

from envsync import activation, pyvenv_cfg, shebang
from envsync.areas import is_area_name
from envsync.observe.libraries import is_lib64_alias, read_libraries
from envsync.observe.read import read_regular
from envsync.observe.witnesses import followed
from envsync.observed import SEEDS, Contents, Environment, InnerLink, Paths, Script

__all__ = ["is_activator", "is_python_name", "read_environment"]

_CFG_LIMIT = 1 << 20
_SCRIPT_LIMIT = 256 * 1024
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
    libraries, looked = read_libraries(end)
    if "home" not in dict(cfg) and not (pythons and libraries):
        return None
    return Environment(
        cfg=cfg,
        pythons=pythons,
        libraries=libraries,
        lib64=_inner_link(f"{end}/lib64") if os.path.lexists(f"{end}/lib64") else None,
        scripts=tuple(_stale_scripts({end, dict(cfg).get("envsync-path", end)}, path, bin_entries)),
        has_bin=bool(bin_entries),
        activators=tuple(intern(entry.name) for entry in bin_entries if is_activator(entry.name)),
        contents=_contents(end, libraries, looked, bin_entries),
        debris=tuple(_debris(end, bin_entries)),
        witnesses=Paths.of(_witnesses(end, bin_entries, pythons, looked)),
    )


def _witnesses(
    end: str, bin_entries: list["os.DirEntry[str]"], pythons: tuple[InnerLink, ...], looked: tuple[str, ...]
) -> Iterator[str]:
    """Give what the reading of an environment hung on; for the links in a folder, the folder vouches."""
    yield from (end, f"{end}/pyvenv.cfg", *followed(f"{end}/bin"), *followed(f"{end}/lib"), *followed(f"{end}/lib64"))
    yield from (entry.path for entry in bin_entries if entry.is_file(follow_symlinks=False))
    for python in pythons:
        yield from followed(f"{end}/bin/{python.name}") if "/" in (python.text or "") else ()
    for library in looked:
        yield from (*followed(f"{end}/{library}"), *followed(f"{end}/{library}/site-packages"))


def is_python_name(name: str) -> bool:
    """Tell whether an entry of ``bin`` is a name of the interpreter, not of a script such as ``python-config``."""
    rest = name.removeprefix("pypy").removeprefix("graalpy").removeprefix("python")
    return rest == "" or (rest != name and rest.removesuffix("t").replace(".", "").isdigit())


def is_activator(name: str) -> bool:
    """Tell whether an entry of ``bin`` is an activation script or the counterpart of one."""
    return name.lower().partition(".")[0] in {"activate", "deactivate", "activate_this"}


def _read_cfg(file: str) -> tuple[tuple[str, str], ...] | None:
    text = read_regular(file, _CFG_LIMIT)
    return None if text is None else pyvenv_cfg.parse(text.decode("utf-8", "surrogateescape"))


def _scan(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            raise
        return []  # a link in a circle is seen among the links


def _pythons(entries: list["os.DirEntry[str]"]) -> Iterator[InnerLink]:
    for entry in entries:
        if is_python_name(entry.name):
            yield _inner_link(entry.path)


def _inner_link(place: str) -> InnerLink:
    text = os.readlink(place) if os.path.islink(place) else None
    return InnerLink(intern(os.path.basename(place)), text and intern(text), os.path.exists(place))


def _stale_scripts(former: set[str], path: str, entries: list["os.DirEntry[str]"]) -> Iterator[Script]:
    """Find the scripts that name a folder where this environment was, or is by another name, instead of ``path``."""
    for entry in entries:
        if entry.name in activation.SCRIPTS and entry.is_file(follow_symlinks=False):
            text = (read_regular(entry.path, _SCRIPT_LIMIT) or b"").decode("utf-8", "surrogateescape")
            named = activation.named_folder(entry.name, text)
            if named is not None and named != path:
                former.add(named)
                yield Script(entry.name, "activate", named)
    for entry in entries:
        if entry.is_file(follow_symlinks=False) and entry.name not in activation.SCRIPTS:
            interpreter = shebang.named_interpreter(read_regular(entry.path, shebang.HEAD) or b"")
            if interpreter is not None and _is_stale(interpreter, path, former):
                yield Script(entry.name, "shebang", interpreter.rpartition("/bin/")[0])


def _is_stale(interpreter: str, path: str, former: set[str]) -> bool:
    """Tell whether a script runs with this environment's Python by a place where the environment was.

    A user's own script that runs with another Python is left alone, whether or not that one is there at the moment.
    """
    folder, in_bin, name = interpreter.rpartition("/bin/")
    if not in_bin or folder == path or folder not in former or not is_python_name(name):
        return False
    # A place that is there, and no environment, was never this one, whatever pyvenv.cfg says.
    return not os.path.exists(folder) or os.path.isfile(f"{folder}/pyvenv.cfg")


def _debris(end: str, bin_entries: list["os.DirEntry[str]"]) -> Iterator[str]:
    for folder, entries in (("", _scan(end)), ("bin/", bin_entries)):
        for entry in entries:
            if is_area_name(entry.name) and not entry.is_dir(follow_symlinks=False):
                yield f"{folder}{entry.name}"


def _contents(
    end: str, libraries: tuple[str, ...], looked: tuple[str, ...], bin_entries: list["os.DirEntry[str]"]
) -> Contents:
    packages: list[str] = []
    links = [
        entry.name
        for entry in _scan(end)
        if entry.is_symlink() and not is_area_name(entry.name) and not _is_builders_lib64(entry)
    ]
    links += [
        f"bin/{entry.name}"
        for entry in bin_entries
        if entry.is_symlink() and not is_python_name(entry.name) and not is_area_name(entry.name)
    ]
    for top in ("lib",) if is_lib64_alias(end) else ("lib", "lib64"):
        links += [f"{top}/{entry.name}" for entry in _scan(f"{end}/{top}") if entry.is_symlink()]
    populated: list[str] = []
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
    return Contents(tuple(packages), tuple(links), populated=tuple(populated))


def _is_builders_lib64(entry: "os.DirEntry[str]") -> bool:
    """Check whether this is the link that builders make beside ``lib``, wherever it leads after a move."""
    return entry.name == "lib64" and (not entry.is_dir() or os.path.basename(os.readlink(entry.path)) == "lib")


def _is_distribution(name: str) -> bool:
    """Check whether an entry of ``site-packages`` is the metadata of a distribution that no builder seeds."""
    seed = name.partition("-")[0].lower() in SEEDS
    return name.endswith((".dist-info", ".egg-info", ".egg-link")) and not seed and not name.startswith("~")
