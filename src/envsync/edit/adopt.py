"""Entries for environments that are there already. Pure."""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from envsync.edit.entries import Entry
from envsync.manifest import checks
from envsync.manifest.wording import Unfit, quoted
from envsync.observe.search import FoundEnvironment
from envsync.observed import Stock

__all__ = ["adopt", "frozen", "shortened"]

_SEEDS = {"pip", "setuptools", "wheel"}
_USUAL = {".venv", "venv", ".env", "env", ".virtualenv", "virtualenv"}
"""Names that say nothing: then it is called after the folder that it is in."""


def adopt(
    found: Iterable[FoundEnvironment],
    taken: Collection[str],
    home: str,
    state_dir: str,
    packages: Callable[[FoundEnvironment], tuple[str, ...]],
) -> list[Entry]:
    """Give an entry for each environment, under a name that is not among ``taken``.

    ``packages`` lists what of an environment's packages is to be recorded.
    """
    names = {*taken}
    entries = []
    for one in found:
        name = _free(_names(one.paths[0]), names)
        names.add(name)
        values = [("path", shortened(one.paths[0], home)), *_values(one, home, state_dir)]
        installed = packages(one)
        recorded = [line for line in installed if _is_requirement(line)]
        values += [("packages", recorded)] if recorded else []
        left_out = (f"left out, for it is no requirement: {quoted(line)}" for line in installed if line not in recorded)
        entries.append(Entry(name, tuple(values), (*_remarks(one, home), *left_out)))
    return entries


def frozen(stock: Stock) -> tuple[str, ...]:
    """Give requirements that install what is installed, without editable projects and the seeds of old builders."""
    lines = []
    for one in sorted(stock.distributions, key=lambda one: one.name):
        if one.origin is None and one.name not in _SEEDS:
            lines.append(f"{one.name}=={one.version}")
        elif one.origin is not None and not one.origin.editable:
            lines.append(f"{one.name} @ {one.origin.requirement}")
    return tuple(lines)


def shortened(path: str, home: str) -> str:
    """Write a path as one would in a manifest, with ``~`` for the home folder."""
    return f"~{path[len(home) :]}" if len(home) > 1 and f"{path}/".startswith(f"{home}/") else path


def _is_requirement(line: str) -> bool:
    try:
        checks.package(line)
    except Unfit:
        return False
    return True


def _values(one: FoundEnvironment, home: str, state_dir: str) -> Iterable[tuple[str, Any]]:
    if one.text is not None:
        inside = one.text.removeprefix(f"{state_dir}/")
        yield "target", shortened(one.text, home) if inside == one.text or inside.startswith("~") else inside
    if one.python is not None:
        yield "python", shortened(one.python, home)
    aliases = [shortened(path, home) for path in one.paths[1:] if path != one.text]
    if aliases:
        yield "aliases", aliases
    if one.prompt:
        yield "prompt", one.prompt
    if one.system_site_packages:
        yield "system-site-packages", True


def _remarks(one: FoundEnvironment, home: str) -> Iterable[str]:
    if one.python is not None and not one.works:
        yield "its interpreter is gone: name another one"
    kinds = {file.rpartition("/")[2]: shortened(file, home) for file in one.inputs}
    for name in ("requirements.txt", "requirements.in"):
        if name in kinds:
            yield f"requirements = [{quoted(kinds[name], len(kinds[name]))}]"
            break
    if kinds.keys() & {"pyproject.toml", "uv.lock", "pylock.toml"}:
        folder = next(iter(kinds.values())).rpartition("/")[0]
        yield f"project = {quoted(folder, len(folder))}"


def _names(path: str) -> Iterable[str]:
    """Give names for the environment at ``path``, the shortest first."""
    parts = [part for part in map(_fit, path.split("/")) if part]
    if path.rpartition("/")[2] in _USUAL and len(parts) > 1:
        parts.pop()
    for count in range(1, len(parts) + 1):
        yield "-".join(parts[-count:])[-80:].lstrip("-.")


def _free(names: Iterable[str], taken: Collection[str]) -> str:
    shortest = "env"
    for number, name in enumerate(names):
        shortest = name if number == 0 else shortest
        if name not in taken:
            return name
    return next(name for number in range(2, len(taken) + 3) if (name := f"{shortest}-{number}") not in taken)


def _fit(part: str) -> str:
    """Give a part of a path as it may stand in a name."""
    return re.sub(r"[^\w.+@-]+", "-", part).strip("-.")
