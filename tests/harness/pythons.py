"""The real interpreters of this machine that tests may use."""

import glob
import os
import re

from packaging.version import Version


def _installed() -> dict[str, str]:
    """Return interpreters by patch version and by minor version, without running any: the directory names it."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    runner = os.environ.get("RUNNER_TOOL_CACHE") or "/nowhere"
    trees = {os.path.basename(tree): tree for tree in glob.glob(f"{root}/versions/*")}
    trees |= {tree.split("/")[-2]: tree for tree in glob.glob(f"{runner}/Python/*/*")}
    found = {}
    for version in sorted((one for one in trees if re.fullmatch(r"\d+\.\d+\.\d+", one)), key=Version):
        python = f"{trees[version]}/bin/python"
        if os.access(python, os.X_OK):
            found[version] = python
            found[version.rpartition(".")[0]] = python
    if os.access("/usr/bin/python3.11", os.X_OK):
        found["debian"] = "/usr/bin/python3.11"
    return found


PYTHONS = _installed()
"""``3.12.1`` and ``3.12`` to pyenv's, or those of a CI runner; ``debian`` to the system's 3.11."""
