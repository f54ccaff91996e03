"""Find which interpreter link an environment was made with, also where its ``bin/python`` is a copy."""

import filecmp
import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace

from envsync.formats import pyvenv_cfg
from envsync.formats.shebang import is_python_name
from envsync.model.environment import Environment, InnerLink
from envsync.model.interpreter import Facts, Interpreter, InterpreterProblem
from envsync.model.world import Directory
from envsync.observe.files import read_regular
from envsync.observe.probe import ProbeError, image_of

_CFG_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Base:
    """Where an environment's interpreter comes from."""

    environment: str
    link: str
    """Absolute, unresolved."""


def locations(link: str) -> Iterator[str]:
    """Yield the places that a link's last component leads through, the link itself first, parents unresolved."""
    place = link
    for _ in range(64):  # the caller has walked the chain: it ends well before
        yield place
        try:
            text = os.readlink(place)
        except OSError:
            return
        directory = os.path.dirname(place)
        while text.startswith("../") and not os.path.islink(directory):
            directory, text = os.path.dirname(directory), text[3:]
        place = text if text.startswith("/") else f"{directory.rstrip('/')}/{text.removeprefix('./')}"


def base_of(link: str) -> Base | None:
    """Return the base of the last environment that ``link`` leads through, ``None`` if it leads through none.

    An environment is told by ``pyvenv.cfg`` beside the interpreter or one directory above it (PEP 405).
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
    directory = os.path.dirname(place)
    for candidate in (os.path.dirname(directory), directory):
        if os.path.isfile(f"{candidate}/pyvenv.cfg"):
            return candidate
    return None


def _copied_from(environment: str, copy: str) -> str:
    """Return the interpreter that an environment's own copy was made from, by ``home``."""
    names = _names_in_home(environment, copy)
    return next(filter(os.path.exists, names), names[0] if names else copy)


def names_in_home(link: str) -> list[str]:
    """Return where the original is looked for of a copy that ``link`` leads to, in an environment."""
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
    """Check whether a file is run by another program; one that cannot be read is not taken for one."""
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False  # it may be run all the same; that will tell


_LINK_LIMIT = 4096
_MARKS = (b"Py_BytesMain", b"Py_Main", b"Py_RunMain", b"__PYVENV_LAUNCHER__", b"pypy_main_startup", b"graalpy")
"""One of these is in every program that is an interpreter, by its own code or by the name of what it calls."""


def with_owners(found: Environment, end: str, facts: Facts) -> Environment:
    """Return the environment with each file among its ``bin/python*`` marked that is the user's own.

    A copy that equals the interpreter is told by its content; another is run, bounded in time and output.
    """
    if all(one.link_text is not None for one in found.pythons):
        return found
    return replace(found, pythons=tuple(_judged(one, end, facts) for one in found.pythons))


def _judged(python: InnerLink, end: str, facts: Facts) -> InnerLink:
    if python.link_text is not None:
        return python
    return replace(python, own=not _is_copy(f"{end}/bin/{python.name}", facts))


def _is_copy(file: str, facts: Facts) -> bool:
    """Check whether a file is an interpreter's copy, or holds nothing that could be lost."""
    try:
        found = os.lstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & (stat.S_ISUID | stat.S_ISGID) or _has_capabilities(file):
            return False
        known = found.st_size == 0 or _is_flattened_link(file, found)
        known = known or any(_equals(file, original) for original in _originals(file, facts))
        return known or (not is_script(file) and _is_interpreter(file))
    except OSError:
        return False  # what cannot be looked at is not known to be a copy


def _is_interpreter(file: str) -> bool:
    """Check whether a program is an interpreter itself, such as a copy of an earlier release, not a wrapper of one."""
    try:
        return image_of(file) == os.path.realpath(file)
    except ProbeError:
        return _has_marks(file)  # the library that a copy belongs to may be gone


def _has_capabilities(file: str) -> bool:
    """Check whether a file may do what others may not (capabilities(7)): nobody gives a mere copy that."""
    if not hasattr(os, "getxattr"):
        return False
    try:
        return bool(os.getxattr(file, "security.capability"))
    except OSError:
        return False


def _is_flattened_link(file: str, found: os.stat_result) -> bool:
    """Check whether a file holds what a symlink would: git writes it so where it may not make symlinks."""
    if found.st_size > _LINK_LIMIT or found.st_mode & 0o111:
        return False
    text = os.fsdecode(read_regular(file, _LINK_LIMIT) or b"").removesuffix("\n")
    return text.isprintable() and is_python_name(text.rpartition("/")[2]) and (" " not in text or text[0] == "/")


def _originals(file: str, facts: Facts) -> Iterator[str]:
    yield facts.executable
    yield from names_in_home(file)


def _equals(file: str, original: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(original).st_mode) and filecmp.cmp(file, original, shallow=False)
    except OSError:
        return False


def _has_marks(file: str) -> bool:
    try:
        with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(mark) >= 0 for mark in _MARKS)
    except (OSError, ValueError):
        return False


def with_ends(directory: Directory, interpreter: Interpreter | InterpreterProblem) -> Directory:
    """Say where the links in ``bin`` arrive, and whether what is no link there is a copy or the user's own."""
    return _with_owners(_with_ends(directory, interpreter), interpreter)


def _with_ends(directory: Directory, interpreter: Interpreter | InterpreterProblem) -> Directory:
    """Follow the links in ``bin`` that hold another text than the interpreter link: they may arrive at it."""
    found = directory.environment
    if found is None or isinstance(interpreter, InterpreterProblem):
        return directory
    if all(
        one.link_text is None or one.link_text == interpreter.link or "/" not in one.link_text for one in found.pythons
    ):
        return directory
    bin_dir = f"{directory.chain.end}/bin"
    pythons = (
        replace(one, end=os.path.realpath(f"{bin_dir}/{one.name}")) if "/" in (one.link_text or "") else one
        for one in found.pythons
    )
    return replace(directory, environment=replace(found, pythons=tuple(pythons)))


def _with_owners(directory: Directory, interpreter: Interpreter | InterpreterProblem) -> Directory:
    if directory.environment is None or isinstance(interpreter, InterpreterProblem):
        return directory
    found = directory.environment
    if all(one.link_text is not None for one in found.pythons):
        return directory

    return replace(directory, environment=with_owners(found, directory.chain.end, interpreter.facts))
