"""Find settings of uv's that would have packages installed elsewhere, or in part, whatever a manifest says."""

import os
from collections.abc import Iterator
from typing import Any

from envsync.observe.reading import Reading

__all__ = ["misleading_settings"]

_MISLEADING = ("target", "prefix", "no-deps", "python-version", "python-platform")
"""Keys of ``[pip]`` in ``uv.toml``, ``[tool.uv.pip]`` in ``pyproject.toml``; no option of ``uv pip`` overrules them."""


def misleading_settings(directory: str, reading: Reading) -> Iterator[tuple[str, str]]:
    """Return the file and the key of each setting that ``uv pip`` in a directory would follow.

    uv reads the nearest ``uv.toml`` or ``[tool.uv]``, the user's and the system's.
    """
    for file, settings in (*_nearest(directory, reading), *_general(reading)):
        pip = settings.get("pip")
        if isinstance(pip, dict):
            yield from ((file, f"`{key}` for `uv pip`") for key in _MISLEADING if pip.get(key))


def _nearest(directory: str, reading: Reading) -> Iterator[tuple[str, dict[str, Any]]]:
    while True:
        for name in ("uv.toml", "pyproject.toml"):
            file = os.path.join(directory, name)
            document = reading.toml(file, quietly=True) if os.path.isfile(file) else None
            tool = document.get("tool") if document is not None and name == "pyproject.toml" else None
            settings = tool.get("uv") if isinstance(tool, dict) else document if name == "uv.toml" else None
            if isinstance(settings, dict):
                yield file, settings
                return
        if directory == os.path.dirname(directory):
            return
        directory = os.path.dirname(directory)


def _general(reading: Reading) -> Iterator[tuple[str, dict[str, Any]]]:
    named = os.environ.get("UV_CONFIG_FILE")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    for file in (named,) if named else (f"{config}/uv/uv.toml", "/etc/uv/uv.toml"):
        document = reading.toml(file, quietly=True) if os.path.isfile(file) else None
        if document is not None:
            yield file, document
