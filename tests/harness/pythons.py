"""The real interpreters of this machine that tests may use."""

import glob
import os
import re


def _installed() -> dict[str, str]:
    """Return interpreters by patch version and by minor version, without running any: the name of the tree tells."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    found = {}
    for tree in sorted(glob.glob(f"{root}/versions/*"), key=lambda tree: [int(n) for n in re.findall(r"\d+", tree)]):
        version = os.path.basename(tree)
        python = f"{tree}/bin/python"
        if re.fullmatch(r"\d+\.\d+\.\d+", version) and os.access(python, os.X_OK):
            found[version] = python
            found[version.rpartition(".")[0]] = python
    if os.access("/usr/bin/python3.11", os.X_OK):
        found["debian"] = "/usr/bin/python3.11"
    return found


PYTHONS = _installed()
"""``3.12.1`` and ``3.12`` to pyenv's, ``debian`` to the system's 3.11."""
