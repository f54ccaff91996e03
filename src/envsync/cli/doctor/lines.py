"""What ``doctor`` found, as lines and as entries of the JSON document."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from envsync.cli.doctor.checks import Check, Health
from envsync.cli.doctor.interpreters import Dependent, Effect
from envsync.report.terminal import (
    Layout,
    Paint,
    abbreviate_home,
    abbreviate_in_commands,
    escape,
    hanging,
    listed,
    tilde,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.entries import CheckEntry, DependentEntry

_HEALTH = {Health.OK: "green", Health.WARNING: "yellow", Health.PROBLEM: "red"}
_EFFECTS = {Effect.MOVES: "yellow", Effect.REBUILDS: "yellow", Effect.CONFLICT: "red", Effect.UNTOUCHED: "dim"}
_ALWAYS = "manifest"
"""The check that is shown even where it passed: everything else is about that file."""


def check_lines(
    checks: Sequence[Check], paint: Paint, layout: Layout, *, verbose: bool = True, quiet: bool = False
) -> Iterator[str]:
    """Yield a line for each warning and problem, with the remedy, then the totals.

    With ``verbose`` for each check that passed too; if ``quiet``, only for problems, and no totals.
    """
    width = max(len(health.value) for health in Health)
    shown = [one for one in checks if one.health is not Health.OK or verbose or one.code == _ALWAYS]
    if quiet:
        shown = [one for one in checks if one.health is Health.PROBLEM]
    groups: dict[Check, list[str]] = {}
    for one in shown:
        groups.setdefault(replace(one, environment=""), []).append(one.environment)
    for check, names in groups.items():
        word = paint(_HEALTH[check.health], f"{check.health.value:<{width}}")
        yield from _entry(word, width, abbreviate_home(_fact(check, names, verbose=verbose)), layout)
        if check.hint and check.health is not Health.OK:
            yield from _entry(" " * width, width, f"hint: {abbreviate_in_commands(check.hint)}", layout)
    if quiet:
        return
    counts = Counter(check.health for check in checks)
    warnings, problems = _many(counts[Health.WARNING], "warning"), _many(counts[Health.PROBLEM], "problem")
    folded = "" if verbose or not counts[Health.OK] else " (-v lists them)"
    yield f"{_many(counts[Health.OK], 'check')} passed{folded}, {warnings}, {problems}"


def _fact(check: Check, names: Sequence[str], *, verbose: bool) -> str:
    """Return a fact, with the environments that share it."""
    if len(names) == 1:
        return replace(check, environment=names[0]).text
    return f"{len(names)} environments: {check.message}: {_names(names, verbose=verbose)}"


def check_entries(checks: Iterable[Check]) -> "list[CheckEntry]":
    """Return the checks for the JSON document."""
    return [{"code": one.code, "status": one.health.value, "message": one.text, "hint": one.hint} for one in checks]


def dependent_lines(
    about: str, found: Sequence[Dependent], paint: Paint, layout: Layout, *, verbose: bool = True
) -> Iterator[str]:
    """Yield what would happen to the environments without an interpreter, a line for all that share it."""
    yield from _entry("", -2, f"{abbreviate_home(about)}", layout)
    groups: dict[tuple[Effect, str | None, str], list[str]] = {}
    for one in found:
        if one.effect is not Effect.UNTOUCHED:
            groups.setdefault((one.effect, one.link, one.message), []).append(one.environment)
    if not groups:
        yield "no environment depends on it"
        return
    yield "without it:"
    width = max(len(effect.value) for effect in Effect)
    for (effect, link, message), names in groups.items():
        through = f", through {tilde(link)}" if link else ""
        who = escape(names[0]) if len(names) == 1 else f"{len(names)} environments"
        which = f": {_names(names, verbose=verbose)}" if len(names) > 1 else ""
        word = paint(_EFFECTS[effect], f"{effect.value:<{width}}")
        yield from _entry(word, width, f"{who}{through}: {abbreviate_home(message)}{which}", layout)
    untouched = [one.environment for one in found if one.effect is Effect.UNTOUCHED]
    if untouched:
        word = paint("dim", Effect.UNTOUCHED.value)
        yield from _entry(word, width, _names(untouched, verbose=verbose), layout)


def dependent_entries(found: Iterable[Dependent]) -> "list[DependentEntry]":
    """Return the environments for the JSON document."""
    return [
        {
            "environment": one.environment,
            "effect": one.effect.value,
            "link": one.link,
            "next_link": one.next_link,
            "message": one.message,
        }
        for one in found
    ]


def _names(names: Sequence[str], *, verbose: bool) -> str:
    return escape(", ".join(names) if verbose else listed(names, more=" (-v lists them)"))


def _entry(word: str, width: int, text: str, layout: Layout) -> Iterator[str]:
    """Yield a text broken to fit, after a word of ``width`` columns."""
    first, *rest = hanging(text, width + 2, layout)
    yield f"{word}  {first}" if word else first
    yield from (f"{' ' * (width + 2)}{line}" for line in rest)


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
