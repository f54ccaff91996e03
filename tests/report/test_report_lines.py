"""Lines as people read them: counts, places and remedies."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envsync.model.desired import Manifest, Packages
from envsync.model.packages import Change
from envsync.model.plan import EnvironmentPlan, Plan, State
from envsync.model.problems import Problem
from envsync.model.report import EnvironmentReport, Outcome, Report
from envsync.plan.decide import decide
from envsync.report.terminal import (
    Layout,
    Paint,
    abbreviate_home,
    abbreviate_in_commands,
    hanging,
    shell_quoted,
    wrapped,
)
from envsync.report.text import plan_lines, report_lines
from envsync.write.files import make_directory, replace_file
from harness.place import Place
from harness.processes import on_terminal
from harness.values import PATH, broken_interpreter, declared, found, installed, package, rules, unmet, wanted, world

TWO = '[envs.a]\npath = "a"\n[envs.b]\npath = "b"\n'


def first(text: str) -> str:
    return text.splitlines()[0]


def last(text: str) -> str:
    return text.splitlines()[-1]


def test_counts_say_what_happens_to_environments(place: Place) -> None:
    (place.root / "file").write_text("not a directory")
    place.write(TWO + '[envs.c]\npath = "file"\n')
    assert first(place.envsync("plan").out) == "Plan: 2 to create, 1 conflict"
    assert last(place.envsync("apply").out) == "2 created, 1 conflict"
    assert first(place.envsync("plan").out) == "Plan: 1 conflict, 2 in sync"


def test_a_rollback_is_planned_as_to_roll_back_and_reported_as_rolled_back(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    place.apply()
    assert place.envsync("apply", "--force-rebuild", "a").status == 0
    planned = place.envsync("rollback", "a", "--dry-run").out
    assert planned.startswith("Plan: 1 to roll back\n* roll back  a")
    assert "  go back to " in planned
    done = place.envsync("rollback", "a").out
    assert done.startswith("* rolled back  a")
    assert "  went back to " in done
    assert last(done) == "1 rolled back"


@pytest.mark.parametrize("command", ["status", "plan", "apply"])
def test_a_manifest_without_environments_for_this_host_says_so(place: Place, command: str) -> None:
    place.write("")
    how = "envsync add NAME declares one, envsync import PATH finds some"
    assert place.envsync(command).out == f"no environments are declared: {how}\n"
    place.write('[envs.a]\npath = "a"\nhosts = ["elsewhere"]\n')
    assert place.envsync(command).out == f"no environments are declared for this host (1 for other hosts): {how}\n"


def test_one_screen_has_the_home_directory_in_one_form(place: Place) -> None:
    (place.root / "a").mkdir()
    (place.root / "a/note").write_text("a file of the user's")
    place.write('[envs.a]\npath = "a"\n')
    home = str(place.root)
    for words in (("plan",), ("apply",), ("status",), ("doctor",), ("explain", "a")):
        run = place.envsync(*words, HOME=home)
        assert home not in run.out + run.err, words
    place.write("nonsense = 1\n")
    run = place.envsync("plan", HOME=home)
    assert run.err.startswith("error: ~/envs.toml:4:1")
    assert home not in run.err


def test_a_command_to_copy_has_the_home_directory_as_a_shell_expands_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    command = ("mv", "/home/me/x", "/home/me/my dir", "/home/me", "/home/men/x")
    assert shell_quoted(command) == "mv ~/x '/home/me/my dir' /home/me /home/men/x"


def test_a_hint_has_the_home_directory_as_a_shell_expands_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert abbreviate_in_commands("mv /home/me/x /home/me/y") == "mv ~/x ~/y"
    for kept in ("rm '/home/me/my dir'", "export PATH=/home/me/bin:$PATH", "ls /home/meme"):
        assert abbreviate_in_commands(kept) == kept
    assert abbreviate_home("see '/home/me/x' (/home/me)") == "see '~/x' (~)"


def test_what_cannot_be_written_is_named_in_full(tmp_path: Path) -> None:
    parent = str(tmp_path.resolve())
    name = "n" * 300
    with pytest.raises(OSError, match="too long") as raised:
        make_directory(f"{parent}/{name}")
    assert raised.value.filename == f"{parent}/{name}"
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError) as replaced:
        replace_file(f"{parent}/directory", b"")
    assert replaced.value.filename2 == f"{parent}/directory"


def test_environments_that_share_a_cause_share_a_line(place: Place) -> None:
    names = [f"svc{number}" for number in range(5)]
    place.write("".join(f'[envs.{name}]\npath = "{name}"\ntarget = "{name}"\n' for name in names))
    planned = place.envsync("plan").out.splitlines()
    assert len(planned) == 3, planned
    assert (planned[0], planned[2]) == ("Plan: 5 to create", "Next: envsync apply")
    assert re.fullmatch(r"\+ create     5 environments: Python [0-9.]+: svc0, svc1, svc2 and 2 more", planned[1])
    assert all(f"  {name}  " in place.envsync("plan", "--verbose").out for name in names)
    done = place.envsync("apply").out.splitlines()
    assert len(done) == 2, done
    assert done[0].startswith("+ created    5 environments: Python ")
    assert done[1] == "5 created"
    prompts = "".join(f'[envs.{name}]\npath = "{name}"\nprompt = "{name}!"\n' for name in names[:3])
    place.write(prompts + '[envs.svc3]\npath = "svc3"\n[envs.svc4]\npath = "svc4"\n')
    assert place.envsync("plan").out.splitlines() == [
        "Plan: 3 to repair, 2 in sync",
        "~ repair     3 environments: their prompts differ: svc0, svc1, svc2",
        "Next: envsync apply",
    ]


def lines_of(plan: EnvironmentPlan, arrow: str = "->") -> list[str]:
    manifest = Manifest("/m/envs.toml", "/state", "/bin", (plan.environment,))
    return [*plan_lines(Plan(manifest, (plan,)), Paint(colours=False, arrow=arrow), verbose=False)]


UNMET = (Change("app", "1.0", "2.0"), Change("lib", None, "1.1"), Change("tool", "0.5", ""), Change("old", "3", None))
LINES = ["    ~ app   1.0 -> 2.0", "    + lib   1.1", "    ~ tool  0.5 -> as built", "    - old   3"]


def test_a_plan_lists_the_packages_that_change_and_says_no_version_twice() -> None:
    seen = world(found(), declared=declared(), installed=installed(package("app")), verdict=unmet(*UNMET))
    plan = decide(wanted(packages=Packages(packages=("app",))), seen, rules())
    assert lines_of(plan)[1:] == [f"~ install    blog  {PATH}  app", *LINES]
    assert lines_of(plan, "\N{RIGHTWARDS ARROW}")[2] == LINES[0].replace("->", "\N{RIGHTWARDS ARROW}")


@pytest.mark.parametrize(("on_missing", "shown"), [("fail", [LINES[1], LINES[3]]), ("relax", LINES)])
def test_a_rebuild_lists_what_does_not_come_back_as_it_was(on_missing: str, shown: list[str]) -> None:
    seen = world(found(), declared=declared(), installed=installed(package("app")), verdict=unmet(*UNMET))
    environment = wanted(packages=Packages(packages=("app",), on_missing=on_missing))
    lines = lines_of(decide(environment, seen, rules(force_rebuild=frozenset({"blog"}))))
    listed = [line.split() for line in lines if line[:6] in {"    + ", "    - ", "    ~ "}]
    assert listed == [line.split() for line in shown]
    note = "a rebuild keeps every version, and what is declared needs another of app 1.0, tool 0.5: "
    assert any(note in line for line in lines) == (on_missing == "fail")


@pytest.mark.parametrize(("seconds", "took"), [(9.9, ""), (10.4, ", in 10 s"), (75.2, ", in 1 min 15 s")])
def test_a_pass_that_took_long_says_how_long(seconds: float, took: str) -> None:
    plan = decide(wanted(), world(found()), rules())
    report = Report(Manifest("/m/envs.toml", "/state", "/bin", ()), (EnvironmentReport(plan, Outcome.REBUILT),))
    assert [*report_lines(report, Paint(colours=False), verbose=False, seconds=seconds)][-1] == f"1 rebuilt{took}"


def of_names(names: str, **changes: Any) -> tuple[EnvironmentPlan, ...]:
    """Return a plan for each letter, all alike except what is an environment's own."""
    alike = decide(wanted(), world(found({"version": "3.12.0"}), **changes), rules())
    return tuple(replace(alike, environment=wanted(name=name, path=f"/p/{name}")) for name in names)


def test_conflicts_and_failures_of_one_cause_share_a_line() -> None:
    manifest, paint = Manifest("/m/envs.toml", "/state", "/bin", ()), Paint(colours=False)
    conflicts = of_names("abcd", interpreter=broken_interpreter())
    assert [*plan_lines(Plan(manifest, conflicts), paint, verbose=False)][1:] == [
        "! conflict   4 environments: /opt/py/bin/python3 is missing: a, b, c and 1 more",
        "    hint: Name another one.",
    ]

    def failed(name: str, message: str) -> EnvironmentReport:
        (plan,) = of_names(name)
        return EnvironmentReport(plan, Outcome.FAILED, Problem("install-failed", message, f"The full log: /{name}.log"))

    for messages, count in ((["no network"] * 4, 1), (["no network"] * 3 + ["no space"], 2), (["x", "y"] * 2, 4)):
        report = Report(manifest, tuple(map(failed, "abcd", messages)))
        lines = [*report_lines(report, paint, verbose=False)]
        assert sum(line.startswith("x failed") for line in lines) == count, lines
        assert "    hint: The full log: /a.log" in lines
        assert lines[-1] == "4 failed"


def test_environments_in_sync_that_share_a_note_share_a_line() -> None:
    noted: dict[str, Any] = {"state": State.IN_SYNC, "actions": (), "drift": (), "notes": ("as it is",)}
    alike = (replace(one, **noted) for one in of_names("abcd"))
    plan = Plan(Manifest("/m/envs.toml", "/state", "/bin", ()), tuple(alike))
    _, line, note = plan_lines(plan, Paint(colours=False), verbose=False)
    assert line.endswith("  4 environments: a, b, c and 1 more")
    assert note == "    note: as it is"


def test_two_environments_keep_a_line_each(place: Place) -> None:
    place.write(TWO)
    assert [line.split()[:3] for line in place.envsync("plan").out.splitlines()[1:-1]] == [
        ["+", "create", "a"],
        ["+", "create", "b"],
    ]


def test_a_plan_ends_with_the_command_that_carries_it_out(place: Place) -> None:
    place.write(TWO)
    for words, then in (
        ((), "envsync apply"),
        (("--verbose",), "envsync apply"),
        (("a",), "envsync apply a"),
        (("b", "--file", "envs.toml", "--deep"), "envsync apply --file envs.toml --deep b"),
    ):
        assert last(place.envsync("plan", *words).out) == f"Next: {then}"
        assert last(place.envsync("apply", "--dry-run", *words).out) == f"Next: {then}"
    place.apply()
    assert place.envsync("plan").out == "2 in sync\n"
    assert last(place.envsync("plan", "--force-rebuild", "a").out) == "Next: envsync apply --force-rebuild a"
    (place.root / "b").rename(place.root / "former")
    (place.root / "b").write_text("a file of the user's")
    assert "Next:" not in place.envsync("plan").out


def test_the_exit_status_of_plan_can_be_that_of_check(place: Place) -> None:
    place.write(TWO)
    assert [place.envsync("plan", *words).status for words in ((), ("--exit-code",))] == [0, 3]
    place.apply()
    assert place.envsync("plan", "--exit-code").status == 0


# On terminals of several widths


def test_a_hint_is_broken_between_its_words_and_its_commands() -> None:
    hint = "Install it, for example: uv python install 3.13.0, or: pyenv install 3.13.0. Then roll back again."
    for label in ("hint:", "\033[2mhint:\033[0m"):
        assert [*wrapped(f"    {label} {hint}", 44)] == [
            f"    {label} Install it, for example:",
            "          uv python install 3.13.0, or:",
            "          pyenv install 3.13.0. Then roll",
            "          back again.",
        ]
    assert hanging(f"hint: {hint}", 6, Layout(66)) == [
        "hint: Install it, for example: uv python install 3.13.0, or:",
        "pyenv install 3.13.0. Then roll back again.",
    ]
    command = "mv '/a b/c; d/e' '/a b/c; d/e.old'"
    assert [*wrapped(f"    hint: Move it: {command}", 30)] == ["    hint: Move it:", f"          {command}"]
    assert [*wrapped(f"    note: see: {command}", 30)] != ["    note: see:", f"          {command}"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("columns", [80, 120, 200])
@pytest.mark.parametrize("count", [1, 30, 500])
def test_no_line_is_wider_than_the_terminal(place: Place, count: int, columns: int) -> None:
    place.variables["HOME"] = str(place.root)
    entries = []
    for number in range(count):
        project = f"src/services/project-{number:03}"
        python = (f"./tools/python of {number}", "3.12", "3.9.99")[number % 3]
        entries.append(f'[envs.project-{number:03}]\npath = "{project}/venv"\npython = "{python}"\n')
        if number % 5 == 0:
            (place.root / project).mkdir(parents=True)
            (place.root / project / "venv").write_text("a file of the user's")
    place.write("".join(entries))
    for words in (("plan",), ("apply", "project-000"), ("check",), ("status",)):
        _, text = on_terminal(place, *words, columns=columns, NO_COLOR="1")
        lines = re.sub("[^\n]*\r|\033\\[[0-9;?]*[A-Za-z]", "", text).splitlines()
        assert lines
        assert not [line for line in lines if len(line) > columns], words
