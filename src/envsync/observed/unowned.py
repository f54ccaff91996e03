"""Names in an environment by which files of the user's are told from what builders and other tools leave."""

__all__ = ["BUILT_TOP", "is_stray"]

BUILT_TOP = frozenset({"bin", "include", "lib", "lib64", "share", "etc", "local", "pyvenv.cfg", "__pycache__"})
"""Entries at the top of an environment that builders and packages make; ``local`` is Debian's of old."""
_STRAYS = frozenset(
    {".DS_Store", ".localized", ".directory", "Thumbs.db", "desktop.ini", ".gitignore", ".hgignore", ".dockerignore"}
    | {"CACHEDIR.TAG", ".lock", ".nobackup", ".metadata_never_index", ".gitkeep", ".keep", "README", "README.txt"}
    | {".project"}  # virtualenvwrapper's and pipenv's: the project's folder
)
_STRAY_PREFIXES = ("._", ".nfs", ".fuse_hidden")


def is_stray(name: str) -> bool:
    """Check whether an entry is called as the small files are that builders, file managers and backups leave."""
    return name in _STRAYS or name.startswith(_STRAY_PREFIXES)
