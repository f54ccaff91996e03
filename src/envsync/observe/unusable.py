"""Why a link is no interpreter, whatever stands at its end."""

import os

from envsync.observed import Chain, EndKind, InterpreterProblem

__all__ = ["cycle", "unusable"]


def cycle(declared: str, through: tuple[str, ...]) -> InterpreterProblem:
    """Report links that lead in a circle, or an environment that would be its own interpreter."""
    own = len(set(through)) == 1
    message = (
        f"{through[0]} would be its own interpreter" if own else f"the links lead in a circle: {' -> '.join(through)}"
    )
    hint = 'Give `python` a path outside of the environments it is for, or a version such as "3.12".'
    return InterpreterProblem(declared, through[-1], "interpreter-cycle", message, hint)


def unusable(declared: str, link: str, chain: Chain) -> InterpreterProblem | None:
    """Say why a link cannot be run at all, going by what stands at its end."""
    hint = "Install that Python, or name another link. The environment is left as it is."
    match chain.kind:
        case EndKind.MISSING if chain.hops:
            message = f"{link} leads to {chain.end}, and nothing is there"
        case EndKind.MISSING:
            message = f"nothing is at {link}"
        case EndKind.DIRECTORY:
            inner = f"{link}/bin/python"
            message = f"{link} is a folder, not an interpreter"
            hint = f"Write {inner}." if os.path.exists(inner) else "Name the executable itself."
        case EndKind.FILE if not os.access(chain.end, os.X_OK):
            message = f"{chain.end} is not executable"
        case EndKind.FILE:
            return None
        case _:
            message = f"{link} leads to {chain.kind.value}" + (f": {chain.reason}" if chain.reason else "")
    return InterpreterProblem(declared, link, "interpreter-missing", message, hint, chain)
