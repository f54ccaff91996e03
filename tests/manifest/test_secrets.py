"""No secret of a manifest's is shown, and what is kept of a manifest is for the user's eyes alone."""

import json
from pathlib import Path

import pytest

from envsync.formats.redact import redacted
from envsync.write.files import new_log, write_cache
from harness.place import Place
from harness.pythons import PYTHONS
from harness.watching import watching

pytestmark = pytest.mark.sampled(5)

PYTHON = PYTHONS.get("3.12") or PYTHONS.get("3.11") or ""
SECRET = "geheim"  # noqa: S105  # it stands for one
URL = f"lib @ http://me:{SECRET}@127.0.0.1:9/lib-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lib @ https://me:secret@host/a", "lib @ https://****@host/a"),
        ("git+https://token@host/a.git@main", "git+https://****@host/a.git@main"),
        ("https://me:p@ss@host:80/a", "https://****@host:80/a"),
        ("'https://a:b@c' and https://d@e", "'https://****@c' and https://****@e"),
        ("/home/me/https:/me:secret@host/requirements.txt", "/home/me/https:/****@host/requirements.txt"),
        ("https://git:secret@host/a", "https://****@host/a"),
        ("https://${USER}:secret@host/a", "https://****@host/a"),
        ("https://host/a.whl?private_token=secret&x=1#egg=a", "https://host/a.whl?private_token=****&x=1#egg=a"),
        ("`https://host/a?x=1&X-Amz-Signature=secret` failed", "`https://host/a?x=1&X-Amz-Signature=****` failed"),
    ],
)
def test_credentials_are_not_shown(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert redacted(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@host/a.git@main",
        "git@host:a/b.git",
        "https://host/a@1.0?ref=t@u#sha256=@",
        "https://${USER}:${TOKEN}@host/a and https://${TOKEN}@host/a",
        "me@host: see https://host or mail me@host",
        "file:///a/b@c",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.fixture
def declared(place: Place) -> Place:
    if not PYTHON:
        pytest.skip("needs a Python to build environments with, which is not installed here")
    place.variables |= {"UV_OFFLINE": "1", "UV_HTTP_RETRIES": "0"}
    place.write(f'[envs.one]\npath = "one"\npython = "{PYTHON}"\npackages = [{json.dumps(URL)}]\n')
    return place


@pytest.mark.parametrize("command", ["plan", "check", "status", "explain one", "graph", "apply", "doctor"])
def test_no_command_shows_the_password_of_a_declared_url(declared: Place, command: str) -> None:
    for more in ((), ("--json",), ("--verbose",)):
        run = declared.envsync(*command.split(), *more)
        assert SECRET not in run.out + run.err
        assert run.out + run.err


def test_the_host_of_a_declared_url_is_shown(declared: Place) -> None:
    assert "http://****@127.0.0.1:9/lib" in declared.envsync("plan").out


def test_a_watcher_shows_no_password(declared: Place) -> None:
    with watching(declared, "--once") as watcher:
        event = watcher.applied("one", "failed")
    assert "****@127.0.0.1" in json.dumps(event)
    assert SECRET not in json.dumps(watcher.events)
    run = declared.envsync("watch", "--once", "--verbose")
    assert SECRET not in run.out + run.err


@pytest.mark.parametrize("length", [*range(20, 60, 5), 500])
def test_a_complaint_about_a_value_shows_no_part_of_its_password(place: Place, length: int) -> None:
    secret = (SECRET * 100)[:length]
    for key in ("packages", "requirements", "python", "path", "project", "extras", "installer"):
        url = f"https://me:{secret}@host/lib.whl"
        value = json.dumps([f"a b {url}", url]) if key in {"packages", "requirements", "extras"} else json.dumps(url)
        place.write(f'[envs.one]\npath = "one"\n{key} = {value}\n'.replace('path = "one"\npath', "path"))
        for more in ((), ("--json",)):
            run = place.envsync("plan", *more)
            assert SECRET not in run.out + run.err, key


def test_what_add_writes_is_whole_and_what_it_shows_is_not(place: Place) -> None:
    place.write("")
    run = place.envsync("add", "one", "--path", "one", "--packages", URL, "--json")
    assert run.status == 0, run.err
    assert SECRET not in run.out
    assert URL in place.manifest.read_text()
    run = place.envsync("add", "two", "--path", "two", "--packages", f"? {URL}")
    assert run.status == 2
    assert SECRET not in run.out + run.err


def test_caches_are_for_the_users_eyes_alone(declared: Place) -> None:
    declared.write(f'[envs.one]\npath = "one"\npython = "{PYTHON}"\npackages = []\n# {URL}\n')
    directory = Path(declared.variables["HOME"]) / ".cache/envsync"
    for mode in (0o644, 0o640, 0o604):
        assert declared.envsync("apply").status == 0
        assert declared.envsync("check").status == 0
        kept = [file for file in directory.iterdir() if file.name.startswith(("manifest", "unchanged"))]
        assert len(kept) == 2
        assert {file.stat().st_mode & 0o777 for file in kept} == {0o600}
        for file in kept:
            file.chmod(mode)


def test_a_cache_that_others_can_read_is_replaced_by_one_that_they_cannot(tmp_path: Path) -> None:
    file = tmp_path / "cache"
    file.write_bytes(b"a")
    file.chmod(0o666)
    with file.open("rb") as opened:
        write_cache(str(file), b"b")
        assert opened.read() == b"a"
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"b", 0o600)


def test_logs_are_for_the_users_eyes_alone(tmp_path: Path) -> None:
    directory = tmp_path / "logs"
    directory.mkdir(mode=0o755)
    (directory / "one.log").write_text("before\n")
    with new_log(str(directory / "one.log")) as log:
        log.write(b"after\n")
    assert (directory.stat().st_mode & 0o777, (directory / "one.log").stat().st_mode & 0o777) == (0o700, 0o600)
    assert (directory / "one.log").read_text() == "before\nafter\n"
