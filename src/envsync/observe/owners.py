"""Recognise environments that are another tool's, another manifest's, or lie in the state directory."""

import os
from collections.abc import Iterator

from envsync.manifest import load
from envsync.model.desired import Manifest
from envsync.model.edits import LeftOut
from envsync.model.environment import FoundEnvironment
from envsync.model.problems import EnvsyncError, ManifestError
from envsync.model.system import ON_MACOS, VARIABLES
from envsync.model.world import Directory
from envsync.observe.dependencies import along
from envsync.observe.links import walk

_MARKS = {".tox": "tox", ".nox": "nox"}
"""Directory names that only one tool uses."""
_FILES = {
    "pipx_metadata.json": "pipx",
    "uv-receipt.toml": "uv (a tool of `uv tool`)",
    ".tox-info.json": "tox",
    ".install_state_v1": "pre-commit",
    ".install_state_v2": "pre-commit",
}
"""Files at the top of environments that identify their tool."""


class OtherManifests:
    """Reads the manifests that environments are marked with, each once."""

    def __init__(self, manifest: Manifest) -> None:
        self._file = manifest.file
        self._same: dict[str, bool] = {}
        self._read: dict[str, Manifest | None] = {}

    def is_other(self, file: str) -> bool:
        """Check whether a mark names a file that is there, and is not this manifest."""
        return bool(file) and not self._is_this(file) and os.path.exists(file)

    def _is_this(self, file: str) -> bool:
        if file not in self._same:
            self._same[file] = os.path.realpath(file) == os.path.realpath(self._file)
        return self._same[file]

    def dependencies(self, file: str) -> tuple[str, ...]:
        """Return the paths to another manifest that a mark names, whether or not it is there."""
        return along(walk(file)) if file and not self._is_this(file) else ()

    def read(self, file: str) -> Manifest | None:
        """Return another manifest; ``None`` if it cannot be read."""
        if file not in self._read:
            try:
                self._read[file] = load(file)
            except (EnvsyncError, ManifestError):
                self._read[file] = None
        return self._read[file]

    def declaring(self, file: str, path: str) -> str:
        """Return ``file`` if it is another manifest that declares an environment at ``path``, else an empty text."""
        other = self.read(file) if self.is_other(file) else None
        return file if other is not None and any(one.path == path for one in other.environments) else ""


class Owners:
    """Recognises environments that are not a manifest's to declare; each other manifest is read once."""

    def __init__(self, manifest: Manifest) -> None:
        self._state_dir = os.path.realpath(manifest.state_dir)
        self._others = OtherManifests(manifest)

    def of(self, one: FoundEnvironment) -> LeftOut | None:
        """Return why an environment is left to somebody else; ``None`` where it is nobody's."""
        path = one.paths[0]
        tool = tool_of(one.end)
        if tool:
            return LeftOut(path, "other-tool", f"it belongs to {tool}")
        file, name = one.marked_as
        if self._others.is_other(file):
            reason = self._declared_elsewhere(one, file, name)
            if reason:
                return LeftOut(path, "other-manifest", reason)
        if f"{os.path.realpath(os.path.dirname(path))}/".startswith(f"{self._state_dir}/"):
            return LeftOut(path, "own", "it lies in state-dir, and no link leads to it; see envsync prune")
        return None

    def _declared_elsewhere(self, one: FoundEnvironment, file: str, name: str) -> str:
        other = self._others.read(file)
        if other is None:
            return f"it may be {name} of {file}, which cannot be read: mend or remove that manifest, then import again"
        places = (place for known in other.environments for place in (known.path, known.target or known.path))
        is_theirs = name in other.elsewhere or any(os.path.realpath(place) == one.end for place in places)
        return f"it is {name} of another manifest, {file}" if is_theirs else ""


def mark_of(directory: Directory) -> str:
    """Return the manifest that an environment was made for; empty if unknown."""
    return dict(directory.environment.cfg).get("envsync-manifest", "") if directory.environment is not None else ""


def claimed(directory: Directory, path: str, manifest: str) -> tuple[str, str] | None:
    """Check whether another manifest's environment is here: another path still leads to it, and that file is there."""
    settings = dict(directory.environment.cfg) if directory.environment is not None else {}
    other, its_path = settings.get("envsync-manifest", ""), settings.get("envsync-path", "")
    if not other or its_path in {"", path} or os.path.realpath(other) == os.path.realpath(manifest):
        return None
    in_use = os.path.exists(other) and walk(its_path).meets(directory.chain)
    return (other, its_path) if in_use else None


def tool_of(end: str) -> str:
    """Return which other tool a real directory belongs to, with where, empty if to none.

    That tool makes and removes it at will.
    """
    tool = _marked_by(end)
    if tool is not None:
        return tool
    store = store_of(end)
    return f"{store[0]}, which keeps it in {store[1]}" if store is not None else ""


def store_of(end: str) -> tuple[str, str] | None:
    """Return the tool that a real directory belongs to, and the tool's directory above it; ``None`` if to none."""
    for tool, directory in _stores():
        for place in dict.fromkeys((directory, os.path.realpath(directory))):
            if end.startswith(f"{place.rstrip('/')}/"):
                return tool, place
    parts = end.split("/")
    for index, part in enumerate(parts[:-1]):
        if part in _MARKS:
            return _MARKS[part], "/".join(parts[: index + 1])
    for count in range(len(parts), 1, -1):
        directory = "/".join(parts[:count])
        if os.path.isdir(f"{directory}/conda-meta"):
            return "conda", directory
    return None


def _marked_by(end: str) -> str | None:
    """Return the tool whose file is at the top of an environment; ``None`` if there is none."""
    return next((tool for name, tool in _FILES.items() if os.path.lexists(f"{end}/{name}")), None)


def _stores() -> Iterator[tuple[str, str]]:
    """Yield pairs of tool and directory, by the tool's environment variables or its documentation."""
    get, home = VARIABLES.get, os.path.expanduser("~")
    data, cache = get("XDG_DATA_HOME") or f"{home}/.local/share", get("XDG_CACHE_HOME") or f"{home}/.cache"
    if ON_MACOS:
        data, cache = f"{home}/Library/Application Support", f"{home}/Library/Caches"
    stores = [
        ("poetry", get("POETRY_VIRTUALENVS_PATH") or f"{get('POETRY_CACHE_DIR') or f'{cache}/pypoetry'}/virtualenvs"),
        ("pipx", f"{get('PIPX_HOME') or f'{data}/pipx'}/venvs"),
        ("pipx", f"{home}/.local/pipx/venvs"),
        ("uv", get("UV_TOOL_DIR") or f"{get('XDG_DATA_HOME') or f'{home}/.local/share'}/uv/tools"),
        ("uv", get("UV_CACHE_DIR") or f"{get('XDG_CACHE_HOME') or f'{home}/.cache'}/uv"),
        ("hatch", f"{get('HATCH_DATA_DIR') or f'{data}/hatch'}/env"),
        ("pipenv", f"{home}/.local/share/virtualenvs"),
        ("pdm", f"{data}/pdm/venvs"),
        ("pre-commit", get("PRE_COMMIT_HOME") or f"{get('XDG_CACHE_HOME') or f'{home}/.cache'}/pre-commit"),
    ]
    yield from ((tool, directory) for tool, directory in stores if directory.startswith("/"))
