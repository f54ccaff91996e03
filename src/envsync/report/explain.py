"""Explain one environment: its chains hop by hop, and each check with what was found."""

from collections.abc import Iterator

from envsync.observed import Chain, Interpreter, InterpreterProblem
from envsync.plan.actions import EnvironmentPlan
from envsync.report.paint import Paint, escape, tilde

__all__ = ["explain_lines"]


def explain_lines(one: EnvironmentPlan, paint: Paint) -> Iterator[str]:
    """Show all that was looked at, and what follows from it."""
    world = one.world
    yield f"{paint('bold', escape(one.environment.name))}: {one.state.value}"
    yield ""
    yield "path"
    yield from _chain(world.path, paint)
    if world.target is not None:
        yield "target"
        yield from _chain(world.target, paint)
    for side in (*world.aliases, *world.exposed):
        yield "further link"
        yield from _chain(side.chain, paint)
    yield "python"
    yield from _interpreter(world.interpreter, paint)
    yield "environment"
    yield from _environment(one)
    yield ""
    yield from _verdict(one, paint)


def _chain(chain: Chain, paint: Paint) -> Iterator[str]:
    yield f"  {tilde(chain.start)}"
    for hop in chain.hops:
        yield f"    {paint('dim', 'link')} {tilde(hop.link)} -> {escape(hop.text)}"
    reason = f" ({escape(chain.reason)})" if chain.reason else ""
    yield f"    {paint('dim', 'end ')} {tilde(chain.end)}: {chain.kind.value}{reason}"
    for folder in chain.to_make:
        yield f"    {paint('dim', 'gone')} {tilde(folder)}"


def _interpreter(found: Interpreter | InterpreterProblem, paint: Paint) -> Iterator[str]:
    yield f"  declared {escape(found.declared) or 'nothing: the interpreter that envsync runs on'}"
    if found.chain is not None:
        yield from _chain(found.chain, paint)
    if isinstance(found, InterpreterProblem):
        return
    yield f"  {found.facts.implementation} {found.facts.version}, {found.facts.abi}"
    yield f"  home {tilde(found.home)}, standard library {tilde(found.facts.stdlib)}"
    for note in found.notes:
        yield f"  {escape(note)}"


def _environment(one: EnvironmentPlan) -> Iterator[str]:
    found = one.world.folder.environment
    if found is None:
        yield f"  none at {tilde(one.world.folder.chain.end)}"
        return
    for key, value in found.cfg:
        yield f"  pyvenv.cfg {escape(key)} = {escape(value)}"
    for link in found.pythons:
        works = "" if link.works else " (leads nowhere)"
        yield f"  bin/{escape(link.name)} " + (
            f"-> {tilde(link.text)}{works}" if link.text is not None else "is a copy"
        )
    yield f"  libraries {', '.join(map(escape, found.libraries)) or 'none'}"
    if found.lib64 is not None:
        yield f"  lib64 -> {escape(found.lib64.text)}" if found.lib64.text is not None else "  lib64 is a folder"
    for script in found.scripts:
        yield f"  bin/{escape(script.name)} names {tilde(script.named)}"
    yield f"  site-packages holds {len(found.contents.packages)} entries"
    for link_ in found.contents.links:
        yield f"  your own symlink: {escape(link_)}"
    for area in one.world.folder.generations:
        yield f"  kept generation: {tilde(area)}"


def _verdict(one: EnvironmentPlan, paint: Paint) -> Iterator[str]:
    for conflict in one.conflicts:
        yield f"{paint('red', 'conflict')} {conflict.code}: {escape(conflict.message)}"
        yield f"  {paint('dim', 'hint:')} {escape(conflict.hint)}"
    for drift in one.drift:
        yield f"{paint('yellow', 'drift')} {drift.code}: {escape(drift.message)}"
    for action in one.actions:
        yield f"{paint('blue', 'action')} {action.kind}: {escape(action.message)}"
    for note in one.notes:
        yield f"{paint('dim', 'note:')} {escape(note)}"
    if not (one.conflicts or one.drift or one.notes):
        yield "nothing to do"
