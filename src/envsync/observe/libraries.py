"""Find the directories of an environment that hold ``site-packages``: on the disk, and those that its Python sees."""

import errno
import os
import stat

from envsync.model.environment import Environment, library_name
from envsync.model.interpreter import Interpreter, InterpreterProblem


def find_libraries(end: str) -> tuple[str, ...]:
    """Return the directories that hold ``site-packages``, relative to the environment, that of the newest Python first.

    Those that are called as Python calls them count; where there are none, all others do. One that is only another name
    of another, through symlinks, is left out. Raises ``OSError``.
    """
    return read_libraries(end)[0]


def read_libraries(end: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what :func:`find_libraries` does, and all that had to be looked at for it."""
    tops = ("lib",) if is_lib64_alias(end) else ("lib", "lib64")
    entries = [f"{top}/{name}" for top in tops for name in _names(f"{end}/{top}")]
    looked = [one for one in entries if library_name(one)]
    found = [one for one in looked if _holds_packages(end, one)]
    if not found:
        looked += [one for one in entries if one not in looked]
        found = [one for one in looked if _holds_packages(end, one)]
    return tuple(sorted(_distinct(end, found), key=_newest_first)), tuple(looked)


def seen_libraries(
    found: Environment, interpreter: Interpreter | InterpreterProblem, *, every: bool = False
) -> tuple[str, ...]:
    """Return those of an environment's libraries that its own Python sees, in the order in which it imports from them.

    With ``every`` the others follow that hold more than seeds. Where it sees none, or cannot be asked, what is on the
    disk has to do.
    """
    own = interpreter.facts.libraries if isinstance(interpreter, Interpreter) else ()
    seen = tuple(library for library in own if library in found.libraries)
    if not seen:
        return found.libraries
    return tuple(dict.fromkeys((*seen, *found.contents.populated))) if every else seen


def is_builders_lib64(place: str) -> bool:
    """Check whether a symlink is the one that builders make beside ``lib``, wherever it leads after a move."""
    if os.path.basename(place) != "lib64":
        return False
    return not os.path.isdir(place) or os.path.basename(os.readlink(place)) == "lib"


def is_lib64_alias(end: str) -> bool:
    """Check whether ``lib64`` is only another name of ``lib``, as venv and uv make it."""
    try:
        text = os.readlink(f"{end}/lib64")
    except OSError:  # there is none, or it is a directory
        return os.path.islink(f"{end}/lib") and os.path.realpath(f"{end}/lib") == os.path.realpath(f"{end}/lib64")
    return text == "lib" or os.path.realpath(f"{end}/lib64") == os.path.realpath(f"{end}/lib")


def _names(directory: str) -> list[str]:
    """Return a directory by name; one that is not there, or a link that leads nowhere, holds nothing."""
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return []


def _holds_packages(end: str, library: str) -> bool:
    """Check whether there is a ``site-packages``; unlike ``isdir``, what cannot be looked at is an error, not a no.

    With ``/.`` at its end the directory itself has to be searchable as well: else its packages would seem to be gone.
    """
    try:
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
    real = {one: os.path.realpath(f"{end}/{one}/site-packages") for one in found}
    tops = {top: os.path.realpath(f"{end}/{top}") for top in ("lib", "lib64")}
    straight = {place for one, place in real.items() if place == _straight(one, tops)}
    return [one for one in found if real[one] not in straight or real[one] == _straight(one, tops)]


def _straight(library: str, tops: dict[str, str]) -> str:
    top, _, name = library.partition("/")
    return f"{tops[top]}/{name}/site-packages"


def _newest_first(library: str) -> tuple[tuple[int, ...], str]:
    version = library_name(library).rstrip("td") or "0"
    return tuple(-int(part) for part in version.split(".")), library
