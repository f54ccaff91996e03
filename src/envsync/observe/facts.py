"""What interpreters said of themselves, remembered until their chain changes."""

import os
import time
from dataclasses import asdict
from typing import Any

from envsync.observe.chain import walk
from envsync.observe.probe import Said, probe
from envsync.observe.stamp import proven, stamp
from envsync.observe.witnesses import along, landmarks
from envsync.observed import Chain, Facts
from envsync.sealed import read_sealed, seal, unseal
from envsync.surroundings import still, surroundings

__all__ = ["FactsCache"]


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
        said = self._remembered(key, as_if, chain)
        if said is None:
            began = time.time_ns()
            said = probe(link, as_if=as_if)
            numbers = proven(_paths(chain, said, as_if), began)
            # What a script or another program that runs one answers may depend on anything.
            if numbers is not None and as_if is not None and said.is_from(as_if, chain.end):
                self._entries[key] = {"stamp": numbers, "said": asdict(said)}
                self.changed = True
        self._fresh[key] = said
        return said

    def content(self) -> bytes:
        """Give what to write to the file."""
        return seal([surroundings(()), self._entries])

    def _remembered(self, key: str, as_if: str | None, chain: Chain) -> Said | None:
        try:
            entry = self._entries[key]
            fields = dict(entry["said"])
            said = Said(Facts(**fields.pop("facts")), **fields)
            texts = [*asdict(said.facts).values(), said.prefix, said.executable, said.base_executable]
            if not all(isinstance(text, str) and "\0" not in text for text in texts):
                return None
            return said if entry["stamp"] == stamp(_paths(chain, said, as_if)) else None
        except (KeyError, TypeError, AttributeError, ValueError):
            return None


def _paths(chain: Chain, said: Said, as_if: str | None) -> list[str]:
    base = walk(said.base_executable).end if said.base_executable.startswith("/") else ""
    before = landmarks(os.path.dirname(as_if), said.facts) if as_if else ()
    return [*along(chain), f"{said.facts.stdlib}/os.py", base, *before]


def _read(file: str) -> dict[str, dict[str, Any]]:
    try:
        known, entries = unseal(read_sealed(file))
        return entries if still(known) and isinstance(entries, dict) else {}
    except Exception:  # noqa: BLE001  # whatever is wrong with it, the interpreters tell it again
        return {}
