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
        # A relative directory, such as the current one, may be a stranger's clone.
        path = [folder for folder in os.environ.get("PATH", os.defpath).split(":") if folder.startswith("/")]
        return shutil.which("uv", path=":".join(path)) if path else None
