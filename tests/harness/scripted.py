"""A clock that only waiting moves, and a source of changes that is reported what happens when; all else is real."""

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from envsync.apply.settings import Settings
from envsync.manifest import load
from envsync.model.problems import Problem
from envsync.watch.events import Event, Passed
from envsync.watch.loop import Listeners, Watcher, WatchOptions
from envsync.watch.notify import ServiceManager
from envsync.watch.passes import Passes
from envsync.watch.scope import Scope
from envsync.watch.signals import Control
from envsync.watch.source import Heard
from harness.place import Place

__all__ = ["Stage", "flip"]

T = TypeVar("T")
Act = Callable[[], object]


@dataclass
class Stage:
    """What happens at which second; then a watcher runs through it in no time."""

    place: Place
    settle: float = 0.5
    interval: float = 600.0
    until: float = 20.0
    now: float = 0.0
    script: list[tuple[float, Act, bool]] = field(default_factory=list)
    reported: list[tuple[float, Event]] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    on_arm: list[Act] = field(default_factory=list)
    """What happens while it is armed, for the first, second... time."""
    missing: bool = False
    """Whether something has changed that no event told."""
    polled: list[Problem] = field(default_factory=list)

    def at(self, second: float, act: Act = lambda: None, *, heard: bool = True) -> "Stage":
        """Let something happen, with an event or silently."""
        self.script.append((second, act, heard))
        return self

    def run(self, *names: str, once: bool = False) -> int:
        """Run the watcher until the time is over, and give its exit status."""
        self.control = Control(lambda _: None)
        passes = Passes(str(self.place.manifest), load, self._settings(), names=names)
        watch_options = WatchOptions(self.settle, self.interval, once=once, clock=lambda: self.now)
        self.script.sort(key=lambda entry: entry[0])
        listeners = Listeners(lambda event: self.reported.append((round(self.now, 3), event)), ServiceManager({}))
        return Watcher(passes, self, self.control, watch_options, listeners).run(polling=False)

    def passes(self) -> list[tuple[float, str]]:
        """Return the seconds and reasons of the passes that were made."""
        return [(second, event.reason.value) for second, event in self.reported if isinstance(event, Passed)]

    def events(self, kind: type[T]) -> list[tuple[float, T]]:
        """Return what was reported of one kind, with the seconds."""
        return [(second, event) for second, event in self.reported if isinstance(event, kind)]

    def arm(self, scope: Scope) -> Problem | None:
        self.scopes.append(scope)
        if self.on_arm:
            self.on_arm.pop(0)()
        return None

    def missed(self) -> bool:
        return self.missing

    def poll(self, problem: Problem) -> Problem | None:
        self.polled.append(problem)
        return problem if len(self.polled) == 1 else None

    def wait(self, timeout: float, *, expectant: bool) -> Heard:
        del expectant
        due = self.now + timeout
        if self.script and self.script[0][0] <= due:
            second, act, heard = self.script.pop(0)
            self.now = max(self.now, second)
            act()
            return Heard(heard, self.now)
        self.now = due
        if self.now >= self.until:
            self.control.stopped_by = signal.SIGTERM
        return Heard(changed=False)

    def _settings(self) -> Settings:
        own = [self.place.root / name for name in ("cache", "locks", "logs")]
        for directory in own:
            directory.mkdir(mode=0o700, exist_ok=True)
        cache, locks, logs = map(str, own)
        return Settings(cache=cache, locks=locks, logs=logs, jobs=2, lock_timeout=0.0)


def flip(link: os.PathLike[str], to: str) -> Act:
    """Return the act of pointing a link elsewhere, in one step; to nothing: of removing it."""

    def act() -> None:
        if not to:
            os.unlink(link)
            return
        new = f"{os.fspath(link)}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        os.symlink(to, new)
        os.rename(new, link)

    return act
