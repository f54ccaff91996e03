"""The rows of the table: what is compared with what, and the goals."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from calls import calls
from contenders import Bench
from growth import growth
from rebuild import rebuild
from results import Result
from timing import Contender, Job
from upgrade import upgrade

from watch import watch

_ENVSYNC = "envsync apply"


def _noop_one(bench: Bench) -> Iterator[Result]:
    venvs = bench.tools.venvs
    contenders = (
        Contender(_ENVSYNC, bench.stays),
        bench.bare(goal=3),
        Contender("venvs converge --dry-run", bench.foresees, tool=venvs),
        Contender("venvs converge", bench.converges_again, tool=venvs),
    )
    yield bench.contest("noop-one", "nothing to do, 1 environment", contenders, bench.scale.quick)


def _noop_many(bench: Bench) -> Iterator[Result]:
    for count in (bench.scale.some, bench.scale.many, bench.scale.most):
        contenders = (
            Contender(_ENVSYNC, bench.stays, count),
            Contender("10 bare calls for each", bench.looks, count, goal=2 if count == bench.scale.many else None),
            Contender("venvs converge --dry-run", bench.foresees, count, tool=bench.tools.venvs),
        )
        yield bench.contest("noop-many", f"nothing to do, {count:,} environments", contenders, bench.scale.quick)


def _create(bench: Bench) -> Iterator[Result]:
    count, tools, few = bench.scale.some, bench.tools, bench.scale.slowest
    uv = partial(bench.creates_singly, bench.uv)
    venv = partial(bench.creates_singly, (tools.python, "-m", "venv", "--without-pip"))
    virtualenv = partial(bench.creates_singly, bench.virtualenv)
    contenders = (
        Contender(_ENVSYNC, bench.creates, count, rehearsal=1),
        Contender(f"{count} x uv venv", uv, count, rehearsal=1, goal=0.8, tool=tools.uv),
        Contender(f"{count} x python -m venv --without-pip", venv, count, rehearsal=1, at_most=few),
        Contender(
            f"{count} x virtualenv --no-seed", virtualenv, count, rehearsal=1, at_most=few, tool=tools.virtualenv
        ),
    )
    yield bench.contest("create", f"create {count} environments, warm caches", contenders, bench.scale.slow)


def _create_many(bench: Bench) -> Iterator[Result]:
    count = bench.scale.many
    contenders = (
        Contender(_ENVSYNC, bench.creates, count, rehearsal=1),
        Contender("venvs converge", bench.converges, count, rehearsal=1, goal=0.4, tool=bench.tools.venvs),
    )
    yield bench.contest("create-many", f"create {count:,} environments, warm caches", contenders, bench.scale.slowest)


_TAB = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout", "COMP_LINE": "envsync apply "}
"""How a completion script asks for names."""


def _start(bench: Bench) -> Iterator[Result]:
    directory = bench.standing(1).directory
    for options, variables in ((("--version",), {}), (("--help",), {}), ((), _TAB)):
        name = f"envsync {' '.join(options) or 'at a Tab'}"
        job = bench.job(directory, *bench.tools.envsync, *options)
        job = replace(job, variables={**job.variables, **variables})
        contenders = (Contender(name, partial(_again, job)), bench.bare())
        yield bench.contest("start", name, contenders, bench.scale.quick)


def _again(job: Job, _count: int) -> Job:
    return job


def _cold(bench: Bench) -> Iterator[Result]:
    """Compare first passes: every run has a home, and so caches, in which there is nothing yet."""
    for count, goal in ((1, 10.0), (bench.scale.some, None)):
        uv = partial(bench.creates_singly, bench.uv, cold=True)
        contenders = (
            Contender(_ENVSYNC, partial(bench.creates, cold=True), count, rehearsal=1),
            Contender(f"{count} x uv venv", uv, count, rehearsal=1, goal=goal, tool=bench.tools.uv),
        )
        yield bench.contest("cold", f"create {count}, cold caches", contenders, bench.scale.slow)


ROWS: Mapping[str, Callable[[Bench], Iterator[Result]]] = {
    "noop-one": _noop_one,
    "noop-many": _noop_many,
    "create": _create,
    "create-many": _create_many,
    "rebuild": rebuild,
    "upgrade": upgrade,
    "growth": growth,
    "watch": watch,
    "start": _start,
    "calls": calls,
    "cold": _cold,
}
"""In the order of the table."""
