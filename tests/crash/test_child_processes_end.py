"""Whatever envsync has started ends with it; a signal completes or undoes what was begun, and says so."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from envsync.cli.signals import deferred
from envsync.model.termination import Terminated
from envsync.observe.processes import Interrupted, ending, run
from harness.bench import held
from harness.place import Place
from harness.processes import OFFLINE, eventually, slow_project
from harness.wheels import make_project

pytestmark = pytest.mark.sampled(3)

ONE = '[envs.one]\npath = "one"\n'
WAIT_LIMIT = 30.0
Popen = subprocess.Popen[str]


def processes() -> dict[int, tuple[int, str]]:
    """Return the parent and the command line of each process that has not ended."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], check=True, capture_output=True, text=True
    )
    rows = (line.split(None, 3) for line in listed.stdout.splitlines())
    return {int(row[0]): (int(row[1]), row[3] if len(row) > 3 else "") for row in rows if not row[2].startswith("Z")}


def family(ancestor: int) -> dict[int, str]:
    """Return the command lines of all that a process has started, and what that has."""
    everyone, found = processes(), {ancestor}
    while more := {child for child, (parent, _) in everyone.items() if parent in found} - found:
        found |= more
    return {child: everyone[child][1] for child in found - {ancestor}}


@contextmanager
def applying(place: Place, *arguments: str, before: tuple[str, ...] = (), code: str = "pass") -> Iterator[Popen]:
    """Run ``envsync apply`` in the background, after some code of the test's."""
    program = f"{code}; import runpy; runpy.run_module('envsync', run_name='__main__', alter_sys=True)"
    process = subprocess.Popen(
        [*before, sys.executable, "-c", program, "apply", *arguments],
        cwd=place.root,
        env=place.variables | OFFLINE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        started = family(process.pid)
        process.kill()
        process.communicate(timeout=WAIT_LIMIT)
        eventually(lambda: not started.keys() & processes().keys())


@contextmanager
def installing(
    place: Place, installer: str = "uv", *, until: str = "gone", before: tuple[str, ...] = (), code: str = "pass"
) -> Iterator[Popen]:
    """Yield a command in the middle of an installation into an environment that was there."""
    place.write(ONE)
    place.apply()
    begun = slow_project(place, until=until)
    place.write(f'installer = "{installer}"\n{ONE}project = "blog"\n')
    with applying(place, before=before, code=code) as process:
        eventually(lambda: begun.exists() and begun.read_text().endswith("\n"))
        yield process


def assert_mended(place: Place) -> None:
    """An apply does what was begun, and nothing is left aside."""
    make_project(place.root / "blog", "blog")
    done = place.envsync("apply", "--json", **OFFLINE)
    assert (done.status, done.environments["one"]["outcome"]) == (0, "installed")
    assert list(place.root.glob(".envsync-*")) == []
    assert place.python("one", "import blog; print(blog.version)") == "1.0"


def ended(process: Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=WAIT_LIMIT)
    assert "Traceback" not in out + err, out + err
    return process.returncode, out, err


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_an_installer_and_its_build_backend_end_with_envsync_however_it_ends(place: Place, installer: str) -> None:
    with installing(place, installer) as process:
        started, before = family(process.pid), held(place.root / "one")
        assert any("sleep 0.05" in command or "while !" in command for command in started.values())
        process.kill()
        process.wait()
        eventually(lambda: not started.keys() & processes().keys())
    assert held(place.root / "one") == before
    assert_mended(place)


def test_an_interpreter_that_is_asked_ends_with_envsync(place: Place) -> None:
    shim, begun = place.root / "python", place.root.parent / "begun"
    shim.write_text(f"#!/bin/sh\necho > '{begun}'\nsleep 600 &\nwait\n")
    shim.chmod(0o755)
    place.write(f'{ONE}python = "{shim}"\n')
    with applying(place) as process:
        eventually(begun.exists)
        eventually(lambda: any("sleep 600" in command for command in family(process.pid).values()))
        started = family(process.pid)
        process.kill()
        process.wait()
        eventually(lambda: not started.keys() & processes().keys())


def test_what_outlives_even_that_keeps_the_lock_and_any_later_pass_clears_up(place: Place) -> None:
    other = place.root / "other.toml"
    with installing(place) as process:
        started = family(process.pid)
        (guard,) = (child for child, command in started.items() if "reaper" in command)
        os.kill(guard, signal.SIGKILL)
        process.kill()
        process.wait()
        other.write_text('version = 1\nstate-dir = "state"\n[envs.two]\npath = "two"\n')
        assert place.envsync("apply", "--file", str(other)).status == 0
        assert len(list(place.root.glob(".envsync-*"))) == 1
        place.write(ONE)
        (place.root / "one/bin/python").unlink()  # so that there is work
        run = place.envsync("apply", "--json", "--lock-timeout=0.1")
        assert (run.status, run.environments["one"]["error"]["code"]) == (1, "locked")
        assert "that is still running" in run.environments["one"]["error"]["message"]
        for child in started:
            if child in processes():
                os.kill(child, signal.SIGKILL)
        eventually(lambda: not started.keys() & processes().keys())
    assert place.envsync("apply", "--file", str(other)).status == 0
    assert list(place.root.glob(".envsync-*")) == []
    assert place.apply()["one"]["outcome"] == "repaired"


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")],
)
def test_what_was_begun_is_completed_and_nothing_else_begun(
    place: Place, number: signal.Signals, status: int, word: str
) -> None:
    place.write(f'installer = "uv"\n{ONE}project = "blog"\n[envs.two]\npath = "two"\nproject = "blog"\n')
    begun = slow_project(place, until="go")
    with applying(place, "--jobs=1", "--verbose") as process:
        eventually(begun.exists)
        process.send_signal(number)
        (place.root.parent / "go").touch()
        code, out, err = ended(process)
    assert (code, word in err) == (status, True)
    assert "envsync: finishing one; again to stop now\n" in err
    assert err.endswith(f"envsync: {word}; left as they were: two; apply again to continue\n")
    assert "1 created, 1 interrupted" in out
    assert place.python("one", "import blog; print(blog.version)") == "1.0"
    assert not (place.root / "two").exists()


GRACE = "from envsync.apply import failure as one; one.GRACE = {}"


def test_what_takes_too_long_is_undone(place: Place) -> None:
    with installing(place, code=GRACE.format(0.1)) as process:
        before = held(place.root / "one")
        process.send_signal(signal.SIGTERM)
        code, out, err = ended(process)
    assert (code, "interrupted" in out, "terminated" in err) == (143, True, True)
    assert held(place.root / "one") == before
    assert list(place.root.glob(".envsync-*")) == []
    assert_mended(place)


def test_a_second_signal_does_not_wait(place: Place) -> None:
    with installing(place, code=GRACE.format(10_000)) as process:
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        code, out, _ = ended(process)
    assert (code, "interrupted" in out) == (143, True)
    assert_mended(place)


def test_a_second_ctrl_c_undoes_an_installation_at_once_and_shows_no_traceback(place: Place) -> None:
    with installing(place) as process:
        before = held(place.root / "one")
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        assert process.stderr is not None
        assert process.stderr.readline() == "envsync: finishing one; again to stop now\n"
        os.killpg(process.pid, signal.SIGINT)
        code, _, err = ended(process)
    assert (code, err) == (130, "envsync: interrupted; left as they were: one; apply again to continue\n")
    assert held(place.root / "one") == before
    assert list(place.root.glob(".envsync-*")) == []
    assert_mended(place)


def test_ctrl_c_while_an_installer_is_asked_ends_that_at_once(place: Place) -> None:
    with installing(place, "pip") as process:  # which has to ask the backend what an installation would change
        before = held(place.root / "one")
        os.killpg(process.pid, signal.SIGINT)
        code, _, err = ended(process)
    assert (code, err) == (130, "envsync: interrupted; no environment was changed\n")
    assert held(place.root / "one") == before
    assert_mended(place)


def test_a_hangup_that_is_ignored_stays_so(place: Place) -> None:
    with installing(place, until="go", before=("sh", "-c", 'trap "" HUP; exec "$@"', "sh")) as process:
        process.send_signal(signal.SIGHUP)
        (place.root.parent / "go").touch()
        assert ended(process)[0] == 0


def steps_done(signals: int) -> bool:
    """Send some SIGTERMs in the middle of a step that must not be cut; Check whether it was completed all the same."""
    is_complete = False

    def terminate(*_: object) -> None:
        raise Terminated

    former = signal.signal(signal.SIGTERM, terminate)
    try:
        with deferred():
            for _ in range(signals):
                signal.raise_signal(signal.SIGTERM)
            is_complete = True
    except Terminated:
        assert signals
    else:
        assert not signals
    finally:
        signal.signal(signal.SIGTERM, former)
    return is_complete


def test_a_step_that_must_not_be_cut_is_completed_before_a_first_signal_does_anything() -> None:
    assert [steps_done(signals) for signals in range(3)] == [True, True, False]


def test_while_programs_are_being_ended_none_is_begun_and_afterwards_they_are_again() -> None:
    def true() -> int:
        return run(["true"], os.environ, limit=WAIT_LIMIT).status

    with ending(), pytest.raises(Interrupted):
        true()
    assert true() == 0


@pytest.mark.parametrize("leave", [lambda: None, lambda: pytest.fail("the block fails")])
def test_nothing_that_a_program_leaves_behind_goes_on(leave: Callable[[], None], tmp_path: Path) -> None:
    from envsync.observe.processes import started  # noqa: PLC0415

    file = tmp_path / "number"
    script = f"sleep 600 >/dev/null 2>&1 & echo $! > {file}"
    try:
        with started(["sh", "-c", script], os.environ) as process:
            process.communicate(timeout=WAIT_LIMIT)
            leave()
    except pytest.fail.Exception:
        pass
    eventually(lambda: int(file.read_text()) not in processes())
