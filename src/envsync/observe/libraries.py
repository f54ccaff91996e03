"""Find the directories of an environment that hold ``site-packages``: all of them, and those that its Python uses."""

import errno
import os
import stat

from envsync.model.environment import Environment, library_name
from envsync.model.interpreter import Interpreter, InterpreterProblem


def find_libraries(end: str) -> tuple[str, ...]:
    """Return the directories that hold ``site-packages``, relative to the environment, the newest Python's first.

    Only those with a name as ``python3.12`` count, unless there are none; those that symlinks give several names count
    once. Raises ``OSError``.
    """
    return read_libraries(end)[0]


def read_libraries(end: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what :func:`find_libraries` does, and all directories that it depends on. Raises ``OSError``."""
    tops = ("lib",) if is_lib64_alias(end) else ("lib", "lib64")
    entries = [f"{top}/{name}" for top in tops for name in _names(f"{end}/{top}")]
    looked = [entry for entry in entries if library_name(entry)]
    found = [library for library in looked if _holds_packages(end, library)]
    if not found:
        looked += [entry for entry in entries if entry not in looked]
        found = [library for library in looked if _holds_packages(end, library)]
    return tuple(sorted(_distinct(end, found), key=_newest_first)), tuple(looked)


def seen_libraries(
    found: Environment, interpreter: Interpreter | InterpreterProblem, *, every: bool = False
) -> tuple[str, ...]:
    """Return those of an environment's libraries that its own Python uses, in import order.

    With ``every``, the others that hold more than seeds follow. All are returned where it uses none or cannot be asked.
    """
    own = interpreter.facts.libraries if isinstance(interpreter, Interpreter) else ()
    seen = tuple(library for library in own if library in found.libraries)
    if not seen:
        return found.libraries
    return tuple(dict.fromkeys((*seen, *found.contents.populated))) if every else seen


def is_builders_lib64(place: str) -> bool:
    """Check whether a symlink is the ``lib64`` that builders make beside ``lib``, even if it dangles after a move.

    Raises ``OSError``.
    """
    if os.path.basename(place) != "lib64":
        return False
    return not os.path.isdir(place) or os.path.basename(os.readlink(place)) == "lib"


def is_lib64_alias(end: str) -> bool:
    """Check whether ``lib64`` is a symlink to ``lib``, as venv and uv make it, or the reverse."""
    try:
        text = os.readlink(f"{end}/lib64")
    except OSError:  # there is none, or it is a directory
        return os.path.islink(f"{end}/lib") and os.path.realpath(f"{end}/lib") == os.path.realpath(f"{end}/lib64")
    return text == "lib" or os.path.realpath(f"{end}/lib64") == os.path.realpath(f"{end}/lib")


def _names(directory: str) -> list[str]:
    """Return the names in a directory, sorted; none if it is missing or a broken link. Raises ``OSError``."""
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return []


def _holds_packages(end: str, library: str) -> bool:
    """Check whether there is a ``site-packages``. Raises ``OSError`` where it, or its content, cannot be looked at."""
    try:
        # With `/.` it has to be searchable: otherwise its packages would seem to be missing.
        return stat.S_ISDIR(os.stat(f"{end}/{library}/site-packages/.").st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return False


def _distinct(end: str, found: list[str]) -> list[str]:
    if len(found) < 2:  # noqa: PLR2004  # nearly always, and it saves system calls
        return found
    real = {library: os.path.realpath(f"{end}/{library}/site-packages") for library in found}
    tops = {top: os.path.realpath(f"{end}/{top}") for top in ("lib", "lib64")}
    straight = {place for library, place in real.items() if place == _straight(library, tops)}
    return [library for library in found if real[library] not in straight or real[library] == _straight(library, tops)]


def _straight(library: str, tops: dict[str, str]) -> str:
    top, _, name = library.partition("/")
    return f"{tops[top]}/{name}/site-packages"


def _newest_first(library: str) -> tuple[tuple[int, ...], str]:
    version = library_name(library).rstrip("td") or "0"
    return tuple(-int(part) for part in version.split(".")), library
