"""Ask interpreters one after the other; where one takes long, ask those that may come next at the same time."""

import contextlib
import threading
from collections.abc import Callable, Iterable
from itertools import islice

from envsync.observe.probe import Said
from envsync.observed import Chain

__all__ = ["Ask", "Hedged"]

Ask = Callable[[str, str | None, Chain], Said]
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

    def __call__(self, link: str, as_if: str | None, chain: Chain) -> Said:
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
