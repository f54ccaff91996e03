"""Tell of the tools that envsync calls."""

import os
from collections.abc import Iterator
from subprocess import TimeoutExpired

from envsync.observe.uv import find_uv
from envsync.observed.machine import Tool
from envsync.processes import run

__all__ = ["read_tools"]

_TIME_LIMIT = 10
"""Seconds that a tool gets to tell its version."""


def read_tools() -> Iterator[Tool]:
    """Tell which builders and installers are there, and their versions; pip's is that of the newest wheel at hand."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # only for this

    yield _uv()
    try:
        yield Tool("virtualenv", "virtualenv", version("virtualenv"))
    except PackageNotFoundError:
        yield Tool("virtualenv", None)
    from virtualenv.seed.wheels.embed import MAX, get_embed_wheel  # noqa: PLC0415  # only for this

    wheel = get_embed_wheel("pip", MAX)
    yield Tool("pip", str(wheel.path), wheel.version) if wheel else Tool("pip", None)


def _uv() -> Tool:
    path = find_uv()
    if path is None:
        return Tool("uv", None)
    try:
        done = run([path, "--version"], os.environ, limit=_TIME_LIMIT)
    except (OSError, TimeoutExpired) as error:
        return Tool("uv", path, problem=str(error))
    words = done.output.split()
    if done.status != 0 or words[:1] != ["uv"]:
        return Tool("uv", path, problem=f"`uv --version` ended with exit status {done.status}")
    return Tool("uv", path, "".join(words[1:2]))
