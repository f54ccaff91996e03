"""The commands that show what is: ``status``, ``explain`` and ``graph``."""

import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace

from envsync.cli.consent import Untrusted, warn
from envsync.cli.options import Options
from envsync.cli.painting import layout
from envsync.cli.session import Result, Session, look
from envsync.desired import Manifest
from envsync.observe.keeper import keeper_of, keepers_here
from envsync.observe.kept import Kept, read_kept
from envsync.observe.orphans import find_orphans
from envsync.plan.actions import EnvironmentPlan, Plan
from envsync.plan.prune import Removal, plan_prune
from envsync.report import explain, removals, table
from envsync.report.diagram import dot_lines, mermaid_lines
from envsync.report.graph import graph_entry, graph_of
from envsync.report.paint import Paint

__all__ = ["COMMANDS"]


def _status(options: Options) -> Result:
    def lines(plan: Plan, paint: Paint) -> Iterator[str]:
        kept = _kept(plan.environments)
        if paint.colours and sys.stdout.isatty():
            yield table.terminal_text(plan, kept, shutil.get_terminal_size().columns)
        else:
            yield from table.plain_lines(plan, kept)
        if options.orphans:
            yield from ("", *removals.removal_lines(_orphans(plan.manifest), None, paint))

    session = Session(options, Untrusted.SHOW)
    warn(options, session.manifest)
    result = look(options, lines, session=session)
    if not options.json:
        return result
    plans = [one for one in result.environments if isinstance(one, EnvironmentPlan)]
    more = {}
    if options.orphans:
        more = {"orphans": removals.removal_entries(_orphans(session.manifest), None)}
    return replace(result, kept=_kept(plans), more=more)


def _orphans(manifest: Manifest) -> tuple[Removal, ...]:
    return plan_prune(find_orphans(manifest), (), (), (), everything=False)


def _kept(plans: Iterable[EnvironmentPlan]) -> dict[str, tuple[Kept, ...]]:
    return {one.environment.name: tuple(map(read_kept, one.world.folder.generations)) for one in plans}


def _explain(options: Options) -> Result:
    session = Session(options, Untrusted.SHOW)
    lore = explain.Lore(keeper_of, keepers_here(), session.reconciler.undeclared)

    def lines(plan: Plan, paint: Paint) -> Iterator[str]:
        for number, one in enumerate(plan.environments):
            if number:
                yield ""
            yield from explain.explain_lines(one, paint, layout(), lore)

    result = look(options, lines, session=session)
    plans = [one for one in result.environments if isinstance(one, EnvironmentPlan)]
    undeclared = {one.environment.name: list(session.reconciler.undeclared(one)) for one in plans if options.json}
    return replace(result, more={"undeclared": undeclared}) if options.json else result


def _graph(options: Options) -> Result:
    draw = dot_lines if options.format == "dot" else mermaid_lines
    session = Session(options, Untrusted.SHOW)
    warn(options, session.manifest)
    result = look(options, lambda plan, _: draw(graph_of(plan.environments)), session=session)
    plans = (one for one in result.environments if isinstance(one, EnvironmentPlan))
    return replace(result, more={"graph": graph_entry(graph_of(plans))}) if options.json else result


COMMANDS = {"status": _status, "explain": _explain, "graph": _graph}
