"""Ask interpreters for facts about themselves, and remember the answers until their links change."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any

from envsync.cache.fingerprint import process_fingerprint, proven, stamp, still
from envsync.cache.store import read_cache_file, seal, unseal
from envsync.model.interpreter import Facts, InterpreterProblem
from envsync.model.links import Chain, EndKind
from envsync.observe.dependencies import along, landmarks
from envsync.observe.links import walk
from envsync.observe.probe import ProbeAnswer, ProbeError, probe


def cycle(declared: str, through: tuple[str, ...]) -> InterpreterProblem:
    """Report links that lead in a circle, or an environment that would be its own interpreter."""
    own = len(set(through)) == 1
    message = (
        f"{through[0]} would be its own interpreter" if own else f"the links lead in a circle: {' -> '.join(through)}"
    )
    hint = 'Give `python` a path outside of the environments it is for, or a version such as "3.12".'
    return InterpreterProblem(declared, through[-1], "interpreter-cycle", message, hint)


def unusable(declared: str, link: str, chain: Chain) -> InterpreterProblem | None:
    """Say why a link cannot be run at all, going by what stands at its end."""
    hint = "Install that Python, or name another link. The environment is left as it is."
    match chain.kind:
        case EndKind.MISSING if chain.hops:
            message = f"{link} leads to {chain.end}, and nothing is there"
        case EndKind.MISSING:
            message = f"nothing is at {link}"
        case EndKind.DIRECTORY:
            inner = f"{link}/bin/python"
            message = f"{link} is a directory, not an interpreter"
            hint = f"Write {inner}." if os.path.exists(inner) else "Name the executable itself."
        case EndKind.FILE if not os.access(chain.end, os.X_OK):
            message = f"{chain.end} is not executable"
        case EndKind.FILE:
            return None
        case _:
            message = f"{link} leads to {chain.kind.value}" + (f": {chain.reason}" if chain.reason else "")
    return InterpreterProblem(declared, link, "interpreter-missing", message, hint, chain)


Ask = Callable[[str, str | None, Chain], ProbeAnswer]
"""Run an interpreter, or remember what it said: its link, the path it is told it was started by, its chain."""

_LONG = 1.0
"""Seconds in which every interpreter that works has answered, almost."""
_MOST = 32
"""Interpreters that are asked at the same time."""


class Hedged:
    """Asks, so that all interpreters that hang take little more than one time limit together."""

    def __init__(self, ask: Ask, likely: Callable[[], Iterable[str]], look: Callable[[str], object]) -> None:
        """Take how to ask, which must wait for an answer that is under way; links to ask; and how to look at one."""
        self._ask = ask
        self._likely = likely
        self._look = look
        self._is_ahead = False

    def __call__(self, link: str, as_if: str | None, chain: Chain) -> ProbeAnswer:
        """Return what the interpreter says. Raises ``ProbeError``."""
        if self._is_ahead:
            return self._ask(link, as_if, chain)
        timer = threading.Timer(_LONG, self._go_ahead)
        timer.daemon = True
        timer.start()
        try:
            return self._ask(link, as_if, chain)
        finally:
            timer.cancel()

    def _go_ahead(self) -> None:
        # Daemons: what nobody waits for any more must not keep the command from its end.
        self._is_ahead = True
        for link in islice(dict.fromkeys(self._likely()), _MOST):
            threading.Thread(target=self._look_at, args=(link,), daemon=True).start()

    def _look_at(self, link: str) -> None:
        with contextlib.suppress(Exception, KeyboardInterrupt):  # whoever needs the answer gets to know
            self._look(link)


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
        self._fresh: dict[str, ProbeAnswer | ProbeError] = {}
        self._asking: dict[str, threading.Lock] = {}
        self.changed = False

    def begin_pass(self) -> None:
        """Look at the stamps of each interpreter again, where the same object serves several passes."""
        self._fresh = {}

    def forget_hanging(self) -> None:
        """Ask those again that did not answer in time."""
        self._entries = {key: entry for key, entry in self._entries.items() if "hung" not in entry}

    def ask(self, link: str, as_if: str | None, chain: Chain) -> ProbeAnswer:
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

    def _probe(self, key: str, link: str, as_if: str | None, chain: Chain) -> ProbeAnswer:
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
        return seal([process_fingerprint(()), self._entries])

    def _remembered(self, key: str, as_if: str | None, chain: Chain) -> ProbeAnswer | None:
        try:
            entry = self._entries[key]
            fields = dict(entry["said"])
            said = ProbeAnswer(Facts(**fields.pop("facts")), **fields)
            texts = [*asdict(said.facts).values(), said.prefix, said.executable, said.base_executable]
            if not all(isinstance(text, str) and "\0" not in text for text in texts):
                return None
            return said if entry["stamp"] == stamp(_paths(chain, said, as_if)) else None
        except (KeyError, TypeError, AttributeError, ValueError):
            return None


def _paths(chain: Chain, said: ProbeAnswer, as_if: str | None) -> list[str]:
    base = walk(said.base_executable).end if said.base_executable.startswith("/") else ""
    before = landmarks(os.path.dirname(as_if), said.facts) if as_if else ()
    return [*along(chain), f"{said.facts.stdlib}/os.py", base, *before]


def _read(file: str) -> dict[str, dict[str, Any]]:
    try:
        known, entries = unseal(read_cache_file(file))
        return entries if still(known) and isinstance(entries, dict) else {}
    except Exception:  # noqa: BLE001  # whatever is wrong with it, the interpreters tell it again
        return {}
