"""Read the values of ``python``: names from ``[pythons]``, paths, and version requests."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from envsync.manifest.paths import Recorder, full_path
from envsync.manifest.wording import Unfit, quoted
from envsync.model.dataclass import dataclass
from envsync.model.desired import PythonPath, PythonRequest, PythonVersion

_VERSION = re.compile(
    r"(?:(?P<implementation>python|cpython|pypy|graalpy)[-@]?)?"
    r"(?P<release>[0-9]{1,4}(?:\.[0-9]{1,4}){0,2})(?P<free>t?)"
)
"""``3.12``, ``3.12.6``, ``3.13t``, ``pypy3.10``, ``cpython@3.12``."""
_FULL_RELEASE = 2
_MOST_NAMES = 8

ALLOWED = (
    'a path with a "/" in it, or a version request such as "3.12", "3.12.6", "3.13t", "pypy3.10" or ">=3.11,<3.13"'
)


class Pythons:
    """Reads the ``python`` values of one file, with the names that all files declare.

    ``names`` maps each name to its value, or to ``None`` where that is invalid itself; ``complete`` is false where a
    file that may hold more names is unreadable.
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
        """Return the request in ``text``; ``None`` where a problem reported elsewhere hides it. Raises ``Unfit``."""
        if text not in self._known:
            self._known[text] = self._read(text)
        return self._known[text]

    def value(self, text: str) -> PythonRequest:
        """Return the request in a value of ``[pythons]``, which may not be a name again. Raises ``Unfit``."""
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
                f"{quoted(text)} is not a name in [pythons], a path or a version request", self._names_for(text)
            )
        return found

    def _path(self, text: str) -> PythonPath | None:
        if "/" not in text and (not text.startswith(("~", "$")) or text.startswith("~=")):
            return None
        return PythonPath(text, full_path(text, self._directory, self._recorder))

    def _names_for(self, text: str) -> str:
        """Return the hint: the declared names, the nearest first, and what else is allowed."""
        if not self._names:
            return f"write {ALLOWED}; there are no names in [pythons]"
        near = difflib.get_close_matches(text[:100], self._names, _MOST_NAMES, 0.5)
        names = [*near, *(name for name in self._names if name not in near)]
        listed = ", ".join(quoted(name) for name in names[:_MOST_NAMES])
        more = ", …" if len(names) > _MOST_NAMES else ""
        return f"names in [pythons]: {listed}{more}; else {ALLOWED}"


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
    """What the paths and ``python`` values of one file depend on, and the interpreters with names."""

    directory: str
    state_dir: str
    bin_dir: str
    pythons: Pythons
    recorder: Recorder
    bundles: "Bundles"
    name: str | None = None
    """What ``{name}`` stands for in a path, if for anything."""

    def path(self, text: str) -> str:
        """Return ``text`` as a path relative to the file's directory. Raises ``Unfit``."""
        return full_path(text, self.directory, self.recorder, self.name)

    def place(self, text: str) -> str:
        """Return ``text`` as the path of an environment, which has to fit into PATH. Raises ``Unfit``."""
        path = self.path(text)
        if ":" in path:
            raise Unfit(
                f'contains ":", which separates the directories in PATH: {quoted(path)}', "use another directory"
            )
        return path

    def target(self, text: str) -> str:
        """Return ``text`` as a path relative to state-dir, but not that directory itself. Raises ``Unfit``."""
        path = full_path(text, self.state_dir, self.recorder, self.name)
        if path == self.state_dir:
            raise Unfit("is state-dir itself", "name a directory in it, such as the environment's name")
        return path


@dataclass(frozen=True, slots=True)
class Template:
    """A path of ``[defaults]``, with ``{name}`` in it."""

    text: str
    context: PathContext
    """Of the file that it stands in."""
    is_target: bool

    def path_for(self, name: str) -> str:
        """Return the path for the environment of a name. Raises ``Unfit``."""
        context = replace(self.context, name=name)
        return context.target(self.text) if self.is_target else context.place(self.text)


@dataclass(frozen=True, slots=True)
class Bundles:
    """The lists of packages with names that all files declare, not validated."""

    lists: Mapping[str, tuple[str, ...]]
    complete: bool = True
    """Whether every file that may declare one could be read."""

    def check(self, name: str) -> str:
        """Check that a name is one of them. Raises ``Unfit``."""
        if name in self.lists or not self.complete:
            return name
        near = difflib.get_close_matches(name[:100], self.lists, 1)
        names = ", ".join(quoted(one) for one in [*self.lists][:_MOST_NAMES])
        hint = f"there are: {names}" if names else f'declare it in [bundles]: {quoted(name)} = ["ruff"]'
        raise Unfit(f"{quoted(name)} is not a name in [bundles]", f"did you mean {quoted(near[0])}?" if near else hint)

    def packages(self, names: Iterable[str]) -> list[str]:
        """Return the packages of the bundles of some names."""
        return [package for name in names for package in self.lists.get(name, ())]
