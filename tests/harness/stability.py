"""What holds of packages that an installer has judged: stable without a process, and whatever goes is seen."""

import csv
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from envsync.cache.fingerprint import outwait_slack
from envsync.cli.main import main
from harness.bench import changed, files, listing
from harness.depot import Depot

_STARTS = ("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system")
PROBE = "/.envsync-probe"
"""What is in the command line of a process that asks an interpreter."""
_STARTED: list[str] = []
_HOOKED: list[bool] = []


@contextmanager
def processes() -> Iterator[list[str]]:
    """Note the processes that this one starts, in whatever way."""
    if not _HOOKED:
        sys.addaudithook(lambda event, arguments: _note(event, arguments) if event in _STARTS else None)
        _HOOKED.append(True)
    _STARTED.clear()
    yield _STARTED


def _note(event: str, arguments: tuple[object, ...]) -> None:
    _STARTED.append(f"{event} {arguments[:2]}")


def assert_stable(depot: Depot) -> None:
    """It is in sync, and a further pass starts nothing and changes nothing.

    Beside files that are written just now, by other tests too, no stamp is evidence: a Python may be probed once more,
    and where it is, an installer be asked once more. What is never remembered would be started each time.
    """
    before = files(listing(depot.end))
    started, tries = _further_pass(depot), 1
    while tries < 3 and {PROBE in one for one in started} == {True, False}:
        time.sleep(0.05)
        started, tries = _further_pass(depot), tries + 1
    assert [one for one in started if PROBE not in one] == [], started
    assert changed(before, files(listing(depot.end))) == set()


def _further_pass(depot: Depot) -> list[str]:
    """Let two checks and a pass find nothing to do, and return the processes that they started."""
    with processes() as started:
        assert main(["check"]) == 0, depot.command("plan")
        entry = depot.apply()
        assert (entry["outcome"], entry["actions"]) == ("unchanged", [])
        assert main(["check"]) == 0
        return [*started]


def make(depot: Depot, *lines: str, head: str = "") -> dict[str, str]:
    """Declare the environment, create it, and hold that it is stable; gives what is installed."""
    depot.make(*lines, head=head)
    assert_stable(depot)
    return depot.versions()


def change(depot: Depot, outcome: str = "installed") -> dict[str, str]:
    """Let a pass do what there is to be done, and hold that it is stable; gives what is installed."""
    assert main(["check"]) == 3
    entry = depot.apply()
    assert entry["outcome"] == outcome, entry
    assert_stable(depot)
    return depot.versions()


def _owned(depot: Depot, name: str) -> tuple[Path, list[Path]]:
    (metadata,) = (one for one in depot.site.glob("*.dist-info") if _name_of(one) == canonicalize_name(name))
    with (metadata / "RECORD").open(newline="") as stream:
        owned = [Path(os.path.normpath(metadata.parent / row[0])) for row in csv.reader(stream)]
    return metadata, [path for path in owned if path.is_file()]


def take_away(depot: Depot, name: str) -> None:
    """Remove one package, by hand."""
    metadata, owned = _owned(depot, name)
    for path in owned:
        path.unlink()
    shutil.rmtree(metadata)


@contextmanager
def without(depot: Depot, name: str) -> Iterator[None]:
    """Take away all files of one package, and put them back."""
    metadata, owned = _owned(depot, name)
    moved = [(path, path.with_name(f"{path.name}.aside")) for path in owned]
    aside = metadata.with_name("aside")
    for path, other in moved:
        path.rename(other)
    metadata.rename(aside)
    yield
    aside.rename(metadata)
    for path, other in moved:
        other.rename(path)
    outwait_slack()  # a verdict on what has changed just now is not kept


def _name_of(metadata: Path) -> str:
    return canonicalize_name(metadata.name.partition("-")[0])


def installed_names(depot: Depot) -> list[str]:
    return sorted(_name_of(one) for one in depot.site.glob("*.dist-info"))


def assert_each_is_missed(depot: Depot) -> None:
    """Whichever package is taken away, it is seen; when it is back, all is well."""
    for name in installed_names(depot):
        with without(depot, name):
            assert main(["check"]) == 3, f"nobody misses {name}"
        assert main(["check"]) == 0, f"{name} is back"


def assert_conflict(depot: Depot, *words: str) -> None:
    """It is refused before anything is done, and these words say why."""
    before = files(listing(depot.root))
    entry = depot.apply()
    assert entry["outcome"] == "conflict", entry
    text = f"{entry['conflict']['message']} {entry['conflict']['hint']}"
    assert [word for word in words if word.lower() not in text.lower()] == [], text
    assert changed(before, files(listing(depot.root))) == set()


def assert_fails(depot: Depot, *words: str) -> None:
    """It fails, these words say why, and the environment is bit for bit what it was."""
    before = files(listing(depot.end)) if depot.end.exists() else {}
    entry = depot.apply()
    assert entry["outcome"] == "failed", entry
    text = f"{entry['error']['message']} {entry['error']['hint']}"
    assert [word for word in words if word.lower() not in text.lower()] == [], text
    after = files(listing(depot.end)) if depot.end.exists() else {}
    # links and the time of the last change of the inode tell of a staged copy that has been there
    assert {name: one._replace(links=0, changed=0) for name, one in before.items()} == {
        name: one._replace(links=0, changed=0) for name, one in after.items()
    }
    assert depot.partial_files() == []


def skip_unless(depot: Depot, installer: str) -> None:
    if depot.installer != installer:
        pytest.skip(f"only {installer} does this")
