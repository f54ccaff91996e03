"""What the system refuses is reported with what it is, where, and what to do: never as a mistake of envsync's."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from envsync.observe.system_errors import explain
from harness.place import Place

ONE = '[envs.blog]\npath = "blog"\n'
PLAIN = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A locale in which Python has ASCII for names."""


def assert_told(problem: dict[str, str], code: str, *words: str) -> None:
    assert problem["code"] == code
    assert [word for word in words if word not in problem["message"]] == []
    assert problem["hint"]


@pytest.mark.parametrize(
    ("place", "own"), [("/n/s/envsync/locks/x.lock", True), ("/n/s", True), ("/n/other", False), ("/", False)]
)
def test_where_the_locks_cannot_be_the_variable_for_their_place_is_named(
    monkeypatch: pytest.MonkeyPatch, place: str, *, own: bool
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/n/s")
    problem = explain(OSError(errno.EROFS, os.strerror(errno.EROFS), place))
    assert problem.code == "not-writable"
    assert ("set XDG_STATE_HOME" in problem.hint) is own


@pytest.mark.parametrize("link", ["state", "state/envsync"])
def test_a_dangling_state_link_is_named_with_what_it_leads_to(place: Place, link: str) -> None:
    place.write(ONE)
    state = place.root / link
    state.parent.mkdir(exist_ok=True)
    state.symlink_to("/nowhere/at/all")
    run = place.envsync(
        *("apply", "--json"), XDG_STATE_HOME=str(place.root / "state"), ENVSYNC_FILE=str(place.manifest)
    )
    problem = run.environments["blog"]["error"]
    assert_told(problem, "dangling-link", f"{state} is a symlink to /nowhere/at/all")
    assert os.readlink(state) == "/nowhere/at/all"


def test_a_state_link_that_leads_to_itself_is_named(place: Place) -> None:
    place.write(ONE)
    (place.root / "state").symlink_to("state")
    run = place.envsync("apply", "--json", XDG_STATE_HOME=f"{place.root}/state", ENVSYNC_FILE=str(place.manifest))
    assert_told(run.environments["blog"]["error"], "dangling-link", "which leads back to itself")


def test_a_state_dir_behind_a_dangling_link_is_made_where_that_leads(place: Place) -> None:
    place.write('[envs.blog]\npath = "blog"\ntarget = "blog"\n')
    (place.root / "state").symlink_to("elsewhere/state")
    assert place.apply()["blog"]["outcome"] == "created"
    assert (place.root / "elsewhere/state/blog/pyvenv.cfg").is_file()


def test_no_room_in_memory_is_told(place: Place) -> None:
    place.write(ONE)
    reported = set()
    for limit in (30_000, 60_000):
        command = f'ulimit -v {limit}; exec "$0" -m envsync plan'
        done = subprocess.run(
            ["/bin/sh", "-c", command, sys.executable],
            check=False,
            cwd=place.root,
            env=place.variables,
            capture_output=True,
        )
        reported.add(b"there is not enough memory" in done.stderr)
        assert b"mistake" not in done.stderr, (limit, done.stderr)
    assert True in reported


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        ImportError("failed to map segment from shared object", path="/x.so"),
    ],
    ids=["Python", "the system", "the loader"],
)
def test_whoever_says_that_memory_is_out_it_is_told_alike(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envsync.observe.system_errors.getrlimit", lambda _: (1 << 20, 1 << 20))
    assert explain(error).code == "no-memory"


@pytest.mark.parametrize("command", ["import", "service"])
def test_a_locale_that_cannot_write_a_name_is_told(place: Place, command: str) -> None:
    place.write('[envs.blog]\npath = "\u6f22/.venv"\n')
    arguments = {"import": ("import", ".", "--dry-run"), "service": ("service", "show")}[command]
    run = place.envsync(*arguments, "--json", **PLAIN)
    codes = {problem["code"] for problem in run.document["errors"]}
    assert codes <= {"not-encodable", "service-unsupported"}


@pytest.mark.parametrize("encoding", ["ascii:strict", "utf-8"])
def test_json_is_utf8_whatever_names_hold(place: Place, encoding: str) -> None:
    odd = Place(Path(os.fsdecode(os.fsencode(place.root) + b"/a\xff\xfe")), place.variables)
    odd.root.mkdir()
    odd.write(ONE)
    run = odd.envsync("apply", "--json", PYTHONIOENCODING=encoding)
    run.out.encode("utf-8")
    assert_told(run.environments["blog"]["conflict"], "not-encodable", "no script could name it")
    for variables in ({"LC_ALL": "C.UTF-8"}, PLAIN):
        status = odd.envsync("status", "--json", PYTHONIOENCODING=encoding, **variables)
        status.out.encode("utf-8")
        assert status.document["environments"][0]["path"].endswith("/blog")
