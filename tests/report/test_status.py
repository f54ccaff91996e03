"""Status: the table fits its terminal, paths stay whole, the totals name what needs attention and the manifest."""

import re
from pathlib import Path

import pytest

from envsync.manifest import load
from envsync.model.plan import Plan
from envsync.observe.facts import FactsCache
from envsync.reconcile import Reconciler
from envsync.report.table import STATES, status_lines
from envsync.report.terminal import Paint
from harness.bench import run
from harness.place import Place

PLAIN = Paint(colours=False)


def planned(place: Place, count: int) -> Plan:
    """Return the plan of environments of which the last has a conflict and a long path."""
    text = "".join(f'[envs.e{n:03}]\npath = "p{n}/.venv"\ntarget = "e{n}"\n' for n in range(count))
    place.write(
        f'{text}[envs.last]\npath = "{"deep/" * 12}.venv"\npython = "./gone"\n',
        "deep/" * 12,
        *(f"p{n}" for n in range(count)),
    )
    return Reconciler(load(str(place.manifest)), FactsCache(None)).plan()


def table(plan: Plan, width: int | None, paint: Paint = PLAIN, hidden: str = "") -> list[str]:
    kept: dict[str, tuple[()]] = {one.environment.name: () for one in plan.environments}
    return list(status_lines(plan, kept, paint, width, hidden))


@pytest.mark.parametrize("count", [1, 30, 500])
def test_every_row_fits_and_every_path_is_whole(place: Place, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setenv("HOME", str(place.root))
    plan = planned(place, count)
    for width in (80, 120, 200):
        lines = table(plan, width)
        assert all(len(line) <= width for line in lines)
        text = "\n".join(lines)
        assert f"~/{'deep/' * 12}.venv" in text
        assert all(re.search(rf"^e{n:03}  missing .* ~/p{n}/\.venv", text, re.MULTILINE) for n in range(count))
    assert len(table(plan, 200)) == count + 4
    assert "END" in table(plan, 200)[0]
    assert "END" not in table(plan, 80)[0]


def test_a_narrow_table_names_codes_below_and_keeps_one_line_for_each(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(place.root))
    names = [f"service-number-{number}" for number in range(3)]
    text = "".join(f'[envs.{name}]\npath = "src/services/{name}/venv"\npython = "./gone"\n' for name in names)
    place.write(text, *(f"src/services/{name}" for name in names))
    plan = Reconciler(load(str(place.manifest)), FactsCache(None)).plan()
    narrow, wide = table(plan, 80), table(plan, 120)
    shown = f"{names[0]}  conflict: interpreter-missing  -       ~/src/services/{names[0]}/venv"
    assert wide[1] == shown
    assert narrow[1] == shown.replace(": interpreter-missing", "")
    assert [line.split()[:2] for line in narrow[1:4]] == [[name, "conflict"] for name in names]
    assert narrow[-1] == f"interpreter-missing: {', '.join(names)}"
    assert not any("interpreter-missing:" in line for line in wide)


def test_the_totals_name_what_a_long_table_would_hide(place: Place) -> None:
    short, long = planned(place, 2), planned(place, 60)
    assert table(short, None)[-1] == f"3 environments of {place.manifest}: 2 missing, 1 in conflict"
    last = table(long, None)[-1]
    assert last == (
        f"61 environments of {place.manifest}: 60 missing (e000, e001, e002 and 57 more), 1 in conflict (last)"
    )


def test_colours_add_nothing_and_columns_stay_aligned(place: Place) -> None:
    plan = planned(place, 3)
    coloured = table(plan, 120, Paint(colours=True))
    assert [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in coloured] == table(plan, 120)
    assert coloured != table(plan, 120)


def test_a_state_has_one_word() -> None:
    assert {state.value.replace("-", " ") for state in STATES} == {word for word, _ in STATES.values()}


def test_the_manifest_in_force_is_shown_and_that_it_hides_ones_own(place: Place) -> None:
    own = Path(place.variables["HOME"]) / ".config/envsync/envs.toml"
    own.parent.mkdir(parents=True)
    own.write_text("version = 1\n")
    place.write('[envs.a]\npath = "a"\n')
    shown = f"{place.manifest} is in force here, and hides ~/.config/envsync/envs.toml; for that one: "
    shown += "envsync --file ~/.config/envsync/envs.toml ..."
    assert place.envsync("status").out.splitlines()[-1] == shown
    assert place.envsync("plan", "-v").out.splitlines()[-3:-1] == [f"manifest: {place.manifest}", shown]
    assert "hides" not in place.envsync("plan").out
    for command in ("status", "plan", "doctor"):
        document = place.envsync(command, "--json").document
        assert (document["found_by"], document["hides"]) == ("found", str(own))
    document = place.envsync("status", "--json", "--file", str(place.manifest)).document
    assert (document["found_by"], document["hides"]) == ("named", None)


def test_of_two_of_ones_own_the_second_is_named(
    here: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, where a manifest may be in the system's directory and in that of dotfiles."""
    here.manifest.unlink(missing_ok=True)
    places = tuple(str(here.root / name) for name in ("system", "dotfiles"))
    for place in places:
        Path(place).mkdir()
        (Path(place) / "envs.toml").write_text('version = 1\nstate-dir = "state"\n')
    monkeypatch.setattr("envsync.manifest.find.config_directories", lambda: places)
    document = run(here, capsys, "status")
    assert (document["found_by"], document["hides"]) == ("own", f"{places[1]}/envs.toml")
