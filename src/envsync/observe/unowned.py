"""Find what in an environment belongs to its builder, to a distribution, or to neither: the unowned files."""

import filecmp
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping

from envsync.formats import pyvenv_cfg, record
from envsync.formats.shebang import is_activator, is_python_name
from envsync.formats.staging_marker import LOST_AND_FOUND, is_staging_dir_name
from envsync.model.environment import is_stray_file
from envsync.observe.base import is_script
from envsync.observe.files import read_text, recorded_digest
from envsync.observe.libraries import is_builders_lib64, is_lib64_alias

_BUILDERS = frozenset({"pyvenv.cfg", ".gitignore", "CACHEDIR.TAG", ".lock", "lib64", ".DS_Store", "bin/pydoc.bat"})
_IN_SITE = frozenset({"_virtualenv.py", "_virtualenv.pth", "README.txt", "easy-install.pth", ".DS_Store", ".lock"})
_METADATA = (".dist-info", ".egg-info", ".egg-link")
_SHARED = frozenset({"bin", "include", "lib", "share", "etc"})
"""Directories in which builders, packages and users put files side by side."""


def find_unowned(end: str, libraries: tuple[str, ...], checkouts: Iterable[str] = ()) -> Iterator[str]:
    """Yield what a rebuild would not restore, relative to the environment. Raises ``OSError``.

    A directory in which nothing is claimed is listed as a whole, one without files not at all. Byte code never counts.
    ``checkouts`` are directories that an installer fetched, relative: each is listed as a whole.
    """
    yield from _Search(end, libraries, tuple(checkouts)).inside("")


def unowned_files(end: str, unowned: Iterable[str]) -> Iterator[str]:
    """Yield every file and symlink that is, or lies in, one of the entries ``unowned``, relative to ``end``."""
    for entry in unowned:
        place = f"{end}/{entry}"
        if os.path.islink(place) or not os.path.isdir(place):
            yield entry
            continue
        for directory, directories, names in os.walk(place):
            links = [name for name in directories if os.path.islink(f"{directory}/{name}")]
            for name in sorted((*links, *names)):
                if not _is_byte_code(name) and not directory.endswith("/__pycache__"):
                    yield f"{directory}/{name}"[len(end) + 1 :]


def left_behind(former: str, now: str, unowned: Iterable[str]) -> tuple[str, ...]:
    """Return the unowned files of a former environment that the present one lacks, or holds with other content."""
    files = unowned_files(former, unowned)
    return tuple(file for file in files if not _is_same(f"{former}/{file}", f"{now}/{file}"))


class _Search:
    """The search of one environment."""

    def __init__(self, end: str, libraries: tuple[str, ...], checkouts: tuple[str, ...]) -> None:
        self._end = end
        self._sites = {f"{library}/site-packages" for library in libraries}
        self._files = {claim: digest for site in self._sites for claim, digest in claims_in(end, site)}
        if is_lib64_alias(end):
            linked = {name: digest for name, digest in self._files.items() if name.startswith("lib64/")}
            self._files |= {f"lib/{name[6:]}": digest for name, digest in linked.items()}
        self._checkouts = checkouts
        tops = (library.partition("/")[0] for library in libraries)
        self._directories = {*_SHARED, *tops, *libraries, *self._sites}
        for file in (*self._files, *checkouts):
            directory = file.rpartition("/")[0]
            while directory and directory not in self._directories:
                self._directories.add(directory)
                directory = directory.rpartition("/")[0]
        names = os.listdir(f"{end}/bin") if os.path.isdir(f"{end}/bin") else []
        settings = dict(pyvenv_cfg.parse(read_text(f"{end}/pyvenv.cfg")))
        self._ends, self._beside = base_directories(end, filter(is_python_name, names), settings)

    def inside(self, directory: str) -> Iterator[str]:
        with os.scandir(f"{self._end}/{directory}") as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            relative = f"{directory}/{entry.name}".removeprefix("/")
            if relative == LOST_AND_FOUND and os.path.ismount(self._end):
                continue
            if entry.is_symlink():
                if not self._is_owned_link(directory, entry.name, relative):
                    yield relative
            elif entry.is_dir():
                yield from self._directory(directory, entry.name, relative)
            elif relative not in self._files and not self._is_builders(directory, entry.name):
                yield relative

    def _directory(self, directory: str, name: str, relative: str) -> Iterator[str]:
        place = f"{self._end}/{relative}"
        if (
            name == "__pycache__"
            or is_staging_dir_name(name)
            or (directory in self._sites and name.endswith(_METADATA))
        ):
            return
        if relative in self._directories:
            yield from self.inside(relative)
        elif not _holds_files(place):
            return
        elif directory and relative not in self._checkouts and _is_passage(place):
            yield from self.inside(relative)
        else:
            yield relative

    def _is_owned_link(self, directory: str, name: str, relative: str) -> bool:
        """Check whether a symlink was made by the builder, by an installer, or by envsync."""
        place = f"{self._end}/{relative}"
        if is_staging_dir_name(name) or (relative == "lib64" and is_builders_lib64(place)):
            return True
        if relative in self._files:
            return is_installers_link(place, self._files[relative])
        if directory == "bin":
            return (
                is_python_name(name)
                or os.path.realpath(place) in self._ends
                or is_interpreter_part(name, place, self._beside)
            )
        if directory == "lib":
            return is_builders_lib(place, self._sites, self._beside)
        return False

    def _is_builders(self, directory: str, name: str) -> bool:
        if _is_byte_code(name) or is_staging_dir_name(name):
            return True
        if directory == "bin" and is_python_name(name):
            return not is_script(f"{self._end}/bin/{name}")
        if directory == "bin" and is_activator(name):
            return ".orig" not in name  # a user's, kept by a repair or a rebuild
        if directory in self._sites:
            return name in _IN_SITE or name.endswith(_METADATA) or name.startswith("__editable__")
        return f"{directory}/{name}".removeprefix("/") in _BUILDERS


def _is_byte_code(name: str) -> bool:
    return name.endswith(".pyc")


def _holds_files(place: str) -> bool:
    """Check whether a directory holds anything except directories and byte code."""
    for directory, directories, names in os.walk(place):
        directories[:] = [name for name in directories if name != "__pycache__"]
        if any(not _is_byte_code(name) for name in names) or any(
            os.path.islink(f"{directory}/{name}") for name in directories
        ):
            return True
    return False


def _is_passage(place: str) -> bool:
    """Check whether a directory holds exactly one entry, a directory."""
    names = os.listdir(place)
    return len(names) == 1 and os.path.isdir(f"{place}/{names[0]}") and not os.path.islink(f"{place}/{names[0]}")


def _is_same(first: str, second: str) -> bool:
    try:
        if os.path.islink(first) or os.path.islink(second):
            return os.path.islink(first) and os.path.islink(second) and os.readlink(first) == os.readlink(second)
        if not (os.path.isfile(first) and os.path.isfile(second)):
            return False
        return os.path.samefile(first, second) or filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False


_INTERPRETER_PART = re.compile(
    r"(?:python|pypy|graalpy)w?[\d.]*(?:t|d|td|m|dm|w|-c)?"  # python3.11d, pythonw, pypy3.10-c
    r"|lib(?:python|pypy|graalpy|pythonvm)[\w.-]*\.(?:so|dylib)[\w.]*"  # libpypy3.10-c.so
)


def only_stray_files(directory: str, names: Iterable[str]) -> tuple[str, ...] | None:
    """Return ``names``, sorted, if all of these entries are stray files, otherwise ``None``. Raises ``OSError``."""
    listed = sorted(names)
    stray = all(is_stray_file(name) and stat.S_ISREG(os.lstat(f"{directory}/{name}").st_mode) for name in listed)
    return tuple(listed) if stray else None


def base_directories(end: str, pythons: Iterable[str], settings: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Return the real paths of an environment's interpreters, and the real directories of its base's.

    ``pythons`` are the names of interpreters in its ``bin``, ``settings`` its ``pyvenv.cfg``. The paths need not exist.
    """
    ends = {os.path.realpath(f"{end}/bin/{name}") for name in pythons}
    known = {settings[key] for key in ("executable", "base-executable") if settings.get(key, "").startswith("/")}
    ends |= {os.path.realpath(place) for place in known}
    beside = {os.path.dirname(place) for place in ends}
    if settings.get("home", "").startswith("/"):
        beside.add(os.path.realpath(settings["home"]))
    return ends, beside - {f"{end}/bin"}


def is_interpreter_part(name: str, place: str, beside: set[str]) -> bool:
    """Check whether a symlink in ``bin`` is named as a part of the interpreter, and leads to one beside it.

    A dangling one with such a name counts: an upgrade has removed its end.
    """
    if _INTERPRETER_PART.fullmatch(name) is None:
        return False
    return os.path.dirname(os.path.realpath(place)) in beside or not os.path.exists(place)


def is_builders_lib(place: str, libraries: Iterable[str], beside: set[str]) -> bool:
    """Check whether a symlink in ``lib`` leads to the file of that name in the base's ``lib``, as PyPy's do."""
    if not any(library.startswith(("lib/pypy", "lib/graalpy")) for library in libraries):
        return False
    name, real = os.path.basename(place), os.path.realpath(place)
    return any(real == os.path.realpath(f"{os.path.dirname(directory)}/lib/{name}") for directory in beside)


_CACHE_TAG = "CACHEDIR.TAG"


def claims_in(end: str, site: str) -> Iterator[tuple[str, str]]:
    """Yield the files that the distributions in the directory ``site`` claim, relative to ``end``, with their digests.

    A digest is empty if not recorded. Raises ``OSError`` where the directory cannot be listed.
    """
    for name in os.listdir(f"{end}/{site}"):
        if name.endswith(".dist-info"):
            yield from record.claims(_text_of(f"{end}/{site}/{name}/RECORD"), site)
        elif name.endswith(".egg-info"):
            info = f"{site}/{name}"
            yield from record.claims(_text_of(f"{end}/{info}/RECORD"), site)
            yield from record.claims(_text_of(f"{end}/{info}/installed-files.txt"), info)
            if not os.path.exists(f"{end}/{info}/installed-files.txt"):
                yield from ((claim, "") for claim in _top_level(end, site, f"{info}/top_level.txt"))


def is_installers_link(place: str, digest: str) -> bool:
    """Check whether a symlink that a distribution claims is its installer's, as uv can link files from its cache.

    It is if it leads into a cache (CACHEDIR.TAG), or to what was installed, or dangles.
    """
    if not os.path.exists(place):
        return True
    real = os.path.realpath(place)
    directory = os.path.dirname(real)
    while len(directory) > 1:
        if os.path.isfile(f"{directory}/{_CACHE_TAG}") and not os.path.isfile(f"{directory}/pyvenv.cfg"):
            return True
        directory = os.path.dirname(directory)
    algorithm, _, value = digest.partition("=")
    if algorithm != "sha256":
        return False
    return recorded_digest(real, algorithm) == value.rstrip("=")


def _top_level(end: str, site: str, listing: str) -> Iterator[str]:
    """Yield all files of the modules that ``top_level.txt`` names."""
    for first in record.names(_text_of(f"{end}/{listing}")):
        yield f"{site}/{first}.py"
        for directory, _, names in os.walk(f"{end}/{site}/{first}"):
            yield from (os.path.relpath(f"{directory}/{name}", end) for name in names)


def _text_of(listing: str) -> str:
    try:
        if not os.path.isfile(listing):
            return ""
        with open(listing, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except OSError:
        return ""
