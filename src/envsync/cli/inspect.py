"""The commands that show what is, and those that prune or move what is there."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from envsync.apply.move import move
from envsync.apply.prune import find_removals, prune
from envsync.cli import signals
from envsync.cli.consent import Untrusted, opened, warn
from envsync.cli.options import Options
from envsync.cli.output import layout, use_utf8
from envsync.cli.progress import display
from envsync.cli.result import DONE, Result, Verdict
from envsync.cli.session import Session, look, settings_of
from envsync.manifest import manifest_schema
from envsync.model.desired import Manifest
from envsync.model.plan import EnvironmentPlan, Plan
from envsync.observe.discover import version_manager_of
from envsync.observe.generations import StoredGeneration, find_orphans, read_generation
from envsync.plan.prune import Removal, plan_prune
from envsync.report import explain, table
from envsync.report.graph import dot_lines, graph_entry, graph_of, mermaid_lines
from envsync.report.graph_tree import graph_tree_lines
from envsync.report.metrics import metric_lines
from envsync.report.table import removal_lines
from envsync.report.terminal import Paint, abbreviate_home


def _status(options: Options) -> Result:
    session = Session(options, Untrusted.SHOW)
    as_metrics = options.format == "openmetrics" and not options.json
    if as_metrics:
        use_utf8()

    def lines(plan: Plan, paint: Paint) -> Iterator[str]:
        if as_metrics:
            yield from metric_lines(plan)
            return
        kept = _kept(plan.environments)
        yield from table.status_lines(plan, kept, paint, layout().width, session.hidden)
        if options.orphans:
            yield from ("", *table.removal_lines(_orphans(plan.manifest), None, paint))

    warn(options, session.manifest)
    result = look(options, lines, session=session)
    if not options.json:
        return result
    plans = [one for one in result.environments if isinstance(one, EnvironmentPlan)]
    more = session.in_force()
    if options.orphans:
        more |= {"orphans": [one.to_dict({}) for one in _orphans(session.manifest)]}
    kept = {name: [one.to_dict() for one in generations] for name, generations in _kept(plans).items()}
    return replace(result, kept=kept, more=more)


def _orphans(manifest: Manifest) -> tuple[Removal, ...]:
    return plan_prune(find_orphans(manifest), (), (), (), everything=False)


def _kept(plans: Iterable[EnvironmentPlan]) -> dict[str, tuple[StoredGeneration, ...]]:
    return {one.environment.name: tuple(map(read_generation, one.world.directory.generations)) for one in plans}


def _explain(options: Options) -> Result:
    session = Session(options, Untrusted.SHOW)
    hints = explain.Hints(version_manager_of, session.reconciler.undeclared)

    def lines(plan: Plan, paint: Paint) -> Iterator[str]:
        for number, one in enumerate(plan.environments):
            if number:
                yield ""
            yield from explain.explain_lines(one, paint, layout(), hints, verbose=options.verbose)

    result = look(options, lines, session=session)
    plans = [one for one in result.environments if isinstance(one, EnvironmentPlan)]
    undeclared = {one.environment.name: list(session.reconciler.undeclared(one)) for one in plans if options.json}
    return replace(result, more={"undeclared": undeclared}) if options.json else result


def _graph(options: Options) -> Result:
    session = Session(options, Untrusted.SHOW)
    warn(options, session.manifest)
    form = options.format or ("tree" if layout().width is not None else "mermaid")

    def lines(plan: Plan, paint: Paint) -> Iterator[str]:
        if form == "tree":
            return graph_tree_lines(plan, paint, layout(), verbose=options.verbose)
        return (dot_lines if form == "dot" else mermaid_lines)(graph_of(plan.environments))

    result = look(options, lines, session=session)
    plans = (one for one in result.environments if isinstance(one, EnvironmentPlan))
    return replace(result, more={"graph": graph_entry(graph_of(plans))}) if options.json else result


def _schema(_: Options) -> Result:
    schema = manifest_schema()
    lines = json.dumps(schema, indent=2).splitlines()
    return Result(None, Verdict("in-sync", DONE), (), lambda _: lines, more={"schema_document": schema})


def _prune(options: Options) -> Result:
    manifest = opened(options).manifest  # one that cannot be read declares nothing, and prunes nothing
    settings = settings_of(options)
    interrupted = 0
    with display(options, "looking for what nothing needs any more") as shown:
        found = pruned = find_removals(manifest, settings, everything=options.everything)
        if options.yes:
            pruned, interrupted = signals.completed(
                lambda: prune(manifest, found, settings, lambda name: shown.busy(f"removing {name}")),
                lambda: shown.interrupted(("what is being removed",)),
            )
    document = pruned.to_dict()
    verdict = Verdict(document["status"], interrupted or document["exit_code"])
    return Result(manifest.file, verdict, (), partial(removal_lines, pruned.removals, pruned.done), more=document)


def _move(options: Options) -> Result:
    session = Session(options)
    plan = session.plan()
    with display(options, total=1) as shown:
        moved, status = signals.completed(
            lambda: move(plan, session.settings, shown), lambda: shown.interrupted(session.options.names)
        )
    start = f"moved {moved.name}: {moved.path} is now" if moved.changed else f"nothing to move: {moved.path} is already"
    document = moved.to_dict()
    show = [abbreviate_home(f"{start} a symlink to {moved.target}")]
    return Result(moved.manifest, Verdict(document["status"], status), (), lambda _: show, more=document)


COMMANDS = {
    "status": _status,
    "explain": _explain,
    "graph": _graph,
    "schema": _schema,
    "prune": _prune,
    "move": _move,
}
