"""Manifest text in, :class:`envsync.model.desired.Manifest` out.

Finding the manifest is all that a pass over an unchanged one needs, so it is cheap
to import; the parser and the validator load with the first use of :func:`load`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from envsync.model.desired import Manifest
    from envsync.model.problems import UsageError


_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


def load(
    file: str,
    *,
    hostname: str | None = None,
    platform: str | None = None,
    texts: "Mapping[str, str] | None" = None,
) -> "Manifest":
    """Return what a manifest and its includes say for this host.

    ``texts`` holds what some of the files, by their paths as opened, are taken to say instead. Raises ``ManifestError``
    with every problem found in all of them.
    """
    manifest: Manifest = _loader().load(file, hostname=hostname, platform=platform, texts=texts or {})
    return manifest


def declared_in(file: str, name: str) -> str | None:
    """Return which file, the manifest ``file`` or one that it includes, declares an environment; None if none does."""
    found: str | None = _loader().declared_in(file, name)
    return found


def check_names(manifest: "Manifest", names: "Iterable[str]") -> None:
    """Raise ``UsageError`` for a name that is not among a manifest's environments for this host."""
    known = [environment.name for environment in manifest.environments]
    for name in names:
        if name not in known:
            raise _unknown(manifest, name, known)


def _unknown(manifest: "Manifest", name: str, known: "list[str]") -> "UsageError":
    import difflib  # noqa: PLC0415  # only where something is wrong

    from envsync.model.problems import Problem, UsageError  # noqa: PLC0415

    if name in manifest.elsewhere:
        return UsageError(Problem("unknown-name", f"{name} is not for this host", "See its `hosts` and `platforms`."))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known[:20]) or 'none'}."
    return UsageError(Problem("unknown-name", f"no environment is called {name}", hint, file=manifest.file))


def _loader() -> "ModuleType":
    """Import what validates, without pydantic's plugins: those of other packages have no business in a manifest.

    To look for them takes a tenth of all the time that it takes to load.
    """
    import os  # noqa: PLC0415

    known = os.environ.get(_PLUGINS)
    os.environ[_PLUGINS] = "__all__"
    try:
        from envsync.manifest import loader  # noqa: PLC0415 - brings pydantic and tomllib
    finally:
        os.environ.pop(_PLUGINS)
        if known is not None:
            os.environ[_PLUGINS] = known
    return loader
