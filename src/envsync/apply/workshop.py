"""Build environments in staging areas: each kind once with a builder, then as many as are wanted from its mould."""

import contextlib
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager

from envsync import pyvenv_cfg
from envsync.apply import verify
from envsync.apply.moulds import Kind, Mould, MouldCache, as_built, cast, kind_of, make_mould
from envsync.areas import BUILT, Marker
from envsync.plan.actions import Blueprint, EnvironmentPlan
from envsync.write.area import remove_scratch
from envsync.write.files import edit_inner_file
from envsync.write.handles import Root
from envsync.write.tree import make_scratch

__all__ = ["Workshop", "edit_settings", "marker_of"]


class Workshop:
    """Builds environments for one pass; what several of them share is done once."""

    def __init__(self, cache: str, logs: str, *, remembers: bool = True) -> None:
        """Take the cache folder, that for the logs of installers, and whether to use what earlier passes built."""
        self._cache = cache
        self._logs = logs
        self.shared = cache if remembers else None
        """The folder for what later passes can use as well."""
        self._kept = MouldCache(self.shared)
        self._moulds: dict[Kind, Mould] = {}
        self.tried: set[object] = set()
        """What repairs would link, and was seen to run."""
        self._making = threading.Lock()
        self._turn = threading.Lock()

    def build(self, blueprint: Blueprint, area: str, name: str = BUILT) -> None:
        """Build the environment of a blueprint, by a name, in a staging area; every path in it is the declared one.

        The first of a kind is run, to check that it is an environment. Raises ``EnvsyncError`` or ``OSError``.
        """
        kind = kind_of(blueprint)
        mould = self._moulds.get(kind)
        if mould is not None:
            cast(mould, blueprint, f"{area}/{name}")
            return
        with self._making:
            mould = self._moulds.get(kind) or self._kept.find(kind, blueprint)
            began = time.time_ns()
            made = mould or self._make(blueprint, area)
            cast(made, blueprint, f"{area}/{name}")
            if kind not in self._moulds:
                verify.runs_as(f"{area}/{name}", blueprint)
                self._moulds[kind] = made
            if mould is None:
                self._kept.keep(kind, blueprint, made, began)

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

    def _make(self, blueprint: Blueprint, area: str) -> Mould:
        from envsync.apply.builders import build_bare  # noqa: PLC0415  # only where there is no mould

        name, told = as_built(blueprint)
        place = f"{make_scratch(area)}/{name}"
        try:
            build_bare(told, place, self._cache)
            return make_mould(place, blueprint)
        finally:
            remove_scratch(area)


def marker_of(blueprint: Blueprint, *, discard: bool = False) -> Marker:
    """Say in a staging area what it is for."""
    return Marker(blueprint.name, blueprint.path, blueprint.end, manifest=blueprint.manifest, discard=discard)


def edit_settings(root: Root, settings: Mapping[str, str]) -> None:
    """Set keys of an environment's ``pyvenv.cfg`` in place."""

    def edit(content: bytes) -> bytes:
        text = pyvenv_cfg.update(content.decode("utf-8", "surrogateescape"), settings)
        return text.encode("utf-8", "surrogateescape")

    edit_inner_file(root, "pyvenv.cfg", edit)
