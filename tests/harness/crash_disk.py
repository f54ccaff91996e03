"""What of a traced run is on the disk for sure: the files and directories written, and whether they were flushed."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.crash_trace import FLUSHING, MAKING, RENAMING, WRITING

TRACED = (*RENAMING, *MAKING, *WRITING, *FLUSHING, "open", "openat", "creat", "ioctl")
_CALL = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<(.*?)>)?")
_DESCRIPTOR = re.compile(r"\d+<([^>]*)>")
_PLACE = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"')
_CREATING = re.compile(r"O_CREAT|O_TRUNC")


def _whole(trace: str) -> Iterator[str]:
    """Yield the lines of a trace, those that strace has split joined, at the time when the call returned."""
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        thread, _, rest = line.partition(" ")
        if line.endswith(" <unfinished ...>"):
            begun[thread] = line.removesuffix(" <unfinished ...>")
        elif " resumed>" in line and rest.lstrip().startswith("<..."):
            yield begun.pop(thread, thread) + line.partition(" resumed>")[2]
        else:
            yield line


@dataclass
class Disk:
    """Follows a trace; keeps which files and directories have contents that only memory holds."""

    directory: str
    """Where relative paths begin."""
    files: set[str] = field(default_factory=set)
    directories: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    """Every file that was written, flushed or not."""

    def follow(self, trace: str) -> Iterator[tuple[str, list[str]]]:
        """Take the calls in, and give the name and the paths of each, before it takes effect."""
        for line in _whole(trace):
            match = _CALL.match(line)
            if match is None or match[4].startswith("-"):
                continue
            call, arguments = match[2], match[3]
            if call in {"open", "openat", "creat"}:
                places = [match[5]] if match[5] and (call == "creat" or _CREATING.search(arguments)) else []
            elif call in {*RENAMING, *MAKING}:
                pairs = _PLACE.findall(arguments)
                pairs = pairs[1:] if call.startswith("symlink") else pairs
                places = [os.path.normpath(os.path.join(base or self.directory, name)) for base, name in pairs]
            else:
                places = _DESCRIPTOR.findall(arguments)
                places = places[-1:] if call in {"copy_file_range", "ioctl"} else places[:1]
            if places:
                yield call, places
                self._take(call, places, arguments)

    def _take(self, call: str, places: list[str], arguments: str) -> None:
        last = places[-1]
        parent = os.path.dirname(last)
        if call == "syncfs":
            self.files.clear()
            self.directories.clear()
        elif call in FLUSHING:
            self.files.discard(last)
            self.directories.discard(last)
        elif call in RENAMING:
            self._rename(places[0], last, exchange="RENAME_EXCHANGE" in arguments)
            self.directories |= {parent, os.path.dirname(places[0])}
        elif call.startswith(("unlink", "rmdir")):
            self.files.discard(last)
            self.directories.discard(last)
        elif call.startswith(("mkdir", "symlink")):
            self.directories |= {parent} | ({last} if call.startswith("mkdir") else set())
        elif call != "ioctl" or "FICLONE" in arguments:
            self.files.add(last)
            self.written.add(last)
            if call not in WRITING:
                self.directories.add(parent)

    def _rename(self, source: str, target: str, *, exchange: bool) -> None:
        def moved(place: str) -> str:
            for one, other in ((source, target), (target, source)):
                if (place == one or place.startswith(f"{one}/")) and (exchange or one == source):
                    return other + place[len(one) :]
            return place

        self.files = set(map(moved, self.files))
        self.directories = set(map(moved, self.directories))
        self.written = set(map(moved, self.written))

    def unflushed(self, directory: str) -> set[str]:
        return set(under(directory, self.files | self.directories))


def under(directory: str, places: Iterable[str]) -> Iterator[str]:
    return (place for place in places if place == directory or place.startswith(f"{directory}/"))
