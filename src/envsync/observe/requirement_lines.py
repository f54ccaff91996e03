"""Split the text of a requirements file into lines as pip does, and a line into its parts. Pure but for the locale."""

import codecs
import locale
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["ARCHIVES", "Option", "Parts", "decoded", "joined", "parts_of", "uv_reads", "variables_in"]

ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lzma")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16's does
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
"""``# -*- coding: latin-1 -*-`` (PEP 263)."""
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")

_WITH_VALUE = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
    "-C": "--config-settings",
}
_OPTIONS = {
    *_WITH_VALUE.values(),
    *("--pypi-url", "--extra-index-url", "--no-binary", "--only-binary", "--trusted-host", "--use-feature"),
    *("--all-releases", "--only-final", "--hash", "--config-setting", "--global-option", "--install-option"),
}
"""Options with a value that some release of pip takes in a requirements file."""
_FLAGS = {"--no-index", "--pre", "--prefer-binary", "--require-hashes", "--no-require-hashes"}
_SAME = {"--pypi-url": "--index-url", "--config-setting": "--config-settings"}
_WITH_REQUIREMENT = {"--hash", "--config-settings", "--global-option", "--install-option"}
"""Options that stand on a requirement's own line."""
_UV_FORM = re.compile(r"(?P<name>--[a-z-]+|-[rceif])(?:\s*=\s*|\s+)(?P<value>\S.*)")
_UV_OPTIONS = {
    *("--requirement", "--constraint", "--editable", "--index-url", "--extra-index-url", "--find-links"),
    *("--no-binary", "--only-binary", "--trusted-host"),
}
_UV_FLAGS = {"--no-index", "--pre", "--require-hashes"}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a line, by its long name."""

    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What one line of a requirements file says."""

    requirement: str = ""
    """What stands before the first option."""
    options: tuple[Option, ...] = ()
    problem: str = ""
    """Why the line cannot be carried out by any installer, in words that continue "FILE:LINE: "."""
    pip_problem: str = ""
    """Why pip cannot, where uv can."""


def decoded(content: bytes) -> tuple[str, bool]:
    """Decode a requirements file as pip does; tells also whether uv reads it alike. Raises ``ValueError``."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding), "32" not in encoding
    for line in content.split(b"\n", 2)[:2]:
        found = _CODING.search(line) if line.startswith(b"#") else None
        if found:
            try:
                text = content.decode(found[1].decode("ascii"))
            except LookupError as error:
                raise ValueError(str(error)) from None
            return text, _is_utf8(content, text)
    try:
        return content.decode(), True
    except UnicodeDecodeError:
        return content.decode(locale.getencoding()), False


def _is_utf8(content: bytes, text: str) -> bool:
    try:
        return content.decode() == text
    except UnicodeDecodeError:
        return False


def joined(text: str) -> Iterator[tuple[int, str, bool]]:
    """Give the lines that are no comments: their number, their text, and whether they were continued.

    A line that ends in a backslash goes on in the next, also where that is a comment, which ends it (as pip has it).
    """
    pieces: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if pieces else number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            pieces.append(line.strip("\\"))
            continue
        pieces.append(f" {line}" if comment else line)
        yield from _stripped(first, pieces)
        pieces = []
    yield from _stripped(first, [*pieces, ""] if pieces else [])


def _stripped(number: int, pieces: list[str]) -> Iterator[tuple[int, str, bool]]:
    line = _COMMENT.sub("", "".join(pieces)).strip()
    if line:
        yield number, line, _is_continued_inside(pieces)


def _is_continued_inside(pieces: list[str]) -> bool:
    """Check whether a line goes on elsewhere than between hashes, where alone uv lets it."""
    if any(_COMMENT.search(piece) for piece in pieces[:-1]):  # to pip, a comment goes on as well, to uv it does not
        return any(piece.strip() and not piece.strip().startswith("#") for piece in pieces[1:])
    hashed = "--hash" in pieces[0]
    for piece in map(str.strip, pieces[1:]):
        hashed |= piece.startswith("--hash")
        if not piece.startswith(("#", "--hash")) and (piece or not hashed):
            return True
    return False


def variables_in(line: str) -> list[str]:
    """List the variables that pip replaces, by name: ``${NAME}``, in capitals."""
    return list(dict.fromkeys(_VARIABLE.findall(line)))


def parts_of(line: str) -> Parts:
    """Take a line apart, as pip's option parser does."""
    words = line.split()
    begin = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    requirement = " ".join(words[:begin])
    if begin == len(words):
        return Parts(requirement)
    tail = line if not requirement else _behind(line, words[:begin])
    try:
        options, leftover = _options(shlex.split(tail))
    except ValueError as error:
        return Parts(requirement, problem=str(error))
    if requirement:
        stray = next((one.name for one in options if one.name not in _WITH_REQUIREMENT), None)
        problem = f"{stray} has no effect behind a requirement; give it a line of its own" if stray else ""
        return Parts(requirement, tuple(options), problem or _extra(leftover))
    return _option_line(tail, options, leftover)


def _behind(line: str, words: list[str]) -> str:
    place = 0
    for word in words:
        place = line.index(word, place) + len(word)
    return line[place:]


def _option_line(tail: str, options: list[Option], leftover: list[str]) -> Parts:
    if not options:
        return Parts(problem=f"{tail!r} is no option; remove it")
    first = options[0]
    lonely = first.name in _WITH_REQUIREMENT and len(options) == 1
    if lonely:
        return Parts(options=tuple(options), problem=f"{first.name} belongs on the line of a requirement")
    exact = _UV_FORM.fullmatch(tail)
    if exact and _long(exact["name"]) == "--editable" and (leftover or exact["name"] + "=" == tail[:3]):
        # uv takes the whole rest of the line, a marker too; pip reads the first word and drops what follows
        reason = f"pip does not read {tail!r} in full" if leftover else f"pip has no `{tail[:3]}`; write `-e PATH`"
        return Parts(options=(Option("--editable", exact["value"]), *options[1:]), pip_problem=reason)
    if exact and len(exact["name"]) == 2 and tail[2:].lstrip().startswith("="):  # noqa: PLR2004  # -r=FILE
        fixed = Option(_long(exact["name"]), exact["value"])
        return Parts(options=(fixed,), problem=_extra(leftover), pip_problem=f"pip has no `{tail[:3]}`; use a space")
    return Parts(options=tuple(options), problem=_extra(leftover))


def _extra(leftover: list[str]) -> str:
    return f"{' '.join(leftover)!r} has no effect behind an option; give it a line of its own" if leftover else ""


def _long(name: str) -> str:
    return _SAME.get(name, _WITH_VALUE.get(name, name))


def _options(words: list[str]) -> tuple[list[Option], list[str]]:
    """Read options as optparse does: ``-rFILE``, ``--name=value``, beginnings of names. Raises ``ValueError``."""
    options: list[Option] = []
    leftover: list[str] = []
    pending = list(reversed(words))
    while pending:
        word = pending.pop()
        if not word.startswith("-") or word == "-":
            leftover.append(word)
            continue
        name, value = _name_and_value(word)
        if name in _FLAGS and value is not None:
            raise ValueError(f"{name} takes no value")
        if name not in _FLAGS and value is None:
            if not pending:
                raise ValueError(f"{name} lacks its value")
            value = pending.pop()
        options.append(Option(name, value or ""))
    return options, leftover


def _name_and_value(word: str) -> tuple[str, str | None]:
    if not word.startswith("--"):
        if word[:2] not in _WITH_VALUE:
            raise ValueError(f"{word} is not an option of requirements files; remove it")
        return _WITH_VALUE[word[:2]], word[2:] or None
    name, equals, value = word.partition("=")
    known = _OPTIONS | _FLAGS
    fitting = [name] if name in known else sorted(one for one in known if one.startswith(name))
    if len({_SAME.get(one, one) for one in fitting}) != 1:
        raise ValueError(f"{name} is not an option of requirements files; remove it")
    return _SAME.get(fitting[0], fitting[0]), value if equals else None


def uv_reads(line: str, parts: Parts, *, continued: bool) -> str:
    """Say what of a line uv cannot do, or would pass over; nothing where it reads it as pip does."""
    if continued:
        return "a line that is continued in the middle of a requirement"
    if parts.requirement:
        other = next((one.name for one in parts.options if one.name != "--hash"), "")
        return other or _unexpanded(parts.requirement)
    if line in _UV_FLAGS:
        return ""
    if len(parts.options) > 1:
        return f"{parts.options[1].name} behind {parts.options[0].name}"
    form = _UV_FORM.fullmatch(line)
    name = _long(form["name"]) if form else parts.options[0].name
    if form is None or form["name"].startswith("--") != (form["name"] == name) or name not in _UV_OPTIONS:
        return f"`{line.split(maxsplit=1)[0]}`" if name in _UV_OPTIONS | _UV_FLAGS else name
    return _uv_value(name, form["value"])


def _uv_value(name: str, value: str) -> str:
    """Say what of an option's value uv takes otherwise than pip."""
    if name == "--editable":
        if re.match(r"[a-z][a-z0-9+.-]*:", value) and not value.startswith("file:"):
            return "--editable with a repository or archive"
        return "--editable with quotes" if value[:1] in "'\"" else ""
    if name in {"--no-binary", "--only-binary"} and "," in value:
        return f"{name} with a list"
    quoted = re.fullmatch(r"(['\"]).*\1", value) and name in {"--requirement", "--constraint"}
    odd = re.search(r"[\s'\"\\]", value)
    return f"{name} with quotes, or with more behind it" if odd and not quoted else ""


def _unexpanded(requirement: str) -> str:
    """Say where uv replaces no variables: in names, versions and markers."""
    named = re.match(r"[A-Za-z0-9$][^/@]*$|[A-Za-z0-9$][^/@]*;", requirement.partition(" @ ")[0])
    inside = re.search(r"\$\{[A-Z0-9_]+\}", requirement.partition(" @ ")[0]) if named else None
    return f"{inside[0]} in a name or version" if inside else ""
