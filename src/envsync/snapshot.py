"""Take the snapshot that lets later passes see at a glance that nothing has changed."""

import contextlib
import os
import stat
from collections.abc import Collection, Container, Iterator

from envsync import unchanged
from envsync.desired import Manifest, PythonPath
from envsync.observe.chain import walk
from envsync.observe.read import read_regular
from envsync.observe.stamp import is_settled, stamp
from envsync.plan.actions import Plan, State
from envsync.write.files import remove_cache, write_cache

__all__ = ["forget", "take", "variables_of"]

_FOLDERS = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
_SEARCH = (
    "PATH",
    "XDG_DATA_HOME",
    "PYENV_ROOT",
    "MISE_DATA_DIR",
    "ASDF_DATA_DIR",
    "UV_PYTHON_INSTALL_DIR",
    "HOMEBREW_PREFIX",
)
"""Variables that decide where installed interpreters are looked for."""


class _UnsettledError(Exception):
    """Something was changed while the pass looked at it, or just before."""


def forget(manifest: str) -> None:
    """Remove a manifest's snapshot before there is work: what an interrupted pass leaves must be seen by the next."""
    with contextlib.suppress(OSError):
        remove_cache(unchanged.cache_file("unchanged", manifest))


def take(plan: Plan, began: int, lines: dict[str, str]) -> None:
    """Write a snapshot of a plan that found everything in sync; ``began`` is when observing began, in nanoseconds.

    Nothing is written where there is work or a conflict, where something was changed while the pass looked at it, or
    where the same snapshot is there already. A failure to write is no failure: it only costs time.
    """
    quiet = {State.IN_SYNC, State.WAITING}
    calm = all(one.state in quiet and not one.interrupted for one in plan.environments)
    if not (calm and plan.manifest.inputs.replayable):
        return
    file = unchanged.cache_file("unchanged", plan.manifest.file)
    stamps = _stamps(dict.fromkeys(_witnesses(plan)), began)
    with contextlib.suppress(OSError, _UnsettledError):
        content = unchanged.encode(lines, plan.manifest.file, variables_of(plan.manifest), stamps)
        if read_regular(file, len(content) + 1) != content:
            write_cache(file, content)


def _stamps(paths: Collection[str], began: int) -> Iterator[tuple[str, list[int]]]:
    for path in paths:
        numbers = stamp([path])
        if not is_settled(numbers, began):
            raise _UnsettledError
        if not _is_implied(path, paths):
            yield path, numbers


def _is_implied(path: str, paths: Container[str]) -> bool:
    """Tell whether the stamp of the folder vouches for an entry: a symlink is only ever replaced, not written to."""
    folder = path.rpartition("/")[0]
    try:
        return folder in paths and stat.S_ISDIR(os.lstat(folder).st_mode) and stat.S_ISLNK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return True


def _witnesses(plan: Plan) -> Iterator[str]:
    for path in plan.manifest.inputs.paths:
        chain = walk(path)
        yield from (path, *(hop.link for hop in chain.hops), chain.end)
    for one in plan.environments:
        yield from one.world.witnesses


def variables_of(manifest: Manifest) -> list[str]:
    """List the environment variables that bear on what a manifest means, and on which interpreters are found."""
    names = [*_FOLDERS, *(name for name, _ in manifest.inputs.variables)]
    if not all(isinstance(environment.python, PythonPath) for environment in manifest.environments):
        names += _SEARCH
    return list(dict.fromkeys(names))
