"""What thousands of environments have in common, held once."""

from collections.abc import Hashable
from functools import lru_cache
from typing import TypeVar, cast

_Value = TypeVar("_Value", bound=Hashable)
_LATELY = 1024


def shared(value: _Value) -> _Value:
    """Return an equal value that was given lately, so that only one of them is held; else ``value`` itself.

    It is text, or a tuple of texts: of numbers, some equal others of another type.
    """
    return cast("_Value", _first(value))


@lru_cache(_LATELY)
def _first(value: Hashable) -> Hashable:
    return value
