"""Read the files that declarations consist of: each once, with its digest, and what is wrong told by place."""

import hashlib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from envsync.errors import ManifestError
from envsync.manifest.syntax import parse
from envsync.observe.read import hash_regular, read_regular
from envsync.redact import redacted

__all__ = ["Reading", "real"]

_LIMIT = 32 << 20
_ABSENT = "absent"


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
    looked_for: dict[str, None] = field(default_factory=dict)
    """Further paths that matter by being there or not."""
    variables: dict[str, str | None] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    _contents: dict[str, bytes | None] = field(default_factory=dict)

    def refuse(self, place: str, reason: str) -> None:
        """Note what cannot be carried out."""
        text = redacted(f"{place}: {reason}")
        self.problems["".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)] = None

    def read(self, file: str, *, place: str = "", optional: bool = False) -> bytes | None:
        """Read a file. Where it is missing and not ``optional``, that is a problem of ``place``, which names it."""
        if file not in self._contents:
            self._contents[file], reason = _content(file)
            content = self._contents[file]
            self.digests[file] = _ABSENT if content is None else hashlib.sha256(content).hexdigest()
            if reason and not optional:
                self.refuse(place or file, f"{file}: {reason}" if place else reason)
        elif self._contents[file] is None and not optional:
            self.refuse(place or file, f"{file}: {_content(file)[1]}" if place else _content(file)[1])
        return self._contents[file]

    def count(self, file: str) -> None:
        """Let a file count whatever is in it, of any size."""
        if file in self.digests:
            return
        try:
            digest = hash_regular(file, "sha256")
        except ValueError:
            digest = None
        self.digests[file] = _ABSENT if digest is None else digest.hex()

    def exists(self, file: str) -> bool:
        """Tell whether a regular file is there; it matters from now on."""
        self.looked_for[file] = None
        return os.path.isfile(file)

    def toml(self, file: str, *, place: str = "", optional: bool = False) -> dict[str, Any] | None:
        """Read a TOML file; what is wrong with it is a problem."""
        content = self.read(file, place=place, optional=optional)
        if content is None:
            return None
        try:
            return parse(content.decode(), file)
        except UnicodeDecodeError:
            self.refuse(file, "it is not UTF-8, as TOML has to be")
        except ManifestError as error:
            for one in error.problems:
                self.refuse(f"{file}:{one.line}" if one.line else file, one.message)
        except (ValueError, RecursionError, tomllib.TOMLDecodeError) as error:
            self.refuse(file, str(error))
        return None

    def digest(self, *declared: object) -> str:
        """Return the digest of declarations with all that was read."""
        whole = hashlib.sha256(repr(declared).encode(errors="surrogateescape"))
        for part in (self.digests, self.variables):
            whole.update(repr(sorted(part.items())).encode(errors="surrogateescape"))
        return whole.hexdigest()[:32]

    def digest_of(self, files: Iterable[str]) -> str:
        """Return the digest of some of the files, 16 hexadecimal digits; nothing for none."""
        chosen = {file: self.digests.get(file) for file in sorted(set(files))}
        return hashlib.sha256(_encoded(chosen)).hexdigest()[:16] if chosen else ""


def _encoded(digests: Mapping[str, str | None]) -> bytes:
    return repr(list(digests.items())).encode(errors="surrogateescape")


def _content(file: str) -> tuple[bytes | None, str]:
    """Give the content of a file, or the reason why there is none."""
    try:
        content = read_regular(os.path.realpath(file), _LIMIT + 1)
    except OSError as error:
        return None, f"it cannot be read: {error.strerror}"
    except ValueError:
        return None, "no file can have that name"
    if content is None:
        there = os.path.lexists(file)
        return None, "it is not a regular file" if there and os.path.exists(file) else "it is not there"
    if len(content) > _LIMIT:
        return None, f"it is larger than {_LIMIT >> 20} MiB"
    return content, ""
