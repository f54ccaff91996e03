"""Batches of new environments, created in forks of this process where that is faster, else in this one."""

import os
import pickle
import threading
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from resource import RLIMIT_NOFILE, getrlimit
from typing import BinaryIO

from envsync.apply.again import DecideAgain
from envsync.apply.batch import create_batch
from envsync.apply.build import EnvironmentBuilder
from envsync.apply.forks import ForkEndedError, Forks, can_fork
from envsync.apply.progress import Progress
from envsync.apply.settings import Settings
from envsync.model.plan import EnvironmentPlan
from envsync.model.report import EnvironmentReport
from envsync.observe.processes import refuse_to_begin

_MOST = 64
"""The largest batch: progress is reported, and an interruption heeded, after each."""
_DESCRIPTORS = 8
"""For each environment of a batch: its lock, and what is open for a moment; there are two batches at once."""
_WORTH = 40
"""Environments for which a fork is worth its while."""


class Batches:
    """What a pass creates many at once."""

    def __init__(
        self, plans: Sequence[EnvironmentPlan], again: DecideAgain, settings: Settings, env_builder: EnvironmentBuilder
    ) -> None:
        """Take plain plans, see :func:`envsync.apply.batch.is_plain`, and what is needed to carry them out."""
        self._again, self._settings, self._env_builder = again, settings, env_builder
        self._count = self._forks_for(plans)
        most = max(1, min(_MOST, getrlimit(RLIMIT_NOFILE)[0] // _DESCRIPTORS))
        size = min(most, -(-len(plans) // self._count)) if self._count else most
        self.batches = [[*plans[at : at + size]] for at in range(0, len(plans), size)]
        """The plans of each."""
        self._forks = Forks(self._answer)
        self._turns = threading.Semaphore(2)  # one that works and one that waits

    def begin(self) -> None:
        """Make what forks there are to be, before this process has other threads."""
        self._forks.begin(self._count)

    def create(self, number: int) -> list[EnvironmentReport | None]:
        """Create the environments of a batch, as :func:`envsync.apply.batch.create_batch` does."""
        plans = self.batches[number]
        try:
            answer = self._forks.ask(number, partial(self._begin, plans)) if self._count else None
        except ForkEndedError:
            refuse_to_begin()
            self._again.mind(plan.environment.name for plan in plans)  # what it left is cleared away
            return [None for _ in plans]
        if answer is None:
            with self._turns:
                return create_batch(plans, self._again, self._settings, self._env_builder)
        reports: list[EnvironmentReport | None]
        reports, in_sync, remarks = _Reader(BytesIO(answer), plans).load()
        self._again.note(in_sync)
        self._env_builder.remarks.update(remarks)
        return reports

    def close(self) -> None:
        """End the forks."""
        self._forks.close()

    def _begin(self, plans: Sequence[EnvironmentPlan]) -> None:
        refuse_to_begin()
        for plan in plans:
            self._env_builder.begin(plan)

    def _forks_for(self, plans: Sequence[EnvironmentPlan]) -> int:
        """Return how many forks to make; 0 where one process is as good, or has to make a template first.

        There is one more than processors: one waits for the disk.
        """
        processors = os.cpu_count() or 1
        count = min(self._settings.side_by_side, processors + 1, len(plans) // _WORTH) if processors > 1 else 0
        return count if count > 1 and self._env_builder.knows_templates(plans) and can_fork() else 0

    def _answer(self, number: int) -> bytes:
        """Create a batch in a fork."""
        plans = self.batches[number]
        self._env_builder.progress = Progress()  # the first process tells of it
        reports = create_batch(plans, self._again, self._settings, self._env_builder)
        names = [plan.environment.name for plan in plans]
        remarks = {name: self._env_builder.remarks[name] for name in names if name in self._env_builder.remarks}
        stream = BytesIO()
        _Writer(stream, plans).dump((reports, self._again.noted(names), remarks))
        return stream.getvalue()


class _Writer(pickle.Pickler):
    """Pickles all but what its reader has as well: what plans say."""

    def __init__(self, stream: BinaryIO, plans: Sequence[EnvironmentPlan]) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        self._numbers = {id(one): number for number, one in enumerate(_parts(plans))}

    def persistent_id(self, obj: object) -> int | None:
        return self._numbers.get(id(obj))


class _Reader(pickle.Unpickler):
    """Reads what a fork of this process has written."""

    def __init__(self, stream: BinaryIO, plans: Sequence[EnvironmentPlan]) -> None:
        super().__init__(stream)
        self._parts = _parts(plans)

    def persistent_load(self, pid: int) -> object:
        return self._parts[pid]


def _parts(plans: Sequence[EnvironmentPlan]) -> list[object]:
    return [one for plan in plans for one in (plan, plan.environment, plan.world.interpreter)]
