"""The command that goes on: ``watch``."""

import gc
import json
import os
import shutil
import sys
from datetime import datetime
from functools import partial

from envsync.cli.consent import Untrusted, opened, reopened
from envsync.cli.options import Options
from envsync.cli.painting import paint
from envsync.cli.session import check_names, settings_of
from envsync.folders import cache_folder, state_folders
from envsync.redact import redacted, redacted_in
from envsync.report.paint import wrapped
from envsync.report.watching import event_entry, event_lines, is_result, now
from envsync.watch.control import Control
from envsync.watch.events import Event, Started, Stopped
from envsync.watch.loop import Audience, Tempo, Watcher
from envsync.watch.passes import Passes
from envsync.watch.source import Listening
from envsync.watch.systemd import ServiceManager
from envsync.write.locks import hold_watch

__all__ = ["COMMANDS"]

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
        lambda manifest: settings_of(manifest, options, lock_timeout=_LOCK_TIMEOUT),
        names=options.names,
        facts=None if options.no_cache else f"{cache_folder()}/interpreters",
        verdicts=None if options.no_cache else f"{cache_folder()}/verdicts",
    )
    source = Listening(control.flag, options.settle, polling=options.poll)
    tempo = Tempo(options.settle, options.interval, options.once)
    watcher = Watcher(passes, source, control, tempo, Audience(teller.tell, ServiceManager(os.environ)))
    control.listen()
    with hold_watch(state_folders()[0], file):
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


COMMANDS = {"watch": _watch}
