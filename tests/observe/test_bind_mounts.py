"""One directory under two names, by bind mounts and in directories that do not tell case; and mounts that hide."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from envsync.model.problems import EnvsyncError
from envsync.observe.links import Places
from envsync.observe.mounts import Mounts
from envsync.write.locks import hold
from harness.mounting import mounted
from harness.place import Place

pytestmark = pytest.mark.sampled(5)

if sys.platform != "linux":
    pytest.skip("bind mounts are of Linux", allow_module_level=True)


@pytest.fixture
def twice(place: Place) -> Iterator[Place]:
    """Yield a place of which the directory ``one`` is there as ``two`` as well."""
    for name in ("one", "two"):
        (place.root / name).mkdir()
    with mounted("--bind", place.root / "one", place.root / "two"):
        yield place


def codes(place: Place) -> dict[str, str]:
    run = place.envsync("plan", "--json")
    return {name: (entry["conflict"] or {}).get("code", "") for name, entry in run.environments.items()}


@pytest.mark.parametrize("there", [False, True])
def test_two_environments_at_one_place_under_two_names_are_in_conflict(twice: Place, *, there: bool) -> None:
    if there:
        twice.write('[envs.a]\npath = "one/env"\n')
        assert twice.apply()["a"]["outcome"] == "created"
    twice.write('[envs.a]\npath = "one/env"\n[envs.b]\npath = "two/env"\n[envs.c]\npath = "one/c"\n')
    assert codes(twice) == {"a": "path-shared", "b": "path-shared", "c": ""}


def test_an_environment_inside_another_by_another_name_is_in_conflict(place: Place) -> None:
    place.write('[envs.a]\npath = "env"\n')
    place.apply()
    for name in ("env/share", "elsewhere"):
        (place.root / name).mkdir()
    with mounted("--bind", place.root / "env/share", place.root / "elsewhere"):
        place.write('[envs.a]\npath = "env"\n[envs.b]\npath = "elsewhere/deep/own"\n')
        assert codes(place) == {"a": "path-nested", "b": "path-nested"}


def test_a_link_to_the_target_by_its_other_name_leads_there(twice: Place) -> None:
    twice.write('[envs.a]\npath = "a"\ntarget = "../one/env"\n')
    assert twice.apply()["a"]["outcome"] == "created"
    (twice.root / "a").unlink()
    (twice.root / "a").symlink_to("two/env")
    (twice.root / "alias").symlink_to("two/env")
    twice.write('[envs.a]\npath = "a"\ntarget = "../one/env"\naliases = ["alias"]\n')
    assert codes(twice) == {"a": ""}
    assert twice.apply()["a"]["outcome"] == "unchanged"


def test_another_manifests_environment_is_known_by_its_other_name(twice: Place) -> None:
    other = twice.root / "other.toml"
    other.write_text('version = 1\nstate-dir = "state"\n[envs.theirs]\npath = "two/env"\n')
    assert twice.envsync("apply", "--file", "other.toml").status == 0
    twice.write('[envs.a]\npath = "one/env"\n')
    assert codes(twice) == {"a": "path-shared"}


@pytest.mark.parametrize(
    "now", ['[envs.b]\npath = "two/env"\n', '[envs.b]\npath = "link"\n', '[envs.b]\npath = "two/env/inner"\n']
)
def test_an_environment_that_is_declared_by_its_other_name_is_never_pruned(twice: Place, now: str) -> None:
    head = 'version = 1\nstate-dir = "one"\n'
    twice.manifest.write_text(f'{head}[envs.a]\npath = "one/env"\n')
    assert twice.apply()["a"]["outcome"] == "created"
    (twice.root / "link").symlink_to("two/env")
    twice.manifest.write_text(head + now)
    run = twice.envsync("prune", "--all", "--yes", "--json")
    assert (run.status, run.document["removals"]) == (0, [])
    assert (twice.root / "one/env/bin/python").exists()


def test_an_orphan_that_its_path_leads_to_by_another_name_is_kept(twice: Place) -> None:
    head = 'version = 1\nstate-dir = "one"\n'
    twice.manifest.write_text(f'{head}[envs.a]\npath = "link"\ntarget = "env"\n')
    assert twice.apply()["a"]["outcome"] == "created"
    (twice.root / "link").unlink()
    (twice.root / "link").symlink_to("two/env")
    twice.manifest.write_text(head)
    run = twice.envsync("prune", "--all", "--yes", "--json")
    (removal,) = run.document["removals"]
    assert "leads to it still" in removal["kept_because"]
    assert (twice.root / "one/env/bin/python").exists()
    (twice.root / "link").unlink()
    assert twice.envsync("prune", "--yes").status == 0
    assert not (twice.root / "one/env").exists()


def test_a_generation_that_is_seen_by_two_names_is_one(twice: Place) -> None:
    head = 'version = 1\nstate-dir = "two"\n'
    twice.manifest.write_text(f'{head}[envs.a]\npath = "one/env"\n')
    twice.apply()
    assert twice.apply("--force-rebuild", "a")["a"]["outcome"] == "rebuilt"
    run = twice.envsync("prune", "--yes", "--json")
    assert run.document["removals"] == []
    assert twice.envsync("rollback", "a").status == 0


def test_an_environment_is_moved_to_another_mount_of_its_file_system(twice: Place) -> None:
    twice.write('[envs.a]\npath = "a"\n')
    twice.apply()
    twice.write('[envs.a]\npath = "a"\ntarget = "../two/a"\n')
    run = twice.envsync("move", "a")
    assert run.status == 0, run
    assert (twice.root / "one/a/pyvenv.cfg").exists()
    assert twice.apply()["a"]["outcome"] == "unchanged"


def test_a_place_has_one_lock_whatever_it_is_called(twice: Place) -> None:
    locks = str(twice.root / "locks")
    with hold(locks, f"{twice.root}/one/env", 0):
        with pytest.raises(EnvsyncError), hold(locks, f"{twice.root}/two/env", 0):
            pass
        with hold(locks, f"{twice.root}/two/other", 0):
            pass


def without_a_table(place: Place, *arguments: str) -> str:
    """Run the command as in a chroot without ``/proc``: only a rename tells a bind mount."""
    code = (
        "import sys; from envsync.observe import mounts; mounts._TABLE = '/nowhere'; "
        "from envsync.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=False,
        cwd=place.root,
        env=place.variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_environment_at_a_mount_that_no_table_shows_is_rebuilt_entry_by_entry(place: Place) -> None:
    place.write('[envs.a]\npath = "env"\n')
    place.apply()
    with mounted("--bind", place.root / "env", place.root / "env"):
        assert "not atomically" in without_a_table(place, "apply", "--force-rebuild", "a", "-v")
        assert place.apply()["a"]["outcome"] == "unchanged"
        assert "rolled back" in without_a_table(place, "rollback", "a")
        assert place.apply()["a"]["outcome"] == "unchanged"


def test_an_environment_is_created_at_a_mount_that_no_table_shows(place: Place) -> None:
    place.write('[envs.a]\npath = "env"\n')
    (place.root / "env").mkdir()
    with mounted("--bind", place.root / "env", place.root / "env"):
        assert "created" in without_a_table(place, "apply")
        assert place.apply()["a"]["outcome"] == "unchanged"


def test_names_of_one_directory_that_does_not_tell_case_are_one_place(tmp_path: Path) -> None:
    mkfs = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin")
    if mkfs is None:
        pytest.skip("there is no mkfs.ext4")
    image, point = tmp_path / "image", tmp_path / "point"
    point.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 16 << 20)
    made = subprocess.run([mkfs, "-q", "-O", "casefold", image], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("this mkfs.ext4 makes no such directories")
    with mounted("-o", "loop", image, point):
        (point / "folded").mkdir()
        if subprocess.run(["chattr", "+F", point / "folded"], check=False, capture_output=True).returncode:
            pytest.skip("this kernel has no such directories")
        (point / "folded/Project").mkdir()
        places = Places(Mounts())
        assert places.is_one(f"{point}/folded/Project/env", f"{point}/folded/project/env")
        assert not places.is_one(f"{point}/folded/Project/env", f"{point}/folded/other/env")
