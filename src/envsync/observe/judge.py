"""Say whether packages are as declared: by what was recorded when they were installed, else by asking the installer."""

import os

from envsync.observe.verdicts import Verdicts
from envsync.observed import Declared, Folder, Interpreter, Stock, Verdict
from envsync.observed.declared import INPUTS, INSTALLED

__all__ = ["judge"]


def judge(  # noqa: PLR0913  # what is there, what is wanted, and who knows
    folder: Folder, interpreter: Interpreter, declared: Declared, stock: Stock, verdicts: Verdicts, *, exact: bool
) -> Verdict | None:
    """Return the verdict on an environment's packages; ``None`` where there is nothing to ask about, or to ask with."""
    found = folder.environment
    if found is None or declared.problems or not (declared.calls or exact):
        return None
    inputs, installed = found.setting(INPUTS) or "", found.setting(INSTALLED)
    if installed is not None:
        if (inputs, installed) == (declared.inputs, stock.digest):
            return Verdict(met=True)
        metadata = inputs.partition("-")[2]
        if metadata and declared.metadata and metadata != declared.metadata:
            paths = ", ".join(project.path for project in declared.projects)
            return Verdict(met=False, reason=f"the metadata of {paths} has changed since it was installed")
    if not _can_be_asked(folder, interpreter):
        return None
    return verdicts.of(folder.chain.end, declared, stock, interpreter.facts, exact=exact)


def _can_be_asked(folder: Folder, interpreter: Interpreter) -> bool:
    """Check whether an environment runs with the declared Python, as far as can be seen; else it is repaired first."""
    python = f"{folder.chain.end}/bin/python"
    if not os.path.isdir(f"{folder.chain.end}/{interpreter.facts.purelib}") or not os.access(python, os.X_OK):
        return False
    return not os.path.islink(python) or os.path.realpath(python) == os.path.realpath(interpreter.facts.executable)
