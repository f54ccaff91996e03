"""Read a redirect file: a file at an environment's usual place that names the directory where it is (PEP 832)."""

import os

from envsync.manifest.absolute import absolute
from envsync.observe.read import read_regular
from envsync.observed import Redirect

__all__ = ["read_redirect"]

_LIMIT = 4096 + 2
"""Bytes of a path (PATH_MAX) and the end of its line."""
_NAME = ".venv"
"""What redirect files are called; one with another name counts where it leads to an environment."""


def read_redirect(file: str) -> Redirect | None:
    """Return where the regular file ``file`` leads; ``None`` where it is no redirect, or cannot be read.

    Its one line is a path in UTF-8, relative to its own folder unless absolute. It is followed once: another redirect
    at that place is not, nor is anything run or written for it.
    """
    try:
        content = read_regular(file, _LIMIT)
        text = (content or b"").decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    line = text.removesuffix("\n").removesuffix("\r")
    if len(content or b"") >= _LIMIT or not line.strip() or not line.isprintable():
        return None
    try:
        target = absolute(line, os.path.dirname(file))
        is_environment = os.path.isfile(f"{target}/pyvenv.cfg")
    except ValueError:
        return None
    return Redirect(file, target, is_environment) if is_environment or os.path.basename(file) == _NAME else None
