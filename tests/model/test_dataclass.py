"""Frozen classes with slots are what the standard decorator makes of them."""

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from envsync.model.dataclass import dataclass


def _fields() -> dict[str, Any]:
    return {
        "__annotations__": {"name": str, "number": int, "kept": list[int], "hidden": int, "free": int},
        "number": 3,
        "kept": dataclasses.field(default_factory=list),
        "hidden": dataclasses.field(default=1, repr=False),
        "free": dataclasses.field(default=2, compare=False),
        "__module__": __name__,
        "__qualname__": "Same",
        "__doc__": "Some fields.",
    }


Ours: Any = dataclass(frozen=True, slots=True)(type("Ours", (), _fields() | {"__qualname__": "Same"}))
Standard: Any = dataclasses.dataclass(frozen=True, slots=True)(
    type("Standard", (), _fields() | {"__qualname__": "Same"})
)


@dataclass(frozen=True, slots=True)
class Below(Ours):  # type: ignore[misc]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Empty:
    pass


@dataclass(frozen=True, slots=True)
class WithOwn:
    one: int

    def __repr__(self) -> str:
        return "own"


@pytest.mark.parametrize("made", [Ours, Standard])
def test_it_is_made_compared_shown_copied_and_taken_apart_as_the_standard_one(made: Any) -> None:
    one = made("a", kept=(1,))
    assert repr(one) == "Same(name='a', number=3, kept=(1,), free=2)"
    assert one == made("a", 3, (1,), free=9)
    assert hash(one) == hash(made("a", 3, (1,), free=9))
    assert one != made("b", kept=(1,))
    assert made("a").kept is not made("a").kept
    assert dataclasses.replace(one, number=4).number == 4
    assert dataclasses.asdict(one) == {"name": "a", "number": 3, "kept": (1,), "hidden": 1, "free": 2}
    assert copy.deepcopy(one) == copy.copy(one) == one
    assert not hasattr(one, "__dict__")
    assert made.__match_args__ == ("name", "number", "kept", "hidden", "free")
    assert list(inspect.signature(made).parameters) == list(made.__match_args__)
    for name in ("name", "new"):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):  # TypeError: a bug of some CPythons
            setattr(one, name, "b")
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        del one.name
    for arguments in ((), ("a", 1, (), 1, 1, 1)):
        with pytest.raises(TypeError):
            made(*arguments)


def test_classes_without_fields_below_others_and_with_methods_of_their_own() -> None:
    assert Empty() == Empty()
    assert len({Empty(), Empty()}) == 1
    assert Below("a") != Ours("a")
    assert Below("a", more="b") == Below("a", more="b")
    assert pickle.loads(pickle.dumps(Below("a", more="b"))).more == "b"  # noqa: S301  # of our own
    assert repr(WithOwn(1)) == "own"
