"""What hears a watcher's events on the command line."""

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import TextIO

from envsync.cli.options import Options
from envsync.cli.output import paint
from envsync.cli.pasting import pasted, pasted_in
from envsync.formats.placeholders import filled
from envsync.formats.redact import redacted, redacted_in
from envsync.model.desired import Manifest
from envsync.model.problems import Problem
from envsync.model.system import VARIABLES
from envsync.report.metrics import Record, is_success, metric_lines
from envsync.report.on_event import values_of
from envsync.report.progress import Display
from envsync.report.terminal import Paint, wrapped
from envsync.report.watching import event_entry, event_lines, is_problem, is_result, now
from envsync.watch.commands import Call, Commands
from envsync.watch.events import Degraded, Event, ManifestFailed, Passed, Stopped
from envsync.write.user_files import write_metrics

_STAMP = len("00:00:00 ")


class Printer(Display):
    """Prints each event as it comes: changes to standard output, messages to standard error."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        """Commands for events report from threads of their own."""
        # The journal has times of its own.
        self._timed = "JOURNAL_STREAM" not in VARIABLES

    def print_event(self, event: Event) -> None:
        """Print an event, flushed."""
        to_stdout = self._options.json or is_result(event)
        stream = sys.stdout if to_stdout else sys.stderr
        try:
            with self._lock:
                stream.write(self._text(event, stream))
                stream.flush()
        except BrokenPipeError:
            raise
        except OSError:
            pass  # a log on a full disk is no reason to end

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{self._stamp()}{text}\n")
            sys.stderr.flush()

    def _stamp(self) -> str:
        return f"{datetime.now().astimezone():%H:%M:%S} " if self._timed else ""

    def print_at_once(self, event: Event) -> None:
        """Print a last event by write(2), for the streams may be in use."""
        to_stdout = self._options.json or is_result(event)
        os.write(1 if to_stdout else 2, self._text(event, None).encode(errors="backslashreplace"))

    def _text(self, event: Event, stream: TextIO | None) -> str:
        """Return an event for a stream; plain where that is ``None``."""
        if self._options.json:
            return json.dumps(redacted_in(pasted_in(event_entry(event, now()), self._options))) + "\n"
        if self._options.quiet and not is_problem(event):
            return ""
        colours = Paint(colours=False) if stream is None else paint(self._options, stream)
        shown = pasted(event_lines(event, colours, verbose=self._options.verbose), self._options)
        lines = [redacted(line) for line in shown]
        if stream is not None and stream.isatty():
            room = shutil.get_terminal_size().columns - (_STAMP if self._timed else 0)
            lines = [part for line in lines for part in wrapped(line, room)]
        stamp = self._stamp()
        blank = " " * len(stamp)
        return "".join(f"{blank if number else colours('dim', stamp)}{line}\n" for number, line in enumerate(lines))


class MetricsFile:
    """Writes metrics to a file after each pass; that this fails is reported once, until it succeeds again."""

    def __init__(self, file: str, emit: Callable[[Event], None]) -> None:
        """Take the file's absolute path, and who hears that it cannot be written."""
        self._file = file
        self._emit = emit
        self._last_success = 0
        self._is_manifest_valid = True
        self._reported = ""

    def hear(self, event: Event) -> None:
        """Write the file where an event ends a pass."""
        if isinstance(event, ManifestFailed):
            self._is_manifest_valid = not event.problems
        elif isinstance(event, Passed):
            self._write(event)

    def _write(self, event: Passed) -> None:
        failures = {name: problem.code for name, problem in event.failures.items()}
        if self._is_manifest_valid and not failures and is_success(event.after):
            self._last_success = int(time.time())
        record = Record(self._last_success, failures, self._is_manifest_valid)
        content = "".join(f"{line}\n" for line in metric_lines(event.after, record))
        try:
            write_metrics(self._file, content.encode())
        except OSError as error:
            self._report(error)
        else:
            self._reported = ""

    def _report(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if reason != self._reported:
            self._reported = reason
            message = f"metrics cannot be written to {self._file}: {reason}"
            hint = "It needs a directory that you may write to, with room; each pass tries again."
            self._emit(Degraded(Problem("metrics-not-written", message, hint)))


class OnEvent:
    """Runs the command of ``on-event`` for what passes report: nothing twice while it lasts."""

    def __init__(self, emit: Callable[[Event], None], is_stopped: Callable[[], bool]) -> None:
        """Take who hears of failures, and whether a signal has asked to end."""
        self._commands = Commands(lambda problem: emit(Degraded(problem)))
        self._is_stopped = is_stopped
        self._events: list[Event] = []
        self._last: dict[str, tuple[str, str]] = {}
        """Event and code of the last command, by environment."""

    def hear(self, event: Event) -> None:
        """Run commands for the events of a pass at its end, by the manifest that was in force."""
        match event:
            case Passed():
                for one in self._events:
                    self._run(one, event.after.manifest)
                self._events.clear()
            case Stopped(signal=None):  # after a single pass
                self._commands.wait(self._is_stopped)
            case _:
                self._events.append(event)

    def close(self) -> None:
        """End what runs."""
        self._commands.end()

    def _run(self, event: Event, manifest: Manifest) -> None:
        values = values_of(event, manifest.file)
        if values is None:
            return
        name, path = values["name"], values["path"]
        former, self._last[name] = self._last.get(name), (values["event"], values["code"])
        is_repeated = values["event"] in {"failed", "conflict"} and former == self._last[name]
        if is_repeated or manifest.distrust or not manifest.on_event:
            return
        program, *words = (filled(word, values) for word in manifest.on_event)
        if manifest.on_event[0].startswith("~/"):
            program = os.path.expanduser(program)
        above = os.path.dirname(path)
        directory = above if os.path.isdir(above) else os.path.dirname(manifest.file)
        self._commands.add(Call(name, (program, *words), directory))
