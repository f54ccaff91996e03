"""The entry point of the command."""

import gc
import os
import sys

from envsync import __version__
from envsync.cache.fast_path import line_of
from envsync.manifest.find import absolute, current_directory, demanded, find

_SIGNAL = 128
"""Exit statuses above are those of signals."""


def main() -> int:
    """Run the command line and return its exit status."""
    if not os.environ.get("HOME", "").startswith("/"):
        _have_home()
    if "_ARGCOMPLETE" in os.environ and "COMP_LINE" in os.environ:
        return _complete()
    arguments = sys.argv[1:]
    line = f"envsync {__version__}\n" if arguments in (["--version"], ["-V"]) else fast_answer(arguments)
    if line is not None:
        try:
            os.write(1, line.encode())
        except BrokenPipeError:
            return 0  # whoever read has seen enough
        except OSError as error:
            if sys.stdout is None:
                return 0  # closed by whoever called
            os.write(2, f"envsync: {error.strerror}: standard output\n".encode())
            return 1
        return 0
    # A command ends soon: to look for garbage costs a tenth of its time, more with thousands of environments.
    gc.disable()
    _own_imports_only()
    return _run(arguments)


def _run(arguments: list[str]) -> int:
    try:
        from envsync.cli.main import main as run  # noqa: PLC0415  # heavy; the fast path does without it

        status = run(arguments)
        gc.freeze()  # nor is there anything to look for at the end
        return _ended(status)
    except MemoryError:
        os.write(2, b"envsync: there is not enough memory\n")
        return 1
    except KeyboardInterrupt:  # before the command could mind it
        os.write(2, b"envsync: interrupted\n")
        return 130


def _ended(status: int) -> int:
    """Return an exit status; after further signals, end at once: what is still being undone, the next pass clears."""
    if status > _SIGNAL:
        import threading  # noqa: PLC0415  # hardly ever

        if any(one is not threading.main_thread() and not one.daemon for one in threading.enumerate()):
            os._exit(status)
    return status


def fast_answer(arguments: list[str]) -> str | None:
    """Return the line to print for ``apply`` or ``check``, if the snapshot of their manifest still holds."""
    asked = _plain(arguments)
    if asked is None:
        return None
    command, names, file, quiet, as_trusted = asked
    try:
        manifest, origin = find(file)
        line = line_of(manifest, command, demanded(origin, as_trusted=as_trusted), map(_meant, names))
    except Exception:  # noqa: BLE001  # whatever is wrong, the long way tells it properly
        return None
    return "" if quiet and line is not None else line


def _plain(arguments: list[str]) -> tuple[str, list[str], str | None, bool, bool] | None:
    """Understand the plainest command lines; ``None`` for every other."""
    command = file = None
    names: list[str] = []
    quiet = as_trusted = False
    words = iter(arguments)
    for word in words:
        if command is None and word in {"apply", "check"}:
            command = word
        elif word == "--file":
            file = next(words, None)
            if file is None:
                return None
        elif word.startswith("--file="):
            file = word[7:]
        elif word in {"-q", "--quiet"}:
            quiet = True
        elif word == "--as-trusted":
            as_trusted = True
        elif command is None or word.startswith(("-", "~")) or {*"*?["} & {*word}:
            return None
        else:
            names.append(word)
    return (command, names, file, quiet, as_trusted) if command else None


def _meant(word: str) -> str | tuple[str, str]:
    """Return a name, or a path as written and as it really is: see :mod:`envsync.manifest.selection`."""
    if "/" not in word and not word.startswith("."):
        return word
    place = absolute(word, "/" if word.startswith("/") else current_directory())
    return place, os.path.realpath(place)


def _have_home() -> None:
    from envsync.cli.startup import have_home  # noqa: PLC0415  # services and containers start without one

    have_home()


def _own_imports_only() -> None:
    """Leave ``PYTHONPATH`` to the commands that ``run`` runs: it is the shell's, and may hold other releases."""
    if os.environ.get("PYTHONPATH"):
        from envsync.cli.startup import leave_out_pythonpath  # noqa: PLC0415  # where it is set at all

        leave_out_pythonpath()


def _complete() -> int:
    """Answer a shell's completion script, see :mod:`envsync.cli.completion`."""
    gc.disable()
    _own_imports_only()
    from envsync.cli.completer import complete  # noqa: PLC0415  # only here

    return complete()


if __name__ == "__main__":
    sys.exit(main())
