"""Manifest text in, :class:`envsync.model.desired.Manifest` out.

A pass over an unchanged manifest only has to find it: the parser and the validator load with :func:`load`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from envsync.model.desired import Manifest


_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


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
    manifest: Manifest = _loader().load(file, hostname=hostname, platform=platform, texts=texts or {})
    return manifest


def declared_in(file: str, name: str) -> str | None:
    """Return the file, ``file`` or one that it includes, that declares an environment; ``None`` if none does."""
    found: str | None = _loader().declared_in(file, name)
    return found


def _loader() -> "ModuleType":
    """Return the loader, imported without pydantic's plugins: searching for them takes a tenth of the time to load."""
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
