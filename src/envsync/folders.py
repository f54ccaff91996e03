"""Where envsync keeps what is its own: caches that may be deleted at any time, lock files, what is trusted."""

import os
import sys

__all__ = ["cache_folder", "config_folder", "staging_folder", "state_folders", "trust_folder"]


def cache_folder() -> str:
    """Give the folder of the caches, where platformdirs has it: importing that costs more than a pass without work."""
    return _folder("XDG_CACHE_HOME", ".cache", "Library/Caches")


def config_folder() -> str:
    """Give the folder of a user's own manifest, where platformdirs has it."""
    return _folder("XDG_CONFIG_HOME", ".config", "Library/Application Support")


def staging_folder() -> str:
    """Return the directory of the user's own to build in, beside those of locks and logs."""
    return f"{_folder('XDG_STATE_HOME', '.local/state', 'Library/Application Support')}/staging"


def _folder(variable: str, default: str, default_of_macos: str) -> str:
    chosen = os.environ.get(variable, "")
    if not chosen.startswith("/"):
        home = os.path.expanduser("~")
        if not os.environ.get("HOME", "/").startswith("/"):  # one that is no absolute path counts as unset
            import pwd  # noqa: PLC0415  # hardly ever

            home = pwd.getpwuid(os.getuid()).pw_dir
        chosen = f"{home.rstrip('/')}/{default_of_macos if sys.platform == 'darwin' else default}"
    return f"{chosen}/envsync"


def state_folders() -> tuple[str, str]:
    """Give the folders of the lock files and of the logs: one of each for a user, whatever the manifest."""
    return f"{_state()}/locks", f"{_state()}/logs"


def trust_folder() -> str:
    """Return the directory that says which manifests are trusted; unlike a cache it cannot be made again."""
    return f"{_state()}/trust"


def _state() -> str:
    import platformdirs  # noqa: PLC0415  # kept off the fast path

    return f"{platformdirs.user_state_dir()}/envsync"
