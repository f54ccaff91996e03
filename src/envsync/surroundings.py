"""What an answer hangs on beside files: this envsync, this Python, this machine, this user, some variables.

This module is on the fast path.
"""

import os
import sys
from binascii import crc32

from envsync import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SEARCH_PATH", "still", "surroundings"]

SEARCH_PATH = "PATH="
"""No variable can have this name."""

Surroundings = list[tuple[str, str | int | None]]
_FIXED = 4


def surroundings(variables: "Iterable[str]") -> Surroundings:
    """Give what is so now: some fixed facts, then each of the environment variables with a checksum of its value.

    A value may be a secret.

    ``SEARCH_PATH`` stands for PATH without the environments that are activated.
    """
    get = os.environ.get
    uname = os.uname()
    own = os.stat(os.path.dirname(__file__))  # another installation of the same version has another inode
    fixed: Surroundings = [
        (f"{__version__} {own.st_ino} {own.st_ctime_ns}", sys.version),
        (sys.platform, sys.base_prefix),
        (f"{uname.nodename} {os.geteuid()}", None),
        ("LD_LIBRARY_PATH", get("LD_LIBRARY_PATH")),  # interpreters run with it
    ]
    return fixed + [(name, _checksum(_search_path() if name == SEARCH_PATH else get(name))) for name in variables]


def _checksum(value: str | None) -> int | None:
    return None if value is None else crc32(os.fsencode(value))


def still(known: Surroundings) -> bool:
    """Tell whether what was so is so still."""
    return surroundings([name for name, _ in known[_FIXED:]]) == known


def _search_path() -> str:
    """No interpreter is looked for in environments that are activated."""
    folders = os.environ.get("PATH", "").split(":")
    return ":".join(folder for folder in folders if not os.path.lexists(f"{folder}/../pyvenv.cfg"))
