"""Find virtual environments below some directories, whoever made them."""

import os
from collections.abc import Iterable, Iterator

from envsync.formats import pyvenv_cfg
from envsync.formats.staging_marker import is_staging_dir_name
from envsync.manifest.find import absolute
from envsync.model.environment import Environment, FoundEnvironment, library_name
from envsync.observe.base import base_of
from envsync.observe.directory import read_redirect
from envsync.observe.discover import stable_twin
from envsync.observe.environment import read_environment
from envsync.observe.links import walk

_SKIPPED = frozenset(
    {"node_modules", "site-packages", "dist-packages", "__pycache__", ".git", ".hg", ".svn", ".jj", ".cache", "Caches"}
    | {".Trash", "lost+found"}
)
"""Directories that are not searched: caches and packages."""
_UNREAL = frozenset({"/proc", "/sys", "/dev"})
_CACHE_TAG = "CACHEDIR.TAG"
_REDIRECT = ".venv"
_INPUTS = ("requirements.txt", "requirements.in", "pyproject.toml", "uv.lock", "pylock.toml")


def search(tops: Iterable[str], *, cross: bool) -> list[FoundEnvironment]:
    """Return the environments below ``tops``, absolute directories, sorted by their first path.

    Other file systems are entered only with ``cross``. What cannot be read is skipped.
    """
    places: dict[str, dict[str, str]] = {}
    for top in tops:
        for place in _below(top, cross=cross):
            real = f"{os.path.realpath(os.path.dirname(place))}/{os.path.basename(place)}"
            places.setdefault(os.path.realpath(place), {}).setdefault(real, place)
    found = (_look(end, sorted(here.values())) for end, here in places.items() if not _is_own(end))
    return sorted(filter(None, found), key=lambda environment: environment.paths)


def _below(top: str, *, cross: bool) -> Iterator[str]:
    if _is_environment(top):
        yield top
        return
    try:
        device = os.stat(top).st_dev
    except OSError:
        return
    pending = [top]
    while pending:
        directory = pending.pop()
        entries = _entries(directory)
        if directory != top and any(entry.name == _CACHE_TAG for entry in entries):
            continue
        for entry in entries:
            place = f"{directory.rstrip('/')}/{entry.name}"
            if entry.name == _REDIRECT and _is_file(entry):
                yield from environment_behind(place)
            if is_staging_dir_name(entry.name) or not _is_directory(entry):
                continue
            if _is_environment(place):
                yield place
            elif place not in _UNREAL and _may_hold(entry) and (cross or _device(entry) == device):
                pending.append(place)


def environment_behind(file: str) -> Iterator[str]:
    """Yield the environment's directory that a redirect file names (PEP 832), if it is one."""
    redirect = read_redirect(os.path.realpath(file))
    if redirect is not None and _is_environment(redirect.target):
        yield redirect.target


def _look(end: str, places: list[str]) -> FoundEnvironment | None:
    environment = _read(end, places[0])
    if environment is None:
        return None
    links = [place for place in places if walk(place).is_link]
    paths = links or [end if end in places else places[0]]
    settings = dict(environment.cfg)
    base = base_of(f"{end}/bin/python")
    python = None if base is None else (stable_twin(base.link) or base.link)
    beside = os.path.dirname(paths[0])
    prompt = settings.get("prompt")
    return FoundEnvironment(
        paths=tuple(paths),
        end=end,
        text=_absolute_text(links[0]) if links else None,
        python=python,
        link=None if base is None else base.link,
        works=python is not None and os.path.exists(python),
        prompt=pyvenv_cfg.unquote(prompt) if prompt is not None else None,
        system_site_packages=settings.get("include-system-site-packages", "").lower() == "true",
        libraries=_libraries(environment),
        inputs=tuple(f"{beside}/{name}" for name in _INPUTS if os.path.isfile(f"{beside}/{name}")),
        marked_as=(settings.get("envsync-manifest", ""), settings.get("envsync-name", "")),
    )


def _libraries(found: Environment) -> tuple[str, ...]:
    own = tuple(library for library in found.libraries if library_name(library).rstrip("td") == found.built_for)
    return own or found.libraries


def _read(end: str, place: str) -> Environment | None:
    """Return an environment; ``None`` for what is none, or cannot be read."""
    try:
        return read_environment(end, place)
    except OSError:
        return None


def _is_own(end: str) -> bool:
    """Check whether a directory is envsync's: in a staging directory, which a generation is too."""
    return any(map(is_staging_dir_name, end.split("/")))


def _absolute_text(link: str) -> str:
    """Return a symlink's text as an absolute path, unresolved."""
    return absolute(os.readlink(link), os.path.realpath(os.path.dirname(link)))


def _is_environment(place: str) -> bool:
    """Check whether a directory may be an environment (PEP 405), even a broken one."""
    return os.path.isfile(f"{place}/pyvenv.cfg") and os.path.isdir(f"{place}/bin")


def _entries(directory: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    """Check whether an entry is a directory, or leads to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _may_hold(entry: "os.DirEntry[str]") -> bool:
    """Check whether to search a directory for environments: it is no symlink, and not skipped."""
    return entry.name not in _SKIPPED and not entry.is_symlink()


def _device(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_dev
    except OSError:
        return -1
