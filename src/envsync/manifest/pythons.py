"""What ``python`` asks for: a name from ``[pythons]``, a path, or a version request."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from envsync.manifest.paths import Recorder, full_path
from envsync.manifest.wording import Unfit, quoted
from envsync.model.desired import PythonPath, PythonRequest, PythonVersion

_VERSION = re.compile(
    r"(?:(?P<implementation>python|cpython|pypy|graalpy)[-@]?)?"
    r"(?P<release>[0-9]{1,4}(?:\.[0-9]{1,4}){0,2})(?P<free>t?)"
)
_FULL_RELEASE = 2
_MOST_NAMES = 8

ALLOWED = (
    'a path with a "/" in it, or a version request such as "3.12", "3.12.6", "3.13t", "pypy3.10" or ">=3.11,<3.13"'
)


class Pythons:
    """Reads ``python`` values in one file's directory, with the names that all files together declare.

    ``names`` maps each name to its value, or to None where that value is at fault
    itself; ``complete`` is false when a file that could hold more names was unreadable.
    """

    def __init__(
        self, directory: str, recorder: Recorder, names: Mapping[str, PythonRequest | None], *, complete: bool
    ) -> None:
        self._directory = directory
        self._recorder = recorder
        self._names = names
        self._complete = complete
        self._known: dict[str, PythonRequest | None] = {}

    def request(self, text: str) -> PythonRequest | None:
        """Return what ``text`` asks for; None where only a fault told of elsewhere hides it. Raises Unfit."""
        if text not in self._known:
            self._known[text] = self._read(text)
        return self._known[text]

    def value(self, text: str) -> PythonRequest:
        """Return a value of ``[pythons]``: a path or a version request, no further name. Raises Unfit."""
        found = self._path(text) or _version(text)
        if found is None:
            raise Unfit(f"{quoted(text)} is neither a path nor a version request", f"write {ALLOWED}")
        return found

    def _read(self, text: str) -> PythonRequest | None:
        if text in self._names:
            named = self._names[text]
            return replace(named, declared=text) if named else None
        found = self._path(text) or _version(text)
        if found is None and self._complete:
            raise Unfit(
                f"{quoted(text)} is no name in [pythons], no path and no version request", self._names_for(text)
            )
        return found

    def _path(self, text: str) -> PythonPath | None:
        if "/" not in text and (not text.startswith(("~", "$")) or text.startswith("~=")):
            return None
        return PythonPath(text, full_path(text, self._directory, self._recorder))

    def _names_for(self, text: str) -> str:
        """Return the hint: the names there are, nearest first, and what else is allowed."""
        if not self._names:
            return f"write {ALLOWED}; there are no names in [pythons]"
        near = difflib.get_close_matches(text[:100], self._names, _MOST_NAMES, 0.5)
        names = [*near, *(name for name in self._names if name not in near)]
        told = ", ".join(quoted(name) for name in names[:_MOST_NAMES])
        more = ", …" if len(names) > _MOST_NAMES else ""
        return f"names in [pythons]: {told}{more}; else {ALLOWED}"


def _version(text: str) -> PythonVersion | None:
    """Return the version request in ``text``, if it is one."""
    if match := _VERSION.fullmatch(text):
        release = match["release"]
        implementation = match["implementation"] or "cpython"
        return PythonVersion(
            declared=text,
            implementation="cpython" if implementation == "python" else implementation,
            specifier=f"=={release}" if release.count(".") == _FULL_RELEASE else f"=={release}.*",
            free_threaded=bool(match["free"]),
        )
    if text.startswith(("<", ">", "=", "!", "~=")) and _is_specifier(text):
        return PythonVersion(text, "cpython", text.strip())
    return None


def _is_specifier(text: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - most manifests need it not

    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


@dataclass(frozen=True, slots=True)
class PathContext:
    """One file's directory, the manifest's state-dir, and the interpreters that have names."""

    directory: str
    state_dir: str
    pythons: Pythons
    recorder: Recorder

    def path(self, text: str) -> str:
        """Return a path relative to the file's directory; raises Unfit."""
        return full_path(text, self.directory, self.recorder)

    def place(self, text: str) -> str:
        """Return the path of an environment, fit to stand in PATH; raises Unfit."""
        path = self.path(text)
        if ":" in path:
            raise Unfit(
                f'has a ":" in it, which separates the directories in PATH: {quoted(path)}', "use another directory"
            )
        return path

    def target(self, text: str) -> str:
        """Return a path relative to state-dir, and not that directory itself; raises Unfit."""
        path = full_path(text, self.state_dir, self.recorder)
        if path == self.state_dir:
            raise Unfit("is state-dir itself", "name a directory in it, such as the environment's name")
        return path
