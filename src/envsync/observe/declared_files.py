"""Read the files of package declarations, each once, with their digests; find misleading uv settings."""

import codecs
import hashlib
import locale
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Any, NamedTuple

from envsync.formats.redact import redacted
from envsync.manifest.toml import parse
from envsync.model.dataclass import dataclass
from envsync.model.problems import ManifestError
from envsync.model.system import VARIABLES
from envsync.observe.files import hash_regular, read_regular

_LIMIT = 32 << 20
_ABSENT = "absent"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16's does
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_CODING = re.compile(rb"#.*?coding[:=]\s*([-\w.]+)")
"""``# -*- coding: latin-1 -*-`` (PEP 263)."""
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
"""``  # why``; not the fragment of a URL."""


def real(path: str) -> str:
    """Return the real path of ``path``, or ``path`` itself where it cannot be resolved."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path


@dataclass(slots=True)
class Reading:
    """Files read so far, the variables in them, and problems found."""

    digests: dict[str, str] = field(default_factory=dict)
    """By path: a SHA-256 in hexadecimal digits, or ``absent``."""
    variables: dict[str, str | None] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    _contents: dict[str, tuple[bytes | None, str]] = field(default_factory=dict)

    def refuse(self, place: str, reason: str, error: BaseException | None = None) -> None:
        """Record a problem; errors of packaging have readable messages, some in groups."""
        errors = error.exceptions if isinstance(error, ExceptionGroup) else [error] if error else []
        whole = "; ".join(map(str, errors)).replace("\n", " ")
        text = redacted(": ".join(part for part in (place, reason, whole) if part))
        self.problems["".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)] = None

    def read(self, file: str, *, place: str = "", optional: bool = False) -> bytes | None:
        """Return a file's content; ``None`` if unreadable, which is a problem at ``place`` unless ``optional``."""
        if file not in self._contents:
            self._contents[file] = _content(file)
            content = self._contents[file][0]
            self.digests[file] = _ABSENT if content is None else hashlib.sha256(content).hexdigest()
        content, reason = self._contents[file]
        if content is None and not optional:
            self.refuse(place or file, f"{file}: {reason}" if place else reason)
        return content

    def count(self, file: str) -> None:
        """Include a file in the digest, of any size and content."""
        if file not in self.digests:
            try:
                digest = hash_regular(file, "sha256")
            except ValueError:
                digest = None
            self.digests[file] = _ABSENT if digest is None else digest.hex()

    def toml(self, file: str, *, quietly: bool = False) -> dict[str, Any] | None:
        """Return the table in a TOML file; ``None`` if invalid, which is a problem unless ``quietly``."""
        content = self.read(file, optional=quietly)
        refuse = Reading().refuse if quietly else self.refuse
        try:
            return None if content is None else parse(content.decode(), file)
        except UnicodeDecodeError:
            refuse(file, "it is not UTF-8, which TOML requires")
        except ManifestError as error:
            for problem in error.problems:
                refuse(f"{file}:{problem.line}" if problem.line else file, problem.message)
        return None

    def digest(self, *declared: object) -> str:
        """Return the digest of declarations and of all that was read, 32 hexadecimal digits."""
        return _digest(declared, sorted(self.digests.items()), sorted(self.variables.items()))[:32]

    def digest_of(self, files: Iterable[str]) -> str:
        """Return the digest of some of the files, 16 hexadecimal digits; empty without files."""
        chosen = sorted({file: self.digests.get(file) for file in files}.items())
        return _digest(chosen)[:16] if chosen else ""


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode(errors="surrogateescape")).hexdigest()


def _content(file: str) -> tuple[bytes | None, str]:
    """Return the content of a file, ``None`` if unreadable, and the reason for that."""
    try:
        content = read_regular(os.path.realpath(file), _LIMIT + 1)
    except OSError as error:
        return None, f"it cannot be read: {error.strerror}"
    except ValueError:
        return None, "no file can have this name"
    if content is None:
        return None, "it is not a regular file" if os.path.exists(file) else "it does not exist"
    return (None, f"it is larger than {_LIMIT >> 20} MiB") if len(content) > _LIMIT else (content, "")


def decoded(content: bytes) -> str:
    """Return the text of a requirements file, decoded as pip does. Raises ``ValueError``."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding)
    for line in content.split(b"\n", 2)[:2]:
        if found := _CODING.match(line):
            try:
                return content.decode(found[1].decode())
            except LookupError as error:
                raise ValueError(str(error)) from None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode(locale.getencoding())


class Line(NamedTuple):
    """A logical line of a requirements file."""

    number: int
    """Of its first line, from 1."""
    text: str
    uv_differs: bool
    """Whether a comment in it is continued in the next line: there uv begins a new one."""


def joined(text: str) -> Iterator[Line]:
    """Yield the logical lines as pip reads them: joined at backslashes, then without comments."""
    pieces: list[str] = []
    first = 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        first = first if pieces else number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            pieces.append(line.strip("\\"))
            continue
        differs = bool(line) and any(map(_COMMENT.search, pieces))
        pieces.append(f" {line}" if comment else line)
        yield Line(first, _COMMENT.sub("", "".join(pieces)).strip(), differs)
        pieces = []


_MISLEADING = ("target", "prefix", "no-deps", "python-version", "python-platform")
"""Keys of ``[pip]`` in ``uv.toml``, ``[tool.uv.pip]`` in ``pyproject.toml``, that no option of ``uv pip`` overrides."""


def misleading_settings(directory: str, reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield each setting that would mislead ``uv pip`` in a directory, as file and key.

    uv reads the nearest ``uv.toml`` or ``[tool.uv]``, the user's and the system's.
    """
    for file, settings in (*_nearest(directory, reading), *_general(reading)):
        pip = settings.get("pip")
        if isinstance(pip, dict):
            yield from ((file, f"`{key}` for `uv pip`") for key in _MISLEADING if pip.get(key))


def _nearest(directory: str, reading: Reading) -> Iterator[tuple[str, dict[str, Any]]]:
    while True:
        for name in ("uv.toml", "pyproject.toml"):
            file = os.path.join(directory, name)
            document = reading.toml(file, quietly=True) if os.path.isfile(file) else None
            tool = document.get("tool") if document is not None and name == "pyproject.toml" else None
            settings = tool.get("uv") if isinstance(tool, dict) else document if name == "uv.toml" else None
            if isinstance(settings, dict):
                yield file, settings
                return
        if directory == os.path.dirname(directory):
            return
        directory = os.path.dirname(directory)


def _general(reading: Reading) -> Iterator[tuple[str, dict[str, Any]]]:
    named = VARIABLES.get("UV_CONFIG_FILE")
    config = VARIABLES.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    for file in (named,) if named else (f"{config}/uv/uv.toml", "/etc/uv/uv.toml"):
        document = reading.toml(file, quietly=True) if os.path.isfile(file) else None
        if document is not None:
            yield file, document
