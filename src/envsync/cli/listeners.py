"""What hears a watcher's events on the command line."""

import contextlib
import json
import os
import shutil
import sys
from datetime import datetime
from typing import TextIO

from envsync.cli.options import Options
from envsync.cli.output import paint
from envsync.cli.pasting import pasted, pasted_in
from envsync.formats.redact import redacted, redacted_in
from envsync.model.system import VARIABLES
from envsync.report.progress import Display
from envsync.report.terminal import Paint, wrapped
from envsync.report.watching import event_entry, event_lines, is_problem, is_result, now
from envsync.watch.events import Event

_STAMP = len("00:00:00 ")


class Printer(Display):
    """Prints each event as it comes: changes to standard output, messages to standard error."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # The journal has times of its own.
        self._timed = "JOURNAL_STREAM" not in VARIABLES

    def print_event(self, event: Event) -> None:
        """Print an event, flushed."""
        to_stdout = self._options.json or is_result(event)
        stream = sys.stdout if to_stdout else sys.stderr
        try:
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
