"""Read one manifest file within bounds, and parse it as TOML: each error with its position, in plain words."""

import ast
import errno
import os
import re
import stat
from typing import Any

from envsync.manifest.wording import dotted, escaped
from envsync.model.dataclass import dataclass
from envsync.model.problems import ManifestError, Problem

# "a \"b\"", then 'a'
_BASIC = r'"(?:[^"\\\n]++|\\.)*+"'
_LITERAL = r"'[^'\n]*+'"

PART = rf"(?:[A-Za-z0-9_-]++|{_BASIC}|{_LITERAL})"
"""One part of a key, ``a``, ``"b c"``; also a string on one line, and the words of other values."""

DOTTED = rf"{PART}(?:[ \t]*+\.[ \t]*+{PART})*+"
"""``envs."my blog".path``."""

# Atomic groups, as Python before 3.11.4 gets nested possessive ones wrong.
MULTILINE = r'(?:"""(?>(?:[^"\\]|\\[\s\S]|"(?!""))*)"{3,5}' + r"|'''(?>(?:[^']|'(?!''))*)'{3,5})"

COMMENT = r"#[^\n]*+"

_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([btnfre"\\])|x([0-9A-Fa-f]{2}))')
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


def unquoted(part: str) -> str:
    """Return one part of a key without quotes and escapes."""
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


MAX_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a file, with LF line ends, and the file's identity."""

    text: str
    identity: tuple[int, int]
    """Device and inode."""
    owner: int
    """The user ID of its owner."""


def read(file: str, *, missing_hint: str = "") -> Text:
    """Return the text of a file.

    Raises ``ManifestError``: ``manifest-missing``, ``-unreadable``, ``-too-large`` or ``-encoding``.
    """
    try:
        # Without O_NONBLOCK a FIFO would wait for a writer.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise ManifestError((_unopened(file, error, missing_hint),)) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ManifestError((_not_a_file(file, status.st_mode),))
        content = _bounded(descriptor, file)
    except OSError as error:
        raise ManifestError((_unopened(file, error, ""),)) from None
    finally:
        os.close(descriptor)
    return Text(_decoded(content, file), (status.st_dev, status.st_ino), status.st_uid)


def _bounded(descriptor: int, file: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while size <= MAX_BYTES and (chunk := os.read(descriptor, MAX_BYTES + 1 - size)):
        chunks.append(chunk)
        size += len(chunk)
    if size > MAX_BYTES:
        message = f"is larger than {MAX_BYTES // 1024 // 1024} MiB, the limit for a manifest"
        raise ManifestError((Problem("manifest-too-large", message, "", file),))
    return b"".join(chunks)


def _unopened(file: str, error: OSError | ValueError, missing_hint: str) -> Problem:
    if isinstance(error, OSError):
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return _missing(file, missing_hint)
        if error.errno == errno.ENXIO and (mode := _mode(file)) is not None:
            return _not_a_file(file, mode)
        reason = (error.strerror or str(error)).lower()
        return Problem("manifest-unreadable", f"cannot be read: {reason}", "", file)
    return Problem("manifest-unreadable", f"cannot be read: {escaped(str(error))}", "", file)


def _missing(file: str, hint: str) -> Problem:
    try:
        leads_to = os.readlink(file)
    except (OSError, ValueError):
        return Problem("manifest-missing", "does not exist", hint, file)
    return Problem("manifest-missing", f"is a link to {escaped(leads_to)}, which does not exist", hint, file)


def _mode(file: str) -> int | None:
    try:
        return os.stat(file).st_mode
    except OSError:
        return None


def _not_a_file(file: str, mode: int) -> Problem:
    kind = _KINDS.get(stat.S_IFMT(mode), "not a regular file")
    return Problem("manifest-unreadable", f"is {kind}; a manifest is a regular file", "", file)


def _decoded(content: bytes, file: str) -> str:
    body = content.removeprefix(_BOM)
    try:
        return body.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        start = body.rfind(b"\n", 0, error.start) + 1
        line = body.count(b"\n", 0, error.start) + 1
        column = len(body[start : error.start].decode("utf-8")) + 1
        utf16 = content[:2] in {b"\xff\xfe", b"\xfe\xff"}
        hint = "it looks like UTF-16; save it as UTF-8" if utf16 else "save the file as UTF-8"
        message = f"byte 0x{body[error.start]:02x} is not UTF-8"
        raise ManifestError((Problem("manifest-encoding", message, hint, file, line, column),)) from None


_MAX_PARTS = 200
_LONG = 16
# tomllib takes time by the square of a key's parts: this bounds it to about a second.
_BUDGET = 4_000_000

_MAX_DIGITS = 4300

_BRACKET = re.compile(r"[\[\]{}]")
_DIGITS = re.compile(r"[0-9_]++")
_DOTTY_LINE = re.compile(rf"^(?:[^.\n]*+\.){{{_LONG}}}", re.MULTILINE)
_RUN = re.compile(rf"{COMMENT}|{MULTILINE}|({DOTTED})|(?P<open>[\"'])")
_PART = re.compile(PART)
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_NAMESPACE = re.compile(r"\(.*\)", re.DOTALL)

_PLAIN = {
    "Invalid statement": ("neither a key, a table nor a comment", "a line is `key = value`, `[table]` or `# comment`"),
    "Invalid value": ("not a TOML value", 'put text in quotes: key = "value"'),
    "Unterminated string": ("a string without its closing quote", ""),
    "Expected '=' after a key in a key/value pair": ("a key without `=` after it", "key = value"),
    "Unclosed array": ("a list without its closing `]`", ""),
    "Unclosed inline table": ("an inline table without its closing `}`", ""),
    "Expected newline or end of document after a statement": (
        "more text after the end of a value",
        "write one key per line",
    ),
    "Unescaped '\\' in a string": (
        "a backslash that starts no escape sequence",
        "write \\\\, or put the text in 'single quotes'",
    ),
}


def parse(text: str, file: str) -> dict[str, Any]:
    """Return the TOML table in ``text``. Raises ``ManifestError`` with positions in ``file``."""
    _bound_keys(text, file)
    import tomllib  # noqa: PLC0415  # slow, and a cached manifest needs no parsing

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError((_problem(str(error), text, file),)) from None
    except RecursionError:
        message = "lists or tables are nested too deeply"
        raise _error("manifest-too-deep", message, text, _deepest(text), file) from None
    except ValueError:
        # Python refuses to read numbers of so many digits.
        message = f"a number with more than {_MAX_DIGITS} digits"
        raise _error("manifest-value", message, text, _longest(text), file) from None


def _bound_keys(text: str, file: str) -> None:
    """Raise ``ManifestError`` for keys that tomllib would need seconds for."""
    if not _DOTTY_LINE.search(text):
        return
    cost = 0
    for run in _RUN.finditer(text):
        if run["open"]:
            # An unclosed string: tomllib stops here too.
            return
        if run[1] and run[1].count(".") >= _LONG:
            parts = len(_PART.findall(run[1]))
            cost += parts * parts
            if parts > _MAX_PARTS or cost > _BUDGET:
                message = f"dotted keys are too deep; a key may have {_MAX_PARTS} parts, and few keys that many"
                raise _error("manifest-too-deep", message, text, run.start(), file)


def _error(code: str, message: str, text: str, offset: int, file: str) -> ManifestError:
    line, column = _place(text, offset)
    return ManifestError((Problem(code, message, "", file, line, column),))


def _deepest(text: str) -> int:
    """Return the offset where brackets are too deep, roughly: those in strings count too."""
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > _MAX_PARTS:
            return bracket.start()
    return 0


def _longest(text: str) -> int:
    return next((run.start() for run in _DIGITS.finditer(text) if len(run[0]) > _MAX_DIGITS), 0)


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _problem(message: str, text: str, file: str) -> Problem:
    place = _PLACE.search(message)
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    else:
        line, column = _place(text, len(text.rstrip("\n")))
    reason = message[: place.start()] if place else message
    if reason == "Cannot overwrite a value" or reason.endswith(" twice") or reason.startswith("Duplicate"):
        # tomllib reports it after the value: the beginning of the line is nearer to the key.
        column = _indent(text, line) + 1
        return Problem(
            "manifest-duplicate", f"{_named(reason)} is declared twice", "keep one of them", file, line, column
        )
    if reason.startswith(("Cannot mutate", "Cannot redefine")):
        reason = f"{_named(reason)} is already complete; nothing can be added to it here"
    if reason == r"Illegal character '\n'":
        reason = "a string is not closed on its line"
    plain, hint = _PLAIN.get(reason, (reason, ""))
    return Problem("manifest-syntax", escaped(plain), hint, file, line, column)


def _indent(text: str, line: int) -> int:
    row = text.split("\n", line)[line - 1]
    return len(row) - len(row.lstrip(" \t"))


def _named(reason: str) -> str:
    """Return the key in a message of tomllib's, as it would be written: ``envs.blog`` of ``('envs', 'blog')``."""
    found = _NAMESPACE.search(reason)
    try:
        parts = ast.literal_eval(found[0]) if found else ()
    except (ValueError, SyntaxError):
        parts = ()
    return f"`{dotted(parts)}`" if parts else "a key"
