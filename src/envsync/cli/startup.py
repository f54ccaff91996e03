"""Prepare the process: a home directory, and ``sys.path`` without the directories of ``PYTHONPATH``.

Shells set it for other programs (ROS, modules of a cluster), and it may hold older releases of what envsync imports.
Python's ``-E`` does the same, but not for a command that is already running.
"""

import os
import sys
from collections.abc import Iterator


def have_home() -> None:
    """Set ``HOME`` to ``/`` where neither it nor the password database says where the user's home directory is.

    Container engines do the same for a user who is only a number. Otherwise ``~`` would be a name in the current
    directory, for envsync and for what it runs.
    """
    import pwd  # noqa: PLC0415  # hardly ever

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ["HOME"] = "/"


def leave_out_pythonpath() -> None:
    """Remove the directories of ``PYTHONPATH`` from ``sys.path``, except those that are there without it.

    If envsync itself is imported through it, so may be its dependencies: then everything stays.
    """
    if sys.flags.ignore_environment:  # -E
        return
    added = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    added -= {os.path.abspath(entry) for entry in _own_entries()}
    if os.path.dirname(os.path.dirname(os.path.dirname(__file__))) not in added:
        sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) not in added]


def _own_entries() -> Iterator[str]:
    """Yield what is on ``sys.path`` without ``PYTHONPATH``."""
    if not sys.flags.safe_path:  # the script's directory, or with -m the current one
        yield sys.path[0]
    library = os.path.dirname(os.__file__)
    yield from (library, f"{library}/lib-dynload")
    yield f"{sys.base_exec_prefix}/{sys.platlibdir}/{os.path.basename(library)}/lib-dynload"
    for site in _sites():
        yield site
        yield from _listed_in(site)


def _sites() -> list[str]:
    site = sys.modules.get("site")  # None with -S
    if site is None:
        return []
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [*site.getsitepackages(), *user]


def _listed_in(site: str) -> Iterator[str]:
    """Yield the directories that the ``.pth`` files of a site directory add (see the module site)."""
    try:
        files = [f"{site}/{name}" for name in os.listdir(site) if name.endswith(".pth")]
        for file in files:
            with open(file, encoding="utf-8", errors="surrogateescape") as lines:
                yield from (os.path.join(site, line.rstrip()) for line in lines if _is_directory(line))
    except OSError:
        return


def _is_directory(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("#", "import ", "import\t"))
