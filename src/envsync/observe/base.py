"""Tell whether a link lies in a virtual environment, and which link that environment itself uses."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from envsync import pyvenv_cfg

__all__ = ["Base", "base_of", "is_script", "locations", "names_in_home"]

_CFG_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Base:
    """Where an environment's interpreter comes from."""

    environment: str
    link: str
    """Absolute, unresolved."""


def locations(link: str) -> Iterator[str]:
    """Give the places that a link's last component leads through, the link itself first, parents unresolved."""
    place = link
    for _ in range(64):  # the caller has walked the chain: it ends well before
        yield place
        try:
            text = os.readlink(place)
        except OSError:
            return
        folder = os.path.dirname(place)
        while text.startswith("../") and not os.path.islink(folder):
            folder, text = os.path.dirname(folder), text[3:]
        place = text if text.startswith("/") else f"{folder.rstrip('/')}/{text.removeprefix('./')}"


def base_of(link: str) -> Base | None:
    """Give the base of the last environment that ``link`` leads through, ``None`` if it leads through none.

    An environment is told by ``pyvenv.cfg`` beside the interpreter or one folder above it (PEP 405).
    """
    inside: Base | None = None
    environment: str | None = None
    last = link
    for place in locations(link):
        if environment is not None and _environment_of(place) is None:
            inside = Base(environment, place)
        environment = _environment_of(place)
        last = place
    if environment is not None:
        return Base(environment, _copied_from(environment, last))
    return inside


def _environment_of(place: str) -> str | None:
    folder = os.path.dirname(place)
    for candidate in (os.path.dirname(folder), folder):
        if os.path.isfile(f"{candidate}/pyvenv.cfg"):
            return candidate
    return None


def _copied_from(environment: str, copy: str) -> str:
    """Name the interpreter that an environment's own copy was made from, by ``home``."""
    names = _names_in_home(environment, copy)
    return next(filter(os.path.exists, names), names[0] if names else copy)


def names_in_home(link: str) -> list[str]:
    """Give where the original is looked for of a copy that ``link`` leads to, in an environment."""
    *_, last = locations(link)
    environment = _environment_of(last)
    return _names_in_home(environment, last) if environment is not None else []


def _names_in_home(environment: str, copy: str) -> list[str]:
    try:
        with open(f"{environment}/pyvenv.cfg", encoding="utf-8", errors="surrogateescape") as file:
            settings = dict(pyvenv_cfg.parse(file.read(_CFG_LIMIT)))
    except OSError:
        return []
    home = settings.get("home", "")
    version = settings.get("version_info", settings.get("version", "3"))
    names = (f"python{'.'.join(version.split('.')[:2])}", "python3", "python", os.path.basename(copy))
    return [f"{home}/{name}" for name in names]


def is_script(path: str) -> bool:
    """Tell whether a file is run by another program; one that cannot be read is not taken for one."""
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False  # it may be run all the same; that will tell
