"""Find what envsync must not touch, with the remedy for each. Pure."""

import shlex
from collections.abc import Iterable, Iterator

from envsync.model import desired
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain, EndKind
from envsync.model.plan import Action, Conflict, Create, Install, Rebuild
from envsync.model.world import Directory, Hazard, Redirect, SideLink, World

_MOST = 3
"""Links of a circle that a hint names."""
_MOUNTED = "It is a mount point, and cannot be moved: unmount it,"


def conflicts_of(environment: desired.Environment, world: World, max_hops: int) -> tuple[Conflict, ...]:
    """List all conflicts of one environment; ``max_hops`` is how many symlinks the kernel follows."""
    found = [*_at_path(environment, world), *_at_directory(environment, world)]
    if isinstance(world.interpreter, InterpreterProblem):
        problem = world.interpreter
        found.append(Conflict(problem.code, problem.message, problem.hint, problem.remedy))
    else:
        found += _held(environment, world.interpreter)
        found += _too_many_hops(world, world.interpreter, max_hops)
    if world.claimed is not None:
        other, its_path = world.claimed
        message = f"{world.directory.chain.end} is the environment of {its_path}, made for the manifest {other}"
        hint = "Declare another target here; or, if it is to be this one, remove that link."
        found.append(Conflict("path-shared", message, hint))
    return tuple({(one.code, one.message): one for one in found}.values())


def _at_path(environment: desired.Environment, world: World) -> Iterator[Conflict]:
    chain, target = world.path, world.target
    redirect = world.directory.redirect
    if redirect is not None and redirect.file == chain.end:
        yield _redirected(environment.path, redirect)
        return
    problem = _chain_conflict(chain, mounted=world.directory.is_mount)
    if problem is not None:
        yield problem
    elif target is not None:
        problem = _chain_conflict(target)
        if problem is not None:
            yield problem
        elif chain.meets(target) or target.end == world.directory.moving_to:  # it is there, or on its way
            return
        elif chain.is_link:
            hint = (
                f"Change `target` to {chain.end}, or remove the link if you do not need it: "
                f"rm {shlex.quote(environment.path)}"
            )
            message = f"{chain.start} leads to {chain.end}, not to {target.start}"
            yield Conflict("link-elsewhere", message, hint, (("rm", environment.path),))
        elif chain.kind is EndKind.DIRECTORY:
            yield _not_a_link(environment.name, world, chain, target)


def _chain_conflict(chain: Chain, *, mounted: bool = False) -> Conflict | None:
    match chain.kind:
        case EndKind.LOOP:
            links = shlex.join(hop.link for hop in chain.once[:_MOST])
            hint = f"Look at the links (ls -l {links}) and let one of them lead to a directory."
            return Conflict("link-loop", f"{chain.start}: {chain.reason}", hint, _unlinking(chain))
        case EndKind.UNREADABLE:
            hint = "Correct the path, or let each part of it be a directory that you may read."
            return Conflict("not-readable", f"{chain.start} cannot be looked at: {chain.reason}", hint)
        case EndKind.FILE | EndKind.SPECIAL:
            hint = f"Move it away, for instance: mv {shlex.quote(chain.end)} {shlex.quote(chain.end + '.old')}"
            remedy = _clearing(chain)
            if chain.is_link:
                hint = "Let the link lead elsewhere, or choose another path."
            elif mounted:
                hint, remedy = f"{_MOUNTED} or choose another path.", ()
            elif chain.end.endswith("/.env"):
                hint, remedy = (
                    "It may hold settings, as python-dotenv reads them: choose another path, such as .venv.",
                    (),
                )
            where = chain.end if chain.end == chain.start else f"{chain.end}, where {chain.start} leads,"
            return Conflict("not-a-directory", f"{where} is {chain.kind.value}", hint, remedy)
        case EndKind.DIRECTORY | EndKind.MISSING:
            return None


def _redirected(path: str, redirect: Redirect) -> Conflict:
    """Refuse a file that another tool keeps to say where the environment is: it is not in the way, it is an answer."""
    where = path if redirect.file == path else f"{redirect.file}, where {path} leads,"
    message = f"{where} is a redirect file (PEP 832) of another tool: the environment is at {redirect.target}"
    hint = f'Declare that one instead: path = "{redirect.target}"'
    if not redirect.is_environment:
        message += ", where there is none"
        hint = "Let the tool that wrote the file make that environment again, or declare another path."
    return Conflict("not-a-directory", message, hint)


def _unlinking(chain: Chain) -> tuple[tuple[str, ...], ...]:
    """Return what removes the link at the start of a chain, if there is one: never what it leads to."""
    return (("rm", chain.start),) if chain.is_link else ()


def _clearing(chain: Chain) -> tuple[tuple[str, ...], ...]:
    """Return what makes room at a path: without the link that is there, or with what is there moved away."""
    return _unlinking(chain) or (("mv", chain.end, f"{chain.end}.old"),)


def _not_a_link(name: str, world: World, chain: Chain, target: Chain) -> Conflict:
    old, new = chain.start, target.start
    remedy: tuple[tuple[str, ...], ...] = ()
    if world.directory.is_mount:
        hint = f"{_MOUNTED} or leave out `target`."
    elif target.kind is EndKind.MISSING and world.directory.environment is not None:
        remedy = (("envsync", "move", name),)
        hint = f"Move it: {_shown(remedy)}"
    elif target.kind is EndKind.MISSING:
        remedy = (("mkdir", "-p", new.rpartition("/")[0] or "/"), ("mv", old, new), ("ln", "-s", new, old))
        hint = f"Move it: {_shown(remedy)}"
    else:
        remedy = (("mv", old, f"{old}.old"), ("ln", "-s", new, old))
        hint = f"The target is there already. Keep one of them, for instance: {_shown(remedy)}"
    return Conflict("not-a-link", f"{chain.start} is a directory, not a symlink to {target.start}", hint, remedy)


def _shown(commands: tuple[tuple[str, ...], ...]) -> str:
    return " && ".join(map(shlex.join, commands))


def _at_directory(environment: desired.Environment, world: World) -> Iterator[Conflict]:
    directory = world.directory
    if directory.chain.kind not in {EndKind.DIRECTORY, EndKind.MISSING}:
        problem = _chain_conflict(directory.chain, mounted=directory.is_mount)
        if problem is not None and directory.redirect is None:
            yield problem
        return
    if directory.unsafe:
        hint = f"Give {environment.name} a directory of its own, such as .venv in the project."
        yield Conflict("unsafe-path", f"{directory.chain.end} is no place for an environment: {directory.unsafe}", hint)
    elif directory.chain.kind is EndKind.DIRECTORY and directory.environment is None and not directory.is_empty:
        yield _not_a_venv(directory)
    elif directory.environment is None and not all(map(_is_text, (environment.path, directory.chain.end))):
        message = f"{environment.path} has bytes in it that are no text in the encoding here: no script could name it"
        yield Conflict("not-encodable", message, "Rename that directory, or set the locale that it was named in.")


def _is_text(path: str) -> bool:
    """Check whether a path has no bytes that stand for themselves alone (os.fsdecode, PEP 383)."""
    return not any("\udc80" <= one <= "\udcff" for one in path)


def not_writable(directory: Directory) -> Iterator[Conflict]:
    """Yield what keeps envsync from writing where an environment is or is to be; nothing in it may have to be done."""
    if not directory.writable:
        place = shlex.quote(directory.blocked_by)
        hint = f"Make it writable for you (it may be mounted read-only), or choose another path; see: ls -ld {place}"
        yield Conflict("not-writable", f"{directory.blocked_by} is not writable", hint)


def meddled_with(hazard: Hazard | None) -> Iterator[Conflict]:
    """Refuse to make anything where somebody else could change it, or where it is somebody else's."""
    if hazard is None:
        return
    if hazard.owner:
        hint = f"Do it as that user (sudo -u {shlex.quote(hazard.owner)} envsync ...), or in a directory of your own."
        yield Conflict("foreign-owner", f"{hazard.place} belongs to {hazard.owner}", hint)
    else:
        message = f"anybody may write in {hazard.place}, and change what is made there"
        hint = f"Take that right away: chmod o-w {shlex.quote(hazard.place)}; or choose another directory."
        yield Conflict("unsafe-permissions", message, hint)


def lacking_backends(actions: Iterable[Action]) -> Iterator[Conflict]:
    """Refuse what there is no builder or no installer for."""
    for action in actions:
        builder = action.blueprint.builders[0] if isinstance(action, Create | Rebuild) else None
        if builder is not None and builder.missing:
            hint = 'Install it (the extra `uv` brings uv), or set `builder` to "uv|virtualenv".'
            yield Conflict("builder-missing", builder.missing, hint)
        spec = action.spec if isinstance(action, Create | Rebuild | Install) else None
        if spec is not None and spec.installer.missing:
            hint = 'Install uv (the extra `uv` brings it), or set `installer` to "auto".'
            yield Conflict("installer-missing", spec.installer.missing, hint)


def _not_a_venv(directory: Directory) -> Conflict:
    end = shlex.quote(directory.chain.end)
    hint, remedy = f"If nothing in it is needed, move it away: mv {end} {end}.old", _clearing(directory.chain)
    if directory.chain.is_link:
        hint = f"{directory.chain.start} leads there: let the link lead elsewhere, or choose another path."
    elif directory.is_mount:
        hint, remedy = f"{_MOUNTED} or empty it if nothing in it is needed.", ()
    message = f"{directory.chain.end} {directory.resembles or 'is a directory, but no virtual environment'}"
    return Conflict("not-a-venv", message, hint, remedy)


def _held(environment: desired.Environment, interpreter: Interpreter) -> Iterator[Conflict]:
    if environment.requires_python is None:
        return
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  # costs more than the rest of a pass

    if not SpecifierSet(environment.requires_python).contains(interpreter.facts.version, prereleases=True):
        message = (
            f"{interpreter.link} is now Python {interpreter.facts.version}, outside of requires-python "
            f"{environment.requires_python}"
        )
        hint = "The environment is held as it is. Widen `requires-python`, or point `python` to a version within it."
        yield Conflict("interpreter-held", message, hint)


def _too_many_hops(world: World, interpreter: Interpreter, max_hops: int) -> Iterator[Conflict]:
    if world.path.kind is EndKind.LOOP:
        return
    # python3 leads to python, python to the interpreter link, and that one on through its own chain.
    hops = len(world.path.hops) + 2 + len(interpreter.chain.hops)
    if world.target is not None and world.path.end != world.directory.chain.end:
        hops += 1 + len(world.target.hops)  # the link that is to be made, and on from there
    if hops > max_hops:
        message = f"{world.path.start}/bin/python3 would lead through {hops} symlinks; the kernel follows {max_hops}"
        yield Conflict("link-loop", message, "Shorten the chain of links to the environment or to the interpreter.")


def side_conflicts(side: SideLink, not_a_link: str, elsewhere: str, otherwise: str) -> Iterator[Conflict]:
    """Yield what is in the place of a further link; the two codes are for a file or directory, and a link.

    ``otherwise`` is what one can do instead of clearing its place.
    """
    chain = side.chain
    if side.leads_there or (chain.kind is EndKind.MISSING and not chain.is_link):
        return
    if side.redirect is not None:
        message = f"{side.link} is a redirect file (PEP 832) of another tool: it leads to {side.redirect.target}"
        hint = "Let that tool write it again, for this environment; or take it out of the manifest."
        yield Conflict(not_a_link, message, hint)
    elif chain.kind in {EndKind.LOOP, EndKind.UNREADABLE}:
        problem = _chain_conflict(chain)
        if problem is not None:
            yield problem
    elif chain.is_link:
        hint = f"Remove it if it is not needed: rm {shlex.quote(side.link)}; or {otherwise}."
        message = f"{side.link} leads to {chain.end}, not to {side.link_text}"
        yield Conflict(elsewhere, message, hint, _unlinking(chain))
    else:
        hint = f"Move it away, for instance: mv {shlex.quote(side.link)} {shlex.quote(side.link + '.old')}"
        wanted = "a script of envsync's that runs" if side.is_launcher else "a symlink to"
        message = f"{side.link} is {chain.kind.value}, not {wanted} {side.link_text}"
        yield Conflict(not_a_link, message, f"{hint}; or {otherwise}.", (("mv", side.link, f"{side.link}.old"),))
