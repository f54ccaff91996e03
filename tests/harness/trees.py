"""Install trees of a test's own, and programs that run a Python: made from a real one, and with the C compiler."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.pythons import PYTHONS

__all__ = ["compiled", "forwarding", "make_tree", "minor_of"]


def minor_of(tree: Path) -> str:
    """Return the name of a tree's library: ``python3.12``."""
    (library,) = (tree / "lib").glob("python3.*")
    return library.name


def make_tree(tree: Path, version: str = "3.12") -> Path:
    """Make an install tree whose standard library can be added to, and give its ``bin/python3``."""
    if version not in PYTHONS:
        pytest.skip(f"needs Python {version} in a tree of its own, which is not installed here")
    original = Path(os.path.realpath(PYTHONS[version])).parent.parent
    library = f"lib/python{version}"
    (tree / "bin").mkdir(parents=True)
    (tree / library / "site-packages").mkdir(parents=True)
    for entry in os.listdir(original / library):
        if entry not in {"site-packages", "__pycache__"}:
            (tree / library / entry).symlink_to(original / library / entry)
    shutil.copy(original / f"bin/python{version}", tree / "bin")
    for name in ("python3", "python"):
        (tree / "bin" / name).symlink_to(f"python{version}")
    return tree / "bin/python3"


def compiled(program: Path, body: str) -> Path:
    """Compile a program whose ``main`` has the arguments ``c`` and ``v``, or skip the test without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    program.parent.mkdir(parents=True, exist_ok=True)
    source = program.with_name(f"{program.name}.c")
    head = "#include <stdio.h>\n#include <string.h>\n#include <unistd.h>\n"
    source.write_text(f"{head}int main(int c, char **v) {{ {body} }}\n")
    subprocess.run([compiler, "-o", program, source], check=True, capture_output=True)
    source.unlink()
    return program


def forwarding(program: Path, python: str | Path, *, keeps_name: bool = False) -> Path:
    """Compile a program that runs an interpreter, by that one's name or by the name that it was started by."""
    name = "" if keeps_name else f'v[0] = "{python}"; '
    return compiled(program, f'{name}return execv("{python}", v);')
