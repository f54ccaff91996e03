"""Judge what was observed of a machine: the fact, then the remedy. Pure."""

import shlex
from collections.abc import Iterable, Iterator
from enum import Enum

from envsync.cli.doctor.values import DirectoryCheck, ExchangeCheck, ForeignEnvironment, Inotify, Service, Tool
from envsync.model.dataclass import dataclass
from envsync.model.desired import Manifest
from envsync.model.links import Chain
from envsync.model.problems import Problem

_PRIVATE = frozenset({"cache", "locks"})
"""Directories that only their user may read; a state-dir may be shared."""
_SHARE = 4
"""Watches are short if ``watch`` would take more than one in this many of the limit."""


class Health(Enum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: the fact, and the remedy unless it is ``OK``."""

    code: str
    """Stable, kebab-case."""
    health: Health
    message: str
    hint: str = ""
    environment: str = ""
    """The one that it is about, for what several may share; empty if none."""

    @property
    def text(self) -> str:
        """The fact, with the environment that it is about."""
        return f"{self.environment}: {self.message}" if self.environment else self.message


def check_manifest(manifest: Manifest, chain: Chain, hidden: str = "") -> Check:
    """Report which manifest is used, where its links lead, and which one of the user's own it hides."""
    count = len(manifest.environments)
    others = f", {len(manifest.elsewhere)} for other hosts" if manifest.elsewhere else ""
    where = f"; it leads to {chain.end}" if chain.hops else ""
    hides = f"; it hides {hidden}: use --file {shlex.quote(hidden)}" if hidden else ""
    message = f"manifest {manifest.file}: {count} environment{'' if count == 1 else 's'}{others}{where}{hides}"
    return Check("manifest", Health.OK, message)


_ORIGINS = {
    "named": "it is named by --file",
    "set": "it is named by $ENVSYNC_FILE",
    "own": "it is in your configuration directory",
    "found": "you trusted it, and it has not changed since",
}


def check_trust(manifest: Manifest, origin: str, *, changed: bool) -> Check:
    """Report whether the manifest may be applied, and why; ``changed`` since it was trusted."""
    if manifest.distrust:
        hint = f"Nothing that it names was read. Read it, then: envsync trust {shlex.quote(manifest.file)}"
        return Check("trust", Health.WARNING, f"the manifest {manifest.distrust}", hint)
    why = _ORIGINS[origin]
    if origin == "found" and changed:
        why = "you trusted it; it has changed since, so hooks refuse it until: envsync trust"
    return Check("trust", Health.OK, f"the manifest may be applied: {why}")


def check_unreadable(problems: Iterable[Problem]) -> Iterator[Check]:
    """Report why a manifest cannot be used."""
    for one in problems:
        place = ":".join(str(part) for part in (one.file, one.line, one.column) if part is not None)
        message = ": ".join(filter(None, (place, one.key, one.message)))
        yield Check(one.code, Health.PROBLEM, message, one.hint)


def check_directories(checked: Iterable[DirectoryCheck]) -> Iterator[Check]:
    """Check whether envsync's own directories can be written to, by their user alone."""
    for one in checked:
        leads = f", which leads to {one.end}," if one.end != one.path else ""
        if one.blocked_by:
            message = f"{one.role} {one.path}{leads} is not writable, because of {one.blocked_by}"
            hint = f"Make that a directory writable by you; see: ls -ld {shlex.quote(one.blocked_by)}"
            yield Check(one.role, Health.PROBLEM, message, hint)
        elif one.hazard is not None or (one.role in _PRIVATE and not one.private):
            yield _open_directory(one, leads)
        else:
            state = "is writable" if one.exists else "does not exist yet; it can be created"
            yield Check(one.role, Health.OK, f"{one.role} {one.path}{leads} {state}")


def _open_directory(one: DirectoryCheck, leads: str) -> Check:
    own = f"{one.role} {one.path}{leads}"
    if one.hazard is not None and one.hazard.owner:
        hint = "Work as that user, or set HOME and the XDG_* variables for yourself (sudo -H)."
        return Check(one.role, Health.WARNING, f"{own} belongs to {one.hazard.owner}", hint)
    mode = "go-rwx" if one.role in _PRIVATE else "o-w"
    what = "is writable by anybody" if one.hazard is not None else "can be read by others"
    return Check(one.role, Health.WARNING, f"{own} {what}", f"Restrict it: chmod {mode} {shlex.quote(one.end)}")


def check_shared(directories: Iterable[str]) -> Iterator[Check]:
    """Warn about directories in which anybody can replace what an environment depends on."""
    found = tuple(directories)
    for directory in found:
        message = f"{directory} is writable by anybody, who could replace what envsync uses below it"
        yield Check("shared-directory", Health.WARNING, message, f"Restrict it: chmod o-w {shlex.quote(directory)}")
    if not found:
        message = "no directory above an environment or interpreter is writable by anybody"
        yield Check("shared-directory", Health.OK, message)


def check_noexec(ends: Iterable[str]) -> Iterator[Check]:
    """Warn about environments on file systems from which no program can be started."""
    for end in ends:
        message = f"{end} is mounted noexec: its Python runs, being a symlink, but the commands beside it cannot start"
        hint = "Run them as modules (python -m ...), or mount it without noexec."
        yield Check("noexec", Health.WARNING, message, hint)


def check_owners(interpreters: Iterable[tuple[str, str]]) -> Iterator[Check]:
    """Warn about interpreters that belong to another user, except root; given as (link, owner)."""
    for link, owner in interpreters:
        message = f"{link} belongs to {owner}, who can replace it"
        hint = "Use an interpreter of your own or the system's, unless you trust that user."
        yield Check("interpreter-owner", Health.WARNING, message, hint)


def check_bin_dir(one: DirectoryCheck, *, on_path: bool) -> Iterator[Check]:
    """Check whether the directory of exposed commands is writable, and on PATH."""
    yield from check_directories((one,))
    if on_path:
        yield Check("bin-dir-path", Health.OK, f"{one.path} is on PATH")
    else:
        hint = f"Add it where your shell sets PATH: export PATH={shlex.quote(one.path)}:$PATH"
        yield Check("bin-dir-path", Health.WARNING, f"{one.path}, which holds exposed commands, is not on PATH", hint)


def check_exchange(exchange_checks: Iterable[ExchangeCheck]) -> Iterator[Check]:
    """Report of each file system whether it swaps two directories in one step."""
    for exchange_check in exchange_checks:
        match exchange_check.works:
            case True:
                message = f"the file system of {exchange_check.directory} swaps directories in one step"
                yield Check("exchange", Health.OK, message)
            case False:
                message = f"the file system of {exchange_check.directory} cannot swap two directories in one step"
                hint = (
                    "A rebuild there takes two renames; if it is killed between them, the next pass finishes it. "
                    "To avoid that, keep environments on ext4, xfs, btrfs, tmpfs or APFS."
                )
                yield Check("exchange", Health.WARNING, message, hint)
            case None:
                message = f"{exchange_check.directory} was not checked for swaps in one step: {exchange_check.reason}"
                yield Check("exchange", Health.OK, message)


def check_inotify(limits: Inotify | None, directories: int) -> Iterator[Check]:
    """Compare the kernel's limits with the number of ``directories`` that ``watch`` would watch."""
    if limits is None:
        return
    free = limits.watches - limits.watches_taken
    needs = f"watch needs {directories} watches" if directories else "watch needs no watches"
    message = f"{needs}; {max(free, 0)} of {limits.watches} (fs.inotify.max_user_watches) are free"
    raised = max(2 * limits.watches, _SHARE * directories, 65536)
    hint = f"{_raising('max_user_watches', raised)} Otherwise watch polls every few seconds."
    short = directories > free or _SHARE * directories > limits.watches
    yield Check("inotify-watches", *((Health.WARNING, message, hint) if short else (Health.OK, message)))
    free = max(limits.instances - limits.instances_taken, 0)
    message = f"watch needs an inotify instance; {free} of {limits.instances} (fs.inotify.max_user_instances) are free"
    raised = max(2 * limits.instances, 256)
    hint = _raising("max_user_instances", raised)
    short = limits.instances_taken + 1 > limits.instances
    yield Check("inotify-instances", *((Health.WARNING, message, hint) if short else (Health.OK, message)))


def _raising(name: str, value: int) -> str:
    return f"Raise it: sudo sysctl fs.inotify.{name}={value} (in /etc/sysctl.d to keep it)."


def check_tools(tools: Iterable[Tool], builders: tuple[str, ...], installer: str) -> Iterator[Check]:
    """Report which builders and installers there are, and which of them the manifest uses."""
    found = {tool.name: tool for tool in tools}
    for tool in found.values():
        if tool.problem:
            hint = f"Install it again, or remove it from PATH: {shlex.quote(tool.path or '')}"
            yield Check(f"tool-{tool.name}", Health.WARNING, f"{tool.path} does not work: {tool.problem}", hint)
        elif tool.path is None:
            yield Check(f"tool-{tool.name}", Health.OK, f"{tool.name} is not installed, nor is it needed")
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
    hint = f"Install it (the extra `uv` brings uv), or set `{role}` to another in the manifest."
    return Check(role, Health.PROBLEM, f"no {role} is installed: the manifest wants {' or '.join(wanted)}", hint)


def check_shims(directories: Iterable[str]) -> Iterator[Check]:
    """Warn about directories of shims on PATH, whose commands depend on the current directory."""
    for directory in directories:
        message = f"{directory} is on PATH: what its commands run depends on the current directory"
        hint = "Name interpreters in the manifest, not shims; envsync uses the interpreters behind them."
        yield Check("shims", Health.WARNING, message, hint)


def check_stores(foreign_environments: Iterable[ForeignEnvironment]) -> Iterator[Check]:
    """Warn about environments in another tool's directory."""
    for one in foreign_environments:
        message = (
            f"the environment {one.environment} is in {one.directory}, which {one.tool} manages: "
            f"both would change {one.end}"
        )
        hint = f"Move it elsewhere, or leave it to {one.tool} and remove it from the manifest."
        yield Check("foreign-store", Health.WARNING, message, hint)


def check_service(service: Service | None) -> Iterator[Check]:
    """Check whether ``watch`` runs as a service; nothing where no supervisor could run it."""
    if service is None:
        return
    if not service.installed:
        message = "no service is installed: changes wait until you apply"
        yield Check("service", Health.OK, f"{message} (envsync service install)")
    elif service.running:
        yield Check("service", Health.OK, f"the service of {service.file} runs: {service.detail}")
    else:
        message = f"the service of {service.file} does not run: {service.detail}"
        yield Check("service", Health.WARNING, message, "Start it again: envsync service install")
