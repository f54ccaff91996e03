"""Run what a repair is about to link, before anything of the environment is changed."""

from envsync import pyvenv_cfg
from envsync.apply.verify import reason_not_to_run
from envsync.apply.workshop import Workshop
from envsync.errors import EnvsyncError, Problem
from envsync.observe.read import read_text
from envsync.plan.actions import Blueprint, Repair
from envsync.write.area import remove_area
from envsync.write.tree import Entry, make_scratch, write_tree

__all__ = ["check_relinked"]

_READ = frozenset({"home", "include-system-site-packages", "version", "version_info", "executable"})
"""Keys of ``pyvenv.cfg`` that some Python reads; the others make no difference to how it runs."""


def check_relinked(action: Repair, workshop: Workshop) -> None:
    """Try the interpreter link and the ``pyvenv.cfg`` that a repair would leave, each combination once in a pass.

    A program that runs another Python, say, works as an interpreter and makes no environment: then the environment
    stays what it was. Raises ``EnvsyncError`` (``verify-failed``) or ``OSError``.
    """
    blueprint, settings = action.blueprint, dict(action.settings)
    if not any(relative == "bin/python" for relative, _ in action.links) and "home" not in settings:
        return
    text = pyvenv_cfg.update(read_text(f"{blueprint.end}/pyvenv.cfg"), settings)
    kind = (blueprint.links[0], tuple(pair for pair in pyvenv_cfg.parse(text) if pair[0] in _READ))
    if kind in workshop.tried:
        return
    area = workshop.staging.make(blueprint)
    try:
        place = f"{make_scratch(area)}/trial"
        write_tree(place, _bare(blueprint, text))
        reason = reason_not_to_run(place, blueprint)
    finally:
        remove_area(area, blueprint.end)
    if reason:
        link = blueprint.links[0][1]
        message = f"{link} does not run as the environment {blueprint.path}: {reason}"
        hint = "The environment was left as it was. Name another interpreter."
        raise EnvsyncError(Problem("verify-failed", message, hint))
    workshop.tried.add(kind)


def _bare(blueprint: Blueprint, text: str) -> tuple[Entry, ...]:
    """Return the least that makes an environment."""
    folders = {"bin": None}
    for library in blueprint.libraries:
        parts = f"{library}/site-packages".split("/")
        folders |= dict.fromkeys("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    return (
        *map(Entry, folders),
        Entry("bin/python", link=blueprint.links[0][1]),
        Entry("pyvenv.cfg", content=text.encode("utf-8", "surrogateescape")),
    )
