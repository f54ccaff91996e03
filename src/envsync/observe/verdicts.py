"""What installers said of installed packages, remembered for the same declarations and the same packages."""

from collections.abc import Callable
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from envsync.observed import Change, Declared, Facts, Stock, Verdict
from envsync.sealed import read_sealed, seal, unseal
from envsync.surroundings import still, surroundings

if TYPE_CHECKING:
    from envsync.installers import Installer

__all__ = ["Find", "Verdicts"]

_MOST = 4000
"""Answers that are remembered: several for each of a thousand environments."""

Find = Callable[[str, Facts], "Installer"]
"""Finds an installer by its name, for a Python. Raises ``EnvsyncError``."""


class Verdicts:
    """Asks each question once. The file may be deleted at any time; one that makes no sense counts as none."""

    def __init__(self, file: str | None, find: Find) -> None:
        """Take the file to read, ``None`` to begin with nothing, and what finds installers."""
        self._entries: dict[str, tuple[Any, ...]] = _read(file) if file else {}
        self._find = find
        self.changed = False

    def of(self, place: str, declared: Declared, stock: Stock, facts: Facts, *, exact: bool) -> Verdict:
        """Return the verdict on the packages of the environment at ``place``.

        What the installer could not say counts as not met, with the reason, and is asked again the next time.
        """
        key = f"{declared.inputs} {stock.digest} {facts.abi}"
        known = self._entries.get(key)
        if known is not None:
            met, changes, extraneous, reason = known
            return Verdict(met, tuple(Change(*change) for change in changes), tuple(extraneous), reason)
        from envsync.installers import AnswerError, Job  # noqa: PLC0415  # only where somebody has to be asked
        from envsync.observe.asking import Question, ask  # noqa: PLC0415

        try:
            question = Question(place, declared, stock, exact)
            verdict = ask(question, self._find(declared.installer, facts), Job(offline=True))
        except AnswerError as error:
            return Verdict(met=False, reason=str(error))
        self._entries[key] = astuple(verdict)
        self.changed = True
        return verdict

    def upgrade(
        self, place: str, declared: Declared, stock: Stock, facts: Facts, *, only: tuple[str, ...] = ()
    ) -> Verdict:
        """Ask which newer releases the declarations allow; the network is asked, and nothing is remembered."""
        from envsync.installers import AnswerError, Job  # noqa: PLC0415
        from envsync.observe.asking import Question, ask  # noqa: PLC0415

        try:
            question = Question(place, declared, stock, exact=False)
            return ask(question, self._find(declared.installer, facts), Job(upgrade=True, only=only))
        except AnswerError as error:
            return Verdict(met=False, reason=str(error))

    def extraneous(self, place: str, declared: Declared, stock: Stock, facts: Facts) -> tuple[str, ...]:
        """Ask which installed packages no declaration brings; none where that cannot be told without the network."""
        from envsync.installers import AnswerError, Job  # noqa: PLC0415
        from envsync.observe.asking import Question, ask  # noqa: PLC0415

        try:
            question = Question(place, declared, stock, exact=True)
            return ask(question, self._find(declared.installer, facts), Job(offline=True)).extraneous
        except AnswerError:
            return ()

    def content(self) -> bytes:
        """Return what to write to the file."""
        newest = dict(list(self._entries.items())[-_MOST:])
        return seal([surroundings(()), newest])


def _read(file: str) -> dict[str, tuple[Any, ...]]:
    try:
        known, entries = unseal(read_sealed(file))
        return entries if still(known) and isinstance(entries, dict) else {}
    except Exception:  # noqa: BLE001  # whatever is wrong with it, the installers are asked again
        return {}
