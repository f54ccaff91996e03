"""What is at ``path``, crossed with what is declared: every cell has one outcome, and nothing else is touched."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from links import fingerprint
from uv import find_uv_bin

from envsync.cli.main import main

LIMIT = 32 if sys.platform == "darwin" else 40
"""How many symlinks the kernel follows."""
IN_PLACE = "unchanged or repaired"
FINE = {"created": {"created"}, IN_PLACE: {"unchanged", "repaired"}}
Listing = dict[str, tuple[object, ...]]
Apply = Callable[..., dict[str, Any]]

# what is at path: (no target, target where the path leads, target elsewhere); None: there is no such case
CELLS: dict[str, tuple[str, str | None, str]] = {
    "nothing": ("created", "created", "created"),
    "nothing, missing parents": ("created", "created", "created"),
    "relative link": ("created", "created", "link-elsewhere"),
    "absolute link": ("created", "created", "link-elsewhere"),
    "chain of three": ("created", "created", "link-elsewhere"),
    "link in a linked folder": ("created", "created", "link-elsewhere"),
    "dangling": ("created", "created", "link-elsewhere"),
    "dangling, missing parents": ("created", "created", "link-elsewhere"),
    "dangling chain": ("created", "created", "link-elsewhere"),
    "loop of one": ("link-loop", "link-loop", "link-loop"),
    "loop of two": ("link-loop", "link-loop", "link-loop"),
    "too many hops": ("link-loop", "link-loop", "link-loop"),
    "one hop too many for bin/python3": ("link-loop", "link-loop", "link-loop"),
    "as many hops as work": ("created", "created", "link-elsewhere"),
    "empty folder": ("created", None, "not-a-link"),
    "venv": (IN_PLACE, None, "not-a-link"),
    "virtualenv": (IN_PLACE, None, "not-a-link"),
    "uv": (IN_PLACE, None, "not-a-link"),
    "link to venv": (IN_PLACE, IN_PLACE, "link-elsewhere"),
    "link to virtualenv": (IN_PLACE, IN_PLACE, "link-elsewhere"),
    "link to uv": (IN_PLACE, IN_PLACE, "link-elsewhere"),
    "foreign folder": ("not-a-venv", None, "not-a-venv"),
    "link to a foreign folder": ("not-a-venv", "not-a-venv", "link-elsewhere"),
    "file": ("not-a-directory", None, "not-a-directory"),
    "link to a file": ("not-a-directory", "not-a-directory", "not-a-directory"),
    "FIFO": ("not-a-directory", None, "not-a-directory"),
    "socket": ("not-a-directory", None, "not-a-directory"),
    "device": ("not-a-directory", None, "not-a-directory"),
}
WHERE = {"nothing, missing parents": "new/deep/env", "link in a linked folder": "linked/env"}
TARGETS = (None, "ends/env", "other/deep/place")
CASES = [
    pytest.param(state, target, outcome, id=f"{state} - {'no target' if target is None else target}")
    for state, outcomes in CELLS.items()
    for target, outcome in zip(TARGETS, outcomes, strict=True)
    if outcome is not None
]


def chain(root: Path, hops: int) -> None:
    """Let ``env`` lead to the folder ``ends/env`` over that many symlinks."""
    (root / "ends/env").mkdir()
    (root / "hops").mkdir()
    (root / "hops/1").symlink_to("../ends/env")
    for number in range(2, hops):
        (root / f"hops/{number}").symlink_to(str(number - 1))
    (root / "env").symlink_to(f"hops/{hops - 1}" if hops > 1 else "ends/env")


def hops_of(python: str) -> int:
    """Count the symlinks from an interpreter's last component on, by hand."""
    count = 0
    while os.path.islink(python):
        python = os.path.join(os.path.dirname(python), os.readlink(python))
        count += 1
    return count


def build(builder: str, python: str, place: Path) -> None:
    command = {
        "venv": [python, "-m", "venv", "--without-pip"],
        "virtualenv": [sys.executable, "-m", "virtualenv", "-q", "--no-seed", "--python", python],
        "uv": [find_uv_bin(), "venv", "-q", "--no-config", "--no-project", "--python", python],
    }[builder]
    subprocess.run([*command, str(place)], check=True, capture_output=True)
    (site,) = place.glob("lib/python3*/site-packages")
    (site / "mine.py").write_text("here = True\n")


def links_at(state: str, root: Path) -> bool:
    """Put a symlink at the path; tell whether there is one in this state."""
    texts = {
        "relative link": {"env": "ends/env"},
        "absolute link": {"env": str(root / "ends/env")},
        "chain of three": {"env": "ends/one", "ends/one": str(root / "ends/two"), "ends/two": "env"},
        "link in a linked folder": {"linked": "real", "real/env": "../ends/env"},
        "dangling": {"env": "ends/env"},
        "dangling, missing parents": {"env": "gone/deep/env", "gone": "ends/not/yet"},
        "dangling chain": {"env": "ends/one", "ends/one": str(root / "ends/two"), "ends/two": "../ends/env"},
        "loop of one": {"env": "env"},
        "loop of two": {"env": "ends/back", "ends/back": "../env"},
        "link to venv": {"env": "ends/env"},
        "link to virtualenv": {"env": "ends/env"},
        "link to uv": {"env": "ends/env"},
        "link to a foreign folder": {"env": "ends/env"},
        "link to a file": {"env": "ends/env"},
        "device": {"env": "/dev/null"},
    }.get(state, {})
    for link, text in texts.items():
        (root / link).symlink_to(text)
    return bool(texts)


def prepare(state: str, root: Path, python: str) -> None:
    """Bring about what is at the path, with things of others beside it."""
    for folder in ("ends", "real"):
        (root / folder).mkdir()
        (root / folder / "notes.txt").write_text("mine")
    at_end = root / ("ends/env" if links_at(state, root) else "env")
    most = LIMIT - 2 - hops_of(python)  # python3 leads to python, and that one to the interpreter link
    match state.removeprefix("link to "):
        case "relative link" | "absolute link" | "chain of three" | "link in a linked folder" | "empty folder":
            at_end.mkdir()
        case "too many hops":
            chain(root, LIMIT + 1)
        case "one hop too many for bin/python3":
            chain(root, most + 1)
        case "as many hops as work":
            chain(root, most)
        case "venv" | "virtualenv" | "uv" as builder:
            build(builder, python, at_end)
        case "foreign folder" | "a foreign folder":
            (at_end / "bin").mkdir(parents=True)
            (at_end / "bin/python").write_text("a snake")
        case "file" | "a file":
            at_end.write_text("mine")
        case "FIFO":
            os.mkfifo(at_end)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                os.chdir(root)  # a socket's name must be short
                listener.bind("env")


def listing(root: Path) -> Listing:
    """Give all that can be seen of every entry under ``root``, without following a link."""
    found: Listing = {}
    for folder, folders, files in os.walk(root):
        for name in (".", *folders, *files):
            path = Path(folder, name)
            seen = path.lstat()
            held = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            found[os.path.relpath(path, root)] = (
                *(seen.st_mode, seen.st_ino, seen.st_nlink, seen.st_uid, seen.st_size),
                *(seen.st_mtime_ns, seen.st_ctime_ns, held),
            )
    return found


def not_inside(before: Listing, environment: str) -> Listing:
    """Leave out folders, whose times change when something is made in them, and the environment itself."""
    return {
        name: seen
        for name, seen in before.items()
        if not os.path.normpath(name).startswith(f"{environment}/") and not (isinstance(seen[0], int) and _folder(seen[0]))
    }


def _folder(mode: int) -> bool:
    return mode & 0o170000 == 0o040000


@pytest.fixture
def command(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path_factory: Any
) -> Apply:
    """Run the command in this process: a new one costs more than all the rest of a test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.chdir(place.root)

    def run(name: str) -> dict[str, Any]:
        capsys.readouterr()
        links = fingerprint(place.root)
        status = main([name, "--json"])
        document = json.loads(capsys.readouterr().out)
        assert isinstance(document, dict)
        assert document["exit_code"] == status
        place.assert_links_kept(links)
        return document

    return run


def assert_in_conflict(document: dict[str, Any], code: str, message: str) -> None:
    (entry,) = document["environments"]
    assert document["exit_code"] == 1, message
    assert entry["state"] == "conflict", message
    assert code in [conflict["code"] for conflict in entry["conflicts"]]
    assert entry["conflict"] == entry["conflicts"][0]
    assert entry["actions"] == []
    for conflict in entry["conflicts"]:
        assert conflict["message"]
        assert conflict["hint"]


@pytest.mark.parametrize(("state", "target", "expected"), CASES)
def test_what_is_at_the_path_decides_what_happens(
    state: str, target: str | None, expected: str, place: Place, command: Apply, python_of: Callable[[str], str]
) -> None:
    python, path = python_of("3.12"), WHERE.get(state, "env")
    prepare(state, place.root, python)
    if target == "ends/env" and state == "dangling, missing parents":
        target = "ends/not/yet/deep/env"
    lines = [f'path = "{path}"', f'python = "{python}"', *([f'target = "{place.root}/{target}"'] if target else [])]
    place.write("[envs.one]\n" + "\n".join(lines) + "\n")
    before = listing(place.root)

    planned = command("plan")
    assert listing(place.root) == before, "a plan wrote something"
    first = command("apply")
    after = listing(place.root)
    second = command("apply")
    assert listing(place.root) == after, "a second pass wrote something"

    if expected not in FINE:
        for document in (planned, first, second):
            assert_in_conflict(document, expected, "conflict expected")
        assert after == before, "a conflict is not touched"
        return
    (entry,) = first["environments"]
    assert (first["exit_code"], entry["conflict"], entry["error"]) == (0, None, None)
    assert entry["outcome"] in FINE[expected]
    assert second["environments"][0]["outcome"] == "unchanged"
    assert (second["status"], second["exit_code"]) == ("in-sync", 0)
    assert planned["environments"][0]["actions"] == entry["actions"]
    environment = os.path.relpath(os.path.realpath(place.root / path), place.root)
    assert not_inside(before, environment).items() <= after.items(), "something foreign was touched"
    assert_works(place, path, target, environment, keeps=expected == IN_PLACE)


def assert_works(place: Place, path: str, target: str | None, end: str, *, keeps: bool) -> None:
    """The environment runs under its declared name, and holds no name but that."""
    declared = str(place.root / path)
    for name in ("python", "python3", "python3.12"):
        done = subprocess.run([f"{declared}/bin/{name}", "-Ic", "import sys; print(sys.prefix)"], capture_output=True)
        assert done.stdout.decode().strip() == declared
    assert place.python(path, "import sys; print(sys.prefix != sys.base_prefix)") == "True"
    activate = (place.root / end / "bin/activate").read_text()
    assert declared in activate
    if declared != str(place.root / end):
        assert str(place.root / end) not in activate
    if target:
        assert os.path.realpath(declared) == os.path.realpath(place.root / target)
    if keeps:
        assert place.python(path, "import mine; print(mine.here)") == "True"


@pytest.mark.parametrize("linked", [False, True])
def test_what_cannot_be_looked_at_is_a_conflict(
    place: Place, command: Apply, python_of: Callable[[str], str], linked: bool
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may look at everything")
    (place.root / "closed/env").mkdir(parents=True)
    if linked:
        (place.root / "env").symlink_to("closed/env")
    place.write(f'[envs.one]\npath = "{"env" if linked else "closed/env"}"\npython = "{python_of("3.12")}"\n')
    (place.root / "closed").chmod(0)
    try:
        (entry,) = command("apply")["environments"]
    finally:
        (place.root / "closed").chmod(0o700)
    assert entry["outcome"] == "conflict"
    assert os.listdir(place.root / "closed/env") == []


def test_missing_parents_of_an_environment_that_waits_are_not_made(
    place: Place, command: Apply, python_of: Callable[[str], str]
) -> None:
    place.write(f'[envs.one]\npath = "repo/.venv"\nwait-for = "repo"\npython = "{python_of("3.12")}"\n')
    before = listing(place.root)
    document = command("apply")
    assert (document["exit_code"], document["environments"][0]["state"]) == (0, "waiting")
    assert listing(place.root) == before
    (place.root / "repo").mkdir()
    assert command("apply")["environments"][0]["outcome"] == "created"
