"""What others write while envsync works is not lost, and what others made is not taken over."""

import threading
import time
from pathlib import Path

import pytest

from harness.place import Place
from harness.wheels import make_wheel

pytestmark = pytest.mark.sampled(3)


def local(place: Place) -> None:
    make_wheel(place.root / "wheels", "tool", "1")
    place.variables |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(place.root / "wheels")}
    place.variables |= {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(place.root / "wheels")}


@pytest.mark.parametrize("target", ["", 'target = "one"\n'])
def test_a_file_that_comes_during_an_installation_stays_and_the_next_one_succeeds(place: Place, target: str) -> None:
    local(place)
    declared = f'installer = "pip"\n[envs.one]\npath = "one"\n{target}'
    place.write(declared)
    place.apply()
    place.write(declared + 'packages = ["tool"]\n')
    stop = threading.Event()

    def write_when_it_is_under_way() -> None:
        while not stop.is_set():
            if list(place.root.glob("**/.envsync-*/env/bin/python")):
                (place.root / "one/bin/precious.txt").write_text("mine")
                return
            time.sleep(0.005)

    writer = threading.Thread(target=write_when_it_is_under_way)
    writer.start()
    run = place.envsync("apply", "--json")
    stop.set()
    writer.join()
    assert (place.root / "one/bin/precious.txt").read_text() == "mine"
    assert run.environments["one"]["error"]["code"] == "changed-meanwhile"
    assert place.apply()["one"]["outcome"] == "installed"
    assert (place.root / "one/bin/precious.txt").read_text() == "mine"


def test_another_manifests_environment_is_a_conflict_while_its_path_leads_there(place: Place) -> None:
    other = place.root / "other"
    other.mkdir()
    place.write('[envs.blog]\npath = "one"\ntarget = "blog"\n')
    place.apply()
    manifest = other / "envs.toml"
    manifest.write_text('version = 1\nstate-dir = "../state"\n[envs.blog]\npath = "two"\ntarget = "blog"\n')
    run = place.envsync("apply", "--json", "--file", str(manifest))
    assert run.environments["blog"]["conflict"]["code"] == "path-shared"
    assert str(place.root / "one") in run.environments["blog"]["conflict"]["message"]
    assert place.envsync("check").status == 0
    (place.root / "one").unlink()
    assert place.envsync("check", "--file", str(manifest)).status == 3


def test_a_manifest_that_was_moved_goes_on_with_its_environments(place: Place) -> None:
    place.write('[envs.blog]\npath = "one"\ntarget = "blog"\n')
    place.apply()
    place.manifest.rename(place.root / "moved.toml")
    assert place.envsync("check", "--file", "moved.toml").status == 0


def test_metadata_that_is_gone_is_seen_by_the_next_check(place: Place) -> None:
    local(place)
    place.write('[envs.one]\npath = "one"\npackages = ["tool"]\n')
    place.apply()
    assert place.envsync("check").status == 0
    (metadata,) = Path(place.root / "one").glob("lib/*/site-packages/tool-1.dist-info/METADATA")
    metadata.unlink()
    assert place.envsync("check").status == place.envsync("check", "--no-cache").status == 3
