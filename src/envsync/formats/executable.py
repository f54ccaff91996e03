"""What kind of program a file is, by its first bytes: for this machine, for another, a script, or mere text."""

import struct

from envsync.model.dataclass import dataclass

HEAD = 4096
"""Bytes of a file that are enough to recognise it."""
_ELF_MACHINES = {3: "i386", 21: "ppc64le", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
"""``e_machine``, as ``uname -m`` names it (elf(5))."""
_MACH_MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
"""``cputype`` (<mach/machine.h>)."""
_SAME = {"arm64": "aarch64", "amd64": "x86_64", "i686": "i386", "ppc64": "ppc64le", "armv7l": "arm", "armv6l": "arm"}
"""Names that mean the same machine."""
_INTERP = 3
"""``PT_INTERP``, the program header that names the loader (elf(5))."""


@dataclass(frozen=True, slots=True)
class Executable:
    """What the first bytes of a file imply."""

    kind: str
    """``linux``, ``macos``, ``windows``, ``script``, ``text``, ``empty`` or ``data``."""
    machine: str = ""
    """Of a program: such as ``x86_64``; empty if unknown, or for several."""
    runs_by: str = ""
    """The program that runs it: that of a script's first line, or the loader of an ELF program; empty if none."""

    def is_foreign(self, system: str, machine: str) -> bool:
        """Check whether it is a program for another machine than that which ``uname`` describes in lower case."""
        if self.kind not in {"linux", "macos", "windows"}:
            return False
        own = _SAME.get(machine, machine)
        other = self.machine and _SAME.get(self.machine, self.machine) != own
        return self.kind != {"darwin": "macos"}.get(system, system) or bool(other)


def describe(head: bytes) -> Executable:
    """Return what a file is that begins with ``head``."""
    match head[:4]:
        case b"\x7fELF":
            return _elf(head)
        case b"\xcf\xfa\xed\xfe" | b"\xce\xfa\xed\xfe":
            return Executable("macos", _MACH_MACHINES.get(int.from_bytes(head[4:8], "little"), ""))
        case b"\xca\xfe\xba\xbe":
            return Executable("macos")  # one for several machines
        case _:
            return _plain(head)


def _plain(head: bytes) -> Executable:
    if head[:2] == b"#!":
        words = head[2:].split(b"\n", 1)[0].split(maxsplit=1)
        return Executable("script", runs_by=words[0].decode(errors="surrogateescape") if words else "")
    if head[:2] == b"MZ":
        return Executable("windows")
    if not head:
        return Executable("empty")
    return Executable("data" if b"\0" in head else "text")


def _elf(head: bytes) -> Executable:
    try:
        order = "<" if head[5] == 1 else ">"
        wide = head[4] == 2  # noqa: PLR2004  # ELFCLASS64
        machine = _ELF_MACHINES.get(struct.unpack_from(f"{order}H", head, 18)[0], "")
        return Executable("linux", machine, _loader(head, order, wide=wide))
    except (struct.error, IndexError, ValueError):
        return Executable("linux")


def _loader(head: bytes, order: str, *, wide: bool) -> str:
    table = struct.unpack_from(f"{order}Q" if wide else f"{order}I", head, 32 if wide else 28)[0]
    size, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
    for number in range(min(count, 64)):
        entry = table + number * size
        if struct.unpack_from(f"{order}I", head, entry)[0] == _INTERP:
            place = struct.unpack_from(f"{order}Q" if wide else f"{order}I", head, entry + (8 if wide else 4))[0]
            return str(head[place : head.index(b"\0", place)].decode(errors="surrogateescape"))
    return ""
