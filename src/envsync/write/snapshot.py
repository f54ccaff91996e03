"""Write the snapshot by which the fast path sees that nothing has changed."""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping

from envsync.cache import fast_path
from envsync.cache.fingerprint import SEARCH_PATH, is_conclusive, predate, stamp, stamp_followed
from envsync.cache.store import read_cache_file
from envsync.manifest.selection import places
from envsync.model.desired import Manifest, PythonPath
from envsync.model.interpreter import Interpreter
from envsync.model.packages import Sync
from envsync.model.plan import EnvironmentPlan, Plan, State
from envsync.observe.dependencies import along
from envsync.observe.links import walk
from envsync.write.files import remove_file, write_cache

_DIRECTORIES = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
_SEARCH = (
    SEARCH_PATH,
    "XDG_DATA_HOME",
    "PYENV_ROOT",
    "MISE_DATA_DIR",
    "ASDF_DATA_DIR",
    "UV_PYTHON_INSTALL_DIR",
    "HOMEBREW_PREFIX",
    "CONDA_PREFIX",
)
"""Variables that decide where interpreters are searched for."""


class _ChangedError(Exception):
    """Something was changed while the pass looked at it, or just before."""


def forget(manifest: str) -> None:
    """Remove a manifest's snapshot before work begins: the pass after an interrupted one must observe everything."""
    with contextlib.suppress(OSError):
        remove_file(fast_path.snapshot_file(manifest))


def take(plan: Plan, trust: int, read_at: int, began: int, lines: dict[str, str]) -> None:
    """Write a snapshot of a plan in which everything is in sync.

    ``trust`` is how far the manifest is trusted; ``read_at`` and ``began`` are when reading it and observing began, in
    nanoseconds; ``lines`` has the output by command.

    Nothing is written if there is work or a conflict, another manifest's staging, something that changed meanwhile, or
    the same snapshot. A failure to write it is ignored: it only costs time.
    """
    quiet = {State.IN_SYNC, State.WAITING}
    in_sync = all(one.state in quiet and not one.interrupted and not _was_asked(one) for one in plan.environments)
    if plan.manifest.distrust or plan.foreign_staging or not (in_sync and plan.manifest.inputs.replayable):
        return
    file = fast_path.snapshot_file(plan.manifest.file)
    with contextlib.suppress(OSError, _ChangedError):
        searched = any(one.world.interpreter.searched for one in plan.environments)
        names = variables_of(plan.manifest, searched=searched)
        names += [name for one in plan.environments if one.world.declared for name in one.world.declared.variables]
        names += ["PATH"] if any(map(_depends_on_uv, plan.environments)) else []
        known = [] if plan.manifest.elsewhere else [*map(_known, plan.environments)]  # of those something is said
        content = fast_path.encode((lines, known), plan.manifest.file, trust, names, _stamps(plan, read_at, began))
        if _written(file) != content:
            write_cache(file, content)


def _known(plan: EnvironmentPlan) -> tuple[str, bool, list[str]]:
    plain = plan.state is State.IN_SYNC and not plan.faults
    return plan.environment.name, plain, sorted(places(plan.environment))


def _written(file: str) -> bytes | None:
    try:
        return read_cache_file(file)
    except OSError:
        return None


def _depends_on_uv(plan: EnvironmentPlan) -> bool:
    """Check whether a plan depends on which uv is found on PATH."""
    declared = plan.world.declared
    return declared is not None and any(isinstance(call, Sync) for call in declared.calls)


def _was_asked(plan: EnvironmentPlan) -> bool:
    interpreter = plan.world.interpreter
    return isinstance(interpreter, Interpreter) and interpreter.asked


def _stamps(plan: Plan, read_at: int, began: int) -> Iterator[tuple[str, list[int]]]:
    inputs = plan.manifest.inputs
    if not predate(inputs.stamps, read_at) or tuple(stamp_followed(inputs.paths)) != inputs.stamps:
        raise _ChangedError
    for path in inputs.paths:
        yield from ((place, stamp([place])) for place in (*along(walk(path)), path))
    shared: set[str] = set()
    """Paths outside of the environments, such as an interpreter's, on which many depend."""
    for one in plan.environments:
        end = f"{one.world.directory.chain.end}/"
        evidence = one.world.evidence
        if not is_conclusive(evidence, began):
            raise _ChangedError
        kinds: dict[str, int] = {}
        numbers = iter(evidence.numbers())
        for path, *known in zip(evidence.paths, numbers, numbers, numbers, strict=True):
            if path not in shared:
                kinds[path], found = _look(path)
                if found != known:
                    raise _ChangedError
                if not _is_implied(path, kinds):
                    yield path, known
        shared.update(path for path in kinds if not path.startswith(end))


def _look(path: str) -> tuple[int, list[int]]:
    """Return the type bits of a path, 0 where nothing is, and its stamp: inode, change time in nanoseconds, size."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return 0, [0, 0, 0]
    return stat.S_IFMT(found.st_mode), [found.st_ino, found.st_ctime_ns, found.st_size]


def _is_implied(path: str, kinds: Mapping[str, int]) -> bool:
    """Check whether the directory's stamp covers an entry: a symlink is replaced, never written to."""
    directory = kinds.get(path.rpartition("/")[0])
    return (directory == stat.S_IFDIR and kinds[path] in {0, stat.S_IFLNK}) or directory == kinds[path] == 0


def variables_of(manifest: Manifest, *, searched: bool = True) -> list[str]:
    """Return the environment variables on which a manifest's meaning, and the search for interpreters, depend.

    ``searched`` is false if no interpreter was searched for, since every environment keeps its own.
    """
    names = [*_DIRECTORIES, *(name for name, _ in manifest.inputs.variables)]
    if searched and not all(isinstance(environment.python, PythonPath) for environment in manifest.environments):
        names += _SEARCH
    return list(dict.fromkeys(names))
