"""Do without the directory of the caches where it is not this user's alone."""

import sys

from envsync.folders import cache_problem, use_cache_folder

__all__ = ["mind_cache"]


def mind_cache(*, quiet: bool) -> None:
    """Say so, and use an empty directory instead, where others could have put something into the caches."""
    problem = cache_problem()
    if not problem:
        return
    from envsync.write.unpack import temporary_directory  # noqa: PLC0415  # hardly ever

    use_cache_folder(temporary_directory(sys.modules[__name__]))
    if not quiet:
        sys.stderr.write(f"envsync: {problem}: it is not used; see: envsync doctor\n")
