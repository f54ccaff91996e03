"""What a watcher tells the service manager that started it (sd_notify(3)), over a real socket."""

import contextlib
import signal
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from harness.place import Place
from harness.watching import watching
from harness.wheels import make_project

pytestmark = pytest.mark.sampled(3)

ONE = '[envs.one]\npath = "one"\n'
WAIT_LIMIT = 30.0
SETTLE = 0.2


class Manager:
    """Reads what is reported, each message a mapping."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)

    def next(self, timeout: float = WAIT_LIMIT) -> dict[str, str]:
        self._socket.settimeout(timeout)
        text = self._socket.recv(65536).decode()
        return dict(line.split("=", 1) for line in text.split("\n"))

    def until(self, key: str) -> dict[str, str]:
        """Wait for a message that tells a certain thing."""
        deadline = time.monotonic() + WAIT_LIMIT
        while time.monotonic() < deadline:
            message = self.next()
            if key in message:
                return message
        raise AssertionError(f"nothing of {key}")

    def rest(self, seconds: float = 0.3) -> list[dict[str, str]]:
        """Return what is reported until nothing has been for so many seconds."""
        reported: list[dict[str, str]] = []
        with contextlib.suppress(TimeoutError):
            while True:
                reported.append(self.next(seconds))
        return reported

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("only Linux has abstract sockets")
    directory = tmp_path_factory.mktemp("n")  # its path has to be short
    manager = Manager(f"{directory}/s" if request.param == "path" else f"@envsync{directory}")
    yield manager
    manager.close()


path_only = pytest.mark.parametrize("manager", ["path"], indirect=True)


def test_it_tells_that_it_is_ready_how_it_goes_and_that_it_ends(place: Place, manager: Manager) -> None:
    place.write(ONE)
    place.variables["NOTIFY_SOCKET"] = manager.address
    with watching(place, settle=SETTLE) as watcher:
        assert manager.next() == {"READY": "1", "STATUS": "0 of 1 environments in sync"}
        watcher.until("pass")
        assert manager.until("STATUS")["STATUS"] == "1 of 1 environments in sync"
        (place.root / "one").rename(place.root / "moved")
        (place.root / "one").write_text("in the way")
        watcher.until("conflict")
        watcher.until("pass")
        assert manager.rest()[-1]["STATUS"] == "0 of 1 environments in sync"
        watcher.stop()
        assert manager.rest() == [{"STOPPING": "1"}]


@path_only
def test_it_tells_that_it_reads_everything_anew_and_when_that_is_done(place: Place, manager: Manager) -> None:
    place.write(ONE)
    place.variables["NOTIFY_SOCKET"] = manager.address
    with watching(place, settle=SETTLE) as watcher:
        watcher.until("pass")
        manager.rest()
        began = time.monotonic_ns() // 1000
        watcher.process.send_signal(signal.SIGHUP)
        message = manager.next()
        assert message.keys() == {"RELOADING", "MONOTONIC_USEC"}
        assert message["RELOADING"] == "1"
        assert began <= int(message["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert manager.next() == {"READY": "1", "STATUS": "1 of 1 environments in sync"}
        assert manager.rest() == []


@path_only
def test_what_cannot_begin_is_never_ready(place: Place, manager: Manager) -> None:
    place.write('[envs.one]\npth = "one"\n')
    assert place.envsync("watch", NOTIFY_SOCKET=manager.address).status == 2
    assert all("READY" not in message for message in manager.rest(0.1))


@path_only
@pytest.mark.parametrize(
    ("variables", "before", "beats"),
    [
        ({"WATCHDOG_USEC": "100000"}, (), True),
        ({"WATCHDOG_USEC": "100000"}, ("sh", "-c", 'export WATCHDOG_PID=$$; exec "$@"', "sh"), True),
        ({"WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"}, (), False),
        ({"WATCHDOG_USEC": "soon"}, (), False),
    ],
    ids=["asked for", "asked for by pid", "of another process", "nonsense"],
)
def test_it_gives_signs_of_life_where_the_watchdog_asks_it_to(
    place: Place, manager: Manager, variables: dict[str, str], before: tuple[str, ...], beats: bool
) -> None:
    place.write(ONE)
    place.variables |= {"NOTIFY_SOCKET": manager.address} | variables
    with watching(place, settle=SETTLE, before=before) as watcher:
        watcher.until("pass")
        if not beats:
            manager.rest()
            assert manager.rest() == []
            return
        for _ in range(5):
            assert manager.until("WATCHDOG") == {"WATCHDOG": "1"}


@path_only
def test_it_gives_signs_of_life_while_an_installation_takes_long(place: Place, manager: Manager) -> None:
    aside = place.root.parent / "aside"
    aside.mkdir()
    begun, gate = aside / "begun", aside / "gate"
    project = make_project(place.root / "blog", "blog")
    code = f"""import os, time
open({str(begun)!r}, 'w').close()
while not os.path.exists({str(gate)!r}): time.sleep(0.05)
"""
    (project / "backend.py").write_text(code + (project / "backend.py").read_text())
    place.write(f'installer = "uv"\n{ONE}project = "blog"\n')
    place.variables |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000", "UV_OFFLINE": "1"}
    with watching(place, settle=SETTLE) as watcher:
        while not begun.exists():
            assert watcher.rest(0.1) == []
        manager.rest(0.01)
        for _ in range(5):
            assert manager.until("WATCHDOG") == {"WATCHDOG": "1"}
        assert watcher.rest(0.1) == []
        gate.touch()
        watcher.applied("one", "created")


@path_only
def test_a_manager_that_does_not_listen_holds_nothing_up(place: Place, manager: Manager) -> None:
    place.write(ONE)
    place.variables |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "2000"}
    with watching(place, settle=SETTLE) as watcher:
        watcher.until("pass")
        watcher.rest(1)  # so much that it does not fit into the socket
        (place.root / "one/bin/python").unlink()
        watcher.applied("one", "repaired")
        assert watcher.stop() == 0


def test_an_address_that_leads_nowhere_harms_nothing(place: Place) -> None:
    place.write(ONE)
    place.variables["WATCHDOG_USEC"] = "100000"
    for address in ("/nowhere/socket", "@nobody", "/" + "far/" * 60):
        run = place.envsync("watch", "--once", "--settle=0.1", "--json", NOTIFY_SOCKET=address)
        assert (run.status, run.err) == (0, ""), address
    assert (place.root / "one/bin/python").is_symlink()
