"""Tell whether a folder belongs to another tool, which makes and removes what is in it at will."""

import os
import sys
from collections.abc import Iterator

__all__ = ["marked_by", "store_of"]

_MARKS = {".tox": "tox", ".nox": "nox"}
"""Names of folders that one tool alone uses."""
_FILES = {
    "pipx_metadata.json": "pipx",
    "uv-receipt.toml": "uv (a tool of `uv tool`)",
    ".tox-info.json": "tox",
    ".install_state_v1": "pre-commit",
    ".install_state_v2": "pre-commit",
}
"""What tools leave at the top of environments that are theirs."""


def store_of(end: str) -> tuple[str, str] | None:
    """Give the tool that a real folder belongs to, and the folder of that tool's which it lies in."""
    for tool, folder in _stores():
        for place in dict.fromkeys((folder, os.path.realpath(folder))):
            if end.startswith(f"{place.rstrip('/')}/"):
                return tool, place
    parts = end.split("/")
    for index, part in enumerate(parts[:-1]):
        if part in _MARKS:
            return _MARKS[part], "/".join(parts[: index + 1])
    for count in range(len(parts), 1, -1):
        folder = "/".join(parts[:count])
        if os.path.isdir(f"{folder}/conda-meta"):
            return "conda", folder
    return None


def marked_by(end: str) -> str | None:
    """Return the tool whose own file lies in an environment, wherever that is; ``None`` if there is none."""
    return next((tool for name, tool in _FILES.items() if os.path.lexists(f"{end}/{name}")), None)


def _stores() -> Iterator[tuple[str, str]]:
    """Give each tool's folders: where its own variables, else its documentation, have them."""
    get, home = os.environ.get, os.path.expanduser("~")
    data, cache = get("XDG_DATA_HOME") or f"{home}/.local/share", get("XDG_CACHE_HOME") or f"{home}/.cache"
    if sys.platform == "darwin":
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
    yield from ((tool, folder) for tool, folder in stores if folder.startswith("/"))
