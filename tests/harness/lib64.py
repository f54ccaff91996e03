"""A Python as some distributions build it: ``sys.platlibdir`` is ``lib64`` (Fedora, RHEL, openSUSE)."""

import os
import shutil
from pathlib import Path


def make_lib64_python(original: str, tree: Path) -> None:
    """Make an install tree of its own from a 3.10; later ones have the module os frozen."""
    home = Path(os.path.realpath(original)).parent.parent
    (tree / "bin").mkdir(parents=True)
    shutil.copy2(home / "bin/python3.10", tree / "bin")
    for name in ("python", "python3"):
        (tree / "bin" / name).symlink_to("python3.10")
    library = tree / "lib/python3.10"
    library.mkdir(parents=True)
    for entry in (home / "lib/python3.10").iterdir():
        if entry.name not in {"__pycache__", "os.py"}:
            (library / entry.name).symlink_to(entry)
    (library / "__pycache__").mkdir()  # what is compiled of this os.py must not come into the original tree
    text = (home / "lib/python3.10/os.py").read_text()
    (library / "os.py").write_text(text.replace("\nimport sys\n", '\nimport sys; sys.platlibdir = "lib64"\n', 1))
