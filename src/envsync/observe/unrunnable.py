"""Why the system does not run a file, by what is in it, and what to do."""

import errno
import os
import shlex

from envsync.formats.executable import HEAD, Executable, describe
from envsync.model.dataclass import dataclass
from envsync.model.links import Chain

LEFT = "The environment is left as it is."

Commands = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do."""

    hint: str
    commands: Commands = ()
    """What does it, each as its words; empty where there is a choice to make."""


def of_file(chain: Chain) -> tuple[str, Remedy]:
    """Return what is wrong with a file that is not executable, as a clause, and what to do."""
    found, end = _described(chain.end), chain.end
    if found.kind == "text":
        text = _link_text(end)
        if text:
            hint = f"Make it a link again: {shlex.join(['ln', '-sfn', text, end])}"
            return "is a text file that holds the path of a link, as git writes it without symlinks", Remedy(hint)
        return "is a text file, not an interpreter", Remedy(f"Name the interpreter itself. {LEFT}")
    if found.kind == "empty":
        return "is an empty file, not an interpreter", Remedy(f"Install that Python again, or name another. {LEFT}")
    if found.is_foreign(*_machine()):
        return f"is not executable, and {_foreign(found)}", _of_foreign()
    command = ("chmod", "+x", end)
    return "is not executable", Remedy(f"Make it executable: {shlex.join(command)}", (command,))


def of_refusal(executable: str, error: OSError) -> tuple[str, str]:
    """Return why the system does not run a file, and the hint; an empty hint where nothing more is known."""
    end = os.path.realpath(executable)
    found = _described(end)
    if found.is_foreign(*_machine()):
        return _foreign(found), _of_foreign().hint
    if error.errno == errno.ENOEXEC and found.kind in {"text", "empty", "data"}:
        what = {"text": "a text file without a #! line", "empty": "an empty file", "data": "no program"}[found.kind]
        return f"it is {what}", f"Name the interpreter itself. {LEFT}"
    if error.errno == errno.ENOENT and found.runs_by and not os.path.exists(found.runs_by):
        if found.kind == "script":
            return f"its #! line names {found.runs_by}, and nothing is there", f"Name the interpreter itself. {LEFT}"
        what = f"it needs the loader {found.runs_by}, which is not here: it was built for another Linux (glibc or musl)"
        return what, f"Install a Python that was built for this system. {LEFT}"
    if error.errno == errno.ENOEXEC:
        return f"{error.strerror}: it may be damaged or cut short", f"Install that Python again. {LEFT}"
    return error.strerror or str(error), ""


def _described(file: str) -> Executable:
    try:
        with open(file, "rb") as stream:
            return describe(stream.read(HEAD))
    except OSError:
        return Executable("data")


def _machine() -> tuple[str, str]:
    return os.uname().sysname.lower(), os.uname().machine.lower()


def _foreign(found: Executable) -> str:
    named = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}
    system, machine = _machine()
    own = f"{named.get({'darwin': 'macos'}.get(system, system), system)} {machine}"
    return f"it is a program for {' '.join(filter(None, (named[found.kind], found.machine)))}; this is {own}"


def _of_foreign() -> Remedy:
    return Remedy(f"Install a Python for this machine, and name its link here (`platforms`, `hosts`). {LEFT}")


def _link_text(file: str) -> str:
    """Return the path of an interpreter that a file holds instead of leading to it; empty if it does not."""
    try:
        with open(file, encoding="utf-8") as stream:
            text = stream.read(HEAD).removesuffix("\n")
    except (OSError, ValueError):
        return ""
    place = os.path.join(os.path.dirname(file), text)
    return text if text.isprintable() and os.access(place, os.X_OK) and os.path.isfile(place) else ""
