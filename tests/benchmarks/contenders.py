"""Who does the work: envsync, the rivals, and the floors that nobody can get below."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from results import Contest
from timing import Contender, Job, Sample, race, run
from worlds import Tools, World, are_environments, make_manifest, make_projects, make_store

_FLOOR = str(Path(__file__).with_name("floor.py"))


@dataclass(frozen=True)
class Scale:
    """How much is measured: numbers of environments and wheels, rounds of what takes short or long, seconds."""

    some: int = 50
    many: int = 1000
    most: int = 10_000
    wheels: int = 30
    days: tuple[tuple[int, int], ...] = ((20, 18), (5, 120))
    """Environments, and packages of each, for upgrade day."""
    rehearsed: bool = True
    quick: int = 21
    slow: int = 5
    slowest: int = 3
    settle: float = 2.1
    """Until stamps can be trusted on any file system, those that keep whole seconds included."""
    timeout: float = 0.5
    """The watcher's settle time."""
    idle: float = 20.0


@dataclass(frozen=True)
class Standing:
    """Environments that one pass has made, for all that is measured without work."""

    directory: Path
    made: Sample


@dataclass(frozen=True)
class Bench:
    """Makes the runs of all contenders."""

    world: World
    scale: Scale
    _standing: dict[tuple[str, int], Standing] = field(default_factory=dict)

    @property
    def tools(self) -> Tools:
        """Return the programs."""
        return self.world.tools

    def contest(self, row: str, work: str, contenders: Sequence[Contender], rounds: int) -> Contest:
        """Let contenders do the same work in turn; the first is envsync."""
        report(row, work)
        ours, *others = race(contenders, rounds, rehearsed=self.scale.rehearsed)
        return Contest(row, work, ours, tuple(others))

    @property
    def uv(self) -> tuple[str, ...]:
        """Return the command with which uv makes an environment."""
        return (self.tools.uv, "venv", "--quiet", "--python", self.tools.python)

    @property
    def virtualenv(self) -> tuple[str, ...]:
        """Return the command with which virtualenv makes an environment without pip."""
        return (self.tools.virtualenv, "--quiet", "--no-seed", "--python", self.tools.python)

    def job(self, directory: Path, *command: str, output: str = "") -> Job:
        """Return a run of one program, which has to say something."""
        return Job([command], directory, self.world.variables(), lambda printed: output in printed)

    def apply(self, directory: Path, output: str, home: Path | None = None, options: Sequence[str] = ()) -> Job:
        """Return a run of ``envsync apply`` on the manifest of a directory."""
        command = (*self.tools.envsync, "apply", "--file", str(directory / "envs.toml"), *options)
        return Job([command], directory, self.world.variables(home), lambda printed: output in printed)

    def creates(self, count: int, *, cold: bool = False) -> Job:
        """Return a run in which envsync creates environments."""
        directory = self.world.fresh()
        places = make_manifest(directory, count, self.tools.python)
        job = self.apply(directory, f"{count} created", self.world.fresh() if cold else None)
        return replace(job, is_right=lambda output: job.is_right(output) and are_environments(directory, places))

    def creates_singly(self, command: Sequence[str], count: int, *, cold: bool = False) -> Job:
        """Return a run in which a program creates one environment after the other."""
        directory = self.world.fresh()
        places = make_projects(directory, count)
        variables = self.world.variables(self.world.fresh() if cold else None)
        commands = [[*command, place] for place in places]
        return Job(commands, directory, variables, lambda _: are_environments(directory, places))

    def converges(self, count: int) -> Job:
        """Return a run in which venvs creates environments, side by side."""
        directory = self.world.fresh()
        make_store(directory, count, self.tools.python)
        places = [f"e{number}" for number in range(count)]
        return replace(self._venvs(directory), is_right=lambda _: are_environments(directory, places))

    def standing(self, count: int, who: str = "envsync") -> Standing:
        """Return a directory with environments in sync, made at the first call."""
        key = (who, count)
        if key not in self._standing:
            if count > 1:
                self.standing(1, who)  # warms the caches
            report(who, f"makes {count:,}")
            job = self.creates(count) if who == "envsync" else self.converges(count)
            self._standing[key] = Standing(job.directory, run(job))
            time.sleep(self.scale.settle)
        return self._standing[key]

    def stays(self, count: int) -> Job:
        """Return a run of envsync that finds nothing to do."""
        return self.apply(self.standing(count).directory, f"{count} in sync")

    def converges_again(self, count: int) -> Job:
        """Return a run of venvs that finds nothing to do."""
        job = self._venvs(self.standing(count, "venvs").directory)
        return replace(job, is_right=lambda printed: not printed)

    def foresees(self, count: int) -> Job:
        """Return a run of venvs that only says what it would do, which is nothing."""
        return self._venvs(self.standing(count, "venvs").directory, "--dry-run", output="no changes")

    def looks(self, count: int) -> Job:
        """Return a run of the floor of a pass that finds nothing to do."""
        directory = self.standing(count).directory
        return self.job(directory, sys.executable, "-I", _FLOOR, str(directory), str(count), self.tools.minor)

    def _venvs(self, directory: Path, *options: str, output: str = "") -> Job:
        return self.job(directory, self.tools.venvs, "converge", *options, "--root", str(directory), output=output)

    def bare(self, goal: float | None = None) -> Contender:
        """Return the floor of everything that Python runs."""
        command = (sys.executable, "-I", "-c", "pass")
        return Contender("python -I -c pass", lambda _: self.job(self.world.fresh(), *command), goal=goal)


def report(row: str, work: str) -> None:
    """Report what is under way."""
    print(f"{row}: {work}", file=sys.stderr, flush=True)
