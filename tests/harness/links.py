"""What must never change: the inode and the text of every symlink."""

import os
from pathlib import Path

Fingerprint = dict[str, tuple[int, str]]


def fingerprint(root: Path) -> Fingerprint:
    """Return inode and text of every symlink under ``root`` that is not inside a virtual environment."""
    links: Fingerprint = {}
    for directory, directories, files in os.walk(root):
        if "pyvenv.cfg" in files:
            directories.clear()
            continue
        for name in (*directories, *files):
            path = os.path.join(directory, name)
            if os.path.islink(path):
                links[path] = (os.lstat(path).st_ino, os.readlink(path))
    return links
