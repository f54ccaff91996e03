"""The commands ``watch`` and ``service``."""

import contextlib
import gc
import os
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from envsync.cache.store import cache_directory, state_directories
from envsync.cli.consent import Untrusted, cache_for, opened, reopened
from envsync.cli.listeners import MetricsFile, OnEvent, Printer
from envsync.cli.options import Options
from envsync.cli.result import Result, Verdict
from envsync.cli.session import settings_of
from envsync.manifest.find import absolute, current_directory
from envsync.manifest.selection import selected
from envsync.model.desired import Manifest, PythonPath
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.system import VARIABLES
from envsync.observe.files import read_text
from envsync.report.terminal import Paint, abbreviate_home
from envsync.watch.events import Event, Stopped
from envsync.watch.loop import Listeners, Watcher, WatchOptions
from envsync.watch.notify import ServiceManager
from envsync.watch.passes import Passes
from envsync.watch.service import MARK, Definition, Supervisor, supervisor
from envsync.watch.signals import Control
from envsync.watch.source import Listening
from envsync.write.files import remove_file
from envsync.write.locks import hold_watch
from envsync.write.snapshot import variables_of
from envsync.write.user_files import write_definition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.values import Status

_LOCK_TIMEOUT = 5.0
"""Seconds to wait for another pass: a watcher tries again later."""


def _watch(options: Options) -> int:
    """Reconcile on change until a signal ends it, and return the exit status."""
    gc.enable()  # off for short commands
    found = opened(options, Untrusted.ASK)
    file = found.manifest.file
    names = selected(found.manifest, options.names)
    printer = Printer(options)
    control = Control(lambda control: printer.print_at_once(_stopped(control)))
    passes = Passes(
        file,
        partial(reopened, origin=found.origin, as_trusted=options.as_trusted),
        settings_of(options, lock_timeout=_LOCK_TIMEOUT),
        names=names,
        cache=cache_for(options),
        follower=printer,
    )
    source = Listening(control.flag, options.settle, polling=options.poll)
    watch_options = WatchOptions(options.settle, options.interval, options.once)
    on_event = OnEvent(printer.print_event, lambda: control.stopped_by is not None)
    hearers = [on_event.hear, printer.print_event]
    if options.metrics:
        hearers.append(MetricsFile(_metrics_file(options), printer.print_event).hear)

    def emit(event: Event) -> None:
        for hear in hearers:
            hear(event)

    watcher = Watcher(passes, source, control, watch_options, Listeners(emit, ServiceManager(VARIABLES)))
    control.listen()
    with hold_watch(state_directories()[0], file), contextlib.closing(on_event):
        return watcher.run(polling=options.poll)


def _metrics_file(options: Options) -> str:
    return absolute(os.path.expanduser(options.metrics), current_directory())


def _stopped(control: Control) -> Stopped:
    return Stopped(control.exit_code, control.stopped_by.name if control.stopped_by else None, at_once=True)


def _service(options: Options) -> Result:
    """Install, uninstall, show or report the service. Raises ``EnvsyncError`` or ``ManifestError``."""
    manager = supervisor()
    match options.action:
        case "install":
            return _install(options, manager)
        case "uninstall":
            return _uninstall(manager)
        case "show":
            manifest = opened(options).manifest
            text = manager.text(_definition(manifest, options))
            return _result(manager, text.splitlines(), manifest=manifest.file, text=text)
        case _:
            return _status(manager)


def _install(options: Options, manager: Supervisor) -> Result:
    manifest = opened(options).manifest
    _refuse_foreign(manager)
    text = manager.text(_definition(manifest, options))
    changed = read_text(manager.file) != text
    if changed:
        write_definition(manager.file, text.encode(errors="surrogateescape"))
    try:
        manager.start()
    except EnvsyncError as error:
        message = f"{manager.file} was written, but the service does not run: {error.problem.message}"
        raise EnvsyncError(replace(error.problem, message=message)) from error
    lines = [f"{'wrote' if changed else 'unchanged'}: {manager.file}", f"started; it watches {manifest.file}"]
    if manager.name == "systemd":
        lines.append("it runs while you are logged in; to run it always: loginctl enable-linger")
    return _result(manager, lines, status="applied", manifest=manifest.file)


def _uninstall(manager: Supervisor) -> Result:
    if not os.path.lexists(manager.file):
        return _result(manager, ["no service is installed"])
    _refuse_foreign(manager)
    try:
        manager.stop()
    except EnvsyncError as error:
        hint = f"Nothing was removed. If the service is not running: rm {shlex.quote(manager.file)}"
        raise EnvsyncError(replace(error.problem, hint=hint)) from error
    remove_file(manager.file)
    manager.forget()
    return _result(manager, [f"stopped and removed: {manager.file}"], status="applied")


def _status(manager: Supervisor) -> Result:
    if not os.path.lexists(manager.file):
        hint = "to install it: envsync service install"
        return _result(manager, ["no service is installed", hint], exit_code=1, installed=False, running=False)
    state = manager.state()
    lines = [
        f"installed: {manager.file}",
        f"starts at login: {'yes' if state.enabled else 'no'}",
        f"now: {state.detail}",
    ]
    return _result(manager, lines, exit_code=0 if state.running else 1, installed=True, **asdict(state))


def _result(
    manager: Supervisor,
    lines: Iterable[str],
    *,
    status: "Status" = "in-sync",
    exit_code: int = 0,
    manifest: str | None = None,
    **more: object,
) -> Result:
    def show(_: Paint) -> list[str]:
        return shown

    # A unit's text goes to a file, where a path must not be shortened.
    shown = list(lines) if "text" in more else [abbreviate_home(line) for line in lines]
    fields: dict[str, Any] = {"service": {"supervisor": manager.name, "file": manager.file, **more}}
    verdict = Verdict("failed" if exit_code else status, exit_code)
    return Result(manifest, verdict, (), show, more=fields)


def _refuse_foreign(manager: Supervisor) -> None:
    """Raise ``EnvsyncError`` for a definition that envsync did not write, or that is a symlink."""
    if os.path.lexists(manager.file) and (os.path.islink(manager.file) or MARK not in read_text(manager.file)):
        message = f"{manager.file} was not written by envsync"
        hint = "Move it away; `envsync service show` prints what envsync would write."
        raise EnvsyncError(Problem("service-taken", message, hint))


def _definition(manifest: Manifest, options: Options) -> Definition:
    variables = [(name, VARIABLES[name]) for name in ("PATH", *variables_of(manifest)) if name in VARIABLES]
    metrics = _metrics_file(options) if options.metrics else ""
    directories = [
        *manifest.inputs.paths,
        manifest.state_dir,
        manifest.bin_dir,
        cache_directory(),
        *state_directories(),
        *([metrics] if metrics else []),
    ]
    for one in manifest.environments:
        directories += [one.path, *([one.target] if one.target else []), *one.aliases]
        directories += [one.python.path] if isinstance(one.python, PythonPath) else []
        directories += [*one.packages.requirements, *([one.packages.project] if one.packages.project else [])]
    more = [*(["--poll"] if options.poll else []), *(["--metrics", metrics] if metrics else [])]
    return Definition(
        command=(*_command(), "watch", "--file", manifest.file, *more),
        variables=tuple(dict.fromkeys(variables)),
        directories=tuple({place for directory in directories for place in (directory, os.path.realpath(directory))}),
        log=f"{state_directories()[1]}/watch.log",
    )


def _command() -> tuple[str, ...]:
    """Return the command that starts this envsync; a link on PATH stays a link, and so survives an upgrade."""
    started = os.path.abspath(sys.argv[0])
    if os.path.basename(started) == "envsync" and os.access(started, os.X_OK):
        return (started,)
    return (sys.executable, "-m", "envsync")


COMMANDS = {"watch": _watch, "service": _service}
