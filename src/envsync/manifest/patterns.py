"""What the JSON Schema says of text in a manifest: a regular expression, or all that is allowed."""

import itertools
from collections.abc import Iterable

from pydantic import WithJsonSchema

from envsync.manifest.checks import BUILDERS
from envsync.model.desired import PLACEHOLDERS

_CONTROL = r"\x00-\x1f\x7f-\x9f"


def _matching(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _orders(names: Iterable[str]) -> list[str]:
    """Return every choice of some of ``names``, in every order, with ``|`` between them."""
    chosen = tuple(names)
    sizes = range(1, len(chosen) + 1)
    return ["|".join(order) for size in sizes for order in itertools.permutations(chosen, size)]


BUILDER = WithJsonSchema({"type": "string", "enum": _orders(BUILDERS)})
VERSION = WithJsonSchema({"type": "integer", "enum": [1]})

LINE = _matching(f"^[^{_CONTROL}]+$")
"""A path or a prompt."""
ANY_LINE = _matching(f"^[^{_CONTROL}]*$")
"""The same, or nothing."""
NAMED = _matching(rf"^[^{_CONTROL}]*\{{name\}}[^{_CONTROL}]*$")
"""A path with ``{name}`` in it."""
VISIBLE = _matching(r"\S")
ENVIRONMENT = _matching(rf"^[^\s/.\-{_CONTROL}][^\s/{_CONTROL}]*$")
_FILE_NAME = f"([^*/:{_CONTROL}]|[^/:{_CONTROL}]{{2,}})"
COMMAND = _matching(f"^([*]|{_FILE_NAME}(:{_FILE_NAME})?)$")
PACKAGE = _matching(r"^\s*[A-Za-z0-9]")
PACKAGE_NAME = _matching(r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
SPECIFIER = _matching(r"^[\s,]*([~=!<>]|$)")
EVENT_WORD = _matching(rf"^([^{{}}\x00]|\{{\{{|\}}\}}|\{{({'|'.join(PLACEHOLDERS)})\}})*$")
"""A word with placeholders."""
INTERPRETER = _matching(r"^([~$<>=!]|.*/|((python|cpython|pypy|graalpy)[-@]?)?[0-9]{1,4}([.][0-9]{1,4}){0,2}t?$)")
"""A path or a version request."""
