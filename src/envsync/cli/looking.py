"""The command that draws: ``graph``."""

from dataclasses import replace

from envsync.cli.options import Options
from envsync.cli.session import Result, look
from envsync.plan.actions import EnvironmentPlan
from envsync.report.diagram import dot_lines, mermaid_lines
from envsync.report.graph import graph_entry, graph_of

__all__ = ["COMMANDS"]


def _graph(options: Options) -> Result:
    draw = dot_lines if options.format == "dot" else mermaid_lines
    result = look(options, lambda plan, _: draw(graph_of(plan.environments)))
    plans = (one for one in result.environments if isinstance(one, EnvironmentPlan))
    return replace(result, more={"graph": graph_entry(graph_of(plans))}) if options.json else result


COMMANDS = {"graph": _graph}
