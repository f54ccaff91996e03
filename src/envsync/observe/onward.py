"""What a program leads on to that runs another interpreter than itself: a script, a shim, an environment's Python."""

from dataclasses import replace

from envsync.model.dataclass import dataclass
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain
from envsync.observe.probe import ProbeAnswer, is_same_file

RUNS = "runs another program"
"""The trait of a link whose program starts another."""


@dataclass(frozen=True, slots=True)
class Onward:
    """The interpreter that something else leads on to."""

    link: str
    note: str
    asked: bool
    """Whether it was run to find out."""
    environment: str = ""
    """The environment that was led through; empty if none."""


def leads_to(link: str, chain: Chain, answer: ProbeAnswer, trait: str) -> Onward | None:
    """Return the interpreter that a program runs; ``None`` where it reports only itself."""
    names = (answer.base_executable, answer.executable, answer.process)
    base = next((name for name in names if name and not is_same_file(name, chain.end)), "")
    if not base.startswith("/"):
        return None
    return Onward(base, f"{link} {trait}; the interpreter that it runs, {base}, is used", asked=True)


def reached(result: Interpreter | InterpreterProblem, link: str, onward: Onward) -> Interpreter | InterpreterProblem:
    """Return what another link led on to, with how it was reached."""
    if isinstance(result, Interpreter):
        return replace(result, asked=True) if onward.asked else result
    how = f"{link} runs {onward.link}" if onward.asked else f"{link} belongs to the environment {onward.environment}"
    return replace(result, message=f"{how}, and {result.message}")
