"""How problems are worded: values from outside shown short and escaped, keys dotted."""

import re

from envsync.formats.redact import redacted

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_ROOM = 60
_ITEMS = 3


class Unfit(ValueError):  # noqa: N818 - a finding, collected with others, not a failure of its own
    """A value that cannot be used: what is wrong with it and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def escaped(text: str) -> str:
    """``text`` with everything that a terminal could act on written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def quoted(text: str, room: int = _ROOM) -> str:
    """``text`` without credentials, as a TOML string on one line, cut after ``room`` characters."""
    text = redacted(text)  # before it is cut: of half a secret nobody could tell that it is one
    cut = text[:room]
    body = "".join(_SHORT.get(c) or (c if c.isprintable() else ascii(c)[1:-1]) for c in cut)
    return f'"{body}…"' if len(text) > room else f'"{body}"'


def shown(value: object) -> str:
    """Return a value as it was found, in TOML's own notation, short enough for a message."""
    if isinstance(value, list):
        items = [_item(item, _ROOM // _ITEMS) for item in value[:_ITEMS]] + ["…"] * (len(value) > _ITEMS)
        return f"[{', '.join(items)}]"
    return _item(value, _ROOM)


def _item(value: object, room: int) -> str:
    match value:
        case str():
            return quoted(value, room)
        case bool():
            return "true" if value else "false"
        case dict():
            return "a table"
        case list():
            return "[…]" if value else "[]"
        case int() if value.bit_length() > 4 * _ROOM:
            # Python refuses to write out numbers of some thousand digits.
            return "a huge number"
    return escaped(str(value))[:_ROOM]


def dotted(parts: tuple[str, ...]) -> str:
    """Return a key as one would write it in TOML: parts that need it in quotes."""
    return ".".join(part if _BARE.fullmatch(part) and len(part) <= _ROOM else quoted(part) for part in parts)


def listing(values: list[str] | tuple[str, ...], last: str = "or") -> str:
    """Return ``a``, ``a or b``, ``a, b or c``."""
    if len(values) < 2:  # noqa: PLR2004 - one has no last word
        return "".join(values)
    return f"{', '.join(values[:-1])} {last} {values[-1]}"
