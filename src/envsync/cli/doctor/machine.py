"""Observe a machine: directories, kernel limits, tools, installed interpreters."""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from subprocess import TimeoutExpired

from envsync.cli.doctor.values import DirectoryCheck, Inotify, Installed, Tool
from envsync.model.interpreter import Candidate, InterpreterProblem
from envsync.model.links import EndKind
from envsync.model.system import ON_LINUX, VARIABLES
from envsync.observe.backends import find_uv
from envsync.observe.discover import discover, stable_twin, version_manager_of
from envsync.observe.files import read_text
from envsync.observe.interpreters import Interpreters
from envsync.observe.links import walk
from envsync.observe.probe import ProbeError, probe
from envsync.observe.processes import run
from envsync.observe.rights import hazard_in


def check_directory(role: str, path: str) -> DirectoryCheck:
    """Check whether a directory can be written to, or created if it does not exist."""
    chain = walk(path)
    if chain.kind is EndKind.DIRECTORY:
        private = not os.stat(chain.end).st_mode & 0o077
        blocked = _blocked(chain.end)
        return DirectoryCheck(role, path, chain.end, True, blocked, hazard_in(chain.end, holds=False), private)
    if chain.kind is EndKind.MISSING:
        outermost = chain.to_make[0] if chain.to_make else chain.end
        return DirectoryCheck(role, path, chain.end, exists=False, blocked_by=_blocked(os.path.dirname(outermost)))
    return DirectoryCheck(role, path, chain.end, exists=False, blocked_by=chain.end)


def is_on_path(directory: str) -> bool:
    """Check whether a directory is on PATH, by any name."""
    wanted = os.path.realpath(directory)
    return any(os.path.realpath(one) == wanted for one in VARIABLES.get("PATH", "").split(":") if one.startswith("/"))


def one_of_each_device(directories: Iterable[str]) -> tuple[str, ...]:
    """Return the first existing directory on each file system."""
    devices: dict[int, str] = {}
    for directory in directories:
        if os.path.isdir(directory):
            devices.setdefault(os.stat(directory).st_dev, os.path.realpath(directory))
    return tuple(devices.values())


def noexec(directories: Iterable[str]) -> Iterator[str]:
    """Yield the directories that are mounted ``noexec`` (mount(8))."""
    for directory in dict.fromkeys(directories):
        with contextlib.suppress(OSError):
            if os.statvfs(directory).f_flag & getattr(os, "ST_NOEXEC", 0):
                yield directory


def _blocked(directory: str) -> str:
    return "" if os.access(directory, os.W_OK | os.X_OK) else directory


_LIMITS = "/proc/sys/fs/inotify"


def read_inotify() -> Inotify | None:
    """Return the limits and this user's use of them; ``None`` on systems without inotify."""
    watches, instances = _number("max_user_watches"), _number("max_user_instances")
    if not ON_LINUX or watches is None or instances is None:
        return None
    found = list(_instances())
    return Inotify(watches, instances, sum(map(_watches, found)), len(found))


def _number(name: str) -> int | None:
    text = read_text(f"{_LIMITS}/{name}").strip()
    return int(text) if text.isdecimal() else None


def _instances() -> Iterator[str]:
    """Yield the ``fdinfo`` file of each inotify instance of this user's processes (proc(5))."""
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
"""Seconds for a tool to print its version."""


def read_tools() -> Iterator[Tool]:
    """Yield builders and installers with their versions; pip's is that of virtualenv's newest wheel."""
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
        done = run([path, "--version"], VARIABLES, limit=_TIME_LIMIT)
    except (OSError, TimeoutExpired) as error:
        return Tool("uv", path, problem=str(error))
    words = done.output.split()
    if done.status != 0 or words[:1] != ["uv"]:
        return Tool("uv", path, problem=f"`uv --version` ended with exit status {done.status}")
    return Tool("uv", path, "".join(words[1:2]))


_OLDEST = (3, 7)
"""Older interpreters are not reported."""
_NOWHERE = "/.envsync-nowhere/bin/python"


def read_installed(used: Iterable[str], interpreters: Interpreters) -> tuple[Installed, ...]:
    """Return the interpreters of the links ``used``, and one link to each other interpreter, by version."""
    links = dict.fromkeys(used)
    ends = {walk(link).end for link in links}
    for link in _best_first():
        end = walk(link).end
        if end not in ends:
            ends.add(end)
            links[link] = None
    interpreters.expect(links)
    found = [_installed(link, interpreters) for link in links]
    return tuple(sorted(found, key=lambda one: _numbers(one.version)))


def shims() -> tuple[str, ...]:
    """Return the directories of shims on PATH, as pyenv and asdf have them."""
    directories = VARIABLES.get("PATH", "").split(":")
    return tuple(dict.fromkeys(one for one in directories if os.path.basename(one) == "shims" and os.path.isdir(one)))


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", version)]  # "3.13.0rc1" is 3, 13, 0, 1


def _best_first() -> Iterator[str]:
    candidates = sorted(discover().candidates, key=lambda one: one.floating)
    yield from (one.link for one in candidates if one.stable and _is_fit(one))
    yield from (one.link for one in candidates if not one.stable and _is_fit(one))


def _is_fit(candidate: Candidate) -> bool:
    return candidate.implementation != "cpython" or candidate.version[:2] >= _OLDEST


def _installed(link: str, interpreters: Interpreters) -> Installed:
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
    """Check whether an interpreter started as from an empty directory fails to find its standard library."""
    try:
        probe(executable, as_if=_NOWHERE)
    except ProbeError as error:
        return True if error.may_be_misplaced else None
    return False
