"""Find uv."""

import os
import shutil

__all__ = ["find_uv"]


def find_uv() -> str | None:
    """Give the path of uv: the extra's, else the one on PATH."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415  # an optional extra

        return os.fsdecode(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
        return found and os.path.abspath(found)
