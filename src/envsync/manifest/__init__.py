"""Manifest text in, :class:`envsync.desired.Manifest` out.

Finding the manifest is all that a pass over an unchanged one needs, so it is cheap
to import; the parser and the validator load with the first use of :func:`load`.
"""

from envsync.manifest.locate import locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.manifest.loader import declared_in, load

__all__ = ["declared_in", "load", "locate"]

_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


def __getattr__(name: str) -> object:
    if name in {"declared_in", "load"}:
        return getattr(_loader(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _loader() -> object:
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
