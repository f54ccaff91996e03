"""Word problems: values from outside cut and escaped, keys dotted."""

import re

from envsync.formats.redact import redacted

_BARE = re.compile(r"[A-Za-z0-9_-]+")
"""A part of a key that needs no quotes: ``requires-python``."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_WIDEST = 60
_ITEMS = 3


class Unfit(ValueError):  # noqa: N818 - a finding, collected with others, not a failure of its own
    """A value is invalid: what is wrong with it, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def escaped(text: str) -> str:
    """Return ``text`` with unprintable characters as escapes, as a terminal could act on them."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def quoted(text: str, width: int = _WIDEST) -> str:
    """Return ``text`` without credentials, as a TOML string on one line, cut after ``width`` characters."""
    text = redacted(text)  # first: half a secret could not be recognised
    cut = text[:width]
    body = "".join(_SHORT.get(c) or (c if c.isprintable() else ascii(c)[1:-1]) for c in cut)
    return f'"{body}…"' if len(text) > width else f'"{body}"'


def shown(value: object) -> str:
    """Return a value in TOML's notation, short enough for a message."""
    if isinstance(value, list):
        items = [_item(item, _WIDEST // _ITEMS) for item in value[:_ITEMS]] + ["…"] * (len(value) > _ITEMS)
        return f"[{', '.join(items)}]"
    return _item(value, _WIDEST)


def _item(value: object, width: int) -> str:
    match value:
        case str():
            return quoted(value, width)
        case bool():
            return "true" if value else "false"
        case dict():
            return "a table"
        case list():
            return "[…]" if value else "[]"
        case int() if value.bit_length() > 4 * _WIDEST:
            # Python refuses to format numbers of some thousand digits.
            return "a huge number"
    return escaped(str(value))[:_WIDEST]


def dotted(parts: tuple[str, ...]) -> str:
    """Return a key as in TOML, with quotes around the parts that need them."""
    return ".".join(part if _BARE.fullmatch(part) and len(part) <= _WIDEST else quoted(part) for part in parts)


def listing(values: list[str] | tuple[str, ...], last: str = "or") -> str:
    """Return ``a``, ``a or b``, ``a, b or c``."""
    if len(values) < 2:  # noqa: PLR2004 - one has no last word
        return "".join(values)
    return f"{', '.join(values[:-1])} {last} {values[-1]}"
