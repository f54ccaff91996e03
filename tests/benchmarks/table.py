"""Results as text: a plain table for terminals, and that of docs/benchmarks.md."""

from collections.abc import Iterator, Mapping, Sequence

from results import Contest, Figure, Result, is_met
from timing import Series

_MEGABYTE = 1_000_000
_VERDICTS = {True: "met", False: "missed", None: ""}
_CONTESTS = ("WORK", "ENVSYNC", "MEMORY", "AGAINST", "TIME", "MEMORY", "RATIO", "IN ROUNDS", "GOAL", "")
_FIGURES = ("WORK", "MEASURED", "RANGE", "GOAL", "", "WITH")


def plain(results: Sequence[Result], machine: Mapping[str, str | int | None]) -> Iterator[str]:
    """Yield the lines for a terminal: what is compared first, then what has a limit at most."""
    yield ", ".join(f"{name} {value}" for name, value in machine.items() if value is not None)
    contests = [cells for result in results if isinstance(result, Contest) for cells in _contest_cells(result)]
    figures = [_figure_cells(result) for result in results if isinstance(result, Figure)]
    for head, rows in ((_CONTESTS, contests), (_FIGURES, figures)):
        if rows:
            yield ""
            yield from _aligned([head, *rows])
    for result in results:
        for name, failure in _failures(result):
            yield f"\n{result.work}: {name} failed: {failure}"


def markdown(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of the table of docs/benchmarks.md."""
    yield "| work | goal | measured | against rivals |"
    yield "|---|---|---|---|"
    for result in results:
        cells = _contest_summary(result) if isinstance(result, Contest) else _figure_summary(result)
        yield f"| {' | '.join((result.work, *cells))} |"


def _contest_cells(contest: Contest) -> Iterator[tuple[str, ...]]:
    first = (contest.work, *_measured(contest.ours))
    for other in contest.others:
        ratio = contest.ratio(other)
        value = ratio.value if ratio else None
        yield (
            *first,
            other.name,
            *_measured(other),
            _number(ratio.value) if ratio else "",
            f"{_number(ratio.least)} to {_number(ratio.most)}" if ratio else "",
            "" if other.goal is None else f"<= {other.goal:g}",
            _VERDICTS[is_met(value, other.goal)],
        )
        first = ("", "", "")


def _measured(series: Series) -> tuple[str, str]:
    if not series.samples:
        return series.skipped or "failed", ""
    return _time(series.median), f"{series.peak / _MEGABYTE:.0f} MB"


def _figure_cells(figure: Figure) -> tuple[str, ...]:
    if figure.value is None:
        return (figure.work, figure.skipped or "failed", "", "", "", "")
    several = len(figure.values) > 1
    return (
        figure.work,
        _quantity(figure.value, figure.unit),
        f"{_quantity(min(figure.values), figure.unit)} to {_quantity(max(figure.values), figure.unit)}"
        if several
        else "",
        _limit(figure),
        _VERDICTS[is_met(figure.value, figure.limit)],
        ", ".join(f"{_number(value)} {name}" for name, value in figure.parts.items()),
    )


def _failures(result: Result) -> Iterator[tuple[str, str]]:
    if isinstance(result, Figure):
        every = [("envsync", result.failed)]
    else:
        every = [(series.name, series.failed) for series in (result.ours, *result.others)]
    return ((name, failure) for name, failure in every if failure)


def _contest_summary(contest: Contest) -> tuple[str, str, str]:
    goal = measured = ""
    rivals = []
    for other in contest.others:
        ratio = contest.ratio(other)
        output = _number(ratio.value) if ratio else other.skipped or "failed"
        if other.goal is not None:
            goal, measured = f"<= {other.goal:g} times `{other.name}`", output
        else:
            rivals.append(f"{output} times `{other.name}`" if ratio else f"`{other.name}` {output}")
    times = _time(contest.ours.median) if contest.ours.samples else "failed"
    return goal, f"{measured} ({times})" if measured else times, ", ".join(rivals)


def _figure_summary(figure: Figure) -> tuple[str, str, str]:
    measured = figure.skipped or "failed" if figure.value is None else _quantity(figure.value, figure.unit)
    return _limit(figure), measured, ""


def _limit(figure: Figure) -> str:
    return "" if figure.limit is None else f"<= {figure.limit:g} {figure.unit}".rstrip()


def _quantity(value: float, unit: str) -> str:
    return _time(value) if unit == "s" else f"{_number(value)} {unit}".rstrip()


def _time(seconds: float) -> str:
    return f"{_number(seconds)} s" if seconds >= 1 else f"{_number(seconds * 1000)} ms"


def _number(value: float) -> str:
    """Return three digits, or all of those before the point."""
    if abs(value) >= 100 or isinstance(value, int):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
