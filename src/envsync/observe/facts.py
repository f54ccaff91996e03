"""What interpreters said of themselves, remembered until their chain changes."""

import os
import threading
import time
from dataclasses import asdict
from typing import Any

from envsync.observe.chain import walk
from envsync.observe.probe import ProbeError, Said, probe
from envsync.observe.stamp import proven, stamp
from envsync.observe.witnesses import along, landmarks
from envsync.observed import Chain, Facts
from envsync.sealed import read_sealed, seal, unseal
from envsync.surroundings import still, surroundings

__all__ = ["ASKED_AGAIN", "FactsCache"]

_HANGING = 600.0
"""Seconds for which it is believed that an interpreter hangs."""
ASKED_AGAIN = " It is asked again when it changes, after ten minutes, by `apply`, and with --no-cache."
"""What to say where one hangs."""


class FactsCache:
    """Asks each interpreter once; the answer holds while the stamps of its chain and standard library do.

    The file may be deleted at any time, and one that makes no sense counts as none. Failures are remembered for one
    pass: an interpreter that is being upgraded fails for a moment only. That it did not answer in time is remembered
    for longer, since it takes long to find out. Several threads may ask; for one answer all of them wait.
    """

    def __init__(self, file: str | None) -> None:
        """Take the file to read; ``None`` to begin with nothing, and remember nothing beyond this pass."""
        self._entries: dict[str, dict[str, Any]] = _read(file) if file else {}
        self._fresh: dict[str, Said | ProbeError] = {}
        self._asking: dict[str, threading.Lock] = {}
        self.changed = False

    def begin_pass(self) -> None:
        """Look at the stamps of each interpreter anew, where the same object serves several passes."""
        self._fresh = {}

    def forget_hanging(self) -> None:
        """Ask those again that did not answer in time."""
        self._entries = {key: entry for key, entry in self._entries.items() if "hung" not in entry}

    def ask(self, link: str, as_if: str | None, chain: Chain) -> Said:
        """Give what the interpreter at ``link`` says, as :func:`envsync.observe.probe.probe` does."""
        key = f"{link}\0{as_if or ''}"
        fresh = self._fresh  # of this pass, though the answer may come when another has begun
        with self._asking.setdefault(key, threading.Lock()):
            if key not in fresh:
                try:
                    fresh[key] = self._remembered(key, as_if, chain) or self._probe(key, link, as_if, chain)
                except ProbeError as error:
                    fresh[key] = error
            found = fresh[key]
        if isinstance(found, ProbeError):
            raise found.with_traceback(None)
        return found

    def _probe(self, key: str, link: str, as_if: str | None, chain: Chain) -> Said:
        self._refuse_hanging(key, chain)
        began = time.time_ns()
        try:
            said = probe(link, as_if=as_if)
        except ProbeError as error:
            numbers = proven(along(chain), began) if error.timed_out else None
            if numbers is not None:
                self._entries[key] = {"stamp": numbers, "hung": time.time(), "message": str(error)}
                self.changed = True
            raise
        numbers = proven(_paths(chain, said, as_if), began)
        # What a script or another program that runs one answers may depend on anything.
        if numbers is not None and as_if is not None and said.is_from(as_if, chain.end):
            self._entries[key] = {"stamp": numbers, "said": asdict(said)}
            self.changed = True
        return said

    def _refuse_hanging(self, key: str, chain: Chain) -> None:
        """Raise ``ProbeError`` where an interpreter did not answer in time a while ago, and is what it was then."""
        try:
            entry = self._entries[key]
            is_recent = 0 <= time.time() - entry["hung"] < _HANGING
            message, same = str(entry["message"]), entry["stamp"] == stamp(along(chain))
        except (KeyError, TypeError):
            return
        if is_recent and same:
            raise ProbeError(message, timed_out=True)

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
