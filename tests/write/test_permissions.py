"""Whose is what: directories of envsync's own, what anybody may write to, and root among other users' directories."""

import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envsync.cache.fingerprint import outwait_slack
from harness.depot import Depot
from harness.place import Place

pytestmark = pytest.mark.sampled(5)

OTHER = "nobody"


@pytest.fixture
def give() -> Callable[[Path], None]:
    """Return directories and all in them to another user; needs root."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    other = pwd.getpwnam(OTHER)

    def to_other(top: Path) -> None:
        for path in (top, *top.rglob("*")):
            os.chown(path, other.pw_uid, other.pw_gid, follow_symlinks=False)

    return to_other


def masked(place: Place, mask: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "envsync", *arguments]
    done = subprocess.run(
        command, check=False, cwd=place.root, env=place.variables, capture_output=True, text=True, umask=mask
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def modes(top: Path) -> dict[str, int]:
    found = (path for path in (top, *top.rglob("*")) if not path.is_symlink())
    return {str(path.relative_to(top)): stat.S_IMODE(path.stat().st_mode) for path in found}


def writable_by_all(top: Path) -> list[str]:
    return [name for name, mode in modes(top).items() if mode & stat.S_IWOTH]


def everything(top: Path) -> list[str]:
    return sorted(str(path) for path in top.rglob("*"))


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_nothing_that_is_built_can_be_written_to_by_anybody(depot: Depot, installer: str) -> None:
    depot.installer = installer
    depot.place.variables = {**os.environ, "UV_CACHE_DIR": str(depot.root / "uv"), "XDG_CACHE_HOME": f"{depot.root}/c"}
    depot.declare('packages = ["app"]')
    (depot.root / "ends/env").mkdir(mode=0o755)
    rounds = [("apply",), ("apply", "--force-rebuild", "one")]
    for words in rounds if installer == "uv" else rounds[:1]:
        done = masked(depot.place, 0, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert writable_by_all(depot.end) == []
        (depot.root / "ends/env").chmod(0o777)
    assert depot.says("app") == f"app 1.0 {depot.path}"
    if installer == "uv":
        depot.declare('packages = ["app", "tool"]')
        assert masked(depot.place, 0, "apply").returncode == 0
        assert writable_by_all(depot.end) == []


def test_files_of_an_installers_cache_that_anybody_could_write_to_are_narrowed(depot: Depot) -> None:
    depot.place.variables = {**os.environ, "UV_CACHE_DIR": str(depot.root / "uv")}
    depot.declare('packages = ["app"]')
    assert masked(depot.place, 0o022, "apply").returncode == 0
    for path in (depot.root / "uv").rglob("*"):
        if path.is_file():
            path.chmod(0o666)
    assert masked(depot.place, 0o022, "apply", "--force-rebuild", "one").returncode == 0
    assert writable_by_all(depot.end) == []


@pytest.mark.parametrize("mask", [0, 0o022, 0o077])
def test_what_envsync_keeps_for_itself_is_its_users_alone(cold_place: Place, mask: int) -> None:
    home = Path(cold_place.variables["HOME"])
    cold_place.write('[envs.a]\npath = "a"\npackages = ["./wheel-1-py3-none-any.whl"]\n')
    masked(cold_place, mask, "apply")
    cold_place.write('[envs.a]\npath = "a"\n')
    assert masked(cold_place, mask, "apply").returncode == 0
    cache, state = home / ".cache/envsync", home / ".local/state/envsync"
    for top in (cache, state, state / "locks"):
        assert stat.S_IMODE(top.stat().st_mode) == 0o700
    for path in (*cache.iterdir(), *(state / "locks").iterdir()):
        assert path.is_dir() or stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_directories_of_envsyncs_own_that_are_open_are_told_and_closed(place: Place) -> None:
    home = Path(place.variables["HOME"])
    place.write('[envs.a]\npath = "a"\n')
    place.apply()
    cache, locks = home / ".cache/envsync", home / ".local/state/envsync/locks"
    for directory in (cache, locks):
        directory.chmod(0o755)
    checks = {one["code"]: one for one in place.envsync("doctor", "--json").document["checks"]}
    assert (checks["locks"]["status"], "chmod" in checks["locks"]["hint"]) == ("warning", True)
    place.write('[envs.a]\npath = "a"\n[envs.b]\npath = "b"\n')
    outwait_slack()  # of a manifest that was written just now, nothing is kept
    place.apply()
    assert {stat.S_IMODE(directory.stat().st_mode) for directory in (cache, locks)} == {0o700}


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_an_empty_directory_that_anybody_may_write_to_is_a_conflict(place: Place, mode: int) -> None:
    """One in which only owners may rename and delete is not, nor one that a group may write to."""
    (place.root / "a").mkdir()
    (place.root / "a").chmod(mode)
    place.write('[envs.a]\npath = "a"\n')
    entry = place.apply()["a"]
    if mode == 0o777:
        assert entry["conflict"]["code"] == "unsafe-permissions"
        assert "chmod o-w" in entry["conflict"]["hint"]
        assert os.listdir(place.root / "a") == []
    else:
        assert entry["outcome"] == "created"
        assert writable_by_all(place.root / "a") == []


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
@pytest.mark.parametrize("path", ["shared/a", "shared/deep/a"])
def test_nothing_is_made_in_a_directory_in_which_anybody_may_replace_it(place: Place, mode: int, path: str) -> None:
    (place.root / "shared").mkdir()
    (place.root / "shared").chmod(mode)
    place.write(f'[envs.a]\npath = "{path}"\n')
    entry = place.apply()["a"]
    if mode == 0o777:
        assert entry["conflict"]["code"] == "unsafe-permissions"
        assert os.listdir(place.root / "shared") == []
    else:
        assert entry["outcome"] == "created"


@pytest.mark.parametrize("path", ["theirs", "theirs/a", "theirs/deep/a"])
def test_nothing_is_made_in_another_users_directory(place: Place, give: Callable[[Path], None], path: str) -> None:
    (place.root / "theirs").mkdir()
    give(place.root / "theirs")
    place.write(f'[envs.a]\npath = "{path}"\n')
    entry = place.apply()["a"]
    assert entry["conflict"]["code"] == "foreign-owner"
    assert f"sudo -u {OTHER}" in entry["conflict"]["hint"]
    assert os.listdir(place.root / "theirs") == []


def test_no_link_is_made_in_another_users_directory(place: Place, give: Callable[[Path], None]) -> None:
    (place.root / "theirs").mkdir()
    give(place.root / "theirs")
    place.write('[envs.a]\npath = "theirs/a"\ntarget = "a"\n[envs.b]\npath = "b"\naliases = ["theirs/b"]\n')
    assert {entry["conflict"]["code"] for entry in place.apply().values()} == {"foreign-owner"}
    assert everything(place.root) == [str(place.manifest), str(place.root / "theirs")]


@pytest.mark.parametrize(
    "words", [("apply", "--force-rebuild", "one"), ("rollback", "one"), ("upgrade", "one"), ("move", "one")]
)
def test_root_leaves_another_users_environment_as_it_is(
    depot: Depot, give: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    depot.directory = "ends/env"
    target = 'target = "moved"\n' if "move" in words else ""
    depot.make('packages = ["lib<1.1"]')
    assert depot.apply("--force-rebuild", "one")["outcome"] == "rebuilt"
    depot.declare('packages = ["lib"]', target)
    give(depot.root / "ends")
    before = {path: os.lstat(path).st_ctime_ns for path in map(Path, everything(depot.root))}
    depot.place.variables = dict(os.environ)
    run = depot.place.envsync(*words)
    assert run.status == 1, run
    assert f"sudo -u {OTHER}" in run.out + run.err
    after = {path: os.lstat(path).st_ctime_ns for path in map(Path, everything(depot.root))}
    assert after == before
    assert depot.place.envsync("check").status == (1 if target else 0)


def test_root_repairs_what_is_roots(place: Place, give: Callable[[Path], None]) -> None:
    place.write('[envs.a]\npath = "a"\n')
    place.apply()
    (place.root / "a/bin/python").unlink()
    assert place.apply()["a"]["outcome"] == "repaired"
    assert place.apply("--force-rebuild", "a")["a"]["outcome"] == "rebuilt"
    assert callable(give)


def test_root_in_the_home_of_another_makes_nothing_there(cold_place: Place, give: Callable[[Path], None]) -> None:
    """As with a sudo that keeps HOME: caches and locks of root's would keep their owner out."""
    home = Path(cold_place.variables["HOME"])
    give(home)
    cold_place.write('[envs.a]\npath = "a"\n')
    run = cold_place.envsync("apply", f"--file={cold_place.manifest}")
    assert run.status == 0, run
    assert "another user's" in run.err
    assert everything(home) == []
    assert (cold_place.root / "a/pyvenv.cfg").exists()


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_cache_that_others_may_write_to_is_not_used(cold_place: Place, mode: int) -> None:
    cache = Path(cold_place.variables["HOME"]) / ".cache/envsync"
    cache.mkdir(parents=True)
    cache.chmod(mode)
    cold_place.write('[envs.a]\npath = "a"\n')
    run = cold_place.envsync("apply")
    assert run.status == 0
    assert "others may write" in run.err
    assert everything(cache) == []
    checks = {one["code"]: one for one in cold_place.envsync("doctor", "--json").document["checks"]}
    assert checks["cache"]["status"] == "warning"
    cache.chmod(0o700)
    assert cold_place.envsync("apply").err == ""
    assert everything(cache) != []


def test_doctor_tells_of_directories_in_which_anybody_can_replace_what_is_used(place: Place) -> None:
    python = place.root / "open/link"
    python.parent.mkdir()
    python.symlink_to("/usr/bin/python3")
    place.write(f'[envs.a]\npath = "deep/a"\npython = "{python}"\n')
    place.apply()

    def reported() -> list[tuple[str, str]]:
        checks = place.envsync("doctor", "--json").document["checks"]
        return [(one["status"], one["message"]) for one in checks if one["code"] == "shared-directory"]

    assert [status for status, _ in reported()] == ["ok"]
    for name in ("deep", "open"):
        (place.root / name).chmod(0o777)
    assert [status for status, _ in reported()] == ["warning"] * 2
    assert all(any(f"{place.root}/{name}" in message for _, message in reported()) for name in ("deep", "open"))
    (place.root / "deep").chmod(0o1777)
    assert len(reported()) == 1


def test_doctor_tells_of_an_interpreter_of_another_user(place: Place, give: Callable[[Path], None]) -> None:
    python = place.root / "python"
    shutil.copy("/usr/bin/python3", python)
    give(python)
    place.write(f'[envs.a]\npath = "a"\npython = "{python}"\n')
    checks = {one["code"]: one for one in place.envsync("doctor", "--json").document["checks"]}
    assert checks["interpreter-owner"]["status"] == "warning"
    assert OTHER in checks["interpreter-owner"]["message"]


@pytest.fixture
def open_place() -> Iterator[Place]:
    """Yield a place that other users can reach, and the command as one of them runs it."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root becomes another user, by setpriv(1)")
    root = Path(tempfile.mkdtemp(dir="/tmp"))
    root.chmod(0o755)
    try:
        yield Place(root, dict(os.environ))
    finally:
        shutil.rmtree(root)


def as_other(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    home = place.root / "home"
    if not home.exists():
        home.mkdir(mode=0o700)
        os.chown(home, pwd.getpwnam(OTHER).pw_uid, pwd.getpwnam(OTHER).pw_gid)
    become = ["setpriv", f"--reuid={OTHER}", "--regid=nogroup", "--clear-groups"]
    variables = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"]}
    command = [*become, sys.executable, "-m", "envsync", *arguments]
    done = subprocess.run(command, check=False, cwd=place.root, env=variables, capture_output=True, text=True)
    if "Permission denied" in done.stderr and "-m" not in done.stderr and not done.stdout:
        pytest.skip("another user cannot run this Python")
    return done


def test_another_user_works_in_directories_of_its_own_and_in_no_others(
    open_place: Place, give: Callable[[Path], None]
) -> None:
    for name, mode in (("own", 0o755), ("shared", 0o777), ("sticky", 0o1777), ("roots", 0o755)):
        (open_place.root / name).mkdir()
        (open_place.root / name).chmod(mode)
    give(open_place.root / "own")
    text = "".join(f'[envs.{name}]\npath = "{name}/a"\n' for name in ("own", "shared", "sticky", "roots"))
    open_place.manifest.write_text(f'version = 1\nstate-dir = "own/state"\n{text}')
    done = as_other(open_place, "apply", "--file", str(open_place.manifest), "--json")
    found = {one["name"]: one for one in json.loads(done.stdout)["environments"]}
    assert found["own"]["outcome"] == found["sticky"]["outcome"] == "created"
    assert found["shared"]["conflict"]["code"] == "unsafe-permissions"
    assert found["roots"]["conflict"]["code"] == "not-writable"
