"""The templates of one pass: the first environment of each kind is run, while others of the kind are written."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from envsync.apply import verify
from envsync.apply.templates import Kind, Template, recall_template, remember_template
from envsync.cache.store import Cache
from envsync.model.plan import Blueprint


class TemplateStore:
    """Keeps the template of each kind of environment; what was built from one is settled once its kind was run."""

    def __init__(self, cache: Cache) -> None:
        """Take what earlier passes found, and this one adds."""
        self._cache = cache
        self._templates: dict[Kind, Template] = {}
        self._checks: dict[Kind, tuple[str, Future[None]]] = {}
        """The first environment of each kind, and its run."""
        self._found: dict[Kind, Callable[[], None]] = {}
        """What keeps a template for later passes, once it was seen to be right."""
        self._making = threading.Lock()
        self._checker = ThreadPoolExecutor(max_workers=2, thread_name_prefix="envsync-check")

    def use(
        self, kind: Kind, blueprint: Blueprint, make: Callable[[], Template], render: Callable[[Template], str]
    ) -> None:
        """Render an environment from the template of its kind, which is made first where there is none.

        ``render`` returns the directory. Raises what the two raise.
        """
        template = self._templates.get(kind)
        if template is not None:
            render(template)
            return
        with self._making:
            known, began = self._templates.get(kind), time.time_ns()
            recalled = known or recall_template(self._cache, kind, blueprint)
            template = recalled or make()
            place = render(template)
            if recalled is None:
                self._found[kind] = partial(remember_template, self._cache, kind, blueprint, template, began)
            if known is None:
                self._checks[kind] = place, self._checker.submit(verify.runs_as, place, blueprint)
                self._templates[kind] = template

    def settle(self, kind: Kind, blueprint: Blueprint, place: str) -> None:
        """Wait until the first environment of a kind was run; where that failed, run the one at ``place`` itself.

        Raises ``EnvsyncError`` where it is none, ``OSError``.
        """
        first, check = self._checks[kind]
        try:
            check.result()
        except Exception:
            self._templates.pop(kind, None)  # the next one is made again
            self._found.pop(kind, None)
            if place == first:
                raise
            verify.runs_as(place, blueprint)
            return
        with self._making:
            remember = self._found.pop(kind, None)
        if remember is not None:
            remember()

    def close(self) -> None:
        """Wait for what is run still, whose environments nobody waits for any more."""
        self._checker.shutdown(cancel_futures=True)
