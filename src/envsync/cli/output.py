"""Print a command's result, as lines or JSON; choose colour and width."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TextIO

from envsync.cli import signals
from envsync.cli.commands import FITTED, SHOWING
from envsync.cli.options import Options
from envsync.cli.result import TROUBLE, Result
from envsync.formats.redact import redacted, redacted_in
from envsync.model.document import document
from envsync.model.problems import EnvsyncError, ManifestError, Problem
from envsync.model.system import VARIABLES
from envsync.report.terminal import Layout, Paint, wrapped


def show(options: Options, result: Result) -> int:
    """Print a command's result, and return the exit status."""
    if options.json:
        verdict = result.verdict
        base = document(options.command, result.manifest, verdict.status, result.entries(), verdict.exit_code)
        _print_json({**base, **result.more}, options)
    elif not options.quiet or result.verdict.exit_code or options.command in SHOWING or options.action == "show":
        lines = _pasted(result.lines(paint(options, sys.stdout)), options, sys.stdout)
        _print_lines(sys.stdout, fitting(lines) if options.command in FITTED else lines)
    if result.verdict.exit_code in signals.WORDS:
        sys.stderr.write(f"envsync: {interruption(options.command, result)}\n")
    return result.verdict.exit_code


def interruption(command: str, result: Result) -> str:
    """Return what an interruption has left as it was."""
    from envsync.model.report import EnvironmentReport, Outcome  # noqa: PLC0415  # only here
    from envsync.report.progress import named  # noqa: PLC0415

    word = signals.WORDS[result.verdict.exit_code]
    reports = (one for one in result.environments if isinstance(one, EnvironmentReport))
    left = [one.plan.environment.name for one in reports if one.outcome is Outcome.INTERRUPTED]
    return f"{word}; left as they were: {named(left)}; {command} again to continue" if left else word


def show_interruption(options: Options) -> None:
    """Print the document of a command that a signal has ended."""
    _show_problems(options, (Problem("interrupted", signals.line(), ""),), signals.status())


def show_failure(options: Options, error: Exception) -> int:
    """Print why a command failed, and return the exit status.

    With ``--verbose`` an internal error is raised again, for its traceback.
    """
    if isinstance(error, ManifestError):
        return _show_problems(options, error.problems, error.exit_code)
    if isinstance(error, EnvsyncError):
        return _show_problems(options, (error.problem,), error.exit_code)
    from envsync.observe.system_errors import explain  # noqa: PLC0415  # only where something is wrong

    problem = explain(error)
    if problem.code == "internal-error" and options.verbose:
        raise error
    return _show_problems(options, (problem,), TROUBLE)


def _show_problems(options: Options, problems: tuple[Problem, ...], exit_code: int) -> int:
    if options.json and options.command == "watch":
        from envsync.report.watching import failure_entry, now  # noqa: PLC0415  # only here

        _print_json(failure_entry(exit_code, problems, now()), options, indent=None)
    elif options.json:
        manifest = next((problem.file for problem in problems if problem.file), None)
        base = document(options.command, manifest, "error", exit_code=exit_code)
        _print_json({**base, "errors": [problem.to_dict() for problem in problems]}, options)
    else:
        from envsync.report.text import problem_lines  # noqa: PLC0415  # only where something is wrong

        lines = _pasted(problem_lines(problems, paint(options, sys.stderr)), options, sys.stderr)
        _print_lines(sys.stderr, fitting(lines, sys.stderr))
    return exit_code


def _pasted(lines: Iterable[str], options: Options, stream: TextIO) -> Iterable[str]:
    if options.file is None:
        return lines
    from envsync.cli.pasting import is_for_programs, pasted  # noqa: PLC0415  # only here

    return lines if stream is sys.stdout and is_for_programs(options) else pasted(lines, options)


def _print_json(content: Mapping[str, object], options: Options, *, indent: int | None = 2) -> None:
    if options.file is not None:
        from envsync.cli.pasting import pasted_in  # noqa: PLC0415  # only here

        content = pasted_in(content, options)
    sys.stdout.write(json.dumps(redacted_in(content), indent=indent) + "\n")
    sys.stdout.flush()


def _print_lines(stream: TextIO, lines: Iterable[str]) -> None:
    stream.writelines(f"{redacted(line)}\n" for line in lines)
    stream.flush()


def use_utf8() -> None:
    """Write standard output in UTF-8, whatever the locale: for a format that demands it."""
    with contextlib.suppress(AttributeError):  # something that collects text
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]


def paint(options: Options, stream: TextIO) -> Paint:
    """Return how to write to a stream: coloured or not, and with which arrow."""
    shown = layout(stream)
    is_terminal = shown.width is not None
    return Paint(
        colours=_is_coloured(options.color, is_terminal=is_terminal),
        arrow="\N{RIGHTWARDS ARROW}" if is_terminal and shown.lines else "->",
    )


def _is_coloured(option: str, *, is_terminal: bool) -> bool:
    """Check whether to colour: by ``--color``, then NO_COLOR and FORCE_COLOR, then whether it is a terminal."""
    if option != "auto":
        return option == "always"
    if VARIABLES.get("NO_COLOR"):
        return False
    return bool(VARIABLES.get("FORCE_COLOR")) or (is_terminal and VARIABLES.get("TERM") != "dumb")


def fitting(lines: Iterable[str], stream: TextIO | None = None) -> Iterator[str]:
    """Yield lines broken to the width of standard output, or of another stream, if that is a terminal."""
    width = layout(stream).width
    for line in lines:
        yield from [line] if width is None else wrapped(line, width)


def layout(stream: TextIO | None = None) -> Layout:
    """Return the width of standard output, or of another stream, if that is a terminal, and whether it shows lines."""
    stream = stream or sys.stdout
    width = _width(stream) if stream.isatty() else None
    encoding = getattr(stream, "encoding", None) or ""
    return Layout(width, lines=encoding.lower().startswith("utf"))


def _width(stream: TextIO) -> int:
    if stream is sys.stdout or VARIABLES.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    with contextlib.suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or _USUAL
    return _USUAL


_USUAL = 80
"""Columns of a terminal that does not say."""
