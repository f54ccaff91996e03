"""Ask interpreters for facts about themselves, and remember the answers until their links change."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from envsync.cache.fingerprint import take
from envsync.cache.store import Cache
from envsync.model.interpreter import Candidate, Facts, InterpreterProblem
from envsync.model.links import Chain, EndKind
from envsync.observe.base import base_of
from envsync.observe.dependencies import along, landmarks
from envsync.observe.links import walk
from envsync.observe.probe import ProbeAnswer, ProbeError, probe
from envsync.observe.remedies import of_directory, of_loop, of_nothing, of_unreadable
from envsync.observe.unrunnable import of_file


def cycle(declared: str, through: tuple[str, ...]) -> InterpreterProblem:
    """Report links that lead in a circle, or an environment that would be its own interpreter."""
    own = len(set(through)) == 1
    message = (
        f"{through[0]} would be its own interpreter" if own else f"the links lead in a circle: {' -> '.join(through)}"
    )
    hint = 'Give `python` a path outside of the environments it is for, or a version such as "3.12".'
    return InterpreterProblem(declared, through[-1], "interpreter-cycle", message, hint)


def unusable(
    declared: str, link: str, chain: Chain, installed: Callable[[], Iterable[Candidate]]
) -> InterpreterProblem | None:
    """Return why a link cannot be run at all, by what is at its end; ``None`` where it may be.

    ``installed`` finds what could be used instead.
    """
    match chain.kind:
        case EndKind.MISSING if chain.hops:
            base = base_of(link)
            message = f"{link} leads to {chain.end}, and nothing is there"
            if base is not None:
                message = f"{link} belongs to the environment {base.environment}, whose own Python {chain.end} is gone"
            remedy = of_nothing(link, chain, installed)
        case EndKind.MISSING:
            message, remedy = f"nothing is at {link}", of_nothing(link, chain, installed)
        case EndKind.DIRECTORY:
            message, remedy = f"{link} is a directory, not an interpreter", of_directory(link)
        case EndKind.FILE if not os.access(chain.end, os.X_OK):
            trait, remedy = of_file(chain)
            message = f"{chain.end} {trait}"
        case EndKind.FILE:
            return None
        case EndKind.LOOP:
            message, remedy = f"{link} leads to {chain.kind.value}: {chain.reason}", of_loop(chain)
        case _:
            message = f"{link} leads to {chain.kind.value}" + (f": {chain.reason}" if chain.reason else "")
            remedy = of_unreadable(chain)
    return InterpreterProblem(
        declared, link, "interpreter-missing", message, remedy.hint, chain, remedy=remedy.commands
    )


Ask = Callable[[str, str | None, Chain], ProbeAnswer]
"""Returns an interpreter's answer, of now or remembered, by its link, the path to take for its own, and its chain."""

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
        with contextlib.suppress(Exception, KeyboardInterrupt):  # whoever needs the answer meets the error
            self._look(link)


_ANSWER, _HANG = "interpreters", "hanging"
"""Kinds of what is remembered."""
_HANGING = 600.0
"""Seconds for which it is believed that an interpreter hangs."""
ASKED_AGAIN = " It is asked again when it changes, after ten minutes, by `apply`, and with --no-cache."
"""The hint where one hangs."""


class FactsCache:
    """Asks each interpreter once; the answer holds while the stamps of its chain and standard library do.

    Failures are remembered for one pass: an interpreter that is being upgraded fails for a moment only. That it did not
    answer in time is remembered for longer, since it takes long to find out. Several threads may ask; for one answer
    all of them wait.
    """

    def __init__(self, cache: Cache | None) -> None:
        """Take what earlier passes found; ``None`` to begin with nothing, and remember nothing beyond this object."""
        self._cache = cache or Cache(None)
        self._fresh: dict[str, ProbeAnswer | ProbeError] = {}
        self._asking: dict[str, threading.Lock] = {}

    def begin_pass(self) -> None:
        """Look at the stamps of each interpreter again, where the same object serves several passes."""
        self._fresh = {}

    def forget_hanging(self) -> None:
        """Ask those again that did not answer in time."""
        self._cache.forget(_HANG)

    def ask(self, link: str, as_if: str | None, chain: Chain) -> ProbeAnswer:
        """Return what the interpreter at ``link`` says. Raises as :func:`envsync.observe.probe.probe` does."""
        key = "\0".join((link, as_if or "", *along(chain)))
        fresh = self._fresh  # of this pass, though the answer may come when another has begun
        with self._asking.setdefault(key, threading.Lock()):
            if key not in fresh:
                try:
                    fresh[key] = self._cache.get(_ANSWER, key, _answer) or self._probe(key, link, as_if, chain)
                except ProbeError as error:
                    fresh[key] = error
            found = fresh[key]
        if isinstance(found, ProbeError):
            raise found.with_traceback(None)
        return found

    def _probe(self, key: str, link: str, as_if: str | None, chain: Chain) -> ProbeAnswer:
        message = self._cache.get(_HANG, key, _recent)
        if message is not None:
            raise ProbeError(message, timed_out=True)
        began = time.time_ns()
        try:
            answer = probe(link, as_if=as_if)
        except ProbeError as error:
            if error.timed_out:
                self._cache.put(_HANG, key, (time.time(), str(error)), take(along(chain), began))
            raise
        # What a script or another program that runs one answers may depend on anything.
        if as_if is not None and answer.is_from(as_if, chain.end):
            self._cache.put(_ANSWER, key, asdict(answer), take(_evidence(chain, answer, as_if), began))
        return answer


def _answer(value: dict[str, Any]) -> ProbeAnswer:
    facts, *rest = value.values()
    return ProbeAnswer(Facts(**facts), *rest)


def _recent(value: tuple[float, str]) -> str | None:
    """Return why an interpreter did not answer in time, where that is not long ago."""
    when, message = value
    return message if 0 <= time.time() - when < _HANGING else None


def _evidence(chain: Chain, answer: ProbeAnswer, as_if: str) -> Iterator[str]:
    yield from along(chain)
    yield f"{answer.facts.stdlib}/os.py"
    if answer.base_executable.startswith("/"):
        yield from along(walk(answer.base_executable))
    yield from landmarks(os.path.dirname(as_if), answer.facts)
