"""A package's scripts run with this environment's Python, and may be executed; a user's own are left alone."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.bench import Bench, run
from harness.depot import Depot


@pytest.fixture
def depot(depot: Depot) -> Depot:
    depot.make('packages = ["app", "tool"]')
    return depot


def first_line(depot: Depot, script: str) -> str:
    return (depot.path / "bin" / script).read_text().partition("\n")[0]


def name_interpreter(depot: Depot, script: str, interpreter: str) -> None:
    file = depot.path / "bin" / script
    file.write_text(f"#!{interpreter}\n" + file.read_text().partition("\n")[2])


@pytest.mark.parametrize(
    "interpreter", ["/gone/.venv/bin/python3", "{other}/bin/python", "/opt/gone/python3.9", "{own}/bin/python3.9"]
)
def test_a_packages_script_that_runs_elsewhere_is_repaired(depot: Depot, interpreter: str) -> None:
    other = depot.root / "other"
    (other / "bin").mkdir(parents=True)
    (other / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (other / "bin/python").symlink_to("/usr/bin/python3")
    name_interpreter(depot, "app", interpreter.format(other=other, own=depot.path))
    (checked,) = run(depot.place, depot.capsys, "check")["environments"]
    assert [one["code"] for one in checked["drift"]] == ["scripts"]
    assert depot.apply()["outcome"] == "repaired"
    assert first_line(depot, "app").startswith(f"#!{depot.path}/bin/python")
    assert depot.says("app").startswith("app 1.0")
    assert depot.command("apply", "--deep")["outcome"] == "unchanged"


@pytest.mark.parametrize("interpreter", ["/usr/bin/python3", "/usr/bin/env python3", "/bin/sh"])
def test_a_packages_script_that_runs_with_a_python_of_the_system_is_as_it_was_installed(
    depot: Depot, interpreter: str
) -> None:
    name_interpreter(depot, "app", interpreter)
    assert depot.apply()["outcome"] == "unchanged"
    assert first_line(depot, "app") == f"#!{interpreter}"


def test_a_script_of_the_users_is_left_alone(depot: Depot) -> None:
    for name, mode in (("mine", 0o755), ("noted", 0o644)):
        script = depot.path / "bin" / name
        script.write_text("#!/gone/.venv/bin/python\n" if name == "mine" else f"#!{depot.path}/bin/python\n")
        script.chmod(mode)
    assert depot.apply()["outcome"] == "unchanged"


def test_it_is_seen_when_the_python_of_a_script_goes(depot: Depot, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.symlink_to("/usr/bin/python3")
    name_interpreter(depot, "app", str(python))
    assert depot.apply()["outcome"] == "unchanged"
    python.unlink()
    assert depot.apply()["outcome"] == "repaired"


def test_lost_permissions_are_given_back(depot: Depot) -> None:
    compiled = depot.path / "bin/compiled"
    compiled.write_bytes(b"\x7fELF and more")
    with (depot.site / "app-1.0.dist-info/RECORD").open("a") as record:
        record.write("../../../bin/compiled,,\n")
    for name in ("app", "tool", "compiled"):
        (depot.path / "bin" / name).chmod(0o640)
    entry = depot.apply()
    assert (entry["outcome"], [one["code"] for one in entry["drift"]]) == ("repaired", ["scripts"])
    assert "app, compiled, tool in bin cannot be executed" in entry["drift"][0]["message"]
    modes = {name: (depot.path / "bin" / name).stat().st_mode & 0o777 for name in ("app", "tool", "compiled")}
    assert set(modes.values()) == {0o750}
    assert depot.says("tool").startswith("tool 0.5")
    assert (depot.path / "bin/activate").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_wheel_without_permissions_is_installed_with_them(depot: Depot, installer: str) -> None:
    scripts = {"odd-1.0.data/scripts/odd": "#!python\nprint('odd')\n", "odd-1.0.data/scripts/plain": "#!/bin/sh\n"}
    depot.wheel("odd", "1.0", files=scripts)
    depot.installer = installer
    depot.declare('packages = ["odd"]')
    assert depot.apply()["outcome"] == "installed"
    assert depot.says("odd") == "odd"
    (depot.path / "bin/plain").chmod(0o644)
    assert depot.apply()["outcome"] == "repaired"
    assert depot.says("plain") == ""


def test_a_builder_that_is_run_over_a_moved_environment_leaves_no_dead_scripts(depot: Depot) -> None:
    former = depot.path
    os.rename(depot.end, depot.root / "moved")
    former.unlink()
    depot.directory = "moved"
    depot.declare('packages = ["app", "tool"]')
    subprocess.run([depot.python_of("3.11"), "-m", "venv", "--without-pip", depot.path], check=True)
    assert str(depot.path) in (depot.path / "bin/activate").read_text()
    assert depot.apply()["outcome"] == "repaired"
    assert depot.says("app").endswith(str(depot.path))


@pytest.mark.parametrize("builder", ["envsync", "uv"])
def test_an_editable_whose_directory_is_gone_is_reported_at_once(builder: str, bench: Bench) -> None:
    place = bench.place
    bench.make(builder)
    (site,) = bench.path.glob("lib/python3.*/site-packages")
    project = place.root / "project"
    project.mkdir()
    (site / "__editable__.demo.pth").write_text(f"{project}\n")
    (site / "demo-1.0.dist-info").mkdir()
    (site / "demo-1.0.dist-info/METADATA").write_text("Name: demo\nVersion: 1.0\n")
    url = f'{{"url": "file://{project}", "dir_info": {{"editable": true}}}}'
    (site / "demo-1.0.dist-info/direct_url.json").write_text(url)
    assert place.envsync("check").out == "1 environment in sync\n"
    project.rename(place.root / "renamed")
    for _ in range(3):  # also where the caches know that nothing is to be done
        assert "; one: demo cannot be imported: it is installed from" in place.envsync("check").out
    entry = bench.apply()
    assert (entry["outcome"], "demo cannot be imported" in str(entry["notes"])) == ("unchanged", True)
    (place.root / "renamed").rename(project)
    assert place.envsync("check").out == "1 environment in sync\n"
