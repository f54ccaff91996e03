"""Run one command: parse, reconcile, render; every failure ends here as a message and an exit status."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from envsync.cli.commands import COMMANDS, FITTED, SHOWING, carry_out
from envsync.cli.options import Options, parse
from envsync.cli.painting import fitting, paint
from envsync.cli.session import Result
from envsync.errors import EnvsyncError, ManifestError, Problem
from envsync.report.document import Verdict, document
from envsync.report.text import problem_lines
from envsync.report.watching import failure_entry, now

__all__ = ["main"]

_FAILED, _USAGE, _INTERRUPTED = 1, 2, 130


def main(arguments: list[str]) -> int:
    """Run the command and return its exit status."""
    if sys.platform == "win32":
        sys.stderr.write(
            "envsync: Windows is not supported: it needs symlinks and locks as Linux and macOS have them\n"
        )
        return _USAGE
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever called: nobody wants to read it
            setattr(sys, name, io.StringIO())
        with contextlib.suppress(AttributeError):
            getattr(sys, name).reconfigure(errors="backslashreplace")  # a name must not fail for the locale's sake
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)  # whoever read has seen enough
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("envsync: interrupted\n")
        return _INTERRUPTED
    except OSError as error:
        _silence(sys.stdout)
        sys.stderr.write(f"envsync: {error.strerror}: standard output\n")
        return _FAILED
    return status


def _silence(stream: TextIO) -> None:
    """Keep the interpreter from complaining at its end about what it could not write."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: list[str]) -> int:
    command = next((word for word in arguments if word in COMMANDS), "")
    options = Options(command, json="--json" in arguments)
    try:
        options = parse(arguments)
        result = carry_out(options)
    except ManifestError as error:
        return _fail(options, error.problems, _USAGE)
    except EnvsyncError as error:
        return _fail(options, (error.problem,), error.exit_code)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f" ({error.filename})" if isinstance(error.filename, str) else ""
        return _fail(options, (Problem("system-error", f"{error.strerror or error}{where}"),), _FAILED)
    except Exception as error:
        if options.verbose:
            raise
        hint = "This is a mistake in envsync: report it, with what --verbose shows."
        return _fail(options, (Problem("internal-error", f"{type(error).__name__}: {error}", hint),), _FAILED)
    return result if isinstance(result, int) else _show(options, result)


def _show(options: Options, result: Result) -> int:
    if options.json:
        entries = [result.entry(one) for one in result.environments]
        _print_json(document(options.command, result.manifest, result.verdict, entries) | result.more)
    elif not options.quiet or result.verdict.exit_code or options.command in SHOWING or options.action == "show":
        lines = result.lines(paint(options, sys.stdout.isatty()))
        _print_lines(sys.stdout, fitting(lines) if options.command in FITTED else lines)
    if result.verdict.exit_code == _INTERRUPTED:
        sys.stderr.write("envsync: interrupted; apply again to go on\n")
    return result.verdict.exit_code


def _fail(options: Options, problems: tuple[Problem, ...], exit_code: int) -> int:
    if options.json and options.command == "watch":
        _print_json(failure_entry(exit_code, problems, now()), indent=None)
    elif options.json:
        manifest = next((problem.file for problem in problems if problem.file), None)
        _print_json(document(options.command, manifest, Verdict("error", exit_code), (), problems))
    else:
        _print_lines(sys.stderr, problem_lines(problems, paint(options, sys.stderr.isatty())))
    return exit_code


def _print_json(content: dict[str, Any], *, indent: int | None = 2) -> None:
    sys.stdout.write(json.dumps(content, indent=indent) + "\n")
    sys.stdout.flush()


def _print_lines(stream: TextIO, lines: Iterable[str]) -> None:
    stream.writelines(f"{line}\n" for line in lines)
    stream.flush()
