"""The few tokens of TOML that are needed beside tomllib, which keeps no positions.

Every pattern is possessive: hostile text costs time linear in its size.
"""

import re

__all__ = ["COMMENT", "DOTTED", "MULTILINE", "PART", "unquoted"]

_BASIC = r'"(?:[^"\\\n]++|\\.)*+"'
_LITERAL = r"'[^'\n]*+'"

PART = rf"(?:[A-Za-z0-9_-]++|{_BASIC}|{_LITERAL})"
"""One part of a key; also a string on one line, and the words of other values."""

DOTTED = rf"{PART}(?:[ \t]*+\.[ \t]*+{PART})*+"

# Atomic groups, not nested possessive ones: Python 3.11 before 3.11.4 gets those wrong.
MULTILINE = r'(?:"""(?>(?:[^"\\]|\\[\s\S]|"(?!""))*)"{3,5}' + r"|'''(?>(?:[^']|'(?!''))*)'{3,5})"

COMMENT = r"#[^\n]*+"

_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([btnfre"\\])|x([0-9A-Fa-f]{2}))')
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


def unquoted(part: str) -> str:
    """Return the text that one part of a key stands for."""
    if part.startswith("'"):
        return part[1:-1]
    if part.startswith('"'):
        return _ESCAPE.sub(_unescaped, part[1:-1])
    return part


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[4]
    if code is None:
        return _ESCAPES[match[3]]
    number = int(code, 16)
    return chr(number) if number < 0x110000 else "\N{REPLACEMENT CHARACTER}"  # noqa: PLR2004 - where Unicode ends
