"""Where envsync keeps what is its own: caches that may be deleted at any time, and lock files."""

import os
import sys

__all__ = ["cache_folder", "state_folders"]


def cache_folder() -> str:
    """Give the folder of the caches, where platformdirs has it: importing that costs more than a pass without work."""
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        default = f"{home}/Library/Caches"
    else:
        default = f"{home}/.cache"
    chosen = os.environ.get("XDG_CACHE_HOME", "").strip()
    return f"{chosen if chosen.startswith('/') else default}/envsync"


def state_folders() -> tuple[str, str]:
    """Give the folders of the lock files and of the logs: one of each for a user, whatever the manifest."""
    import platformdirs  # noqa: PLC0415  # kept off the fast path

    state = f"{platformdirs.user_state_dir()}/envsync"
    return f"{state}/locks", f"{state}/logs"
