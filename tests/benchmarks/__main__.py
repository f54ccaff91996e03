"""Measure envsync beside floors and rivals: see docs/benchmarks.md."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))  # what tests and benchmarks share lies there

import interpreters
import kills
import managers
import situations
from contenders import Bench, Scale, report
from machine import describe
from results import Figure, Result
from rows import ROWS
from table import markdown, plain
from timing import Failed
from worlds import World, find_tools

_SMALL = Scale(
    some=3,
    many=6,
    most=10,
    wheels=3,
    days=((2, 3),),
    rehearsed=False,
    quick=1,
    slow=1,
    slowest=1,
    settle=0.1,
    timeout=0.1,
    idle=0.2,
)


def main() -> int:
    """Measure, print, and give 1 if something could not run, whatever the times."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="envsync-benchmark-", dir=options.directory) as directory:
        world = World(Path(os.path.realpath(directory)), find_tools())
        world.begin()
        if options.situations:
            return _situations(world)
        if options.kills:
            pythons = [interpreters.other(), interpreters.this()]
            for line in kills.table(world, pythons, options.kills, rivals=not options.small):
                print(line, flush=True)
            return 0
        bench = Bench(world, _scale(options))
        results = [result for row in options.only for result in _measured(bench, row)]
        machine = describe(bench)
        print("\n".join(markdown(results) if options.markdown else plain(results, machine)), flush=True)
        if options.json:
            document = {"machine": machine, "rows": [result.document() for result in results]}
            Path(options.json).write_text(json.dumps(document, indent=1) + "\n")
        report("end", "removes what was made")
    return int(any(result.failed for result in results))


def _measured(bench: Bench, row: str) -> Iterator[Result]:
    try:
        yield from ROWS[row](bench)
    except Failed as failure:
        yield Figure(row, row, failed=str(failure))


def _situations(world: World) -> int:
    pythons = {f"{major}.{minor}": python for (major, minor), python in interpreters.by_minor().items() if minor > 10}
    print("\n".join(situations.table(world.root, world.tools, pythons, world.variables())), end="\n\n")
    if len(pythons) > 1:
        print("\n".join(managers.table(world.root, world.tools, [*pythons.values()][-2:], world.variables())))
    return 0


def _scale(options: argparse.Namespace) -> Scale:
    scale = _SMALL if options.small else Scale()
    if options.rounds is None:
        return scale
    return replace(scale, quick=options.rounds, slow=options.rounds, slowest=options.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/benchmark", description=__doc__)
    parser.add_argument("--small", action="store_true", help="few environments and one round: Check whether all works")
    parser.add_argument("--rounds", type=_rounds, metavar="N", help="rounds of every comparison")
    parser.add_argument("--only", type=_rows, default=list(ROWS), metavar="ROW,...", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--in", dest="directory", type=_directory, metavar="DIR", help="where to work; else $TMPDIR")
    parser.add_argument("--json", metavar="FILE", help="write all times, and what they were measured on")
    parser.add_argument(
        "--situations", action="store_true", help="print the table of docs/comparison.md, measure nothing"
    )
    parser.add_argument(
        "--kills", type=_rounds, metavar="N", help="kill each tool's rebuild at N moments, measure nothing"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/benchmarks.md")
    return parser.parse_args()


def _rounds(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("one round at least")
    return number


def _directory(text: str) -> str:
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"no such directory: {text}")
    return text


def _rows(text: str) -> Sequence[str]:
    wanted = text.split(",")
    unknown = [row for row in wanted if row not in ROWS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return [row for row in ROWS if row in wanted]


if __name__ == "__main__":
    sys.exit(main())
