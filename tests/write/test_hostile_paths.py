"""Things that somebody, or an accident, may put in the way; each of these has once done harm."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.apply import stage
from envsync.cli.main import main
from envsync.observe.mounts import name_of
from envsync.write.flush import flush
from harness.bench import listing
from harness.place import Place

pytestmark = pytest.mark.sampled(3)

NAME = ".envsync-0123456789abcdef"
ONE = '[envs.blog]\npath = "blog/.venv"\ntarget = "blog"\n'
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")


@pytest.fixture
def made(place: Place) -> Place:
    place.write(ONE, "blog")
    assert place.apply()["blog"]["outcome"] == "created"
    return place


@pytest.mark.parametrize("keep", [0, 1])
def test_a_users_file_in_an_environment_survives_every_later_rebuild(made: Place, keep: int) -> None:
    made.manifest.write_text(made.manifest.read_text().replace("version = 1", f"version = 1\nkeep = {keep}"))
    (made.root / "blog/.venv/bin/notes").mkdir()
    (made.root / "blog/.venv/bin/notes/thesis.txt").write_text("mine")
    for _ in range(3):
        assert made.apply("--force-rebuild", "blog")["blog"]["outcome"] == "rebuilt"
    (found,) = made.root.rglob("thesis.txt")
    assert found.read_text() == "mine"


@as_root
def test_what_is_mounted_in_an_environment_is_never_emptied(made: Place) -> None:
    precious = made.root / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    inner = made.root / "state/blog/data"
    inner.mkdir()
    if subprocess.run(["mount", "--bind", precious, inner], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    try:
        run = made.envsync("apply", "--json", "--force-rebuild", "blog")
        assert run.environments["blog"]["conflict"]["code"] == "mounted-inside"
        assert (precious / "file").read_text() == "mine"
    finally:
        subprocess.run(["umount", inner], check=True)


def forged(made: Place, **more: object) -> Path:
    staging_dir = made.root / "state" / NAME
    (staging_dir / "env").mkdir(parents=True)
    end = str(made.root / "state/blog")
    marker = {"name": "blog", "path": end, "end": end, "kind": "staging", "made": "", "envsync": 1} | more
    (staging_dir / "envsync.json").write_text(json.dumps(marker))
    return staging_dir


@as_root
def test_the_marker_of_another_user_proves_nothing(made: Place) -> None:
    staging_dir = forged(made)
    os.chown(staging_dir, 65534, 65534)
    before = listing(staging_dir)
    assert made.envsync("apply", "--no-cache").status == 0
    assert listing(staging_dir) == before


def test_a_marker_cannot_name_places_outside_of_its_staging_dir(made: Place) -> None:
    precious = made.root / "precious"
    precious.mkdir()
    staging_dir = forged(made, contents={"../../precious/keys": 5, "pyvenv.cfg": 1})
    (staging_dir / "former").write_text("evil")
    made.envsync("apply", "--no-cache")
    assert os.listdir(precious) == []


def test_a_link_that_comes_to_the_end_while_it_is_built_stays(
    made: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end, precious = made.root / "state/blog", made.root / "precious"
    precious.mkdir(mode=0o700)

    def replace_end(staging_dirs: list[str]) -> None:
        flush(staging_dirs)
        end.rename(made.root / "moved")
        end.symlink_to(precious)

    monkeypatch.setattr(stage, "flush", replace_end)
    monkeypatch.chdir(made.root)
    assert main(["apply", "--json", "--force-rebuild", "blog"]) == 1
    assert json.loads(capsys.readouterr().out)["environments"][0]["outcome"] == "failed"
    assert os.readlink(end) == str(precious)
    assert (os.listdir(precious), precious.stat().st_mode & 0o777) == ([], 0o700)


@pytest.mark.parametrize("where", ["requirements.txt", "interpreters", "unchanged", "state/blog/pyvenv.cfg"])
def test_a_fifo_holds_nothing_up(made: Place, where: str) -> None:
    made.write(ONE + 'requirements = ["requirements.txt"]\n')
    (made.root / "requirements.txt").write_text("")
    made.apply()
    made.apply()  # what was written just now proves nothing to the first
    cache = Path(made.variables["HOME"]) / ".cache/envsync"
    paths = [*cache.glob(f"{where}*")] if not (made.root / where).exists() else [made.root / where]
    for path in paths:
        path.unlink()
        os.mkfifo(path)
    assert paths
    assert made.envsync("check").status in {0, 1}
    assert made.envsync("apply").status in {0, 1}


@pytest.mark.parametrize(
    "more",
    [
        'project = "proj"\ngroups = ["nosuch"]',
        'requirements = ["nul.txt"]',
    ],
)
def test_inputs_that_make_no_sense_stop_only_their_environment(place: Place, more: str) -> None:
    (place.root / "proj").mkdir()
    (place.root / "proj/pyproject.toml").write_text("[dependency-groups]\n")
    (place.root / "nul.txt").write_text("-r a\0b\n")
    place.write(f'{ONE}[envs.bad]\npath = "bad"\n{more}\n', "blog")
    run = place.envsync("apply", "--json")
    if run.status == 2:
        return  # the manifest itself says so already
    assert run.environments["blog"]["outcome"] == "created"
    assert (run.status, run.environments["bad"]["outcome"]) == (1, "conflict")


def test_a_worktree_that_appears_gets_its_alias(place: Place) -> None:
    place.write('[envs.blog]\npath = "blog/.venv"\naliases = ["wt/feature/.venv"]\n', "blog")
    place.apply()
    assert place.envsync("check").status == 0
    (place.root / "wt/feature").mkdir(parents=True)
    assert place.envsync("check").status == 3
    assert place.apply()["blog"]["outcome"] == "linked"


def test_a_changed_prompt_keeps_a_users_lines(made: Place) -> None:
    activate = made.root / "state/blog/bin/activate"
    activate.write_text(activate.read_text() + "export MY_OWN=1\n")
    made.write(f'{ONE}prompt = "new"\n')
    assert made.apply()["blog"]["outcome"] == "repaired"
    assert "new" in activate.read_text()
    assert any("MY_OWN" in path.read_text() for path in activate.parent.glob("activate*"))


def test_a_lock_that_is_a_link_is_not_written_through(made: Place) -> None:
    precious = made.root / "precious"
    precious.write_text("mine")
    name = hashlib.sha256(name_of(str(made.root / "state/blog")).encode()).hexdigest()[:32]
    lock = Path(made.variables["HOME"]) / ".local/state/envsync/locks" / f"{name}.lock"
    lock.unlink()
    lock.symlink_to(precious)
    made.envsync("apply", "--force-rebuild", "blog")
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("damage", ["emptied", "gone", "link"])
def test_a_damaged_generation_is_not_rolled_back_to(made: Place, damage: str) -> None:
    made.apply("--force-rebuild", "blog")
    (generation,) = made.envsync("status", "--json").environments["blog"]["generations"]
    kept = Path(generation) / "env"
    shutil.rmtree(kept)
    if damage == "emptied":
        kept.mkdir()
    elif damage == "link":
        kept.symlink_to(made.root)
    run = made.envsync("rollback", "blog", "--json")
    assert (run.status, run.environments["blog"]["outcome"]) == (1, "conflict")
    assert made.python("blog/.venv", "import sys; print(sys.prefix)") == str(made.root / "blog/.venv")


@pytest.mark.parametrize("declare", [lambda name: f'aliases = ["{name}"]', lambda name: f'expose = ["python:{name}"]'])
def test_places_that_meet_through_a_link_are_a_conflict_before_anything_is_made(
    place: Place, declare: Callable[[str], str]
) -> None:
    (place.root / "real").mkdir()
    (place.root / "exposed").symlink_to("real")
    name = "exposed/b" if "alias" in declare("") else "b"
    place.write(f'[envs.a]\npath = "a"\n{declare(name)}\n[envs.b]\npath = "real/b"\n')
    run = place.envsync("apply", "--json")
    assert {entry["conflict"]["code"] for entry in run.environments.values()} == {"path-shared"}
    assert os.listdir(place.root / "real") == []


def test_more_generations_are_kept_where_more_are_to_be_kept(made: Place) -> None:
    made.manifest.write_text(made.manifest.read_text().replace("version = 1", "version = 1\nkeep = 5"))
    for _ in range(5):
        made.apply("--force-rebuild", "blog")
    assert len(made.envsync("status", "--json").environments["blog"]["generations"]) == 5


def test_a_path_that_the_locale_cannot_name_is_a_conflict(place: Place) -> None:
    place.write('[envs.blog]\npath = "\u6f22/own"\n')
    plain = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = place.envsync("plan", "--json", **plain)
    assert (run.status, run.environments["blog"]["conflict"]["code"]) == (1, "not-readable")
    place.write('[envs.blog]\npath = "\u6f22/own"\n')
    assert place.envsync("apply", PYTHONIOENCODING="ascii").status == 0
