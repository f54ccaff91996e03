"""Manifest text in, :class:`envsync.desired.Manifest` out.

Finding the manifest is all that a pass over an unchanged one needs, so it is cheap
to import; the parser and the validator load with the first use of :func:`load`.
"""

from envsync.manifest.locate import locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.manifest.loader import declared_in, load

__all__ = ["declared_in", "load", "locate"]


def __getattr__(name: str) -> object:
    if name in {"declared_in", "load"}:
        from envsync.manifest import loader  # noqa: PLC0415 - brings pydantic and tomllib

        return getattr(loader, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
