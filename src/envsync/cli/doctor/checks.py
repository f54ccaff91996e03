"""Judge what a machine has for environments, and say what to do about what is wrong. Pure."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from envsync.cli.doctor.values import DirectoryCheck, ExchangeCheck, ForeignEnvironment, Inotify, Service, Tool
from envsync.model.desired import Manifest
from envsync.model.links import Chain
from envsync.model.problems import Problem

_PRIVATE = frozenset({"cache", "locks"})
"""What is nobody else's concern; what is in a state-dir may be for others, too."""
_ROOMY = 4
"""Watches are short where less than one part in so many would be left to other programs."""


class Health(Enum):
    """How one thing is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked, what was found, and what to do if it is not as it should be."""

    code: str
    """Stable, kebab-case."""
    health: Health
    message: str
    hint: str = ""


def check_manifest(manifest: Manifest, chain: Chain) -> Check:
    """Tell which manifest is used, and where it really lies."""
    count = len(manifest.environments)
    others = f", {len(manifest.elsewhere)} for other hosts" if manifest.elsewhere else ""
    where = f"; it leads to {chain.end}" if chain.hops else ""
    message = f"manifest {manifest.file}: {count} environment{'' if count == 1 else 's'}{others}{where}"
    return Check("manifest", Health.OK, message)


_ORIGINS = {
    "named": "it is named by --file",
    "set": "it is named by $ENVSYNC_FILE",
    "own": "it lies in your configuration directory",
    "found": "you trusted it, and it is as it was then",
}


def check_trust(manifest: Manifest, origin: str, *, changed: bool) -> Check:
    """Report whether the manifest may be carried out, and why; ``changed`` since it was trusted."""
    if manifest.distrust:
        hint = f"Nothing that it names was looked at. Read it, then: envsync trust {shlex.quote(manifest.file)}"
        return Check("trust", Health.WARNING, f"the manifest {manifest.distrust}", hint)
    why = _ORIGINS[origin]
    if origin == "found" and changed:
        why = "you trusted it; it has changed since, so hooks refuse it until: envsync trust"
    return Check("trust", Health.OK, f"the manifest may be carried out: {why}")


def check_unreadable(problems: Iterable[Problem]) -> Iterator[Check]:
    """Tell why a manifest cannot be used."""
    for one in problems:
        place = ":".join(str(part) for part in (one.file, one.line, one.column) if part is not None)
        message = ": ".join(filter(None, (place, one.key, one.message)))
        yield Check(one.code, Health.PROBLEM, message, one.hint)


def judge_directories(checked: Iterable[DirectoryCheck]) -> Iterator[Check]:
    """Tell of each directory of envsync's own whether it can be written in."""
    for room in checked:
        leads = f", which leads to {room.end}," if room.end != room.path else ""
        if room.blocked_by:
            message = f"{room.role} {room.path}{leads} cannot be written to: {room.blocked_by} is in the way"
            hint = f"Make it writable for you; see: ls -ld {shlex.quote(room.blocked_by)}"
            yield Check(room.role, Health.PROBLEM, message, hint)
        elif room.hazard is not None or (room.role in _PRIVATE and not room.private):
            yield _open_directory(room, leads)
        else:
            state = "is writable" if room.there else "is not there yet, and can be made"
            yield Check(room.role, Health.OK, f"{room.role} {room.path}{leads} {state}")


def _open_directory(room: DirectoryCheck, leads: str) -> Check:
    own = f"{room.role} {room.path}{leads}"
    if room.hazard is not None and room.hazard.owner:
        hint = "Work as that user, or set HOME and the XDG_* variables for yourself (sudo -H)."
        return Check(room.role, Health.WARNING, f"{own} belongs to {room.hazard.owner}", hint)
    mode = "go-rwx" if room.role in _PRIVATE else "o-w"
    what = "can be written to by anybody" if room.hazard is not None else "is open to others"
    return Check(room.role, Health.WARNING, f"{own} {what}", f"Close it: chmod {mode} {shlex.quote(room.end)}")


def check_shared(directories: Iterable[str]) -> Iterator[Check]:
    """Warn of directories in which anybody can replace what an environment depends on."""
    found = tuple(directories)
    for directory in found:
        message = f"anybody may write in {directory}, and replace what envsync uses below it"
        yield Check("shared-directory", Health.WARNING, message, f"Close it: chmod o-w {shlex.quote(directory)}")
    if not found:
        message = "no directory on the way to an environment or interpreter can be written to by anybody"
        yield Check("shared-directory", Health.OK, message)


def check_noexec(ends: Iterable[str]) -> Iterator[Check]:
    """Warn of environments where the system starts no programs."""
    for end in ends:
        message = f"{end} is mounted noexec: its Python runs, being a symlink, but the commands beside it cannot start"
        hint = "Run them as modules (python -m ...), or mount it without noexec."
        yield Check("noexec", Health.WARNING, message, hint)


def check_owners(interpreters: Iterable[tuple[str, str]]) -> Iterator[Check]:
    """Warn of interpreters of other users than root; given with the names of their owners."""
    for link, owner in interpreters:
        message = f"{link} belongs to {owner}, who decides what is run whenever it is started"
        hint = "Use an interpreter of your own or the system's, unless you trust that user."
        yield Check("interpreter-owner", Health.WARNING, message, hint)


def check_bin_dir(room: DirectoryCheck, *, on_path: bool) -> Iterator[Check]:
    """Check whether exposed commands can be put into their directory, and are found there."""
    yield from judge_directories((room,))
    if on_path:
        yield Check("bin-dir-path", Health.OK, f"{room.path} is on PATH")
    else:
        hint = f"Add it where your shell sets PATH: export PATH={shlex.quote(room.path)}:$PATH"
        yield Check("bin-dir-path", Health.WARNING, f"{room.path} holds exposed commands, and is not on PATH", hint)


def check_exchange(exchange_checks: Iterable[ExchangeCheck]) -> Iterator[Check]:
    """Tell of each file system whether a rebuild on it is one step."""
    for exchange_check in exchange_checks:
        match exchange_check.works:
            case True:
                message = f"the file system of {exchange_check.directory} exchanges directories in one step"
                yield Check("exchange", Health.OK, message)
            case False:
                message = f"the file system of {exchange_check.directory} cannot exchange two directories in one step"
                hint = (
                    "A rebuild takes two renames there, and the next pass mends what a kill between them leaves. "
                    "For one step, keep environments on ext4, xfs, btrfs, tmpfs or APFS."
                )
                yield Check("exchange", Health.WARNING, message, hint)
            case None:
                message = f"{exchange_check.directory} was not tried for exchanges in one step: {exchange_check.reason}"
                yield Check("exchange", Health.OK, message)


def check_inotify(limits: Inotify | None, directories: int) -> Iterator[Check]:
    """Compare the kernel's limits with what ``watch`` would take; ``directories`` are those that it would watch."""
    if limits is None:
        return
    free = limits.watches - limits.watches_taken
    needs = f"watch needs {directories} watches" if directories else "nothing is to be watched"
    message = f"{needs}; {limits.watches_taken} of {limits.watches} (fs.inotify.max_user_watches) are taken"
    raised = max(2 * limits.watches, _ROOMY * directories, 65536)
    hint = f"{_raising('max_user_watches', raised)} Otherwise watch looks every few seconds instead of listening."
    short = directories > free or _ROOMY * directories > limits.watches
    yield Check("inotify-watches", *((Health.WARNING, message, hint) if short else (Health.OK, message)))
    message = f"{limits.instances_taken} of {limits.instances} watchers (fs.inotify.max_user_instances) are running"
    raised = max(2 * limits.instances, 256)
    hint = _raising("max_user_instances", raised)
    short = limits.instances_taken + 1 > limits.instances
    yield Check("inotify-instances", *((Health.WARNING, message, hint) if short else (Health.OK, message)))


def _raising(name: str, value: int) -> str:
    return f"Raise it: sudo sysctl fs.inotify.{name}={value}; in a file of /etc/sysctl.d it stays."


def check_tools(tools: Iterable[Tool], builders: tuple[str, ...], installer: str) -> Iterator[Check]:
    """Tell which builders and installers are there, and whether those are that the manifest asks for."""
    found = {tool.name: tool for tool in tools}
    for tool in found.values():
        if tool.problem:
            hint = f"Install it again, or take it off PATH: {shlex.quote(tool.path or '')}"
            yield Check(f"tool-{tool.name}", Health.WARNING, f"{tool.path} does not work: {tool.problem}", hint)
        elif tool.path is None:
            yield Check(f"tool-{tool.name}", Health.OK, f"{tool.name} is not there")
        else:
            where = {"uv": f" at {tool.path}", "pip": ", as a wheel of virtualenv's"}.get(tool.name, "")
            yield Check(f"tool-{tool.name}", Health.OK, f"{tool.name} {tool.version}{where}")
    usable = {name for name, tool in found.items() if tool.path and not tool.problem}
    yield _chosen("builder", [name for name in builders if name == "venv" or name in usable], builders)
    wanted = {"auto": ("uv", "pip"), "pip": ("pip",)}.get(installer, (installer,))
    yield _chosen("installer", [name for name in wanted if name in usable], wanted)


def _chosen(role: str, usable: list[str], wanted: tuple[str, ...]) -> Check:
    if usable:
        return Check(role, Health.OK, f"the {role} is {usable[0]}")
    hint = f"Install it (the extra `uv` brings uv), or set `{role}` to something else in the manifest."
    return Check(role, Health.PROBLEM, f"no {role} is there: the manifest wants {' or '.join(wanted)}", hint)


def check_shims(directories: Iterable[str]) -> Iterator[Check]:
    """Warn of directories on PATH whose commands lead elsewhere by the directory that one is in."""
    for directory in directories:
        message = f"{directory} is on PATH: what its commands run changes from directory to directory"
        hint = "envsync looks behind them, for the interpreters themselves; name those in the manifest, not a shim."
        yield Check("shims", Health.WARNING, message, hint)


def check_stores(foreign_environments: Iterable[ForeignEnvironment]) -> Iterator[Check]:
    """Warn of environments that lie in another tool's directory."""
    for one in foreign_environments:
        message = (
            f"the environment {one.environment} lies in {one.directory}, which is {one.tool}'s: "
            f"the two would fight over {one.end}"
        )
        hint = f"Give it a place of its own, or leave it to {one.tool} and take it out of the manifest."
        yield Check("foreign-store", Health.WARNING, message, hint)


def check_service(service: Service | None) -> Iterator[Check]:
    """Check whether the watcher runs as a service; nothing where there is nobody to run it."""
    if service is None:
        return
    if not service.installed:
        message = "no service is installed: environments are looked after when you apply"
        yield Check("service", Health.OK, f"{message} (envsync service install)")
    elif service.running:
        yield Check("service", Health.OK, f"the service of {service.file} runs: {service.detail}")
    else:
        message = f"the service of {service.file} does not run: {service.detail}"
        yield Check("service", Health.WARNING, message, "Start it again: envsync service install")
