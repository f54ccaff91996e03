"""Show what was checked of a machine, and what hangs on an interpreter."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from envsync.plan.dependents import Dependent, Effect
from envsync.plan.doctor import Check, Health
from envsync.report.paint import Paint, escape, homely, tilde
from envsync.report.tree import Layout, hanging

__all__ = ["check_entries", "check_lines", "dependent_entries", "dependent_lines"]

_HEALTH = {Health.OK: "green", Health.WARNING: "yellow", Health.PROBLEM: "red"}
_EFFECTS = {Effect.MOVES: "yellow", Effect.REBUILDS: "yellow", Effect.CONFLICT: "red", Effect.UNTOUCHED: "dim"}


def check_lines(checks: Sequence[Check], paint: Paint, layout: Layout) -> Iterator[str]:
    """Show each check in a line, and what to do about what is not well."""
    width = max(len(health.value) for health in Health)
    for check in checks:
        word = paint(_HEALTH[check.health], f"{check.health.value:<{width}}")
        yield from _entry(word, width, homely(check.message), layout)
        if check.hint and check.health is not Health.OK:
            yield from _entry(" " * width, width, f"hint: {homely(check.hint)}", layout)
    counts = Counter(check.health for check in checks)
    warnings, problems = _many(counts[Health.WARNING], "warning"), _many(counts[Health.PROBLEM], "problem")
    yield f"{counts[Health.OK]} ok, {warnings}, {problems}"


def check_entries(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """Give the checks for the JSON document."""
    return [{"code": one.code, "status": one.health.value, "message": one.message, "hint": one.hint} for one in checks]


def dependent_lines(about: str, found: Sequence[Dependent], paint: Paint, layout: Layout) -> Iterator[str]:
    """Show what hangs on an interpreter, and what would become of each environment without it."""
    hanging_on = [one for one in found if one.effect is not Effect.UNTOUCHED]
    if not hanging_on:
        yield f"no environment hangs on {homely(about)}"
        return
    yield f"without {homely(about)}:"
    width = max(len(effect.value) for effect in Effect)
    for one in hanging_on:
        word = paint(_EFFECTS[one.effect], f"{one.effect.value:<{width}}")
        through = f", through {tilde(one.link)}" if one.link else ""
        yield from _entry(word, width, f"{escape(one.environment)}{through}: {homely(one.message)}", layout)
    untouched = [escape(one.environment) for one in found if one.effect is Effect.UNTOUCHED]
    if untouched:
        yield from _entry(paint("dim", Effect.UNTOUCHED.value), width, ", ".join(untouched), layout)


def dependent_entries(found: Iterable[Dependent]) -> list[dict[str, Any]]:
    """Give the environments for the JSON document."""
    return [asdict(one) | {"effect": one.effect.value} for one in found]


def _entry(word: str, width: int, text: str, layout: Layout) -> Iterator[str]:
    """Put a word of so many columns before a text that is broken to fit."""
    first, *rest = hanging(text, width + 2, layout)
    yield f"{word}  {first}"
    yield from (f"{' ' * (width + 2)}{line}" for line in rest)


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
