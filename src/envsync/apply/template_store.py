"""The templates of one pass: the first environment of each kind is run, while others of the kind are written."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from envsync.apply import verify
from envsync.apply.templates import Kind, Template, recall_template, remember_template
from envsync.cache.store import Cache
from envsync.model.blueprint import Blueprint
from envsync.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class FirstRun:
    """The template of a kind, and the run of the first environment that was written from it."""

    kind: Kind
    template: Template
    first: str
    """The directory of that environment."""
    run: Future[None]


class TemplateStore:
    """Keeps the template of each kind of environment; what was built from one is settled once its first was run."""

    def __init__(self, cache: Cache) -> None:
        """Take what earlier passes found, and this one adds."""
        self._cache = cache
        self._checks: dict[Kind, FirstRun] = {}
        self._found: dict[Kind, Callable[[], None]] = {}
        """What keeps a template for later passes, once it was seen to be right."""
        self._recalled: dict[Kind, Template | None] = {}
        self._making = threading.Lock()
        self._checker = ThreadPoolExecutor(max_workers=2, thread_name_prefix="envsync-check")

    def use(
        self, kind: Kind, blueprint: Blueprint, make: Callable[[], Template], render: Callable[[Template], str]
    ) -> FirstRun:
        """Render an environment from the template of its kind, which is made first where there is none.

        ``render`` returns the directory. What is returned has to be settled. Raises what the two raise.
        """
        check = self._checks.get(kind)
        if check is not None:
            render(check.template)
            return check
        with self._making:
            check = self._checks.get(kind)
            if check is not None:
                render(check.template)
                return check
            recalled, began = self._recall(kind, blueprint), time.time_ns()
            template = recalled or make()
            place = render(template)
            if recalled is None:
                self._found[kind] = partial(remember_template, self._cache, kind, blueprint, template, began)
            check = FirstRun(kind, template, place, self._checker.submit(verify.runs_as, place, blueprint))
            self._checks[kind] = check
            return check

    def knows(self, kind: Kind, blueprint: Blueprint) -> bool:
        """Check whether an earlier pass has kept the template of a kind."""
        return self._recall(kind, blueprint) is not None

    def _recall(self, kind: Kind, blueprint: Blueprint) -> Template | None:
        if kind not in self._recalled:
            self._recalled[kind] = recall_template(self._cache, kind, blueprint)
        return self._recalled[kind]

    def settle(self, check: FirstRun, blueprint: Blueprint, place: str) -> None:
        """Wait until the first environment of a template was run; where that failed, run the one at ``place`` itself.

        Raises ``EnvsyncError`` where it is none, ``OSError``.
        """
        try:
            check.run.result()
        except Exception:
            with self._making:
                if self._checks.get(check.kind) is check:
                    del self._checks[check.kind]  # the next one is made again
                    self._found.pop(check.kind, None)
            if place == check.first:
                raise
            verify.runs_as(place, blueprint)
            return
        with self._making:
            remember = self._found.pop(check.kind, None) if self._checks.get(check.kind) is check else None
        if remember is not None:
            remember()

    def close(self) -> None:
        """Wait for what is run still, whose environments nobody waits for any more."""
        self._checker.shutdown(cancel_futures=True)
