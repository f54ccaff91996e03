"""Decide which links to an environment are to be made, and which are left out or left over. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from envsync.model.environment import FormerLink
from envsync.model.links import Chain, EndKind
from envsync.model.plan import Action, Conflict, Create, Drift, EnvironmentPlan, Install, Link, Rebuild, State
from envsync.model.world import SideLink, World
from envsync.plan.conflicts import side_conflicts

_SHOWN = 8
"""Links that a note names; `prune` lists all."""


def with_links(plan: EnvironmentPlan) -> EnvironmentPlan:
    """Add the symlinks that lead to the environment: last, when it is there."""
    environment, world = plan.environment, plan.world
    drift: list[Drift] = []
    actions: list[Action] = []
    if environment.target is not None and world.path.end != world.directory.chain.end:
        drift.append(Drift("link-missing", f"nothing is at {environment.path}", environment.path))
        actions.append(_link(environment.path, environment.target, world.path, world.directory.chain.end))
    elif world.target is not None and world.directory.moving_to == world.target.end:
        drift.append(Drift("link-missing", f"its move to {environment.target} was interrupted"))
    for code, sides in (("alias-missing", world.aliases), ("expose-missing", world.exposed)):
        for side in sides:
            if not side.leads_there and side.available and not _is_taken(side):
                drift.append(Drift(code, f"nothing is at {side.link}", side.link))
                end = world.directory.chain.end
                actions.append(_link(side.link, side.link_text, side.chain, end, is_launcher=side.is_launcher))
    state = State.DRIFT if drift and plan.state is State.IN_SYNC else plan.state
    return replace(plan, state=state, drift=(*plan.drift, *drift), actions=(*plan.actions, *actions))


def with_left_out(plan: EnvironmentPlan) -> EnvironmentPlan:
    """Add which links are left out: something else has their place, or the environment lacks the command."""
    taken = (*taken_aliases(plan.world), *taken_commands(plan.environment.name, plan.world))
    faults = tuple(f"{one.message}, so that link is left out. {one.hint}" for one in taken)
    notes = (*plan.notes, *faults, *_missing_commands(plan))
    return replace(plan, notes=notes, faults=(*plan.faults, *faults), left_out=taken)


def taken_aliases(world: World) -> Iterator[Conflict]:
    """Yield the aliases whose place is taken: each is left out, the environment is not."""
    for side in world.aliases:
        yield from side_conflicts(side, "not-a-link", "link-elsewhere", "take it out of the manifest")


def taken_commands(name: str, world: World) -> Iterator[Conflict]:
    """Yield the same for exposed commands; ``name`` is the environment's."""
    for side in world.exposed:
        command = side.link_text.rpartition("/")[2]
        otherwise = f'expose it under another name: "{command}:{command}-{name.replace(":", "-")}"'
        if side.held_by:
            message = f"{side.link} is exposed by {side.held_by} already"
            yield Conflict("expose-taken", message, f"{otherwise[0].upper()}{otherwise[1:]}.")
        else:
            yield from side_conflicts(side, "expose-taken", "expose-taken", otherwise)


def link_notes(world: World) -> Iterator[str]:
    """Report links that are not made, do not do, or that nothing declares any longer."""
    for side in world.aliases:
        if not side.available:
            yield f"{side.link} is not linked: {side.link.rpartition('/')[0]} is not there"
    for side in world.exposed:
        if side.is_launcher and side.leads_there and side.chain.is_link:
            yield (
                f"{side.link} runs the Python beneath the environment, since it is a symlink: "
                "remove it, then apply again"
            )
    yield from former_links_note(world.former_links)


def former_links_note(former: Iterable[FormerLink]) -> tuple[str, ...]:
    """Report the links that nothing declares any longer, if there are any."""
    links = [one.link for one in former]
    if not links:
        return ()
    more = f" and {len(links) - _SHOWN} more" if len(links) > _SHOWN else ""
    shown = ", ".join(links[:_SHOWN])
    return (f"no longer declared, and still there: {shown}{more}; to remove: envsync prune",)


def _is_taken(side: SideLink) -> bool:
    return bool(side.held_by) or side.chain.is_link or side.chain.kind is not EndKind.MISSING


def _link(link: str, text: str, chain: Chain, end: str, *, is_launcher: bool = False) -> Link:
    message = f"let {link} run {text}" if is_launcher else f"link {link} to {text}"
    return Link(message, link, chain.end, text, chain.to_make, is_launcher, end)


def _missing_commands(plan: EnvironmentPlan) -> tuple[str, ...]:
    """Return which exposed commands an environment lacks, unless what is about to be done may bring them."""
    if any(isinstance(action, Create | Rebuild | Install) for action in plan.actions):
        return ()
    none = _no_command(plan)
    return none + tuple(
        f"{side.link} {'leads nowhere' if side.leads_there else 'is not linked'}: "
        f"the environment has no {side.link_text.rpartition('/')[2]}"
        for side in plan.world.exposed
        if not side.available
    )


def _no_command(plan: EnvironmentPlan) -> tuple[str, ...]:
    """Report a ``*`` that stands for nothing."""
    world = plan.world
    if world.commands or not any(one.stands_for_all for one in plan.environment.expose):
        return ()
    why = "no package is declared" if world.declared is None else "no declared package has a command"
    return (f'expose = ["*"] links nothing: {why}',)
