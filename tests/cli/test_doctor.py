"""Doctor: what is checked of a machine, how it is judged, and what it leaves behind: nothing."""

import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from envsync.cli.doctor.checks import (
    Check,
    Health,
    check_bin_dir,
    check_directories,
    check_exchange,
    check_inotify,
    check_service,
    check_tools,
)
from envsync.cli.doctor.interpreters import END_OF_LIFE, Usage, check_interpreters, check_venv
from envsync.cli.doctor.lines import check_lines
from envsync.cli.doctor.machine import one_of_each_device, read_inotify, read_installed
from envsync.cli.doctor.values import DirectoryCheck, ExchangeCheck, Inotify, Installed, Service, Tool
from envsync.formats.staging_marker import is_staging_dir_name
from envsync.observe.facts import FactsCache
from envsync.observe.interpreters import Interpreters
from envsync.observe.owners import store_of
from envsync.report.terminal import Layout, Paint
from envsync.write import rename
from envsync.write.rename import try_exchange
from harness.place import Place
from harness.processes import unprivileged

pytestmark = pytest.mark.sampled(3)

pytest_plugins = ["harness.relocatable"]
PythonOf = Callable[[str], str]
THEN = date(2026, 1, 15)


def checks_of(place: Place, **variables: str) -> dict[str, list[dict[str, Any]]]:
    """Run it, and give the checks by their codes."""
    found: dict[str, list[dict[str, Any]]] = {}
    document = place.envsync("doctor", "--json", **variables).document
    bad = any(check["status"] == "problem" for check in document["checks"])
    assert (document["status"], document["exit_code"]) == (("failed", 1) if bad else ("in-sync", 0))
    assert (document["environments"], document["errors"]) == ([], [])
    for check in document["checks"]:
        assert check.keys() == {"code", "status", "message", "hint"}
        assert check["status"] == "ok" or check["hint"]
        found.setdefault(check["code"], []).append(check)
    return found


def codes(checks: list[Check]) -> list[tuple[str, str]]:
    return [(check.code, check.health.value) for check in checks]


def installed(minor: str, **more: Any) -> Installed:
    link = f"/opt/{minor}/bin/python"
    return Installed(link, f"{minor}.1", minor, "cpython", **more)


def test_a_machine_on_which_all_is_well(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    run = place.envsync("doctor", "--verbose")
    assert (run.status, run.err) == (0, "")
    lines = run.out.splitlines()
    assert all(re.match(r"(ok|warning|problem)? +\S", line) for line in lines[:-1])
    assert re.fullmatch(r"\d+ checks passed, \d+ warnings?, 0 problems", lines[-1])
    assert f"ok       manifest {place.manifest}: 1 environment" in lines
    assert "bin-dir" not in run.out  # nothing is exposed
    assert f"ok       state-dir {place.root}/state does not exist yet; it can be created" in lines
    assert place.envsync("doctor", "--quiet").out == ""


def test_what_is_well_is_counted_and_the_manifest_in_force_is_always_named(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    whole = place.envsync("doctor", "-v").out.splitlines()
    first, *shown, last = place.envsync("doctor").out.splitlines()
    assert first == f"ok       manifest {place.manifest}: 1 environment"
    assert not [line for line in shown if line.startswith("ok")]
    passed = sum(line.startswith("ok") for line in whole)
    assert last.startswith(f"{passed} checks passed (-v lists them), ")


def test_a_manifest_of_ones_own_that_another_hides_is_named(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    own = Path(place.variables["HOME"]) / ".config/envsync/envs.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    assert "hides" not in checks_of(place)["manifest"][0]["message"]
    own.write_text("version = 1\n")
    assert checks_of(place)["manifest"][0]["message"].endswith(f"; it hides {own}: use --file {own}")


def test_environments_with_one_problem_share_a_line(place: Place) -> None:
    place.write("".join(f'[envs.e{n}]\npath = "e{n}"\npython = "./gone"\n' for n in range(5)))
    out = place.envsync("doctor").out
    expected = f"problem  5 environments: nothing is at {place.root}/gone: e0, e1, e2 and 2 more (-v lists them)\n"
    assert expected in out
    assert "e0, e1, e2, e3, e4\n" in place.envsync("doctor", "-v").out
    assert [one["message"] for one in checks_of(place)["interpreter-missing"]] == [
        f"e{n}: nothing is at {place.root}/gone" for n in range(5)
    ]


def test_a_problem_is_exit_status_1_and_a_warning_is_not(place: Place) -> None:
    shims = place.root / "shims"
    shims.mkdir()
    place.write('[envs.a]\npath = "a"\n')
    assert checks_of(place, PATH=str(shims))["shims"][0]["status"] == "warning"
    place.write('[envs.a]\npath = "a"\npython = "./gone"\n')
    run = place.envsync("doctor")
    assert run.status == 1
    assert f"problem  a: nothing is at {place.root}/gone\n         hint: " in run.out


def test_a_manifest_behind_a_link_is_told_with_its_end(place: Place) -> None:
    place.write("")
    place.manifest.rename(place.root / "real.toml")
    place.manifest.symlink_to("real.toml")
    assert checks_of(place)["manifest"][0]["message"].endswith(f"; it leads to {place.root}/real.toml")


def test_a_manifest_that_cannot_be_read_is_a_problem_and_the_machine_is_checked_all_the_same(place: Place) -> None:
    place.write("nonsense = 1\n")
    found = checks_of(place)
    (problem,) = (one for many in found.values() for one in many if one["status"] == "problem")
    assert problem["message"].startswith(f"{place.manifest}:4:")
    assert {"cache", "locks", "tool-uv", "tool-virtualenv", "tool-pip", "interpreter"} <= found.keys()
    place.manifest.unlink()
    run = place.envsync("doctor", "--json")
    assert (run.status, run.document["manifest"]) == (1, None)


def test_directories_that_cannot_be_written_to_are_problems(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\nexpose = ["python:py"]\n')
    (place.root / "exposed").write_text("no directory")
    (place.root / "state").mkdir(mode=0o500)
    found = checks_of(place, XDG_STATE_HOME="/proc/none", ENVSYNC_FILE=str(place.manifest))
    assert [one["status"] for one in found["bin-dir"]] == ["problem"]
    assert str(place.root / "exposed") in found["bin-dir"][0]["hint"]
    run = unprivileged(place, "doctor")
    if run is None:
        pytest.skip("root cannot give up its powers here")
    assert f"problem  state-dir {place.root}/state is not writable" in run.out


def test_a_directory_of_exposed_commands_has_to_be_on_path(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\nexpose = ["python:py"]\n')
    (place.root / "exposed").mkdir()
    assert checks_of(place)["bin-dir-path"][0]["status"] == "warning"
    (place.root / "by another name").symlink_to("exposed")
    path = f"{place.root}/by another name:{place.variables['PATH']}"
    assert checks_of(place, PATH=path)["bin-dir-path"][0]["status"] == "ok"


def test_the_exchange_is_tried_once_on_each_file_system_and_leaves_nothing(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\ntarget = "a"\n[envs.b]\npath = "b"\n')
    place.apply()
    before = sorted(place.root.rglob("*"))
    (check,) = checks_of(place)["exchange"]
    assert str(place.root / "state") in check["message"]
    assert sorted(place.root.rglob("*")) == before
    assert place.envsync("check").status == 0


def test_file_systems_are_told_apart() -> None:
    other = next((one for one in ("/dev/shm", "/proc") if os.path.isdir(one)), None)
    if other is None:
        pytest.skip("needs a second file system")
    assert one_of_each_device(["/nowhere", "/usr", "/usr/bin/..", other]) == ("/usr", other)


def test_a_trial_makes_staging_dirs_and_removes_them_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def refuse(one: str, other: str) -> bool:
        seen.extend(os.listdir(tmp_path))
        raise OSError(5, f"{one} {other}")

    monkeypatch.setattr(rename, "exchange", refuse)
    with pytest.raises(OSError, match="envsync-"):
        try_exchange(str(tmp_path))
    assert len(seen) == 2
    assert all(map(is_staging_dir_name, seen))
    assert os.listdir(tmp_path) == []


def test_how_an_exchange_is_judged() -> None:
    exchange_checks = (ExchangeCheck("/a", True), ExchangeCheck("/b", False), ExchangeCheck("/c", None, "no room"))
    found = list(check_exchange(exchange_checks))
    assert [check.health.value for check in found] == ["ok", "warning", "ok"]
    assert "no room" in found[2].message


def test_how_directories_are_judged() -> None:
    checked = (
        DirectoryCheck("cache", "/a", "/a", True),
        DirectoryCheck("locks", "/b", "/c", False),
        DirectoryCheck("state-dir", "/d", "/d", True, "/d"),
    )
    found = list(check_directories(checked))
    assert codes(found) == [("cache", "ok"), ("locks", "ok"), ("state-dir", "problem")]
    assert "/b, which leads to /c," in found[1].message
    assert list(check_bin_dir(checked[0], on_path=False))[1].hint.endswith("export PATH=/a:$PATH")


@pytest.mark.parametrize(
    ("limits", "directories", "expected"),
    [
        (Inotify(8192, 128, 100, 3), 40, ["ok", "ok"]),
        (Inotify(8192, 128, 8180, 3), 40, ["warning", "ok"]),
        (Inotify(100, 128, 0, 3), 40, ["warning", "ok"]),
        (Inotify(8192, 128, 100, 128), 40, ["ok", "warning"]),
    ],
)
def test_limits_are_compared_with_what_watch_needs(limits: Inotify, directories: int, expected: list[str]) -> None:
    found = list(check_inotify(limits, directories))
    assert [check.health.value for check in found] == expected
    assert f"watch needs {directories} watches" in found[0].message
    for check in found:
        assert check.health is Health.OK or "sudo sysctl fs.inotify.max_user_" in check.hint
    assert list(check_inotify(None, directories)) == []


def test_the_kernel_is_asked_for_its_limits() -> None:
    found = read_inotify()
    if not os.path.exists("/proc/sys/fs/inotify/max_user_watches"):
        assert found is None
        return
    assert found is not None
    assert found.watches == int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
    assert found.instances > 0


def test_the_limit_is_compared_with_the_directories_that_watch_tells_of(place: Place) -> None:
    if read_inotify() is None:
        pytest.skip("needs inotify")
    place.write('[envs.a]\npath = "a"\n')
    place.apply()
    run = place.envsync("watch", "--once")
    watched = re.search(r"watching (\d+) directories", run.err)
    assert watched is not None
    assert checks_of(place)["inotify-watches"][0]["message"].startswith(f"watch needs {watched[1]} watches")


@pytest.mark.parametrize(
    ("there", "builders", "installer", "expected"),
    [
        (("uv", "virtualenv", "pip"), ("virtualenv",), "auto", ["the builder is virtualenv", "the installer is uv"]),
        (("virtualenv", "pip"), ("uv", "venv"), "auto", ["the builder is venv", "the installer is pip"]),
        (("uv", "pip"), ("uv",), "pip", ["the builder is uv", "the installer is pip"]),
        (("pip",), ("uv",), "uv", ["no builder", "no installer"]),
    ],
)
def test_tools_are_judged_by_what_the_manifest_asks_for(
    there: tuple[str, ...], builders: tuple[str, ...], installer: str, expected: list[str]
) -> None:
    tools = [Tool(name, f"/bin/{name}" if name in there else None, "1.0") for name in ("uv", "virtualenv", "pip")]
    *_, builder, chosen = check_tools(tools, builders, installer)
    for check, text in zip((builder, chosen), expected, strict=True):
        assert check.message.startswith(text)
        assert (check.health is Health.PROBLEM) == text.startswith("no ")


def test_a_tool_that_does_not_work_is_a_warning_and_not_chosen() -> None:
    found = list(check_tools([Tool("uv", "/x/uv", problem="died"), Tool("pip", "p", "1")], ("venv",), "auto"))
    assert codes(found)[0] == ("tool-uv", "warning")
    assert found[-1].message == "the installer is pip"


@pytest.mark.parametrize(
    ("today", "over"), [(date(2026, 10, 31), False), (date(2026, 11, 1), True), (date(2020, 1, 1), False)]
)
def test_a_minor_version_is_past_its_end_from_the_month_after_on(today: date, over: bool) -> None:
    one = installed("3.10")
    found = list(check_interpreters([one], Usage({one.link: ("a",)}), today))
    assert ("interpreter-end-of-life", "warning") in codes(found) or not over
    assert len(found) == 1 + over
    assert f"end of life {'was' if over else 'in'} 2026-10" in found[0].message


def test_only_what_an_environment_uses_is_in_need_of_something() -> None:
    old, patch = installed("3.7"), installed("3.13", stable=False)
    assert codes(list(check_interpreters([old, patch], Usage({}), THEN))) == [("interpreter", "ok")] * 2
    usage = Usage({old.link: ("a",), patch.link: ("b", "c", "d", "e")})
    found = list(check_interpreters([old, patch], usage, THEN))
    assert [code for code, health in codes(found) if health == "warning"] == [
        "interpreter-end-of-life",
        "interpreter-patch-path",
    ]
    assert "b, c, d and 1 more" in found[-1].message
    assert list(check_interpreters([patch], Usage(usage.users, frozenset({patch.link})), THEN))[1:] == []


def test_a_broken_interpreter_is_a_problem_only_where_it_is_used() -> None:
    one = Installed("/x", "", "", "", problem="it died of SIGSEGV")
    assert codes(list(check_interpreters([one], Usage({}), THEN))) == [("interpreter", "warning")]
    assert codes(list(check_interpreters([one], Usage({"/x": ("a",)}), THEN))) == [("interpreter", "problem")]


def test_a_patch_path_is_told_with_the_link_that_would_last() -> None:
    one = installed("3.12", stable=False, twin="/opt/3/bin/python")
    assert "/opt/3/bin/python" in list(check_interpreters([one], Usage({one.link: ("a",)}), THEN))[1].hint
    link = "/my pyenv/versions/3.12.1/bin/python"
    one = Installed(link, "3.12.1", "3.12", "cpython", "pyenv", stable=False)
    hint = list(check_interpreters([one], Usage({link: ("a",)}), THEN))[1].hint
    assert hint.endswith("ln -s 3.12.1 '/my pyenv/versions/3.12'")


def test_venv_is_missed_only_where_it_would_build() -> None:
    one = installed("3.12", has_venv=False)
    users = {one.link: ("a",)}
    assert len(list(check_interpreters([one], Usage(users, builders=("virtualenv",)), THEN))) == 1
    assert codes(list(check_interpreters([one], Usage(users, builders=("venv",)), THEN)))[1][0] == "interpreter-venv"
    assert check_venv([one, installed("3.13")]).message == "1 of 2 interpreters have venv; not Python 3.12.1"


def test_the_table_of_ends_is_in_order() -> None:
    assert list(END_OF_LIFE.values()) == sorted(END_OF_LIFE.values())
    assert [int(minor.partition(".")[2]) for minor in END_OF_LIFE] == list(range(8, 15))


def test_interpreters_are_found_each_once_by_the_link_that_is_used_or_lasts(
    place: Place, python_of: PythonOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = place.root / "pyenv" / "versions"
    versions.mkdir(parents=True)
    for minor in ("3.10", "3.12"):
        tree = Path(python_of(minor)).parent.parent
        (versions / tree.name).symlink_to(tree)
    (versions / "3.12").symlink_to(Path(python_of("3.12")).parent.parent.name)
    (place.root / "own").symlink_to(python_of("3.10"))
    monkeypatch.setenv("PYENV_ROOT", str(place.root / "pyenv"))
    monkeypatch.setenv("PATH", "/nowhere")
    found = read_installed([f"{place.root}/own"], Interpreters({}, FactsCache(None).ask))
    ours = {one.link: one for one in found if one.link.startswith(str(place.root))}
    assert list(ours) == [f"{place.root}/own", f"{versions}/3.12/bin/python"]
    assert [(one.minor, one.manager, one.stable) for one in ours.values()] == [
        ("3.10", "", True),
        ("3.12", "pyenv", True),
    ]
    assert {one.relocatable for one in ours.values()} == {False}
    patch = Path(python_of("3.12")).parent.parent.name
    (one,) = (
        one
        for one in read_installed([f"{versions}/{patch}/bin/python"], Interpreters({}, FactsCache(None).ask))
        if one.minor == "3.12"
    )
    assert (one.stable, one.twin) == (False, f"{versions}/3.12/bin/python")


def test_a_relocatable_build_is_told_by_trying(relocatable: tuple[Path, Path]) -> None:
    link = f"{relocatable[0]}/bin/python"
    found = read_installed([link], Interpreters({}, FactsCache(None).ask))
    assert next(one for one in found if one.link == link).relocatable


@pytest.mark.parametrize(
    ("place_", "tool"),
    [
        (".cache/pypoetry/virtualenvs/x-py3.12", "poetry"),
        (".local/share/pipx/venvs/black", "pipx"),
        (".local/pipx/venvs/black", "pipx"),
        (".local/share/uv/tools/ruff", "uv"),
        (".cache/uv/environments-v2/x", "uv"),
        (".local/share/hatch/env/virtual/x/y/z", "hatch"),
        ("src/x/.tox/py312", "tox"),
        ("src/x/.nox/tests", "nox"),
        ("conda/envs/x", "conda"),
        ("src/x/.venv", None),
        ("src/x/.tox", None),
        (".cache/pypoetry-mine/x", None),
    ],
)
def test_an_environment_in_another_tools_directory_is_told(tmp_path: Path, place_: str, tool: str | None) -> None:
    home = os.environ["HOME"]
    os.makedirs(f"{home}/conda/conda-meta")
    found = store_of(f"{home}/{place_}")
    assert (found and found[0]) == tool
    assert found is None or f"{home}/{place_}".startswith(found[1])
    assert tmp_path.is_dir()


def test_an_environment_in_a_tools_directory_is_a_warning(place: Place) -> None:
    place.write('[envs.a]\npath = "x/.tox/py312"\n')
    (check,) = checks_of(place)["foreign-store"]
    assert (check["status"], "tox" in check["message"]) == ("warning", True)


def test_how_a_service_is_judged() -> None:
    assert list(check_service(None)) == []
    services = (Service("/u", False), Service("/u", True, True, "active"), Service("/u", True, False, "failed"))
    assert [check.health.value for service in services for check in check_service(service)] == ["ok", "ok", "warning"]


def test_lines_are_broken_to_fit_and_the_word_says_what_the_colour_says() -> None:
    checks = [
        Check("a", Health.WARNING, "one two three four five six seven", "do\x1b[31m this"),
        Check("b", Health.OK, "x", "y"),
    ]
    plain = list(check_lines(checks, Paint(colours=False), Layout(36)))
    assert plain == [
        "warning  one two three four five six",
        "         seven",
        r"         hint: do\x1b[31m this",
        "ok       x",
        "1 check passed, 1 warning, 0 problems",
    ]
    coloured = list(check_lines(checks, Paint(colours=True), Layout(36)))
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == plain


def test_nothing_from_outside_reaches_the_terminal_raw(place: Place) -> None:
    place.root = place.root / "a\x1b]0;owned\x07\u202eb"
    (place.root / ".tox").mkdir(parents=True)
    (place.root / "shims").mkdir()
    (place.root / "python").symlink_to("\x1b[2Jgone\n")
    place.write('[envs.a]\npath = ".tox/a"\npython = "./python"\n[envs.b]\npath = "b"\nexpose = ["python:py"]\n')
    for words in (("doctor",), ("doctor", "3"), ("graph",), ("explain", "a", "b")):
        run = place.envsync(*words, PATH=f"{place.root}/shims")
        assert all(one.isprintable() or one == "\n" for one in run.out + run.err), words
        assert run.out + run.err
