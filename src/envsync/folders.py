"""Where envsync keeps what is its own: caches that may be deleted at any time, lock files, what is trusted."""

import os
import sys

__all__ = [
    "cache_folder",
    "cache_problem",
    "config_folder",
    "staging_folder",
    "state_folders",
    "trust_folder",
    "use_cache_folder",
    "usual_cache_folder",
]

_CHOSEN: dict[str, str] = {}
_OTHERS_WRITE = 0o022


def cache_folder() -> str:
    """Give the folder of the caches, where platformdirs has it: importing that costs more than a pass without work."""
    return _CHOSEN.get("cache") or usual_cache_folder()


def usual_cache_folder() -> str:
    """Give the same, whether or not it can be used."""
    return _folder("XDG_CACHE_HOME", ".cache", "Library/Caches")


def use_cache_folder(folder: str) -> None:
    """Let another folder be that of the caches, for this process."""
    _CHOSEN["cache"] = folder


def cache_problem() -> str:
    """Say why the folder of the caches must not be used, empty if it may: what is in it is believed, or even run."""
    folder = usual_cache_folder()
    found, there = _nearest(folder)
    if found.st_uid not in {0, os.geteuid()} or (there and found.st_uid != os.geteuid()):
        return f"the cache directory {folder} is another user's"
    if there and found.st_mode & _OTHERS_WRITE:
        return f"others may write in the cache directory {folder}"
    return ""


def config_folder() -> str:
    """Give the folder of a user's own manifest, where platformdirs has it."""
    return _folder("XDG_CONFIG_HOME", ".config", "Library/Application Support")


def staging_folder() -> str:
    """Return the directory of the user's own to build in, beside those of locks and logs."""
    return f"{_unless_kept(_folder('XDG_STATE_HOME', '.local/state', 'Library/Application Support'))}/staging"


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

    return _unless_kept(f"{platformdirs.user_state_dir()}/envsync")


def _unless_kept(state: str) -> str:
    """Return root's own state directory where sudo has kept HOME: what root makes there, its user could not change."""
    if os.geteuid() == 0 and _nearest(state)[0].st_uid != 0:
        import pwd  # noqa: PLC0415  # hardly ever

        inside = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
        return f"{pwd.getpwuid(0).pw_dir.rstrip('/')}/{inside}/envsync"
    return state


def _nearest(folder: str) -> tuple[os.stat_result, bool]:
    """Look at a folder, or at the one above it that is there; tells which."""
    here = folder
    while True:
        try:
            return os.stat(here), here == folder
        except OSError:
            here = os.path.dirname(here)
