"""Do without the directory of the caches where it is not this user's alone."""

import atexit
import contextlib
import sys

from envsync.folders import cache_problem, use_cache_folder

__all__ = ["mind_cache"]


def mind_cache(*, quiet: bool) -> None:
    """Say so, and use an empty directory instead, where others could have put something into the caches."""
    problem = cache_problem()
    if not problem:
        return
    from envsync.write.temporary import temporary_directory  # noqa: PLC0415  # hardly ever

    stack = contextlib.ExitStack()
    use_cache_folder(stack.enter_context(temporary_directory()))
    atexit.register(stack.close)
    if not quiet:
        sys.stderr.write(f"envsync: {problem}: it is not used; see: envsync doctor\n")
