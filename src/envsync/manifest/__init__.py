"""Manifest text in, :class:`envsync.desired.Manifest` out.

Finding the manifest is all that a pass over an unchanged one needs, so it is cheap
to import; the parser and the validator load with the first use of :func:`load`.
"""

from envsync.manifest.find import FOUND, NAMED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from envsync.desired import Manifest

__all__ = ["declared_in", "load", "locate"]

_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


def locate(file: str | None = None) -> str:
    """Return the absolute path of ``file``, or of the manifest that the command would find.

    One that is found, by walking up from the current directory, may be a stranger's: it has to be trusted, once, by
    ``envsync trust``. Raises ``ManifestError`` where there is none, ``UntrustedError`` where it is not trusted.
    """
    from envsync.manifest.trust import located  # noqa: PLC0415  # nothing of it is on the fast path

    return located(file)[0]


def load(
    file: str | None = None,
    *,
    hostname: str | None = None,
    platform: str | None = None,
    texts: "Mapping[str, str] | None" = None,
) -> "Manifest":
    """Return what a manifest and its includes say for this host; without ``file``, the one that the command would find.

    ``texts`` holds what some of the files, by their paths as opened, are taken to say instead. Raises ManifestError
    with every problem found in all of them, and as :func:`locate` does.
    """
    from envsync.manifest.trust import located, refuse_strangers  # noqa: PLC0415

    path, origin = (file, NAMED) if file is not None else located()
    manifest: Manifest = _loader().load(path, hostname=hostname, platform=platform, texts=texts or {})
    if origin == FOUND:
        refuse_strangers(manifest.sources)
    return manifest


def declared_in(file: str, name: str) -> str | None:
    """Return which file, the manifest ``file`` or one that it includes, declares an environment; None if none does."""
    found: str | None = _loader().declared_in(file, name)
    return found


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
