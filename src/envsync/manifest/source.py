"""One manifest file, read within bounds: bytes to text, with what the kernel says made plain."""

import errno
import os
import stat
from dataclasses import dataclass

from envsync.errors import ManifestError, Problem
from envsync.manifest.wording import escaped

__all__ = ["MAX_BYTES", "Text", "read"]

MAX_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class Text:
    """What a file held, with LF line ends, and which file it was."""

    text: str
    identity: tuple[int, int]
    owner: int
    """The user's number."""


def read(file: str, *, missing_hint: str = "") -> Text:
    """Text of ``file``; raises ManifestError with codes manifest-missing, -unreadable, -too-large, -encoding."""
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
        message = f"larger than {MAX_BYTES // 1024 // 1024} MiB, which no manifest is"
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
        return Problem("manifest-missing", "there is no such file", hint, file)
    return Problem("manifest-missing", f"is a link to {escaped(leads_to)}, which is not there", hint, file)


def _mode(file: str) -> int | None:
    try:
        return os.stat(file).st_mode
    except OSError:
        return None


def _not_a_file(file: str, mode: int) -> Problem:
    kind = _KINDS.get(stat.S_IFMT(mode), "no ordinary file")
    return Problem("manifest-unreadable", f"is {kind}; a manifest is a file", "", file)


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
