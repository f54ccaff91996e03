"""Build environments in staging areas: each kind once with a builder, then as many as are wanted from its mould."""

import contextlib
import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from envsync import activation, pyvenv_cfg
from envsync.apply import verify
from envsync.apply.builders import build_bare
from envsync.areas import BUILT
from envsync.plan.actions import Blueprint, EnvironmentPlan
from envsync.write.area import remove_scratch
from envsync.write.files import edit_inner_file
from envsync.write.handles import Root
from envsync.write.tree import Entry, make_scratch, write_tree

__all__ = ["Workshop", "edit_settings"]


@dataclass(frozen=True, slots=True)
class _Mould:
    """What a builder wrote, and where: environments of one kind differ in nothing but their path and settings."""

    place: str
    entries: tuple[Entry, ...]


class Workshop:
    """Builds environments for one pass; what several of them share is done once."""

    def __init__(self, cache: str, logs: str) -> None:
        """Take the cache folder, and the folder for the logs of installers."""
        self._cache = cache
        self._logs = logs
        self._moulds: dict[tuple[object, ...], _Mould] = {}
        self._making = threading.Lock()
        self._turn = threading.Lock()

    def build(self, blueprint: Blueprint, area: str) -> None:
        """Build the environment of a blueprint in a staging area; every path in it is the declared one.

        The first of a kind is run, to check that it is an environment. Raises ``EnvsyncError`` or ``OSError``.
        """
        kind = _kind(blueprint)
        mould = self._moulds.get(kind)
        if mould is not None:
            _cast(mould, blueprint, area)
            return
        with self._making:
            mould = self._moulds.get(kind) or self._make(blueprint, area)
            _cast(mould, blueprint, area)
            if kind not in self._moulds:
                verify.runs_as(f"{area}/{BUILT}", blueprint)
                self._moulds[kind] = mould

    def turn(self, plan: EnvironmentPlan) -> AbstractContextManager[object]:
        """Give what to hold while a plan is carried out.

        Installers run beside each other. Work that is all short calls of Python's own is faster one at a time: threads
        would only hand each other the interpreter lock.
        """
        installs = any(getattr(action, "furnishing", None) is not None for action in plan.actions)
        return contextlib.nullcontext() if installs else self._turn

    def log_of(self, blueprint: Blueprint) -> str:
        """Name the log of an environment's installer."""
        name = blueprint.name.encode()[:200].decode(errors="ignore")  # a file's name has room for 255 bytes
        return f"{self._logs}/{name}.log"

    def _make(self, blueprint: Blueprint, area: str) -> _Mould:
        # Builders take the folder's name for the prompt.
        place = f"{make_scratch(area)}/{os.path.basename(blueprint.path)}"
        build_bare(blueprint, place, self._cache)
        mould = _Mould(place, tuple(_read(place)))
        remove_scratch(area)
        return mould


def edit_settings(root: Root, settings: Mapping[str, str]) -> None:
    """Set keys of an environment's ``pyvenv.cfg`` in place."""

    def edit(content: bytes) -> bytes:
        return _text(pyvenv_cfg.update(content.decode("utf-8", "surrogateescape"), settings))

    edit_inner_file(root, "pyvenv.cfg", edit)


def _kind(blueprint: Blueprint) -> tuple[object, ...]:
    return (
        os.path.basename(blueprint.path),
        blueprint.builders,
        blueprint.executable,
        blueprint.links,
        dict(blueprint.settings)["home"],
        blueprint.prompt,
        blueprint.system_site_packages,
    )


def _read(place: str) -> list[Entry]:
    entries = []
    for folder, folders, names in os.walk(place):
        for name in sorted((*folders, *names)):
            file = f"{folder}/{name}"
            relative = os.path.relpath(file, place)
            if os.path.islink(file):
                entries.append(Entry(relative, link=os.readlink(file)))
            elif os.path.isdir(file):
                entries.append(Entry(relative))
            else:
                with open(file, "rb") as stream:
                    entries.append(Entry(relative, content=stream.read(), mode=os.stat(file).st_mode & 0o777))
    return entries


def _cast(mould: _Mould, blueprint: Blueprint, area: str) -> None:
    ours = {f"bin/{name}": text for name, text in blueprint.links}
    if blueprint.lib64:
        ours["lib64"] = "lib"
    entries = [_fit(entry, mould, blueprint) for entry in mould.entries if entry.relative not in ours]
    write_tree(f"{area}/{BUILT}", (*entries, *(Entry(relative, link=text) for relative, text in ours.items())))


def _fit(entry: Entry, mould: _Mould, blueprint: Blueprint) -> Entry:
    """Make what a builder wrote into one file what the blueprint says."""
    content = entry.content
    if content is None:
        return entry
    name = os.path.basename(entry.relative)
    if entry.relative == "pyvenv.cfg":
        text = content.decode("utf-8", "surrogateescape")
        kept = {key: value for key, value in blueprint.optional if key in dict(pyvenv_cfg.parse(text))}
        content = _text(pyvenv_cfg.update(text, kept | dict(blueprint.settings), drop=frozenset({"command"})))
    elif entry.relative == f"bin/{name}" and name in activation.SCRIPTS:
        content = _text(activation.retarget(name, content.decode("utf-8", "surrogateescape"), blueprint.path))
    else:
        content = content.replace(os.fsencode(mould.place), os.fsencode(blueprint.path))
    return Entry(entry.relative, content=content, mode=entry.mode)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
