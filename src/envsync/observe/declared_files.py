"""Read the files that declarations consist of, each once with its digest; find misleading uv settings."""

import codecs
import hashlib
import locale
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from envsync.formats.redact import redacted
from envsync.manifest.toml import parse
from envsync.model.problems import ManifestError
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


def real(path: str) -> str:
    """Resolve a path as far as that is possible."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path


@dataclass(slots=True)
class Reading:
    """The files read so far, the variables that they name, and what is wrong with them."""

    digests: dict[str, str] = field(default_factory=dict)
    """Of each file that counts, by its path."""
    variables: dict[str, str | None] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    _contents: dict[str, tuple[bytes | None, str]] = field(default_factory=dict)

    def refuse(self, place: str, reason: str, error: BaseException | None = None) -> None:
        """Note what cannot be carried out; packaging raises errors with a message for people, some in groups."""
        errors = error.exceptions if isinstance(error, ExceptionGroup) else [error] if error else []
        whole = "; ".join(map(str, errors)).replace("\n", " ")
        text = redacted(": ".join(part for part in (place, reason, whole) if part))
        self.problems["".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)] = None

    def read(self, file: str, *, place: str = "", optional: bool = False) -> bytes | None:
        """Read a file. Where it is missing and not ``optional``, that is a problem of ``place``, which names it."""
        if file not in self._contents:
            self._contents[file] = _content(file)
            content = self._contents[file][0]
            self.digests[file] = _ABSENT if content is None else hashlib.sha256(content).hexdigest()
        content, reason = self._contents[file]
        if content is None and not optional:
            self.refuse(place or file, f"{file}: {reason}" if place else reason)
        return content

    def count(self, file: str) -> None:
        """Let a file count whatever is in it, of any size."""
        if file not in self.digests:
            try:
                digest = hash_regular(file, "sha256")
            except ValueError:
                digest = None
            self.digests[file] = _ABSENT if digest is None else digest.hex()

    def toml(self, file: str, *, quietly: bool = False) -> dict[str, Any] | None:
        """Read a TOML file; what is wrong with it is a problem, or with ``quietly`` somebody else's."""
        content = self.read(file, optional=quietly)
        refuse = Reading().refuse if quietly else self.refuse
        try:
            return None if content is None else parse(content.decode(), file)
        except UnicodeDecodeError:
            refuse(file, "it is not UTF-8, as TOML has to be")
        except ManifestError as error:
            for one in error.problems:
                refuse(f"{file}:{one.line}" if one.line else file, one.message)
        return None

    def digest(self, *declared: object) -> str:
        """Return the digest of declarations with all that was read, 32 hexadecimal digits."""
        return _digest(declared, sorted(self.digests.items()), sorted(self.variables.items()))[:32]

    def digest_of(self, files: Iterable[str]) -> str:
        """Return the digest of some of the files, 16 hexadecimal digits; nothing for none."""
        chosen = sorted({file: self.digests.get(file) for file in files}.items())
        return _digest(chosen)[:16] if chosen else ""


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode(errors="surrogateescape")).hexdigest()


def _content(file: str) -> tuple[bytes | None, str]:
    """Return the content of a file, or the reason why there is none."""
    try:
        content = read_regular(os.path.realpath(file), _LIMIT + 1)
    except OSError as error:
        return None, f"it cannot be read: {error.strerror}"
    except ValueError:
        return None, "no file can have that name"
    if content is None:
        return None, "it is not a regular file" if os.path.exists(file) else "it is not there"
    return (None, f"it is larger than {_LIMIT >> 20} MiB") if len(content) > _LIMIT else (content, "")


def decoded(content: bytes) -> str:
    """Decode a requirements file as pip does. Raises ``ValueError``."""
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


def joined(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield lines as pip has them: joined where they end in a backslash, then without comments; with their numbers.

    Tells also where the comment of one line is continued: there uv begins a line.
    """
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
        yield first, _COMMENT.sub("", "".join(pieces)).strip(), differs
        pieces = []


_MISLEADING = ("target", "prefix", "no-deps", "python-version", "python-platform")
"""Keys of ``[pip]`` in ``uv.toml``, ``[tool.uv.pip]`` in ``pyproject.toml``; no option of ``uv pip`` overrules them."""


def misleading_settings(directory: str, reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield the file and the key of each setting that ``uv pip`` in a directory would follow.

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
    named = os.environ.get("UV_CONFIG_FILE")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    for file in (named,) if named else (f"{config}/uv/uv.toml", "/etc/uv/uv.toml"):
        document = reading.toml(file, quietly=True) if os.path.isfile(file) else None
        if document is not None:
            yield file, document
