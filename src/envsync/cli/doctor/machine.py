"""Observe the machine: directories, kernel limits, tools, installed interpreters."""

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from subprocess import TimeoutExpired

from envsync.cli.doctor.values import DirectoryCheck, Inotify, Installed, Tool
from envsync.model.interpreter import Candidate, InterpreterProblem
from envsync.model.links import EndKind
from envsync.observe.backends import find_uv
from envsync.observe.discover import discover, stable_twin, version_manager_of
from envsync.observe.files import read_text
from envsync.observe.interpreters import Interpreters
from envsync.observe.links import walk
from envsync.observe.probe import ProbeError, probe
from envsync.observe.processes import run
from envsync.observe.rights import hazard_in


def check_directory(role: str, path: str) -> DirectoryCheck:
    """Check whether a directory can be written in, or made where it is not there."""
    chain = walk(path)
    if chain.kind is EndKind.DIRECTORY:
        private = not os.stat(chain.end).st_mode & 0o077
        blocked = _blocked(chain.end)
        return DirectoryCheck(role, path, chain.end, True, blocked, hazard_in(chain.end, holds=False), private)
    if chain.kind is EndKind.MISSING:
        outermost = chain.to_make[0] if chain.to_make else chain.end
        return DirectoryCheck(role, path, chain.end, there=False, blocked_by=_blocked(os.path.dirname(outermost)))
    return DirectoryCheck(role, path, chain.end, there=False, blocked_by=chain.end)


def is_on_path(directory: str) -> bool:
    """Check whether a directory is among those in which commands are looked for, by whatever name."""
    wanted = os.path.realpath(directory)
    return any(os.path.realpath(one) == wanted for one in os.environ.get("PATH", "").split(":") if one.startswith("/"))


def one_of_each_device(directories: Iterable[str]) -> tuple[str, ...]:
    """Choose the first directory of those on each file system, of the directories that are there."""
    devices: dict[int, str] = {}
    for directory in directories:
        if os.path.isdir(directory):
            devices.setdefault(os.stat(directory).st_dev, os.path.realpath(directory))
    return tuple(devices.values())


def noexec(directories: Iterable[str]) -> Iterator[str]:
    """Give those of some directories that are there and in which the system starts no program (mount(8))."""
    for directory in dict.fromkeys(directories):
        with contextlib.suppress(OSError):
            if os.statvfs(directory).f_flag & getattr(os, "ST_NOEXEC", 0):
                yield directory


def _blocked(directory: str) -> str:
    return "" if os.access(directory, os.W_OK | os.X_OK) else directory


_LIMITS = "/proc/sys/fs/inotify"


def read_inotify() -> Inotify | None:
    """Give the limits and what this user's processes take of them; ``None`` where the system has none to tell."""
    watches, instances = _number("max_user_watches"), _number("max_user_instances")
    if sys.platform != "linux" or watches is None or instances is None:
        return None
    found = list(_instances())
    return Inotify(watches, instances, sum(map(_watches, found)), len(found))


def _number(name: str) -> int | None:
    text = read_text(f"{_LIMITS}/{name}").strip()
    return int(text) if text.isdecimal() else None


def _instances() -> Iterator[str]:
    """Give the ``fdinfo`` file of each instance of this user's processes."""
    for process in filter(str.isdecimal, _names("/proc")):
        try:
            if os.stat(f"/proc/{process}").st_uid != os.getuid():
                continue
        except OSError:
            continue
        for descriptor in _names(f"/proc/{process}/fd"):
            if _text_of(f"/proc/{process}/fd/{descriptor}") == "anon_inode:inotify":
                yield f"/proc/{process}/fdinfo/{descriptor}"


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _text_of(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _watches(file: str) -> int:
    try:
        with open(file, "rb") as lines:
            return sum(line.startswith(b"inotify ") for line in lines)
    except OSError:
        return 0


_TIME_LIMIT = 10
"""Seconds that a tool gets to tell its version."""


def read_tools() -> Iterator[Tool]:
    """Tell which builders and installers are there, and their versions; pip's is that of the newest wheel at hand."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # only for this

    yield _uv()
    try:
        yield Tool("virtualenv", "virtualenv", version("virtualenv"))
    except PackageNotFoundError:
        yield Tool("virtualenv", None)
    from virtualenv.seed.wheels.embed import MAX, get_embed_wheel  # noqa: PLC0415  # only for this

    wheel = get_embed_wheel("pip", MAX)
    yield Tool("pip", str(wheel.path), wheel.version) if wheel else Tool("pip", None)


def _uv() -> Tool:
    path = find_uv()
    if path is None:
        return Tool("uv", None)
    try:
        done = run([path, "--version"], os.environ, limit=_TIME_LIMIT)
    except (OSError, TimeoutExpired) as error:
        return Tool("uv", path, problem=str(error))
    words = done.output.split()
    if done.status != 0 or words[:1] != ["uv"]:
        return Tool("uv", path, problem=f"`uv --version` ended with exit status {done.status}")
    return Tool("uv", path, "".join(words[1:2]))


_OLDEST = (3, 7)
"""Environments need no older ones, and nothing is told of those."""
_NOWHERE = "/.envsync-nowhere/bin/python"


def read_installed(used: Iterable[str], interpreters: Interpreters) -> tuple[Installed, ...]:
    """Look at the links ``used``, and at one to each other interpreter that can be found, in order of version."""
    links = dict.fromkeys(used)
    ends = {walk(link).end for link in links}
    for link in _best_first():
        end = walk(link).end
        if end not in ends:
            ends.add(end)
            links[link] = None
    interpreters.expect(links)
    found = [_look(link, interpreters) for link in links]
    return tuple(sorted(found, key=lambda one: [int(digits) for digits in re.findall(r"\d+", one.version)]))


def shims() -> tuple[str, ...]:
    """List the directories of shims on PATH: their commands depend on the current directory, as with pyenv and asdf."""
    directories = os.environ.get("PATH", "").split(":")
    return tuple(dict.fromkeys(one for one in directories if os.path.basename(one) == "shims" and os.path.isdir(one)))


def _best_first() -> Iterator[str]:
    candidates = sorted(discover().candidates, key=lambda one: one.floating)
    yield from (one.link for one in candidates if one.stable and _is_fit(one))
    yield from (one.link for one in candidates if not one.stable and _is_fit(one))


def _is_fit(candidate: Candidate) -> bool:
    return candidate.implementation != "cpython" or candidate.version[:2] >= _OLDEST


def _look(link: str, interpreters: Interpreters) -> Installed:
    manager = version_manager_of(link)
    tool = manager.tool if manager else ""
    found = interpreters.at(link)
    if isinstance(found, InterpreterProblem):
        return Installed(link, "", "", "", tool, problem=found.message)
    facts = found.facts
    stable = re.search(rf"(?<!\d){re.escape(facts.release)}(?!\d)", link) is None
    return Installed(
        link=link,
        version=facts.version,
        minor=facts.minor,
        implementation=facts.implementation,
        manager=tool,
        stable=stable,
        twin=None if stable else stable_twin(link),
        relocatable=_is_relocatable(facts.executable),
        has_venv=os.path.exists(f"{facts.stdlib}/venv/__init__.py"),
    )


def _is_relocatable(executable: str) -> bool | None:
    """Check whether an interpreter that is told a place where nothing is does not find its standard library."""
    try:
        probe(executable, as_if=_NOWHERE)
    except ProbeError as error:
        return True if error.may_be_misplaced else None
    return False
