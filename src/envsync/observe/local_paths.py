"""Recognize local paths in requirements: of projects, and of archives."""

import os
import re
from urllib.parse import unquote

from envsync.model.dataclass import dataclass

_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lzma")
_NAMED = re.compile(r"[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\s*@\s*(?P<url>\S.*)")
"""``flask @ https://host/flask.whl``."""
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=//)|file:", re.IGNORECASE)
_EXTRAS = re.compile(r"\s*\[[^\]]*\]$")
"""``[dev]`` in ``./app[dev]``."""


@dataclass(frozen=True, slots=True)
class Local:
    """A local path in a requirement."""

    path: str
    """As written, without extras; relative to the directory in which the installer runs."""
    place: str
    """``FILE:LINE``."""
    editable: bool = False
    kind: str = "directory"
    """``directory``, ``archive`` or ``links`` (of ``--find-links``)."""

    def is_in(self, directory: str) -> bool:
        """Check whether it exists, relative to ``directory``, and is a project if it should be one."""
        path = os.path.join(directory, self.path)
        if self.kind != "directory":
            return os.path.exists(path)
        return any(os.path.isfile(f"{path}/{name}") for name in ("pyproject.toml", "setup.py", "setup.cfg"))


def local_of(text: str, place: str, *, editable: bool = False) -> list[Local]:
    """Return the local path in a requirement, if any: of ``./x[extra]``, ``name @ file:///x``, ``x/y.whl``."""
    named = None if editable and text.startswith((".", "/")) else _NAMED.match(text)
    url = named["url"] if named else text
    url = re.split(r"\s;|;\s" if SCHEME.match(url) else ";", url, maxsplit=1)[0]
    bare = _EXTRAS.sub("", url.strip())
    if bare.lower().startswith("file:"):
        path = file_path(bare)
    elif SCHEME.match(bare):
        return []
    elif named or editable or bare.startswith(".") or "/" in bare or bare.lower().endswith(_ARCHIVES):
        path = bare.partition("#")[0]
    else:
        return []
    path = _EXTRAS.sub("", path).replace("\0", "")
    kind = "archive" if path.lower().endswith(_ARCHIVES) else "directory"
    return [Local(path, place, editable, kind)] if path else []


def file_path(url: str) -> str:
    """Return the path in a ``file:`` URL, which may be relative: ``file:./x``."""
    return unquote(re.sub(r"^file:(?://[^/]*)?", "", url.partition("#")[0], flags=re.IGNORECASE))
