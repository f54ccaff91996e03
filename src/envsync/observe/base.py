"""Find the interpreter link that an environment was made with, also where its ``bin/python`` is a copy."""

import filecmp
import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import replace

from envsync.formats import pyvenv_cfg
from envsync.formats.shebang import is_python_name
from envsync.model.dataclass import dataclass
from envsync.model.environment import Environment, InnerLink
from envsync.model.evidence import Paths
from envsync.model.interpreter import Facts, Interpreter, InterpreterProblem
from envsync.model.world import Directory
from envsync.observe.files import read_regular
from envsync.observe.links import walk
from envsync.observe.probe import ProbeError, image_of

_CFG_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Base:
    """An environment and the interpreter link that it was made with."""

    environment: str
    link: str
    """Absolute, unresolved."""


def locations(link: str) -> Iterator[str]:
    """Yield a link and the paths that its last component leads through, parents unresolved."""
    place = link
    for _ in range(64):  # the caller has walked the chain, which is shorter
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
    """Return the base of the last environment that ``link`` leads through, ``None`` if there is none.

    An environment has a ``pyvenv.cfg`` beside the interpreter or one directory above it (PEP 405).
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
    """Return the interpreter that an environment's copy was made from, by ``home``."""
    names = _names_in_home(environment, copy)
    return next(filter(os.path.exists, names), names[0] if names else copy)


def names_in_home(link: str) -> list[str]:
    """Return where the original may be of a copy in an environment, to which ``link`` leads."""
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
    """Check whether a file begins with ``#!``; not if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


_LINK_LIMIT = 4096
_MARKS = (b"Py_BytesMain", b"Py_Main", b"Py_RunMain", b"__PYVENV_LAUNCHER__", b"pypy_main_startup", b"graalpy")
"""Symbols of which every interpreter contains one, as its own or as one that it calls."""


def _with_owner(python: InnerLink, end: str, facts: Facts) -> InnerLink:
    """Return a ``bin/python*`` with ``own`` set if it is the user's own file.

    A copy of the interpreter is recognised by its content; any other program is run, bounded in time and output.
    """
    if python.link_text is not None:
        return python
    file = f"{end}/bin/{python.name}"
    own = not _is_copy(file, facts)
    return replace(python, own=own, is_copy=not own and _equals(file, facts.executable))


def _is_copy(file: str, facts: Facts) -> bool:
    """Check whether a file is a copy of an interpreter, or holds nothing that could be lost."""
    try:
        found = os.lstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & (stat.S_ISUID | stat.S_ISGID) or _has_capabilities(file):
            return False
        known = found.st_size == 0 or _is_flattened_link(file, found)
        known = known or any(_equals(file, original) for original in _originals(file, facts))
        return known or (not is_script(file) and _is_interpreter(file))
    except OSError:
        return False


def _is_interpreter(file: str) -> bool:
    """Check whether a program is an interpreter, such as a copy of an earlier release, not a wrapper of one."""
    try:
        return image_of(file) == os.path.realpath(file)
    except ProbeError:
        return _has_marks(file)  # the library that it needs may be missing


def _has_capabilities(file: str) -> bool:
    """Check whether a file has capabilities (capabilities(7)), which its user must have set."""
    if not hasattr(os, "getxattr"):
        return False
    try:
        return bool(os.getxattr(file, "security.capability"))
    except OSError:
        return False


def _is_flattened_link(file: str, found: os.stat_result) -> bool:
    """Check whether a file holds a link text, as git writes it with ``core.symlinks=false``."""
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
    """Return the directory with ``end``, ``own`` and ``is_copy`` of the interpreters in its ``bin``, ``same_places``.

    Links are followed where one has another text than the interpreter link: it may lead to the same end.
    """
    found = directory.environment
    if found is None or isinstance(interpreter, InterpreterProblem):
        return directory
    end, texts = directory.chain.end, [python.link_text for python in found.pythons]
    pythons = found.pythons
    if any(text is not None and text != interpreter.link and "/" in text for text in texts):
        pythons = tuple(
            replace(python, end=_end_outside(f"{end}/bin/{python.name}", end)) if "/" in (text or "") else python
            for python, text in zip(pythons, texts, strict=True)
        )
    if None in texts:
        pythons = tuple(_with_owner(python, end, interpreter.facts) for python in pythons)
    held = _same_places(found, interpreter) if found.is_foreign else {}
    if pythons is found.pythons and not held:
        return directory
    followed = Paths.of((*found.dependencies, *(place for path in held.values() for place in path)))
    found = replace(found, pythons=pythons, same_places=tuple(held), dependencies=followed)
    return replace(directory, environment=found)


def _end_outside(link: str, environment: str) -> str:
    """Return the real path of an interpreter; empty where it leads through another environment."""
    inside = (_environment_of(place) for place in locations(link))
    if any(other is not None and os.path.realpath(other) != environment for other in inside):
        return ""
    return os.path.realpath(link)


def _same_places(found: Environment, interpreter: Interpreter) -> dict[str, tuple[str, ...]]:
    """Return the keys of ``pyvenv.cfg`` that name what they should by another path, with the links on their way."""
    facts = interpreter.facts
    wanted = {
        "home": interpreter.home,
        "executable": facts.executable,
        "base-prefix": facts.base_prefix,
        "base-exec-prefix": facts.base_exec_prefix,
        "base-executable": interpreter.link,
    }
    other = {key: held for key, place in wanted.items() if (held := found.setting(key) or place) != place}
    return {
        key: (held, *(hop.link for hop in walk(held).hops))
        for key, held in other.items()
        if held.startswith("/") and os.path.exists(held) and _is_same(key, held, wanted[key])
    }


def _is_same(key: str, held: str, wanted: str) -> bool:
    """Check whether two paths lead to the same; the copy in an environment that made another one is its interpreter."""
    is_same = os.path.realpath(held) == os.path.realpath(wanted)
    return is_same or (key == "executable" and _equals(held, wanted))
