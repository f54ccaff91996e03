"""Return how an environment is to be built, and make the plans of those that are not observed. Pure."""

import shlex

from envsync.formats import link_record, pyvenv_cfg
from envsync.model import desired
from envsync.model.blueprint import Blueprint
from envsync.model.dataclass import dataclass
from envsync.model.environment import Environment
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain, EndKind
from envsync.model.plan import Conflict, EnvironmentPlan, State
from envsync.model.shared import shared
from envsync.model.world import Directory, World
from envsync.plan.drift import followed_prompt, optional_settings, wanted_links


@dataclass(frozen=True, slots=True)
class Rules:
    """What a decision depends on beside the environment itself."""

    max_hops: int
    """How many symlinks the kernel follows."""
    keep: int
    """How many former contents to keep of an environment."""
    generations_dir: str = ""
    """The directory of generations."""
    force_rebuild: frozenset[str] = frozenset()
    """Names of environments to rebuild even if nothing is wrong with them."""
    manifest: str = ""
    """The manifest's file: what is built is marked as made for it."""


def _prompt(environment: desired.Environment, found: Environment | None) -> str | None:
    """Return what shells are to show: what is declared, else what the environment has, else for a new one its name."""
    if environment.prompt is not None or found is None:
        return environment.name if environment.prompt is None else environment.prompt
    held = found.setting("prompt")
    return None if held is None else followed_prompt(pyvenv_cfg.unquote(held), found, environment.path)


def _links_to_make(world: World) -> str:
    """Return the record of a new environment: it is built with it, so that making a link changes no file in there."""
    sides = [(side.link, side.link_text, side.chain) for side in (*world.aliases, *world.exposed)]
    sides += [(world.path.start, world.target.start, world.path)] if world.target is not None else []
    nothing = (one for one in sides if one[2].kind is EndKind.MISSING and not one[2].is_link)
    return link_record.render({link: text for link, text, _ in nothing})


def blueprint_of(environment: desired.Environment, world: World, interpreter: Interpreter, rules: Rules) -> Blueprint:
    """Return all that is needed to build an environment."""
    facts = interpreter.facts
    prompt = _prompt(environment, world.directory.environment)
    common = {"home": interpreter.home, "version": facts.release, "envsync-abi": facts.abi}
    common |= {"envsync-platform": facts.platform} if facts.platform else {}
    common |= {"envsync-manifest": rules.manifest}
    found = world.directory.environment
    recorded = _links_to_make(world) if found is None else found.setting(link_record.KEY)
    common |= {} if recorded is None else {link_record.KEY: recorded}  # earlier releases recorded none
    return Blueprint(
        name=environment.name,
        path=environment.path,
        manifest=rules.manifest,
        end=world.directory.chain.end,
        identity=world.directory.identity,
        staging_parent=world.directory.staging_parent,
        exchangeable=world.directory.exchangeable,
        layered=world.directory.layered,
        builders=world.builders,
        executable=facts.executable,
        minor=shared(facts.minor),
        stdlib=facts.stdlib,
        libraries=shared(facts.libraries),
        links=shared(wanted_links(interpreter)),
        common=shared(tuple(common.items())),
        optional=tuple(map(shared, optional_settings(environment, interpreter).items())),
        prompt=prompt,
        prompt_value=None if prompt is None else pyvenv_cfg.quote(prompt),
        system_site_packages=environment.system_site_packages,
    )


def not_atomic(directory: Directory) -> tuple[str, ...]:
    """Report why the end cannot be exchanged in one step; nothing where it can."""
    end = directory.chain.end
    if not directory.exchangeable:
        return (f"{end} cannot be swapped as a whole; its entries are swapped one by one, not atomically",)
    if directory.layered:
        return (f"{end} is part of a lower layer of an overlay: it is copied up before it is exchanged",)
    return ()


def stopped(environment: desired.Environment, chain: Chain, conflict: Conflict) -> EnvironmentPlan:
    """Return a plan that has nothing but a conflict; ``chain`` is the environment's path."""
    problem = InterpreterProblem(environment.python.declared, None, conflict.code, conflict.message, conflict.hint)
    directory = Directory(chain, None, None, is_empty=False, writable=True)
    world = World(path=chain, target=None, directory=directory, interpreter=problem)
    return EnvironmentPlan(environment, world, State.CONFLICT, conflicts=(conflict,))


def untrusted(environment: desired.Environment, chain: Chain, manifest: desired.Manifest) -> EnvironmentPlan:
    """Return the plan for an environment of a manifest that may not be carried out."""
    remedy = ("envsync", "trust", manifest.file)
    hint = f"Read the manifest, then: {shlex.join(remedy)}"
    return stopped(environment, chain, Conflict("untrusted", f"the manifest {manifest.distrust}", hint, (remedy,)))
