"""Names in an environment by which files of the user's are told from what builders and other tools leave."""

__all__ = ["BUILT_TOP", "is_removed", "is_stray"]

BUILT_TOP = frozenset({"bin", "include", "lib", "lib64", "share", "etc", "local", "pyvenv.cfg", "__pycache__"})
"""Entries at the top of an environment that builders and packages make; ``local`` is Debian's of old."""
_STRAYS = frozenset(
    {".DS_Store", ".localized", ".directory", "Thumbs.db", "desktop.ini", ".gitignore", ".hgignore", ".dockerignore"}
    | {"CACHEDIR.TAG", ".lock", ".nobackup", ".metadata_never_index", ".gitkeep", ".keep", "README", "README.txt"}
    | {".project"}  # virtualenvwrapper's and pipenv's: the project's folder
)
_OPEN_STILL = (".nfs", ".fuse_hidden")
"""What NFS and FUSE make of a file that is removed while somebody has it open."""
_STRAY_PREFIXES = ("._", *_OPEN_STILL)


def is_removed(name: str) -> bool:
    """Check whether a file is called as one is that was removed already."""
    return name.startswith(_OPEN_STILL)


def is_stray(name: str) -> bool:
    """Check whether an entry is called as the small files are that builders, file managers and backups leave."""
    return name in _STRAYS or name.startswith(_STRAY_PREFIXES)
