"""Read requirements files and what they include, as far as needed before an installer reads them."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import field
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from envsync.model.dataclass import dataclass
from envsync.model.system import VARIABLES
from envsync.observe.declared_files import Reading, decoded, joined
from envsync.observe.local_paths import SCHEME, Local, file_path, local_of

_DEEPEST = 100
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
"""``${TOKEN}``."""

_FULL = {
    "-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-i": "--index-url", "-f": "--find-links",
    "-C": "--config-settings", "--config-setting": "--config-settings", "--pypi-url": "--index-url",
}  # fmt: skip
_ALONE = {"--requirement", "--constraint", "--editable"}
"""Options for a line of their own: pip ignores what else is on it."""
_BINARY = {"--no-binary", "--only-binary"}
_INDEX = {*_BINARY, "--index-url", "--extra-index-url", "--find-links", "--no-index", "--pre", "--trusted-host"}
_BEHIND = {"--hash", "--config-settings", "--global-option", "--install-option"}
"""Options after a requirement: pip ignores them on a line of their own."""
_FLAGS = {"--no-index", "--pre", "--require-hashes"}
_KNOWN = _ALONE | _INDEX | _BEHIND | _FLAGS
_START = re.compile(r"(?:^|(?<=\s))-")
"""The beginning of options: the first ``-`` in ``flask==3.0 --hash=sha256:0``."""
_WORD = re.compile(r"(--[^=]*|-.?)=?(.*)", re.DOTALL)
"""``--hash=sha256:0``, ``-rdev.txt``."""

_UV_LINE = re.compile(
    r"(?:-[rceif]|--(?:requirement|constraint|editable|index-url|extra-index-url|find-links|no-binary|only-binary"
    r"|trusted-host))(?:\s*=\s*|\s+)\S.*|--(?:no-index|require-hashes|pre)"
)
"""The option lines that uv reads; it rejects most others and ignores some."""
_UV_LITERAL = re.compile(r"[^/@]*\$\{[A-Z0-9_]+\}[^/@]*|.*;.*\$\{[A-Z0-9_]+\}.*")
"""A requirement whose variables uv does not expand, in a name, version or marker: ``flask==${VERSION}``."""


class Unsupported(NamedTuple):
    """What an installer does not support."""

    installer: str
    place: str
    """``FILE`` or ``FILE:LINE``."""
    text: str
    """What stands there."""


@dataclass(slots=True)
class Requirements:
    """The content of one declared file and of all that it includes."""

    file: str
    locals: list[Local] = field(default_factory=list)
    direct: list[Local | str] = field(default_factory=list)
    """What it requires, but no constraint: paths, and requirements of another kind as written."""
    home: str = ""
    """The directory that its relative paths start from; empty if it has none."""
    index: list[tuple[str, str]] = field(default_factory=list)
    """Options for indexes and the choice of files, as pairs of name and value."""
    hashes: list[str] = field(default_factory=list)
    unsupported: list[Unsupported] = field(default_factory=list)

    def index_lines(self, directory: str) -> Iterator[str]:
        """Yield the index options as lines of a requirements file, with paths joined to ``directory``."""
        for name, value in self.index:
            if name == "--find-links" and not SCHEME.match(value):
                yield f"{name} {os.path.join(directory, value)}"
            else:
                values = value.split(",") if name in _BINARY else [value]
                yield from (f"{name} {item}".rstrip() for item in values)


def read_requirements(file: str, reading: Reading, *, constraint: bool = False) -> Requirements:
    """Return the content of a requirements or constraints file; problems are recorded in ``reading``."""
    found = Requirements(file)
    _Walk(reading, found).visit(file, "", constraint=constraint, including=())
    return found


@dataclass(slots=True)
class _Walk:
    reading: Reading
    found: Requirements
    seen: set[tuple[str, bool]] = field(default_factory=set)

    def visit(self, file: str, place: str, *, constraint: bool, including: tuple[str, ...]) -> None:
        """Read a file once as requirements, once as constraints."""
        if (file, constraint) in self.seen:
            return
        self.seen.add((file, constraint))
        if len(including) > _DEEPEST:
            self.reading.refuse(place, f"more than {_DEEPEST} files include each other; include fewer")
            return
        content = self.reading.read(file, place=place)
        if content is None:
            return
        try:
            text = decoded(content)
        except ValueError as error:
            self.reading.refuse(file, f"its encoding cannot be read ({error}); save it as UTF-8")
            return
        if content.decode("utf-8-sig", "replace") != text and content.decode("utf-16", "replace") != text:
            self.found.unsupported.append(Unsupported("uv", file, "an encoding other than UTF-8 and UTF-16"))
        if "\0" in text:
            self.reading.refuse(file, "it contains a NUL character, which no text file may; remove it")
            return
        for number, line, differs in joined(text):
            if differs:
                what = "a comment that continues in the next line"
                self.found.unsupported.append(Unsupported("uv", f"{file}:{number}", what))
            if line:
                self._line(f"{file}:{number}", line, (*including, file), constraint=constraint)

    def _line(self, place: str, line: str, including: tuple[str, ...], *, constraint: bool) -> None:
        start = _START.search(line)
        requirement, tail = (line[: start.start()].strip(), line[start.start() :]) if start else (line, "")
        options, extra = _options(tail)
        if extra and options[0][0] == "--editable":  # uv reads the whole line, a marker too
            what = f"it does not read {' '.join(extra)!r} behind --editable"
            self.found.unsupported.append(Unsupported("pip", place, what))
            options[0], extra = ("--editable", " ".join((options[0][1], *extra))), []
        if problem := _problem(requirement, options, extra):
            self.reading.refuse(place, problem)
            return
        if what := _uv_cannot(requirement, tail, options):
            self.found.unsupported.append(Unsupported("uv", place, what))
        options = [(name, self._expanded(place, value)) for name, value in options]
        if requirement:
            self._requirement(place, self._expanded(place, requirement), options, constraint=constraint)
        for name, value in options:
            if name in {"--requirement", "--constraint"}:
                self._include(place, value, constraint=name == "--constraint", including=including)
            elif name == "--editable":
                local = local_of(value, place, editable=True)
                self.found.locals += local
                self.found.direct += local or [value]
            elif name == "--find-links":
                self._find_links(place, value, os.path.dirname(including[-1]))
            elif name in _INDEX:
                self.found.index.append((name, value))

    def _expanded(self, place: str, text: str) -> str:
        expanded = text
        for name in dict.fromkeys(_VARIABLE.findall(text)):
            value = self.reading.variables[name] = VARIABLES.get(name)
            expanded = expanded.replace(f"${{{name}}}", value or "")
            if not value:
                self.reading.refuse(place, f"${{{name}}} is not set; set it, or write its value")
        if _START.search(expanded) and not _START.search(text):
            self.reading.refuse(place, "a variable holds an option; write the option itself")
        return expanded

    def _include(self, place: str, value: str, *, constraint: bool, including: tuple[str, ...]) -> None:
        if re.match(r"(?:https?|ftp):", value, re.IGNORECASE):
            return  # the installer reads that
        path = file_path(value) if value.lower().startswith("file:") else value
        file = os.path.normpath(os.path.join(os.path.dirname(including[-1]), path))
        if is_lock(file):
            self.reading.refuse(place, "a lock cannot be included; name it in `requirements` of the manifest")
        else:
            self.visit(file, place, constraint=constraint, including=including)

    def _find_links(self, place: str, value: str, directory: str) -> None:
        beside = os.path.normpath(os.path.join(directory, value))
        if not SCHEME.match(value) and os.path.exists(beside):
            value = beside
        elif not SCHEME.match(value):  # pip looks in its own directory then
            self.found.locals.append(Local(value, place, kind="links"))
        self.found.index.append(("--find-links", value))

    def _requirement(self, place: str, text: str, options: list[tuple[str, str]], *, constraint: bool) -> None:
        local = local_of(text, place)
        self.found.locals += local
        self.found.direct += [] if constraint else local or [text]
        hashes = [f"--hash={value}" for name, value in options if name == "--hash"]
        if hashes and (pinned := _pinned(text)):
            self.found.hashes.append(" ".join((pinned, *hashes)))


def _options(tail: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the options in ``tail``, as pairs of full name and value, and words that belong to none.

    Words after an unknown option belong to that.
    """
    try:
        words = shlex.split(tail)
    except ValueError:
        words = tail.split()  # pip reports what is wrong with it; uv accepts it
    options: list[tuple[str, str]] = []
    extra: list[str] = []
    for word in words:
        name, value = options[-1] if options else ("", "")
        if name in _KNOWN - _FLAGS and not value:
            options[-1] = (name, word)
        elif found := _WORD.fullmatch(word):
            options.append((_FULL.get(found[1], found[1]), found[2]))
        elif name in _KNOWN:
            extra.append(word)
    return options, extra


def _problem(requirement: str, options: list[tuple[str, str]], extra: list[str]) -> str:
    """Return what pip would silently ignore in a line, and the remedy; empty if nothing."""
    names = [name for name, _ in options]
    for short in (name for name in names if name not in _KNOWN):
        if any(name.startswith(short) for name in _KNOWN):
            return f"{short!r} is an abbreviated option; write it in full"
    if not requirement and names and names[0] in _BEHIND:
        return f"{names[0]} belongs on the line of a requirement"
    ignored = [name for name in (names if requirement else names[1:]) if name not in _BEHIND]
    ignored = ignored if requirement or _ALONE.intersection(names) else []
    if ignored or extra:
        behind = "a requirement" if requirement else "an option"
        return f"{' '.join(ignored or extra)!r} has no effect behind {behind}; give it a line of its own"
    return ""


def _uv_cannot(requirement: str, tail: str, options: list[tuple[str, str]]) -> str:
    """Return what uv does not support in a line, or silently reads differently; empty if nothing."""
    names = [name for name, _ in options]
    if requirement:
        what = "a variable in a name, version or marker" if _UV_LITERAL.fullmatch(requirement) else ""
        return next((name for name in names if name != "--hash"), what)
    if not _UV_LINE.fullmatch(tail):
        return f"`{tail.split(maxsplit=1)[0]}`"
    if len(options) > 1:
        return f"{names[1]} behind {names[0]}"
    if names[0] == "--editable" and re.match(r"(?!file:)[a-z][a-z0-9+.-]*:", options[0][1]):
        return "--editable with a repository or archive"
    return ""


def is_lock(file: str) -> bool:
    """Check whether a file is named as a lock (PEP 751): ``pylock.toml``, ``pylock.dev.toml``."""
    return re.fullmatch(r"pylock(?:\.[^.]+)?\.toml", os.path.basename(file)) is not None


def _pinned(text: str) -> str:
    """Return a requirement of one exact version as a constraint, which has no extras; empty for any other."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return ""
    exact = any(part.operator in {"==", "==="} and "*" not in part.version for part in requirement.specifier)
    requirement.extras = set()
    return str(requirement) if exact and requirement.url is None else ""
