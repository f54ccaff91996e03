"""A rebuild with packages, beside what the installer alone needs for the same packages."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from contenders import Bench
from results import Figure, Result
from timing import Contender, Job, run
from worlds import make_projects

_GOALS = {"uv": 2.5, "pip": 1.2}
"""uv copies nothing and byte-compiles nothing: what remains of a rebuild is the larger part beside it."""


def rebuild(bench: Bench) -> Iterator[Result]:
    """Compare rebuilds after an interpreter link's flip to another minor version."""
    if not bench.tools.other:
        yield Figure("rebuild", "rebuild with packages", skipped="needs Pythons of two minor versions")
        return
    names = bench.world.wheels(bench.scale.wheels)
    rivals = {
        "uv": (Contender("uv pip install", partial(_uv, bench, names), goal=_GOALS["uv"], tool=bench.tools.uv),),
        "pip": (
            Contender("pip install", partial(_pip, bench, names, ()), goal=_GOALS["pip"]),
            Contender("pip install --no-compile", partial(_pip, bench, names, ("--no-compile",))),
        ),
    }
    for installer, others in rivals.items():
        ours = Contender("envsync apply", partial(_flipped, bench, names, installer))
        work = f"rebuild with {len(names)} packages by {installer}, warm caches"
        yield bench.contest("rebuild", work, (ours, *others), bench.scale.slowest)


def _flipped(bench: Bench, names: Sequence[str], installer: str, _count: int) -> Job:
    """Make an environment with packages, then let its interpreter link lead to another minor version."""
    directory = bench.world.fresh()
    (place,) = make_projects(directory, 1)
    packages = ", ".join(f'"{name}"' for name in names)
    (directory / "envs.toml").write_text(
        f'version = 1\ninstaller = "{installer}"\n'
        f'[envs.one]\npath = "{place}"\npython = "./python"\npackages = [{packages}]\n'
    )
    link = directory / "python"
    link.symlink_to(bench.tools.other)
    run(bench.apply(directory, "1 created"))
    link.unlink()
    link.symlink_to(bench.tools.python)
    job = bench.apply(directory, "1 rebuilt")
    return replace(job, is_right=lambda output: job.is_right(output) and _are_there(bench, directory / place, names))


def _uv(bench: Bench, names: Sequence[str], _count: int) -> Job:
    place = _empty(bench, *bench.uv)
    command = (bench.tools.uv, "pip", "install", "--python", f"{place}/bin/python", *names)
    return _installing(bench, place, names, command)


def _pip(bench: Bench, names: Sequence[str], options: Sequence[str], _count: int) -> Job:
    """Let the environment's own pip install: of the version that envsync takes, compiled to byte code before."""
    place = _empty(bench, *bench.virtualenv)
    shutil.copytree(_site(bench, _with_pip(bench, names)) / "pip", _site(bench, place) / "pip")
    command = (f"{place}/bin/python", "-m", "pip", "install", *options, *names)
    return _installing(bench, place, names, command)


def _with_pip(bench: Bench, names: Sequence[str]) -> Path:
    """Return an environment whose pip has run, and so is compiled; made at the first call."""
    place = bench.world.root / "pip"
    if not place.exists():
        run(bench.job(bench.world.fresh(), bench.tools.virtualenv, "--python", bench.tools.python, str(place)))
        run(bench.job(bench.world.fresh(), f"{place}/bin/python", "-m", "pip", "install", names[0]))
    return place


def _empty(bench: Bench, *command: str) -> Path:
    directory = bench.world.fresh()
    (place,) = make_projects(directory, 1)
    run(bench.job(directory, *command, place))
    return directory / place


def _installing(bench: Bench, place: Path, names: Sequence[str], command: Sequence[str]) -> Job:
    return Job([command], place.parent, bench.world.variables(), lambda _: _are_there(bench, place, names))


def _are_there(bench: Bench, place: Path, names: Sequence[str]) -> bool:
    site = _site(bench, place)
    return all((site / name.replace("-", "_") / "__init__.py").is_file() for name in names)


def _site(bench: Bench, place: Path) -> Path:
    return place / f"lib/python{bench.tools.minor}/site-packages"
