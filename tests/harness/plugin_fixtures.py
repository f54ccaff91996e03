"""What most tests stand in: a home of their own, real interpreters, a place with a manifest, a depot of wheels."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envsync.cache.store import usual_cache_directory
from harness.bench import Bench
from harness.declaring import Inputs, refuse_processes
from harness.depot import Depot, make_depot_wheels
from harness.dotfiles import Dotfiles
from harness.manifest_box import Box
from harness.place import SOURCE, Place
from harness.pythons import PYTHONS
from harness.strangers import Import, importer

INSTALLERS = ("uv", "pip")
PATH = "/usr/local/bin:/usr/bin:/bin"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "both_installers: run with uv and with pip, where others take uv alone")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("both_installers") and "installer" in metafunc.fixturenames:
        metafunc.parametrize("installer", INSTALLERS)


@pytest.fixture(scope="session")
def _numbered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return directories that are still to be made; ``mktemp`` would look at all that are there, for each test."""
    root = tmp_path_factory.mktemp("own")
    return (root / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _own_home(_numbered: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test have a HOME and XDG directories of its own, and no setting of the tester's."""
    own = next(_numbered)
    home, temporary = own / "home", own / "tmp"
    for directory in (own, home, temporary):
        directory.mkdir(mode=0o700)
    for name in list(os.environ):
        if name.startswith(("XDG_", "ENVSYNC_", "UV_", "PIP_", "VIRTUALENV_", "PYTHON", "PYENV_", "MISE_", "ASDF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    # What other tests put beside each other into one directory would be seen by whoever looks up from a Python in it.
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("PYTHONPATH", SOURCE)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("PATH", PATH)
    monkeypatch.chdir(home)


@pytest.fixture
def python_of() -> Callable[[str], str]:
    """Return what finds a real interpreter's path, or skips the test where that version is not installed."""

    def path_of(version: str) -> str:
        if version not in PYTHONS:
            pytest.skip(f"needs Python {version}, which is not installed here")
        return PYTHONS[version]

    return path_of


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return envsync's cache of real interpreters and their templates, which takes longer to make than most tests."""
    home = tmp_path_factory.mktemp("warm")
    place = Place(home, {"HOME": str(home), "PATH": PATH, "PYTHONPATH": SOURCE})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        cache = Path(usual_cache_directory())
    chosen = sorted({os.path.realpath(python): python for python in PYTHONS.values()}.values())
    tables = [f'[envs.e{number}]\npath = "{number}"\npython = "{python}"\n' for number, python in enumerate(chosen)]
    place.write('[envs.any]\npath = "any"\n' + "".join(tables))
    place.envsync("apply")
    for path in (*cache.glob("manifest-*"), *cache.glob("unchanged-*")):
        path.unlink()
    return cache


@pytest.fixture
def cold_place(tmp_path: Path) -> Place:
    """Return an empty directory for a manifest, and a home in which envsync never ran."""
    root = tmp_path / "place"
    root.mkdir()
    return Place(root, dict(os.environ))


@pytest.fixture
def place(cold_place: Place, warm_cache: Path) -> Place:
    """Return an empty directory for a manifest, and a home in which interpreters are known already."""
    shutil.copytree(warm_cache, usual_cache_directory())
    return cold_place


@pytest.fixture(scope="session")
def shared_cache(warm_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of caches for tests that leave them whole: pip is unpacked there once, as are wheels."""
    shared = tmp_path_factory.mktemp("cache")
    shutil.copytree(warm_cache, shared / "envsync")
    return shared


def _empty_directory(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch, shared_cache: Path) -> Place:
    """Return the place, as the working directory of this process, with caches that tests share and no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    # Offline, uv still takes what the shared cache holds of an index: an empty one of its own holds nothing.
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"file://{_empty_directory(place.root.parent / 'index')}")
    monkeypatch.chdir(place.root)
    place.trust()
    return place


@pytest.fixture
def bench(here: Place, python_of: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> Bench:
    """Return a place with one environment to be, on Python 3.12."""
    return Bench(here, python_of("3.12"), capsys)


@pytest.fixture
def installer() -> str:
    """Return the installer to use, where a test does not ask for both: pip takes its time."""
    return "uv"


@pytest.fixture(scope="session")
def depot_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheels that every depot begins with, once."""
    return make_depot_wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture
def depot(  # noqa: PLR0913, PLR0917  # pytest's way to hand things over
    here: Place,
    python_of: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    installer: str,
    depot_wheels: Path,
) -> Depot:
    """Return a place with wheels to install, no index, and a link at ``env`` that leads to nothing yet."""
    depot = Depot(here, python_of, capsys, installer)
    shutil.copytree(depot_wheels, depot.wheels)
    monkeypatch.setenv("PIP_FIND_LINKS", str(depot.wheels))
    monkeypatch.setenv("UV_FIND_LINKS", str(depot.wheels))
    (here.root / "ends").mkdir()
    depot.path.symlink_to("ends/env")
    depot.flip("3.11")
    return depot


@pytest.fixture
def imported(here: Place, capsys: pytest.CaptureFixture[str]) -> Import:
    """Return what imports into the place's manifest."""
    return importer(here, capsys)


@pytest.fixture
def dotfiles(place: Place, python_of: Callable[[str], str], shared_cache: Path) -> Dotfiles:
    """Return a manifest behind links."""
    place.variables["XDG_CACHE_HOME"] = str(shared_cache)
    dotfiles = Dotfiles(place, python_of)
    dotfiles.lay_out()
    return dotfiles


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """Return a directory of declarations to read, while no process may start."""
    refuse_processes(monkeypatch)
    root = Path(os.path.realpath(tmp_path)) / "p"
    root.mkdir()
    return Inputs(root)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    """Return a directory with a home in it, to load manifests from."""
    return Box(tmp_path, monkeypatch)
