"""Relocatable builds, such as python-build-standalone's, made from a real one: no path is compiled into them."""

import glob
import os
import shutil
from pathlib import Path

import pytest

from harness.pythons import PYTHONS

_VERSION = "3.12"


@pytest.fixture(scope="session")
def relocatable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two install trees that find their standard library only by where their executable lies."""
    if _VERSION not in PYTHONS:
        pytest.skip(f"needs Python {_VERSION} in a tree of its own, which is not installed here")
    original = Path(os.path.realpath(PYTHONS[_VERSION])).parent.parent
    if not glob.glob(f"{original}/lib/libpython{_VERSION}.so*"):
        pytest.skip(f"needs a Python {_VERSION} with a shared library")
    root = tmp_path_factory.mktemp("relocatable")
    one, two = root / "one", root / "two"
    for tree in (one, two):
        _copy(original, tree)
    return one, two


def _copy(original: Path, tree: Path) -> None:
    inner = f"lib/python{_VERSION}"
    (tree / "bin").mkdir(parents=True)
    (tree / inner / "site-packages").mkdir(parents=True)
    executable = f"bin/python{_VERSION}"
    libraries = [os.path.relpath(path, original) for path in glob.glob(f"{original}/lib/libpython{_VERSION}.so*")]
    for name in (executable, *libraries):
        _relocate(original, tree, name)
    for name in ("python", "python3"):
        (tree / "bin" / name).symlink_to(f"python{_VERSION}")
    for entry in os.listdir(original / inner):
        if entry == "__pycache__":
            shutil.copytree(original / inner / entry, tree / inner / entry)
        elif entry == "os.py":  # by which Python knows its standard library
            shutil.copy2(original / inner / entry, tree / inner / entry)
        elif entry not in {"site-packages", "test"}:
            (tree / inner / entry).symlink_to(original / inner / entry)


def _relocate(original: Path, tree: Path, name: str) -> None:
    """Copy a binary, with a run path relative to itself and a prefix where nothing is, each as long as it was."""
    binary = (original / name).read_bytes()
    prefix = os.fsencode(original)
    if len(os.path.dirname(prefix)) < len("/install"):
        pytest.skip(f"{original} is too short a path to be swapped as a whole")
    run_path = prefix + b"/lib\0"
    binary = binary.replace(run_path, b"$ORIGIN/../lib".ljust(len(run_path), b"\0"))
    # The last component stays: linkers let a constant that is the end of another, such as the version, share its bytes.
    last = b"/" + os.path.basename(prefix)
    binary = binary.replace(prefix, b"/install".ljust(len(prefix) - len(last), b"/") + last)
    (tree / name).write_bytes(binary)
    (tree / name).chmod(0o755)
