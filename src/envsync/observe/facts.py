"""What interpreters said of themselves, remembered until their chain changes."""

import json
import time
from dataclasses import asdict
from typing import Any

from envsync.observe.chain import walk
from envsync.observe.probe import Said, probe
from envsync.observe.read import read_regular
from envsync.observe.stamp import is_settled, stamp
from envsync.observed import Chain, Facts

__all__ = ["FactsCache"]

_FORMAT = 1
_LIMIT = 16 << 20


class FactsCache:
    """Asks each interpreter once; the answer holds while the stamps of its chain and standard library do.

    The file may be deleted at any time, and one that makes no sense counts as none. Failures are never remembered:
    an interpreter that is being upgraded fails for a moment only.
    """

    def __init__(self, file: str | None) -> None:
        """Take the file to read; ``None`` to begin with nothing, and remember nothing beyond this pass."""
        self._entries: dict[str, dict[str, Any]] = _read(file) if file else {}
        self._fresh: dict[str, Said] = {}
        self.changed = False

    def begin_pass(self) -> None:
        """Look at the stamps of each interpreter anew, where the same object serves several passes."""
        self._fresh.clear()

    def ask(self, link: str, as_if: str | None, chain: Chain) -> Said:
        """Give what the interpreter at ``link`` says, as :func:`envsync.observe.probe.probe` does."""
        key = f"{link}\0{as_if or ''}"
        if key in self._fresh:
            return self._fresh[key]
        said = self._remembered(key, chain)
        if said is None:
            began = time.time_ns()
            said = probe(link, as_if=as_if)
            numbers = _stamp(chain, said)
            if is_settled(numbers, began):  # else it may have been changed since, and look the same
                self._entries[key] = {"stamp": numbers, "said": asdict(said)}
                self.changed = True
        self._fresh[key] = said
        return said

    def text(self) -> bytes:
        """Give what to write to the file."""
        return json.dumps({"format": _FORMAT, "entries": self._entries}).encode()

    def _remembered(self, key: str, chain: Chain) -> Said | None:
        try:
            entry = self._entries[key]
            fields = dict(entry["said"])
            said = Said(Facts(**fields.pop("facts")), **fields)
            texts = [*asdict(said.facts).values(), said.prefix, said.executable, said.base_executable]
            if not all(isinstance(text, str) and "\0" not in text for text in texts):
                return None
            return said if entry.get("stamp") == _stamp(chain, said) else None
        except (KeyError, TypeError, AttributeError, ValueError):
            return None


def _stamp(chain: Chain, said: Said) -> list[int]:
    base = walk(said.base_executable).end if said.base_executable.startswith("/") else ""
    paths = [chain.start, *(hop.link for hop in chain.hops), chain.end, f"{said.facts.stdlib}/os.py", base]
    return stamp(paths)


def _read(file: str) -> dict[str, dict[str, Any]]:
    try:
        document = json.loads(read_regular(file, _LIMIT) or b"")
        entries = document["entries"] if document["format"] == _FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}
