"""Upgrade day: environments with packages after a minor flip of their Python, beside the loop that people write."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from contenders import Bench
from results import Figure, Result
from timing import Contender, Job, run
from worlds import make_projects

_GOALS = {"uv": 1.0, "pip": 0.5}
_BY_UV = """\
for environment in {environments}; do
    {uv} pip freeze --python $environment > $environment.txt
    {uv} venv --quiet --clear --python {python} $environment
    {uv} pip install --quiet --python $environment -r $environment.txt
done
"""
_BY_PIP = """\
for environment in {environments}; do
    $environment/bin/python -m pip freeze > $environment.txt
    {python} -m venv --clear $environment
    $environment/bin/python -m pip install --quiet -r $environment.txt
done
"""
_LOOPS = {"uv": _BY_UV, "pip": _BY_PIP}


def upgrade(bench: Bench) -> Iterator[Result]:
    """Compare rebuilds of many environments by each installer, one at a time and as many as envsync chooses."""
    if not bench.tools.other:
        yield Figure("upgrade", "upgrade day", skipped="needs Pythons of two minor versions")
        return
    for environments, packages in bench.scale.days:
        for installer in _LOOPS:
            yield _day(bench, environments, packages, installer)


def _day(bench: Bench, environments: int, packages: int, installer: str) -> Result:
    ours, loop = (partial(each, bench, packages, installer) for each in (_ours, _loop))
    contenders = (
        Contender("envsync apply", ours, environments, rehearsal=1),
        Contender("envsync apply --jobs 1", partial(ours, options=("--jobs", "1")), environments, rehearsal=1),
        Contender(
            f"freeze, clear, install by {installer}",
            loop,
            environments,
            rehearsal=1,
            at_most=bench.scale.slowest if installer == "uv" else 1,  # minutes
            goal=_GOALS[installer],
            tool=bench.tools.uv if installer == "uv" else bench.tools.python,
        ),
    )
    work = f"upgrade day: {environments} environments of {packages} packages by {installer}, warm caches"
    return bench.contest("upgrade", work, contenders, bench.scale.slowest)


def _ours(bench: Bench, packages: int, installer: str, count: int, options: tuple[str, ...] = ()) -> Job:
    """Make environments with packages by envsync itself, then let their link lead to another minor version."""
    directory = bench.world.fresh()
    places = make_projects(directory, count)
    names = bench.world.wheels(packages)
    declared = ", ".join(f'"{name}"' for name in names)
    tables = "".join(f'[envs.e{number}]\npath = "{place}"\n' for number, place in enumerate(places))
    (directory / "envs.toml").write_text(
        f'version = 1\ninstaller = "{installer}"\n[defaults]\npython = "./python"\npackages = [{declared}]\n{tables}'
    )
    link = directory / "python"
    link.symlink_to(bench.tools.other)
    run(bench.apply(directory, f"{count} created"))
    link.unlink()
    link.symlink_to(bench.tools.python)
    job = bench.apply(directory, f"{count} rebuilt", options=options)
    return replace(job, is_right=lambda printed: job.is_right(printed) and _are_there(bench, directory, places, names))


def _loop(bench: Bench, packages: int, installer: str, count: int) -> Job:
    """Make environments of the former Python, which stays beside the new one: else their pip would list nothing."""
    directory = bench.world.fresh()
    places = make_projects(directory, count)
    names = bench.world.wheels(packages)
    for place in places:
        run(bench.job(directory, *_empty(bench, installer), place))
        run(bench.job(directory, *_installs(bench, installer, directory / place), *names))
    script = _LOOPS[installer].format(
        environments=shlex.join(places), uv=shlex.quote(bench.tools.uv), python=shlex.quote(bench.tools.python)
    )
    done = partial(_are_there, bench, directory, places, names)
    return Job([("/bin/sh", "-eu", "-c", script)], directory, bench.world.variables(), lambda _: done())


def _empty(bench: Bench, installer: str) -> tuple[str, ...]:
    if installer == "uv":
        return (bench.tools.uv, "venv", "--quiet", "--python", bench.tools.other)
    return (bench.tools.other, "-m", "venv")


def _installs(bench: Bench, installer: str, place: Path) -> tuple[str, ...]:
    if installer == "uv":
        return (bench.tools.uv, "pip", "install", "--quiet", "--python", str(place))
    return (f"{place}/bin/python", "-m", "pip", "install", "--quiet")


def _are_there(bench: Bench, directory: Path, places: list[str], names: list[str]) -> bool:
    sites = [directory / place / f"lib/python{bench.tools.minor}/site-packages" for place in places]
    return all((site / name.replace("-", "_") / "__init__.py").is_file() for site in sites for name in names)
