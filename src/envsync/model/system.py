"""What the process was given: its environment variables and its platform.

Who needs one of them asks here, so that it is known who depends on what. The fast path does not: it loads nothing that
it can do without.
"""

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctypes import CDLL

VARIABLES: Mapping[str, str] = os.environ
"""The environment variables as they are now; nothing but what is run next is ever given others."""

PLATFORM = sys.platform
ON_LINUX = PLATFORM == "linux"
ON_MACOS = PLATFORM == "darwin"


@cache
def c_library() -> "CDLL":
    """Return the C library, whose calls set ``errno``.

    It is loaded once: each time makes a class, which is not freed before cycles are collected.
    """
    import ctypes  # noqa: PLC0415  # few need it

    return ctypes.CDLL(None, use_errno=True)


def variables_without(*prefixes: str) -> dict[str, str]:
    """Return the environment variables, for a program, except those whose names begin with one of the prefixes."""
    return {name: value for name, value in VARIABLES.items() if not name.startswith(prefixes)}
