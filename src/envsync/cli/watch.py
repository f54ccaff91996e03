"""The commands ``watch`` and ``service``."""

import gc
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import Any

from envsync.cache.store import cache_directory, state_directories
from envsync.cli.consent import Untrusted, opened, reopened
from envsync.cli.options import Options
from envsync.cli.output import paint
from envsync.cli.result import Result, Verdict
from envsync.cli.session import settings_of
from envsync.formats.redact import redacted, redacted_in
from envsync.manifest import check_names
from envsync.model.desired import Manifest, PythonPath
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.files import read_text
from envsync.report.terminal import Paint, abbreviate_home, wrapped
from envsync.report.watching import event_entry, event_lines, is_result, now
from envsync.watch.events import Event, Started, Stopped
from envsync.watch.loop import Listeners, Watcher, WatchOptions
from envsync.watch.notify import ServiceManager
from envsync.watch.passes import Passes
from envsync.watch.service import MARK, Definition, Supervisor, supervisor
from envsync.watch.signals import Control
from envsync.watch.source import Listening
from envsync.write.locks import hold_watch
from envsync.write.snapshot import variables_of
from envsync.write.user_files import remove_definition, write_definition

_STAMP = len("00:00:00 ")
_LOCK_TIMEOUT = 5.0
"""Seconds to wait for another pass: a watcher comes back to it."""


def _watch(options: Options) -> int:
    """Reconcile on change until a signal ends it; returns the exit status."""
    gc.enable()  # it does not end soon
    found = opened(options, Untrusted.ASK)
    file = found.manifest.file
    check_names(found.manifest, options.names)
    teller = _Teller(options)
    control = Control(lambda control: teller.tell_at_once(_stopped(control)))
    passes = Passes(
        file,
        partial(reopened, origin=found.origin, as_trusted=options.as_trusted),
        settings_of(options, lock_timeout=_LOCK_TIMEOUT),
        names=options.names,
        facts=None if options.no_cache else f"{cache_directory()}/interpreters",
        verdicts=None if options.no_cache else f"{cache_directory()}/verdicts",
    )
    source = Listening(control.flag, options.settle, polling=options.poll)
    watch_options = WatchOptions(options.settle, options.interval, options.once)
    watcher = Watcher(passes, source, control, watch_options, Listeners(teller.tell, ServiceManager(os.environ)))
    control.listen()
    with hold_watch(state_directories()[0], file):
        return watcher.run(polling=options.poll)


def _stopped(control: Control) -> Stopped:
    return Stopped(control.exit_code, control.stopped_by.name if control.stopped_by else None, at_once=True)


class _Teller:
    """Prints each event as it comes: changes to standard output, messages to standard error."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # The journal has times of its own.
        self._timed = "JOURNAL_STREAM" not in os.environ

    def tell(self, event: Event) -> None:
        """Print one event, and flush it."""
        to_stdout = self._options.json or is_result(event)
        stream = sys.stdout if to_stdout else sys.stderr
        try:
            stream.write(self._text(event, terminal=stream.isatty()))
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError:
            pass  # a log on a full disk is no reason to end

    def tell_at_once(self, event: Event) -> None:
        """Print an event past the streams, which may be in use, right before the end."""
        to_stdout = self._options.json or is_result(event)
        os.write(1 if to_stdout else 2, self._text(event, terminal=False).encode(errors="backslashreplace"))

    def _text(self, event: Event, *, terminal: bool) -> str:
        if self._options.json:
            return json.dumps(redacted_in(event_entry(event, now()))) + "\n"
        if self._options.quiet and isinstance(event, Started | Stopped):
            return ""
        colours = paint(self._options, terminal)
        lines = [redacted(line) for line in event_lines(event, colours, verbose=self._options.verbose)]
        if terminal:
            room = shutil.get_terminal_size().columns - (_STAMP if self._timed else 0)
            lines = [part for line in lines for part in wrapped(line, room)]
        stamp = f"{datetime.now().astimezone():%H:%M:%S} " if self._timed else ""
        blank = " " * len(stamp)
        return "".join(f"{blank if number else colours('dim', stamp)}{line}\n" for number, line in enumerate(lines))


def _service(options: Options) -> Result:
    """Install, remove, show or tell of the service. Raises ``EnvsyncError`` or ``ManifestError``."""
    boss = supervisor()
    match options.action:
        case "install":
            return _install(options, boss)
        case "uninstall":
            return _uninstall(boss)
        case "show":
            manifest = opened(options).manifest
            text = boss.text(_definition(manifest, options))
            return _result(boss, text.splitlines(), manifest=manifest.file, text=text)
        case _:
            return _status(boss)


def _install(options: Options, boss: Supervisor) -> Result:
    manifest = opened(options).manifest
    _refuse_foreign(boss)
    text = boss.text(_definition(manifest, options))
    changed = read_text(boss.file) != text
    if changed:
        write_definition(boss.file, text.encode(errors="surrogateescape"))
    try:
        boss.start()
    except EnvsyncError as error:
        message = f"{boss.file} is written, but the service does not run: {error.problem.message}"
        raise EnvsyncError(replace(error.problem, message=message)) from error
    lines = [f"{'wrote' if changed else 'unchanged'}: {boss.file}", f"started; it watches {manifest.file}"]
    if boss.name == "systemd":
        lines.append("it runs while you are logged in; always: loginctl enable-linger")
    return _result(boss, lines, status="applied", manifest=manifest.file)


def _uninstall(boss: Supervisor) -> Result:
    if not os.path.lexists(boss.file):
        return _result(boss, ["no service is installed"])
    _refuse_foreign(boss)
    try:
        boss.stop()
    except EnvsyncError as error:
        hint = f"Nothing was removed. If it does not run anyway: rm {shlex.quote(boss.file)}"
        raise EnvsyncError(replace(error.problem, hint=hint)) from error
    remove_definition(boss.file)
    boss.forget()
    return _result(boss, [f"stopped and removed: {boss.file}"], status="applied")


def _status(boss: Supervisor) -> Result:
    if not os.path.lexists(boss.file):
        hint = "install one: envsync service install"
        return _result(boss, ["no service is installed", hint], exit_code=1, installed=False, running=False)
    state = boss.state()
    lines = [f"installed: {boss.file}", f"starts by itself: {'yes' if state.enabled else 'no'}", f"now: {state.detail}"]
    return _result(boss, lines, exit_code=0 if state.running else 1, installed=True, **asdict(state))


def _result(
    boss: Supervisor,
    lines: Iterable[str],
    *,
    status: str = "in-sync",
    exit_code: int = 0,
    manifest: str | None = None,
    **more: object,
) -> Result:
    def show(_: Paint) -> list[str]:
        return shown

    # The text of a definition is for a file, where no path may be shortened.
    shown = list(lines) if "text" in more else [abbreviate_home(line) for line in lines]
    fields: dict[str, Any] = {"service": {"supervisor": boss.name, "file": boss.file, **more}}
    verdict = Verdict("failed" if exit_code else status, exit_code)
    return Result(manifest, verdict, (), show, more=fields)


def _refuse_foreign(boss: Supervisor) -> None:
    """Refuse to touch a definition that somebody else wrote, or keeps elsewhere behind a link."""
    if os.path.lexists(boss.file) and (os.path.islink(boss.file) or MARK not in read_text(boss.file)):
        message = f"{boss.file} is there, and envsync did not write it"
        hint = "Look at it, and move it away; `envsync service show` prints what envsync would write."
        raise EnvsyncError(Problem("service-taken", message, hint))


def _definition(manifest: Manifest, options: Options) -> Definition:
    variables = [(name, os.environ[name]) for name in ("PATH", *variables_of(manifest)) if name in os.environ]
    directories = [
        *manifest.inputs.paths,
        manifest.state_dir,
        manifest.bin_dir,
        cache_directory(),
        *state_directories(),
    ]
    for one in manifest.environments:
        directories += [one.path, *([one.target] if one.target else []), *one.aliases]
        directories += [one.python.path] if isinstance(one.python, PythonPath) else []
        directories += [*one.packages.requirements, *([one.packages.project] if one.packages.project else [])]
    return Definition(
        command=(*_command(), "watch", "--file", manifest.file, *(["--poll"] if options.poll else [])),
        variables=tuple(dict.fromkeys(variables)),
        directories=tuple({place for directory in directories for place in (directory, os.path.realpath(directory))}),
        log=f"{state_directories()[1]}/watch.log",
    )


def _command() -> tuple[str, ...]:
    """Give how this very envsync is started; a link on PATH stays a link, so that it survives an upgrade."""
    started = os.path.abspath(sys.argv[0])
    if os.path.basename(started) == "envsync" and os.access(started, os.X_OK):
        return (started,)
    return (sys.executable, "-m", "envsync")


COMMANDS = {"watch": _watch, "service": _service}
