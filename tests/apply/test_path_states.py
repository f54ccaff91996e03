"""What is at ``path``, crossed with what is declared: every cell has one outcome, and nothing else is touched."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.bench import Listing, build, files, listing, plant, run
from harness.place import Place
from harness.processes import unprivileged

pytestmark = pytest.mark.sampled(5)

LIMIT = 32 if sys.platform == "darwin" else 40
"""How many symlinks the kernel follows."""
IN_PLACE = "unchanged or repaired"
FINE = {"created": {"created"}, IN_PLACE: {"unchanged", "repaired"}}
Command = Callable[..., dict[str, Any]]

# what is at path: (no target, target where the path leads, target elsewhere); None: there is no such case
CELLS: dict[str, tuple[str, str | None, str]] = {
    "nothing": ("created", "created", "created"),
    "nothing, missing parents": ("created", "created", "created"),
    "relative link": ("created", "created", "link-elsewhere"),
    "absolute link": ("created", "created", "link-elsewhere"),
    "chain of three": ("created", "created", "link-elsewhere"),
    "link in a linked directory": ("created", "created", "link-elsewhere"),
    "dangling": ("created", "created", "link-elsewhere"),
    "dangling, missing parents": ("created", "created", "link-elsewhere"),
    "dangling chain": ("created", "created", "link-elsewhere"),
    "loop of one": ("link-loop", "link-loop", "link-loop"),
    "loop of two": ("link-loop", "link-loop", "link-loop"),
    "too many hops": ("link-loop", "link-loop", "link-loop"),
    "one hop too many for bin/python3": ("link-loop", "link-loop", "link-loop"),
    "as many hops as work": ("created", "created", "link-elsewhere"),
    "empty directory": ("created", None, "not-a-link"),
    "venv": (IN_PLACE, None, "not-a-link"),
    "virtualenv": (IN_PLACE, None, "not-a-link"),
    "uv": (IN_PLACE, None, "not-a-link"),
    "link to venv": (IN_PLACE, IN_PLACE, "link-elsewhere"),
    "link to virtualenv": (IN_PLACE, IN_PLACE, "link-elsewhere"),
    "link to uv": (IN_PLACE, IN_PLACE, "link-elsewhere"),
    "foreign directory": ("not-a-venv", None, "not-a-venv"),
    "link to a foreign directory": ("not-a-venv", "not-a-venv", "link-elsewhere"),
    "file": ("not-a-directory", None, "not-a-directory"),
    "link to a file": ("not-a-directory", "not-a-directory", "not-a-directory"),
    "FIFO": ("not-a-directory", None, "not-a-directory"),
    "socket": ("not-a-directory", None, "not-a-directory"),
    "device": ("not-a-directory", None, "not-a-directory"),
}
WHERE = {"nothing, missing parents": "new/deep/own", "link in a linked directory": "linked/env"}
TARGETS = (None, "ends/env", "other/deep/place")
CASES = [
    pytest.param((state, target, outcome), id=f"{state} - {'no target' if target is None else target}")
    for state, outcomes in CELLS.items()
    for target, outcome in zip(TARGETS, outcomes, strict=True)
    if outcome is not None
]


def chain(root: Path, hops: int) -> None:
    """Let ``env`` lead to the directory ``ends/env`` over that many symlinks."""
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


def links_at(state: str, root: Path) -> bool:
    """Put a symlink at the path; Check whether there is one in this state."""
    texts = {
        "relative link": {"env": "ends/env"},
        "absolute link": {"env": str(root / "ends/env")},
        "chain of three": {"env": "ends/one", "ends/one": str(root / "ends/two"), "ends/two": "env"},
        "link in a linked directory": {"linked": "real", "real/env": "../ends/env"},
        "dangling": {"env": "ends/env"},
        "dangling, missing parents": {"env": "gone/deep/env", "gone": "ends/not/yet"},
        "dangling chain": {"env": "ends/one", "ends/one": str(root / "ends/two"), "ends/two": "../ends/env"},
        "loop of one": {"env": "env"},
        "loop of two": {"env": "ends/back", "ends/back": "../env"},
        "link to venv": {"env": "ends/env"},
        "link to virtualenv": {"env": "ends/env"},
        "link to uv": {"env": "ends/env"},
        "link to a foreign directory": {"env": "ends/env"},
        "link to a file": {"env": "ends/env"},
        "device": {"env": "/dev/null"},
    }.get(state, {})
    for link, text in texts.items():
        (root / link).symlink_to(text)
    return bool(texts)


def prepare(state: str, root: Path, python: str) -> None:
    """Bring about what is at the path, with things of others beside it."""
    for directory in ("ends", "real"):
        (root / directory).mkdir()
        (root / directory / "notes.txt").write_text("mine")
    at_end = root / ("ends/env" if links_at(state, root) else "env")
    most = LIMIT - 2 - hops_of(python)  # python3 leads to python, and that one to the interpreter link
    match state.removeprefix("link to "):
        case "too many hops":
            chain(root, LIMIT + 1)
        case "one hop too many for bin/python3":
            chain(root, most + 1)
        case "as many hops as work":
            chain(root, most)
        case "venv" | "virtualenv" | "uv" as builder:
            build(builder, python, at_end)
            plant(at_end)
        case kind:
            put(kind, at_end)


def put(kind: str, place: Path) -> None:
    """Put something at the end that envsync did not make."""
    match kind:
        case "relative link" | "absolute link" | "chain of three" | "link in a linked directory" | "empty directory":
            place.mkdir()
        case "foreign directory" | "a foreign directory":
            (place / "bin").mkdir(parents=True)
            (place / "bin/python").write_text("a snake")
        case "file" | "a file":
            place.write_text("mine")
        case "FIFO":
            os.mkfifo(place)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                os.chdir(place.parent)  # a socket's name must be short
                listener.bind(place.name)
        case _:
            assert kind.startswith(("nothing", "dangling", "loop", "device"))


def foreign(before: Listing, environment: str) -> Listing:
    """Leave out the environment itself."""
    return {name: seen for name, seen in files(before).items() if not name.startswith(f"{environment}/")}


@pytest.fixture
def command(here: Place, capsys: pytest.CaptureFixture[str]) -> Command:
    return partial(run, here, capsys)


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


@pytest.mark.parametrize("case", CASES)
def test_what_is_at_the_path_decides_what_happens(
    case: tuple[str, str | None, str], place: Place, command: Command, python_of: Callable[[str], str]
) -> None:
    state, target, expected = case
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
    assert foreign(before, environment).items() <= after.items(), "something foreign was touched"
    added = {name for name in after.keys() - before.keys() if not f"{name}/".startswith(f"{environment}/")}
    assert added <= {path, *map(str, Path(environment).parents), *map(str, Path(path).parents)}, "more than asked for"
    assert_works(place, path, target, environment, keeps=expected == IN_PLACE)


def assert_works(place: Place, path: str, target: str | None, end: str, *, keeps: bool) -> None:
    """The environment runs under its declared name, and holds no name but that, or its real one if it was there."""
    declared = str(place.root / path)
    for name in ("python", "python3", "python3.12"):
        done = subprocess.run(
            [f"{declared}/bin/{name}", "-Ic", "import sys; print(sys.prefix)"], check=True, capture_output=True
        )
        assert done.stdout.decode().strip() == declared
    assert place.python(path, "import sys; print(sys.prefix != sys.base_prefix)") == "True"
    activate = (place.root / end / "bin/activate").read_text()
    real = str(place.root / end)
    assert declared in activate or (keeps and real in activate)
    if declared != real and not keeps:
        assert real not in activate
    if target:
        assert os.path.realpath(declared) == os.path.realpath(place.root / target)
    if keeps:
        assert place.python(path, "import mine; print(mine.here)") == "True"


@pytest.mark.parametrize("linked", [False, True])
def test_what_cannot_be_looked_at_is_a_conflict(place: Place, python_of: Callable[[str], str], linked: bool) -> None:
    (place.root / "closed/env").mkdir(parents=True)
    if linked:
        (place.root / "env").symlink_to("closed/env")
    place.write(f'[envs.one]\npath = "{"env" if linked else "closed/env"}"\npython = "{python_of("3.12")}"\n')
    (place.root / "closed").chmod(0)
    try:
        run = unprivileged(place, "apply", "--json")
    finally:
        (place.root / "closed").chmod(0o700)
    if run is None:
        pytest.skip("root cannot give up its powers here")
    assert (run.status, run.environments["one"]["conflict"]["code"]) == (1, "not-readable")
    assert os.listdir(place.root / "closed/env") == []


@pytest.mark.parametrize("directory", ["lib", "lib/python3.12", "lib/python3.12/site-packages", "bin"])
@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_an_environment_that_cannot_be_read_through_is_never_taken_for_an_empty_one(
    place: Place, python_of: Callable[[str], str], directory: str, mode: int
) -> None:
    place.write(f'[envs.one]\npath = "env"\npython = "{python_of("3.12")}"\n')
    place.apply()
    mine = place.root / "env/lib/python3.12/site-packages/mine.py"
    mine.write_text("here = True")
    closed, inode = place.root / "env" / directory, (place.root / "env").stat().st_ino
    closed.chmod(mode)
    try:
        run = unprivileged(place, "apply", "--json", "--force-rebuild", "one")
    finally:
        closed.chmod(0o755)
    if run is None:
        pytest.skip("root cannot give up its powers here")
    assert (run.status, run.environments["one"]["outcome"]) == (1, "conflict"), run.environments["one"]
    assert ((place.root / "env").stat().st_ino, mine.read_text()) == (inode, "here = True")


def test_missing_parents_of_an_environment_that_waits_are_not_made(
    place: Place, command: Command, python_of: Callable[[str], str]
) -> None:
    place.write(f'[envs.one]\npath = "repo/.venv"\nwait-for = "repo"\npython = "{python_of("3.12")}"\n')
    before = listing(place.root)
    document = command("apply")
    assert (document["exit_code"], document["environments"][0]["state"]) == (0, "waiting")
    assert listing(place.root) == before
    (place.root / "repo").mkdir()
    assert command("apply")["environments"][0]["outcome"] == "created"


@pytest.mark.parametrize(("spare", "outcome"), [(0, "created"), (-1, "conflict")])
def test_the_link_that_is_to_be_made_counts_among_the_hops(
    place: Place, command: Command, python_of: Callable[[str], str], spare: int, outcome: str
) -> None:
    hops = LIMIT - 3 - spare  # the link at the path, python3 and python come before
    (place.root / "hops").mkdir()
    (place.root / "hops/1").symlink_to(os.path.realpath(python_of("3.12")))
    for number in range(2, hops + 1):
        (place.root / f"hops/{number}").symlink_to(str(number - 1))
    place.write(f'[envs.one]\npath = "env"\ntarget = "{place.root}/ends/env"\npython = "{place.root}/hops/{hops}"\n')
    (entry,) = command("apply")["environments"]
    assert entry["outcome"] == outcome
    assert os.path.lexists(place.root / "env") == (outcome == "created")
    if outcome == "created":
        subprocess.run([place.root / "env/bin/python3", "-Ic", ""], check=True)
