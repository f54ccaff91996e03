"""``PYTHONPATH`` of the shell is for other programs: envsync imports nothing from it, and hands it to ``run`` alone."""

import os
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest

from harness.place import SOURCE, Place

pytestmark = pytest.mark.sampled(3)

SITE = os.path.dirname(os.path.dirname(pydantic.__file__))
USED = ("packaging", "platformdirs", "pydantic", "rich", "tomlkit", "typing_extensions", "uv", "virtualenv")


@pytest.fixture
def modules(place: Place) -> Path:
    """Return a directory of modules that must not be imported, with plugins for what envsync uses."""
    directory = place.root / "modules"
    for name in (*USED, "plugin"):
        (directory / name).mkdir(parents=True)
        (directory / name / "__init__.py").write_text(f"raise RuntimeError('{name} is used')\n")
    info = directory / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    groups = ("pydantic", "virtualenv.activate", "virtualenv.create", "virtualenv.discovery")
    (info / "entry_points.txt").write_text("".join(f"[{group}]\nplugin = plugin:it\n" for group in groups))
    return directory


def envsync(place: Place, *arguments: str, python: tuple[str, ...] = (), **variables: str) -> tuple[int, str]:
    """Run the command with options for its Python; gives its exit status and all that it said."""
    done = subprocess.run(
        [sys.executable, *python, "-m", "envsync", *arguments],
        check=False,
        cwd=place.root,
        env=place.variables | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("builder", ["virtualenv", "venv", "uv"])
def test_nothing_of_it_is_imported_or_breaks_a_pass(builder: str, place: Place, modules: Path) -> None:
    place.write(f'builder = "{builder}"\n[envs.one]\npath = "one"\npython = "{sys.executable}"\n')
    path = f"{modules}:{SOURCE}"
    for command in (("apply",), ("check", "--no-cache"), ("apply", "--no-cache", "--force-rebuild", "one")):
        assert envsync(place, *command, PYTHONPATH=path)[0] == 0
    status, output = envsync(
        place, "run", "one", "--", "python", "-c", "import os; print(os.environ['PYTHONPATH'])", PYTHONPATH=path
    )
    assert (status, output.strip()) == (0, path)


@pytest.mark.parametrize("path", ["modules", "/nowhere:", "{modules}/"])
def test_relative_and_empty_entries_are_left_out_as_well(path: str, place: Place, modules: Path) -> None:
    place.write("")
    (place.root / "envs.toml").rename(modules / "envs.toml")
    place.root = modules if path == "/nowhere:" else place.root
    found = ("--file", str(modules / "envs.toml"))
    reported = envsync(
        place, *found, "check", "--no-cache", PYTHONPATH=path.format(modules=modules), PYTHONSAFEPATH="1"
    )
    assert reported == (0, "0 environments in sync\n")


@pytest.mark.parametrize(
    ("own", "options"),
    [(SITE, ()), (os.path.dirname(os.__file__), ()), (SOURCE, ()), (SITE, ("-E",)), (SOURCE, ("-P",))],
)
def test_what_would_be_on_the_path_without_it_stays(
    own: str, options: tuple[str, ...], place: Place, modules: Path
) -> None:
    place.write("")
    status, output = envsync(place, "check", "--no-cache", python=options, PYTHONPATH=f"{own}:{modules}")
    assert (status, output) == (0, "0 environments in sync\n")


def test_an_envsync_that_is_found_through_it_finds_what_it_needs(place: Place) -> None:
    place.write("")
    done = subprocess.run(
        [sys.executable, "-S", "-m", "envsync", "check", "--no-cache"],
        check=False,
        cwd=place.root,
        env=place.variables | {"PYTHONPATH": f"{SOURCE}:{SITE}"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "0 environments in sync\n"), done.stderr
