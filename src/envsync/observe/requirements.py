"""Read requirements files with all that they include, as pip does; what they ask for is left to the installer."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement

from envsync.observe.reading import Reading
from envsync.observe.requirement_lines import ARCHIVES, Option, Parts, decoded, joined, parts_of, uv_reads, variables_in

__all__ = ["IndexLine", "Local", "Requirements", "local_of", "read_requirements"]

_DEEPEST = 100
_INDEX = {"--index-url", "--extra-index-url", "--find-links", "--no-index", "--pre", "--trusted-host"}
_NAMED = re.compile(r"[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\s*@\s*(?P<url>\S.*)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=//)|file:", re.IGNORECASE)
_EXTRAS = re.compile(r"\s*\[[^\]]*\]$")


@dataclass(frozen=True, slots=True)
class Local:
    """A path that a requirement names."""

    path: str
    """As it stands there, without extras; relative to the directory that the installer is run in."""
    place: str
    """``FILE:LINE``."""
    editable: bool = False
    kind: str = "directory"
    """``directory``, ``archive`` or ``links``: where to find more."""

    @property
    def relative(self) -> bool:
        """Whether it depends on the directory that the installer is run in."""
        return not self.path.startswith("/")

    def is_in(self, directory: str) -> bool:
        """Check whether it is there."""
        path = os.path.join(directory, self.path)
        if self.kind != "directory":
            return os.path.exists(path)
        return any(os.path.isfile(f"{path}/{name}") for name in ("pyproject.toml", "setup.py", "setup.cfg"))


@dataclass(frozen=True, slots=True)
class IndexLine:
    """A line that says where packages come from, or which of them."""

    option: str
    value: str = ""
    relative: bool = False
    """Whether its path depends on the directory that the installer is run in."""

    def written(self, directory: str) -> Iterator[str]:
        """Give it as lines that every installer reads."""
        if self.option in {"--no-binary", "--only-binary"}:
            yield from (f"{self.option} {one}" for one in self.value.split(",") if one)
        elif self.relative:
            yield f"{self.option} {os.path.join(directory, self.value)}"
        else:
            yield f"{self.option} {self.value}".rstrip()


@dataclass(slots=True)
class Requirements:
    """What one declared file says, with all that it includes."""

    file: str
    constraint: bool = False
    locals: list[Local] = field(default_factory=list)
    index: list[IndexLine] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    uv_cannot: list[tuple[str, str]] = field(default_factory=list)
    """Places and what stands there that uv cannot do."""
    pip_cannot: list[tuple[str, str]] = field(default_factory=list)


def read_requirements(file: str, reading: Reading, *, constraint: bool = False) -> Requirements:
    """Read a requirements or constraints file, and what it includes; problems are noted in ``reading``."""
    found = Requirements(file, constraint)
    _Walk(reading, found).visit(file, "", constraint=constraint, way=())
    return found


@dataclass(slots=True)
class _Walk:
    reading: Reading
    found: Requirements
    seen: set[tuple[str, bool]] = field(default_factory=set)

    def visit(self, file: str, place: str, *, constraint: bool, way: tuple[str, ...]) -> None:
        """Read a file in one role, once."""
        if file in way:
            self.found.pip_cannot.append((place, f"{os.path.basename(file)} includes itself; remove the line"))
            return
        if (file, constraint) in self.seen:
            return
        self.seen.add((file, constraint))
        if len(way) > _DEEPEST:
            self.reading.refuse(place, f"more than {_DEEPEST} files include each other; include fewer")
            return
        content = self.reading.read(file, place=place)
        if content is None:
            return
        try:
            text, uv_decodes = decoded(content)
        except ValueError as error:
            self.reading.refuse(file, f"its encoding cannot be read ({error}); save it as UTF-8")
            return
        if not uv_decodes:
            self.found.uv_cannot.append((file, "an encoding other than UTF-8 and UTF-16"))
        for number, line, continued in joined(text):
            self._line(f"{file}:{number}", line, continued=continued, way=(*way, file))

    def _line(self, place: str, line: str, *, continued: bool, way: tuple[str, ...]) -> None:
        if "\0" in line:
            self.reading.refuse(place, "it is no text, there is a NUL character in it; correct or remove it")
            return
        raw = parts_of(line)
        expanded = self._expanded(place, line)
        if expanded is None:
            return
        parts = raw if expanded == line else parts_of(expanded)
        if parts.problem and not raw.problem:  # pip splits what a variable holds into words, uv does not
            self.found.pip_cannot.append((place, parts.problem))
            parts = self._each_expanded(raw)
        if parts.problem:
            self.reading.refuse(place, parts.problem)
            return
        if refused := uv_reads(line, raw, continued=continued):
            self.found.uv_cannot.append((place, refused))
        if parts.pip_problem:
            self.found.pip_cannot.append((place, parts.pip_problem))
        if parts.requirement:
            self._requirement(place, parts)
            return
        for option in parts.options:
            if option.name in {"--requirement", "--constraint"}:
                self._include(place, option.value, constraint=option.name == "--constraint", way=way)
            else:
                self._option(place, option.name, option.value, os.path.dirname(way[-1]))

    def _expanded(self, place: str, line: str) -> str | None:
        missing = False
        for name in variables_in(line):
            value = os.environ.get(name)
            self.reading.variables[name] = value
            if value:
                line = line.replace(f"${{{name}}}", value)
            else:
                missing = True
                self.reading.refuse(place, f"${{{name}}} is not set; set it, or write its value")
        return None if missing else line

    def _each_expanded(self, parts: Parts) -> Parts:
        def expand(text: str) -> str:
            for name in variables_in(text):
                text = text.replace(f"${{{name}}}", self.reading.variables[name] or "")
            return text

        options = tuple(Option(one.name, expand(one.value)) for one in parts.options)
        return Parts(expand(parts.requirement), options, pip_problem=parts.pip_problem)

    def _include(self, place: str, value: str, *, constraint: bool, way: tuple[str, ...]) -> None:
        if re.match(r"(?:https?|ftp):", value, re.IGNORECASE):
            return  # what is there the installer sees
        path = _file_path(value) if value.lower().startswith("file:") else value
        file = os.path.normpath(os.path.join(os.path.dirname(way[-1]), path))
        if _is_lock(file):
            self.reading.refuse(place, "a lock cannot be included; name it in `requirements` of the manifest")
        else:
            self.visit(file, place, constraint=constraint, way=way)

    def _option(self, place: str, name: str, value: str, folder: str) -> None:
        if name == "--editable":
            local = local_of(value, place, editable=True)
            self.found.locals += [local] if local else []
        elif name in _INDEX or name in {"--no-binary", "--only-binary"}:
            self.found.index.append(self._index(place, name, value, folder))

    def _index(self, place: str, name: str, value: str, folder: str) -> IndexLine:
        if name == "--index-url" and any(one.option == name and one.value != value for one in self.found.index):
            self.found.uv_cannot.append((place, "a second --index-url"))
        if name != "--find-links" or _SCHEME.match(value) or value.startswith("/"):
            return IndexLine(name, value)
        beside = os.path.join(folder, value)
        if os.path.exists(beside):
            return IndexLine(name, os.path.normpath(beside))
        # pip looks in its own directory then, uv does not
        self.found.uv_cannot.append((place, "--find-links with a path that is not beside the file"))
        self.found.locals.append(Local(value, place, kind="links"))
        return IndexLine(name, value, relative=True)

    def _requirement(self, place: str, parts: Parts) -> None:
        local = local_of(parts.requirement, place)
        if local is not None:
            self.found.locals.append(local)
        hashes = [f"--hash={one.value}" for one in parts.options if one.name == "--hash"]
        if hashes and (pinned := _pinned(parts.requirement)):
            self.found.hashes.append(" ".join((pinned, *hashes)))


def local_of(text: str, place: str, *, editable: bool = False) -> Local | None:
    """Find the path that a requirement names: ``./x[extra]``, ``name @ file:///x``, ``x/y.whl``; None for others."""
    named = None if editable and text.startswith((".", "/")) else _NAMED.match(text)
    url = named["url"] if named else text
    url = re.split(r"\s;|;\s" if _SCHEME.match(url) else ";", url, maxsplit=1)[0].strip()
    if url.lower().startswith("file:"):
        path = _file_path(url)
    elif _SCHEME.match(url) or (not named and not _is_path(url, editable=editable)):
        return None
    else:
        path = url.partition("#")[0]
    path = _EXTRAS.sub("", path)
    kind = "archive" if path.lower().endswith(ARCHIVES) else "directory"
    return Local(path, place, editable, kind) if path else None


def _is_path(text: str, *, editable: bool) -> bool:
    """Check whether pip takes a requirement for a path."""
    bare = _EXTRAS.sub("", text)
    return editable or bare.startswith(".") or "/" in bare or bare.lower().endswith(ARCHIVES)


def _file_path(url: str) -> str:
    """Give the path of a ``file:`` URL, which may be relative: ``file:./x``."""
    bare = _EXTRAS.sub("", url.partition("#")[0])
    if bare[5:7] != "//":
        return unquote(bare[5:])
    try:
        return unquote(urlsplit(bare).path)
    except ValueError:
        return unquote(bare[7:])


def _is_lock(file: str) -> bool:
    return re.fullmatch(r"pylock(?:\.[^.]+)?\.toml", os.path.basename(file)) is not None


def _pinned(text: str) -> str:
    """Give a requirement of one version as a constraint, which has no extras."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return ""
    versions = [one.version for one in requirement.specifier if one.operator in {"==", "==="}]
    if requirement.url is not None or not versions or versions[0].endswith(".*"):
        return ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{requirement.specifier}{marker}"
