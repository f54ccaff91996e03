"""Say how an environment is to be built, and by which rules of its manifest. Pure."""

from dataclasses import dataclass

from envsync import desired, pyvenv_cfg
from envsync.observed import Environment, Interpreter, World
from envsync.plan.actions import Blueprint
from envsync.plan.drift import followed_prompt, optional_settings, wanted_links, wanted_settings

__all__ = ["Rules", "blueprint_of"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a decision depends on beside the environment itself."""

    max_hops: int
    builders: tuple[str, ...]
    keep: int
    installer: str = "auto"
    shelf: str = ""
    """The folder of generations."""
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


def _end(world: World) -> str:
    end = world.folder.chain.end
    return end if end.isprintable() else ""  # it goes into pyvenv.cfg


def blueprint_of(environment: desired.Environment, world: World, interpreter: Interpreter, rules: Rules) -> Blueprint:
    """Return all that is needed to build an environment."""
    facts = interpreter.facts
    prompt = _prompt(environment, world.folder.environment)
    own = {"prompt": pyvenv_cfg.quote(prompt)} if prompt is not None else {}
    own |= {"version": facts.release, "envsync-path": environment.path, "envsync-abi": facts.abi}
    own |= {"envsync-platform": facts.platform} if facts.platform else {}
    own |= {"envsync-name": environment.name, "envsync-manifest": rules.manifest, "envsync-end": _end(world)}
    return Blueprint(
        name=environment.name,
        path=environment.path,
        manifest=rules.manifest,
        end=world.folder.chain.end,
        identity=world.folder.identity,
        area_parent=world.folder.areas,
        exchangeable=world.folder.exchangeable,
        layered=world.folder.layered,
        builders=rules.builders,
        executable=facts.executable,
        minor=facts.minor,
        stdlib=facts.stdlib,
        libraries=facts.libraries,
        links=wanted_links(interpreter),
        settings=tuple((wanted_settings(environment, interpreter) | own).items()),
        optional=tuple(optional_settings(environment, interpreter).items()),
        prompt=prompt,
        system_site_packages=environment.system_site_packages,
    )
