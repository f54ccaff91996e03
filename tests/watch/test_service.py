"""``envsync service``: what is written for systemd or launchd, and what systemd is asked to do with it."""

import os
import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.watch.service import Definition, plist, unit
from harness.bench import listing
from harness.place import Place, Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")

ONE = '[envs.one]\npath = "one"\n'
HOSTILE = {
    "plain": " a  b 100%h %% na\u00efve \u732b ",
    "dollar": "$HOME ${HOME} $$",
    "quotes": 'it\'s "that"',
    "backslash": "a\\x41\\\\",
    "newline": "a\nb\tc",
    "bytes": "\udcff",
    "assignment": "A=$B",
}
Verify = Callable[[str], None]


@pytest.fixture
def verify(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Verify:
    """Return what lets systemd itself read a unit."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    runtime = tmp_path_factory.mktemp("runtime")
    runtime.chmod(0o700)

    def check(text: str) -> None:
        file = tmp_path / "envsync.service"
        file.write_text(text, encoding="utf-8", errors="surrogateescape")
        command = ["systemd-analyze", "verify", "--user", "--man=no", str(file)]
        variables = os.environ | {"XDG_RUNTIME_DIR": str(runtime)}
        done = subprocess.run(command, check=False, env=variables, capture_output=True, text=True)
        if done.returncode and "envsync" not in done.stderr:
            pytest.skip(f"systemd-analyze does not work here: {done.stderr}")
        assert (done.returncode, "envsync" in done.stderr) == (0, False), done.stderr

    return check


def words(text: str, *, expands: bool) -> list[str]:
    """Read quoted words as systemd does: escapes, specifiers, and on command lines variables."""
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"(?: "(?:[^"\\]|\\.)*")*', text), text
    found = []
    for word in re.findall(r'"((?:[^"\\]|\\.)*)"', text):
        raw = re.sub(rb'\\(x[0-9a-f]{2}|["\\])', unescape, word.encode(errors="surrogateescape"))
        once = doubled("%", raw.decode(errors="surrogateescape"))
        found.append(doubled("$", once) if expands else once)
    return found


def unescape(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    return bytes([int(escape[1:], 16)]) if escape.startswith(b"x") else escape


def doubled(sign: str, text: str) -> str:
    assert sign not in text.replace(2 * sign, ""), f"{text}: {sign} means something there"
    return text.replace(2 * sign, sign)


def values(text: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


def command_in(text: str) -> list[str]:
    (command,) = values(text, "ExecStart")
    output = words(command, expands=True)
    return output[3:] if output[0] == "/bin/sh" else output


def variables_in(text: str) -> dict[str, str]:
    assignments = [word for value in values(text, "Environment") for word in words(value, expands=False)]
    return {name: value for name, _, value in (one.partition("=") for one in assignments)}


def shown(place: Place, **variables: str) -> str:
    run = place.envsync("service", "show", **variables)
    assert (run.status, run.err) == (0, "")
    return run.out


def test_systemd_reads_the_command_as_it_was_meant_whatever_the_manifest_is_called(
    place: Place, verify: Verify
) -> None:
    odd = Place(place.root / "".join(HOSTILE.values()), place.variables)
    odd.root.mkdir()
    odd.manifest.write_text(f'version = 1\nstate-dir = "{place.root}/state"\n[envs.one]\npath = "{place.root}/one"\n')
    text = shown(odd)
    verify(text)
    assert command_in(text) == [sys.executable, "-m", "envsync", "watch", "--file", str(odd.manifest)]
    assert "NoNewPrivileges=yes" in text.splitlines()


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_the_command_itself_may_lie_anywhere(place: Place, verify: Verify, name: str) -> None:
    place.write(ONE)
    command = place.root / name / "envsync"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\nimport sys\nfrom envsync.__main__ import main\nsys.exit(main())\n")
    command.chmod(0o755)
    show = (command, "service", "show")
    output = subprocess.run(show, cwd=place.root, check=True, capture_output=True, env=place.variables).stdout
    verify(output.decode(errors="surrogateescape"))


def test_what_the_manifests_meaning_hangs_on_is_recorded_and_no_secret_is(place: Place, verify: Verify) -> None:
    place.write('[envs.one]\npath = "${PROJECTS}/one"\n')
    given = {"PROJECTS": f'{place.root}/my "own" %h $HOME \\ \u732b', "PATH": "/usr/bin:/bin:/opt/my tools"}
    secrets = {"PIP_INDEX_URL": "https://me:s3cret@example.org", "UV_INDEX_ME_PASSWORD": "s3cret", "TOKEN": "s3cret"}
    text = shown(place, **given, **secrets)
    verify(text)
    recorded = variables_in(text)
    assert {name: recorded.get(name) for name in given} == given
    assert not set(secrets) & set(recorded)
    assert "s3cret" not in text


def test_the_watcher_of_a_service_writes_metrics_where_it_was_told(place: Place, verify: Verify) -> None:
    place.write(ONE)
    run = place.envsync("service", "show", "--metrics", 'of "me"/$x %.prom', "--poll")
    verify(run.out)
    assert command_in(run.out)[-3:] == ["--poll", "--metrics", str(place.root / 'of "me"/$x %.prom')]
    refused = place.envsync("service", "show", "--metrics", "x.txt")
    assert (refused.status, refused.out) == (2, "")
    assert "'x.txt' does not end in .prom: node_exporter's textfile collector would ignore it" in refused.err


@pytest.mark.parametrize(
    ("directory", "protections"),
    [
        ("/home/me/one", {"PrivateTmp=yes", "ProtectSystem=yes"}),
        ("/tmp/one", {"ProtectSystem=yes"}),
        ("/var/tmp/deep/one", {"ProtectSystem=yes"}),
        ("/usr/local/one", {"PrivateTmp=yes"}),
    ],
)
def test_nothing_is_hidden_or_protected_where_an_environment_lies(
    verify: Verify, directory: str, protections: set[str]
) -> None:
    text = unit(Definition((sys.executable, "-m", "envsync", "watch"), (), ("/home/me/envs.toml", directory), "/log"))
    verify(text)
    assert {line for line in text.splitlines() if line.startswith(("PrivateTmp", "ProtectSystem"))} == protections


def test_launchd_gets_the_same_command() -> None:
    name = "".join(HOSTILE[kind] for kind in ("plain", "quotes", "newline")) + "<&>]]>"
    definition = Definition(("/bin/envsync", "watch", "--file", f"/{name}"), (("PATH", f"/bin:/{name}"),), (), "/log")
    agent = plistlib.loads(plist(definition).encode())
    assert agent["ProgramArguments"] == [*definition.command]
    assert agent["EnvironmentVariables"] == dict(definition.variables)
    assert agent["RunAtLoad"] is True


class Manager:
    """A place whose ``systemctl`` writes down what it is asked for: there is no session in a test."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._log = place.root.parent / "log"
        directory = place.root.parent / "commands"
        directory.mkdir()
        self._command = directory / "systemctl"
        place.variables["PATH"] = f"{directory}:{place.variables['PATH']}"
        self.answer()
        self.file = Path(place.variables["HOME"], ".config/systemd/user/envsync.service")

    def answer(self, *properties: str, refuses: str = "") -> None:
        """Set what it says when it is asked to show the service, and what it fails to do."""
        script = (
            f"#!/bin/sh\necho \"$*\" >>'{self._log}'\n"
            f'[ "$2" != "{refuses}" ] || {{ echo "it is {refuses} that fails" >&2; exit 1; }}\n'
            f'[ "$2" != show ] || printf "%s\\n" {" ".join(properties)}\n'
        )
        self._command.write_text(script)
        self._command.chmod(0o755)

    def asked(self) -> list[str]:
        """Return what it was asked for since the last time."""
        output = self._log.read_text().splitlines() if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return [line.removeprefix("--user ").removesuffix(" envsync.service") for line in output]

    def service(self, *words: str) -> Run:
        run = self.place.envsync("service", *words, "--json")
        assert run.status == run.document["exit_code"]
        if not run.document["errors"]:
            service = run.document["service"]
            assert (service["supervisor"], service["file"]) == ("systemd", str(self.file))
        return run


@pytest.fixture
def manager(place: Place) -> Manager:
    place.write(ONE)
    return Manager(place)


def test_install_writes_the_unit_and_starts_it_and_a_second_one_rewrites_nothing(manager: Manager) -> None:
    assert manager.service("install").document["status"] == "applied"
    assert manager.asked() == ["daemon-reload", "enable", "restart"]
    assert manager.file.read_text() == shown(manager.place)
    before = listing(manager.file.parent)
    assert manager.service("install").status == 0
    assert listing(manager.file.parent) == before
    (manager.place.root / "other.toml").write_text(manager.place.manifest.read_text())
    assert manager.service("install", "--file", "other.toml", "--poll").status == 0
    assert command_in(manager.file.read_text())[-2:] == [str(manager.place.root / "other.toml"), "--poll"]


def test_a_linked_directory_of_units_stays_a_link(manager: Manager) -> None:
    dotfiles = manager.place.root / "dotfiles"
    dotfiles.mkdir()
    manager.file.parent.parent.mkdir(parents=True)
    manager.file.parent.symlink_to(dotfiles)
    assert manager.service("install").status == 0
    assert (dotfiles / "envsync.service").is_file()
    assert manager.service("uninstall").status == 0
    assert os.listdir(dotfiles) == []
    assert manager.file.parent.is_symlink()


def test_uninstall_stops_the_service_and_then_removes_it(manager: Manager) -> None:
    manager.service("install")
    manager.asked()
    manager.answer(refuses="disable")
    run = manager.service("uninstall")
    assert (run.status, run.document["errors"][0]["code"]) == (1, "service-failed")
    assert "it is disable that fails" in run.document["errors"][0]["message"]
    assert manager.file.exists()
    manager.answer()
    manager.asked()
    assert manager.service("uninstall").document["status"] == "applied"
    assert manager.asked() == ["disable --now", "daemon-reload"]
    assert not manager.file.exists()
    assert manager.service("uninstall").document["status"] == "in-sync"
    assert manager.asked() == []


def test_status_tells_whether_it_is_installed_and_runs(manager: Manager) -> None:
    run = manager.service("status")
    assert (run.status, run.document["service"]["installed"], run.document["service"]["running"]) == (1, False, False)
    manager.service("install")
    for active, sub, running in (("active", "running", True), ("failed", "failed", False)):
        manager.answer(f"ActiveState={active}", f"SubState={sub}", "UnitFileState=enabled", "StatusText=calm")
        run = manager.service("status")
        expected = {"installed": True, "enabled": True, "running": running, "detail": f"{active} ({sub}): calm"}
        assert (run.status, run.document["service"] | expected) == (int(not running), run.document["service"])


def test_what_is_installed_can_be_asked_for_and_removed_where_there_is_no_manifest(manager: Manager) -> None:
    manager.service("install")
    manager.place.manifest.unlink()
    manager.answer("ActiveState=active", "SubState=running", "UnitFileState=enabled")
    assert manager.service("status").status == 0
    assert manager.service("uninstall").status == 0
    assert not manager.file.exists()


@pytest.mark.parametrize("kind", ["file", "link", "dangling", "folder"])
def test_what_somebody_else_put_there_is_left_exactly_as_it_is(manager: Manager, kind: str) -> None:
    manager.file.parent.mkdir(parents=True)
    elsewhere = manager.file.parent / "elsewhere"
    if kind == "file":
        manager.file.write_text("[Service]\nExecStart=/bin/true\n")
    elif kind == "folder":
        manager.file.mkdir()
    else:
        manager.file.symlink_to(elsewhere)
        if kind == "link":
            elsewhere.write_text(shown(manager.place))
    before = listing(manager.file.parent)
    for action in ("install", "uninstall"):
        run = manager.service(action)
        assert (run.status, run.document["errors"][0]["code"]) == (1, "service-taken")
        assert str(manager.file) in run.document["errors"][0]["message"]
    assert listing(manager.file.parent) == before
    assert manager.asked() == []


def test_without_a_manager_the_unit_is_there_and_it_is_said_that_it_does_not_run(place: Place, verify: Verify) -> None:
    if shutil.which("systemctl") is None:
        pytest.skip("needs systemctl")
    place.write(ONE)
    nowhere = {"XDG_RUNTIME_DIR": "/nowhere", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    run = place.envsync("service", "install", **nowhere)
    file = Path(place.variables["HOME"], ".config/systemd/user/envsync.service")
    assert (run.status, run.out) == (1, "")
    assert "was written, but the service does not run" in run.err
    verify(file.read_text())


def test_where_there_is_no_systemd_it_says_so_and_writes_nothing(place: Place) -> None:
    place.write(ONE)
    for action in ("install", "show"):
        run = place.envsync("service", action, "--json", PATH="/nowhere")
        assert (run.status, run.document["errors"][0]["code"]) == (1, "service-unsupported")
    assert not Path(place.variables["HOME"], ".config").exists()
