"""Look further at an environment whose ``bin/python*`` do not hold the text of its interpreter link."""

import os
from dataclasses import replace

from envsync.observed import Folder, Interpreter, InterpreterProblem

__all__ = ["with_ends"]


def with_ends(folder: Folder, interpreter: Interpreter | InterpreterProblem) -> Folder:
    """Say where the links in ``bin`` arrive, and whether what is no link there is a copy or the user's own."""
    return _with_owners(_with_ends(folder, interpreter), interpreter)


def _with_ends(folder: Folder, interpreter: Interpreter | InterpreterProblem) -> Folder:
    """Follow the links in ``bin`` that hold another text than the interpreter link: they may arrive at it."""
    found = folder.environment
    if found is None or isinstance(interpreter, InterpreterProblem):
        return folder
    if all(one.text is None or one.text == interpreter.link or "/" not in one.text for one in found.pythons):
        return folder
    bin_dir = f"{folder.chain.end}/bin"
    pythons = (
        replace(one, end=os.path.realpath(f"{bin_dir}/{one.name}")) if "/" in (one.text or "") else one
        for one in found.pythons
    )
    return replace(folder, environment=replace(found, pythons=tuple(pythons)))


def _with_owners(folder: Folder, interpreter: Interpreter | InterpreterProblem) -> Folder:
    if folder.environment is None or isinstance(interpreter, InterpreterProblem):
        return folder
    found = folder.environment
    if all(one.text is not None for one in found.pythons):
        return folder
    from envsync.observe.copies import with_owners  # noqa: PLC0415  # hardly any environment has copies

    return replace(folder, environment=with_owners(found, folder.chain.end, interpreter.facts))
