"""Manifest text in, :class:`envsync.model.desired.Manifest` out.

A pass over an unchanged manifest only has to find it: the parser and the validator load with :func:`load`.
"""

import os
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType
    from typing import Any

    from envsync.manifest.schema import Key
    from envsync.model.desired import Manifest
    from envsync.model.problems import UsageError


_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
_ONE_AT_A_TIME = RLock()
"""Held while that variable is changed: it is the process's, and threads may load manifests."""


def load(
    file: str,
    *,
    hostname: str | None = None,
    platform: str | None = None,
    texts: "Mapping[str, str] | None" = None,
) -> "Manifest":
    """Return the manifest in a file and its includes, for this host.

    ``texts`` replaces the content of some of the files, by their paths as opened. Raises ``ManifestError`` with every
    problem found in all of them.
    """
    with _Validating("loader") as loader:
        manifest: Manifest = loader.load(file, hostname=hostname, platform=platform, texts=texts or {})
    return manifest


def declared_in(file: str, name: str) -> str | None:
    """Return the file, ``file`` or one that it includes, that declares an environment; ``None`` if none does."""
    with _Validating("loader") as loader:
        found: str | None = loader.declared_in(file, name)
    return found


def environment_keys() -> "tuple[Key, ...]":
    """Return the keys of an environment, in the order in which they are written."""
    with _Validating("schema") as schema:
        keys: tuple[Key, ...] = schema.environment_keys()
    return keys


def check_names(manifest: "Manifest", names: "Iterable[str]") -> None:
    """Raise ``UsageError`` for a name that is not among a manifest's environments for this host."""
    known = [environment.name for environment in manifest.environments]
    for name in names:
        if name not in known:
            raise _unknown(manifest, name, known)


def _unknown(manifest: "Manifest", name: object, known: "list[str]") -> "UsageError":
    import difflib  # noqa: PLC0415  # only where something is wrong

    from envsync.model.problems import Problem, UsageError  # noqa: PLC0415

    name = str(name)
    if name in manifest.elsewhere:
        return UsageError(Problem("unknown-name", f"{name} is not for this host", "See its `hosts` and `platforms`."))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known[:20]) or 'none'}."
    return UsageError(Problem("unknown-name", f"no environment is called {name}", hint, file=manifest.file))


def manifest_schema() -> "dict[str, Any]":
    """Return the JSON Schema (draft 4) of a manifest; whatever :func:`load` accepts is valid by it."""
    with _Validating("schema") as schema:
        found: dict[str, Any] = schema.manifest_schema()
    return found


class _Validating:
    """A module that validates, for a block in which pydantic looks for no plugins: in all that is installed."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._known: str | None = None

    def __enter__(self) -> "ModuleType":
        from importlib import import_module  # noqa: PLC0415  # the fast path only has to find the manifest

        _ONE_AT_A_TIME.acquire()
        self._known = os.environ.get(_PLUGINS)
        os.environ[_PLUGINS] = "__all__"
        try:  # it brings pydantic, which makes validators when it is used
            return import_module(f"envsync.manifest.{self._module}")
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        os.environ.pop(_PLUGINS, None)
        if self._known is not None:
            os.environ[_PLUGINS] = self._known
        _ONE_AT_A_TIME.release()
