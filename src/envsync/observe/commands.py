"""Find the commands of packages that are declared themselves: what ``expose = ["*"]`` stands for."""

import os
from collections.abc import Collection, Iterator
from configparser import ConfigParser, Error

from envsync.formats import record
from envsync.formats.dependency_specifiers import canonical_name
from envsync.formats.shebang import is_activator, is_python_name
from envsync.observe.direct import origin_name
from envsync.observe.files import read_text
from envsync.observe.packages import metadata_places, read_origin

_GROUPS = ("console_scripts", "gui_scripts")
_LARGEST = 1 << 27
"""Bytes of a ``RECORD``: no distribution has a million files."""


def find_commands(
    end: str, libraries: tuple[str, ...], direct: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the commands of distributions that are declared themselves, by name, and the files that this rests on.

    A command is an executable file in ``bin`` that is an entry point, or that ``RECORD`` claims (PEP 376); no Python,
    and no activation script. ``direct`` is :attr:`envsync.model.packages.Declared.direct`. Raises ``OSError``.
    """
    by_origin = any("/" in one for one in direct)
    names: set[str] = set()
    files: list[str] = []
    for place in metadata_places(end, libraries):
        if _name(place) not in direct and not (by_origin and _origin(place) in direct):
            continue
        found = {*_entry_points(place), *_recorded(place, end)}
        names |= {name for name in found if not is_python_name(name) and not is_activator(name)}
        files += [f"{place}/entry_points.txt", f"{place}/RECORD", *(f"{end}/bin/{name}" for name in sorted(found))]
    there = tuple(sorted(name for name in names if _is_program(f"{end}/bin/{name}")))
    return there, tuple(dict.fromkeys(files))


def _name(place: str) -> str:
    """Return the normalized name of a distribution: ``flask_cors-4.0.dist-info`` is of ``flask-cors``."""
    return canonical_name(os.path.splitext(os.path.basename(place))[0].partition("-")[0])


def _origin(place: str) -> str:
    try:
        origin = read_origin(read_text(f"{place}/direct_url.json"))
    except ValueError:
        return ""
    return "" if origin is None else origin_name(origin)


def _entry_points(place: str) -> Iterator[str]:
    parser = ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of commands are in any case
    try:
        parser.read_string(read_text(f"{place}/entry_points.txt"))
    except Error:
        return
    for group in _GROUPS:
        names = parser.options(group) if parser.has_section(group) else ()
        yield from (name for name in names if name == os.path.basename(name) and name.isprintable())


def _recorded(place: str, end: str) -> Iterator[str]:
    site = os.path.relpath(os.path.dirname(place), end)
    for name in record.names(read_text(f"{place}/RECORD", _LARGEST)):
        directory, _, base = os.path.normpath(f"{site}/{name}").rpartition("/")
        if directory == "bin" and base.isprintable():
            yield base


def _is_program(file: str) -> bool:
    return os.path.isfile(file) and os.access(file, os.X_OK)
