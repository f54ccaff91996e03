"""Do without the directory of the caches where it is not this user's alone."""

import atexit
import contextlib
import io
import os
import sys
from typing import TextIO

from envsync.cache.store import cache_problem, use_cache_directory
from envsync.cli import signals
from envsync.cli.commands import MODULES, carry_out
from envsync.cli.options import Options, parse, spelled_out, split_run


def mind_cache(*, quiet: bool) -> None:
    """Use an empty cache directory, with a warning, where others could have put something into the usual one."""
    problem = cache_problem()
    if not problem:
        return
    from envsync.write.temporary import temporary_directory  # noqa: PLC0415  # hardly ever

    stack = contextlib.ExitStack()
    use_cache_directory(stack.enter_context(temporary_directory()))
    atexit.register(stack.close)
    if not quiet:
        sys.stderr.write(f"envsync: {problem}: it is not used; see: envsync doctor\n")


_FAILED, _USAGE = 1, 2


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
    signals.listen()
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)  # whoever read has seen enough
        return 0
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # the terminal may be what has gone
            sys.stderr.write(f"envsync: {signals.line()}\n")
        status = signals.status()
    except MemoryError:
        os.write(2, b"envsync: there is not enough memory\n")  # and none to say more
        return _FAILED
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
    arguments = spelled_out(arguments)
    command = next((word for word in arguments if word in MODULES), "")
    options = Options(command, json="--json" in split_run(arguments)[0])
    try:
        options = parse(arguments)
        if options.command != "run":  # it makes way for another program
            mind_cache(quiet=options.quiet)
        signals.begin(options.command)
        result = carry_out(options)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        if options.json:
            from envsync.cli.output import show_interruption  # noqa: PLC0415

            show_interruption(options)
        raise
    except Exception as error:  # noqa: BLE001  # each becomes a message
        from envsync.cli.output import show_failure  # noqa: PLC0415

        return show_failure(options, error)
    if isinstance(result, int):
        return result
    from envsync.cli.output import show  # noqa: PLC0415

    return show(options, result)
