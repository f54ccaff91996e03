"""A manifest that is found, not named, is carried out only once it is trusted, and another user's never."""

import contextlib
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

import envsync
from envsync.__main__ import fast_answer
from envsync.cli.arguments import COMMANDS
from envsync.manifest.find import FOUND, NAMED, OWN, SET, demanded
from envsync.observe.backends import find_uv
from envsync.observe.discover import discover
from envsync.observe.trust import TrustLevel, record_of, records, refuse_strangers
from harness.bench import listing
from harness.depot import Depot
from harness.place import Place, Run
from harness.processes import Watched
from harness.watching import watching

NOBODY = 65534
ROOT = os.geteuid() == 0
TRAP = '#!/bin/sh\necho "$0 $*" >>"{ran}"\nexec "{python}" "$@"\n'
MANIFEST = """version = 1
state-dir = "~/.local/share/envs"
bin-dir = "~/.local/bin"
include = ["more.toml", "envs.d/*.toml"]
builder = "uv|venv"
installer = "uv"
{more}

[pythons]
main = "./evil/python"

[envs.app]
path = ".venv"
python = "main"
requirements = ["requirements.txt"]
project = "."
aliases = ["../worktree/.venv"]
expose = ["git"]

[envs.target]
path = "~/.venvs/target"
target = "target"
python = "evil/python"
packages = ["evil @ file://${{PWD}}/"]
expose = ["ls"]
"""
CODE = 'import os\nopen(os.environ["RAN"], "a").write(__file__)\n'
FILES = {
    "more.toml": '[envs.more]\npath = "more"\npython = "./evil/python3.12"\n',
    "envs.d/one.toml": '[envs.one]\npath = "../one"\npython = "../evil/python"\n',
    "requirements.txt": "-e .\n",
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    '[project]\nname = "evil"\ndynamic = ["version", "dependencies"]\n',
    "backend.py": CODE,
    "setup.py": CODE,
    "sitecustomize.py": CODE,
    "envsync.py": CODE,
    "uv.lock": "version = 1\n",
    ".venv/pyvenv.cfg": "home = evil\nversion = 3.12.1\n",
}
PROGRAMS = ("evil/python", "evil/python3.12", "python3.12", "uv", ".venv/bin/python", ".venv/bin/git", "true")


def positions(command: str) -> list[list[str]]:
    """List what may be written for the positions of a command: each choice, or a name that is there."""
    (found,) = (one for one in COMMANDS if one.name == command)
    lines: list[list[str]] = [[]]
    for argument in found.arguments:
        if argument.names[0].startswith("-"):
            continue
        choices = argument.settings.get("choices") or [
            "new" if argument.settings.get("metavar") == "NEW_NAME" else "app"
        ]
        if argument.settings.get("nargs") in {"*", "?"}:
            choices = ["true"] if command == "run" else []
        lines = [[*line, choice] for line in lines for choice in choices] or lines
    return lines


def flags(command: str) -> list[list[str]]:
    """List the options of a command that take no value, each by itself, and what it cannot do without."""
    (found,) = (one for one in COMMANDS if one.name == command)
    needed = {"add": ["--path", "x"], "watch": ["--once"]}.get(command, [])
    plain = [one.names[0] for one in found.arguments if one.settings.get("action") == "store_true"]
    return [needed, *([*needed, flag] for flag in plain if flag not in needed)]


LINES = [
    (command.name, *place, *options)
    for command in COMMANDS
    for place in positions(command.name)
    for options in flags(command.name)
    if command.name not in {"trust", "untrust"} or options == ["--list"]
]
"""Every command, with each of its flags: a new one is among them at once."""
BARE = [min((line for line in LINES if line[0] == name), key=len) for name in dict.fromkeys(line[0] for line in LINES)]
WITH_OPTIONS = [line for line in LINES if line not in BARE]
TELLING = {"apply", "plan", "check", "status", "explain", "graph", "run", "watch", "rollback", "upgrade"}
"""Commands that must say what is to be done."""


@pytest.fixture
def clone(tmp_path: Path) -> Place:
    """Return a clone whose manifest names nothing but traps, and the command, run in it with nothing trusted."""
    place = Untrusting(tmp_path / "clone", dict(os.environ))
    home, ran = tmp_path / "home", tmp_path / "ran"
    own = [f"home/{name}" for name in (".cache/envsync", ".local/state/envsync", ".config/envsync")]
    for directory in ("clone", "home/.local/bin", "worktree", "bin", *own):
        (tmp_path / directory).mkdir(parents=True)
    more = f'on-event = ["{place.root}/evil/python"]'
    texts = FILES | {"envs.toml": MANIFEST.format(more=more)}
    trap = TRAP.format(ran=ran, python=sys.executable)
    for name, text in {**texts, **dict.fromkeys(PROGRAMS, trap)}.items():
        (place.root / name).parent.mkdir(parents=True, exist_ok=True)
        (place.root / name).write_text(text)
        (place.root / name).chmod(0o755 if name in PROGRAMS else 0o644)
    orphan = home / ".local/share/envs/orphan"
    (orphan / "bin").mkdir(parents=True)
    marks = {"manifest": place.manifest, "end": orphan, "name": "orphan", "path": "/gone"}
    settings = "".join(f"envsync-{key} = {value}\n" for key, value in marks.items())
    (orphan / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = 3.12.1\n{settings}")
    (tmp_path / "bin/systemctl").write_text("#!/bin/sh\n")
    (tmp_path / "bin/systemctl").chmod(0o755)
    place.variables |= {"HOME": str(home), "RAN": str(ran), "PWD": str(place.root), "VISUAL": "true"}
    place.variables["PATH"] = f".::{tmp_path}/bin:/usr/bin:/bin"
    return place


class Untrusting(Place):
    """Runs the command as it is, with nothing trusted by the test."""

    def trust(self, **variables: str) -> None:
        """Trust nothing."""


def outside(clone: Place) -> dict[str, object]:
    """List all that is there, directories with their times as well, except in envsync's own state and caches."""
    own = ("home/.cache/envsync", "home/.local/state/envsync", "home/.config/envsync")
    return {name: one for name, one in listing(clone.root.parent).items() if not name.startswith(own)}


def assert_harmless(clone: Place, line: tuple[str, ...]) -> Run:
    before = outside(clone)
    run = clone.envsync(*line)
    assert not Path(clone.variables["RAN"]).exists(), Path(clone.variables["RAN"]).read_text()
    assert outside(clone) == before
    return run


def assert_refused(clone: Place, line: tuple[str, ...]) -> None:
    run = assert_harmless(clone, line)
    if line[0] in TELLING:
        assert run.status == 1
        assert "envsync trust" in run.out + run.err


@pytest.mark.parametrize("line", BARE, ids=" ".join)
def test_nothing_that_an_untrusted_manifest_names_is_run_or_changed_by_any_command(
    clone: Place, line: tuple[str, ...]
) -> None:
    assert_refused(clone, line)


@pytest.mark.sampled(15)
@pytest.mark.parametrize("line", WITH_OPTIONS, ids=" ".join)
def test_so_it_is_with_each_option(clone: Place, line: tuple[str, ...]) -> None:
    assert_refused(clone, line)


def give_away(clone: Place) -> None:
    for directory, directories, files in os.walk(clone.root):
        for name in (".", *directories, *files):
            os.lchown(os.path.join(directory, name), NOBODY, NOBODY)


@pytest.mark.sampled(15)
@pytest.mark.skipif(not ROOT, reason="only root can give files away")
@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_one_of_another_user_is_refused_by_every_command(clone: Place, line: tuple[str, ...]) -> None:
    give_away(clone)
    run = assert_harmless(clone, line)
    if line[0] in TELLING:
        assert run.status == 1
        assert "belongs to another user, nobody" in run.err
        assert "--file FILE" in run.err


def test_the_traps_work_once_the_manifest_is_trusted(clone: Place) -> None:
    assert clone.envsync("trust").status == 0
    clone.envsync("plan")
    assert "evil/python" in Path(clone.variables["RAN"]).read_text()
    assert clone.envsync("prune", "--yes").status == 0
    assert not Path(clone.variables["HOME"], ".local/share/envs/orphan").exists()


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
def test_another_users_manifest_cannot_be_trusted_but_named(clone: Place) -> None:
    give_away(clone)
    run = clone.envsync("trust")
    assert (run.status, "belongs to another user" in run.err) == (1, True)
    assert "untrusted" not in clone.envsync("plan", "--json", "--file", "envs.toml").out


@pytest.fixture
def plain(clone: Place) -> Place:
    """Return a clone whose manifest declares one environment, and an include, that work."""
    clone.manifest.write_text(
        'version = 1\nstate-dir = "state"\ninclude = ["more.toml"]\n'
        f'[envs.app]\npath = "env"\npython = "{sys.executable}"\n'
    )
    (clone.root / "more.toml").write_text("")
    (clone.root / "envsync.py").unlink()  # `python -m envsync` would import it
    return clone


def status(place: Place, *arguments: str) -> int:
    return place.envsync(*arguments).status


def settle(place: Place, *options: str) -> None:
    """Apply until the fast path knows that nothing is to be done."""
    for _ in range(50):
        assert status(place, "apply", *options) == 0
        if knows(place, "check", *options):
            return
        time.sleep(0.05)  # what was changed just now proves nothing
    pytest.fail("no pass has taken note that nothing is to be done")


@contextlib.contextmanager
def inside(place: Place) -> Iterator[None]:
    """Let this process be where the command is run."""
    here = os.getcwd()
    with mock.patch.dict(os.environ, place.variables, clear=True):
        os.chdir(place.root)
        try:
            yield
        finally:
            os.chdir(here)


def knows(place: Place, *arguments: str) -> bool:
    """Check whether the fast path has an answer."""
    with inside(place):
        return fast_answer([*(arguments or ("check",))]) is not None


def test_trusted_once_it_is_carried_out_though_it_changes_and_hooks_refuse_it_then(plain: Place) -> None:
    assert status(plain, "apply") == 1
    assert status(plain, "trust") == 0
    assert status(plain, "apply") == status(plain, "apply", "--as-trusted") == 0
    for file in (plain.manifest, plain.root / "more.toml"):
        file.write_text(file.read_text() + "# more\n")
        assert status(plain, "apply") == 0
        run = plain.envsync("apply", "--as-trusted")
        assert run.status == 1
        assert "has changed since it was trusted" in run.err
        assert f"envsync trust {plain.manifest}" in run.err
        assert plain.envsync("check", "--as-trusted").status == 1
        assert status(plain, "trust", ".") == 0
        assert status(plain, "apply", "--as-trusted") == 0


def test_as_trusted_means_a_manifest_that_is_named_too_but_not_the_users_own(plain: Place) -> None:
    assert status(plain, "apply", "--file", "envs.toml") == 0
    assert status(plain, "apply", "--file", "envs.toml", "--as-trusted") == 1
    own = Path(plain.variables["HOME"], ".config/envsync")
    shutil.move(plain.manifest, own)
    shutil.move(plain.root / "more.toml", own)
    assert status(plain, "apply", "--as-trusted") == 0
    assert status(Untrusting(own, plain.variables), "apply") == 0
    assert status(plain, "apply", "--as-trusted") == 0
    assert "needs no trust" in plain.envsync("trust").out


def test_a_variable_that_names_it_trusts_it(plain: Place) -> None:
    plain.variables["ENVSYNC_FILE"] = str(plain.manifest)
    assert status(plain, "apply") == status(plain, "apply", "--as-trusted") == 0


def test_the_fast_path_answers_only_as_far_as_a_manifest_is_trusted(plain: Place) -> None:
    settle(plain, "--file", "envs.toml")
    assert not knows(plain)
    assert status(plain, "check") == 1
    status(plain, "trust")
    settle(plain)
    assert knows(plain, "check", "--as-trusted")
    plain.manifest.write_text(plain.manifest.read_text() + "# more\n")
    settle(plain)
    assert not knows(plain, "check", "--as-trusted")
    assert status(plain, "untrust") == 0
    assert not knows(plain)
    assert not knows(plain, "check", "--file", "envs.toml")
    assert status(plain, "check") == 1


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
def test_a_file_of_another_users_in_its_place_is_refused_at_once(plain: Place) -> None:
    status(plain, "trust")
    settle(plain)
    new = plain.root / "new"
    shutil.copy(plain.manifest, new)
    os.chown(new, NOBODY, NOBODY)
    new.rename(plain.manifest)
    run = plain.envsync("check")
    assert (run.status, "belongs to another user" in run.err) == (1, True)


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
@pytest.mark.parametrize("which", ["link", "file", "folder", "include", "linked include"])
def test_neither_file_nor_link_may_be_another_users(plain: Place, which: str) -> None:
    real = plain.root / "real"
    real.mkdir()
    match which:
        case "link" | "file":
            plain.manifest.rename(real / "envs.toml")
            plain.manifest.symlink_to("real/envs.toml")
            stranger = plain.manifest if which == "link" else real / "envs.toml"
        case "folder":
            for name in ("envs.toml", "more.toml"):
                (plain.root / name).rename(real / name)
            stranger = plain.root / "by-link"
            stranger.symlink_to("real")
        case "include":
            stranger = plain.root / "more.toml"
        case _:
            (plain.root / "more.toml").rename(real / "more.toml")
            stranger = plain.root / "more.toml"
            stranger.symlink_to("real/more.toml")
    place = Untrusting(stranger, plain.variables | {"PWD": str(stranger)}) if which == "folder" else plain
    assert status(place, "trust") == status(place, "apply") == 0
    os.lchown(stranger, NOBODY, NOBODY)
    for words in ("apply", "plan", "trust"):
        run = place.envsync(words)
        assert run.status == 1, run.out
        assert "to another user, nobody" in run.err
    assert status(place, "plan", "--file", "envs.toml") == 0


def test_a_manifest_needs_as_much_trust_as_it_was_come_by() -> None:
    ways = (FOUND, NAMED, SET, OWN)
    needed = {way: [demanded(way, as_trusted=strict) for strict in (False, True)] for way in ways}
    assert needed.pop(FOUND) == [TrustLevel.TRUSTED, TrustLevel.UNCHANGED]
    assert needed.pop(NAMED) == [TrustLevel.UNTRUSTED, TrustLevel.UNCHANGED]
    assert set(map(tuple, needed.values())) == {(TrustLevel.UNTRUSTED, TrustLevel.UNTRUSTED)}


def test_what_root_owns_is_not_another_users(plain: Place) -> None:
    with (
        mock.patch("os.geteuid", return_value=4711),
        contextlib.nullcontext() if ROOT else pytest.raises(envsync.UntrustedError),
    ):
        refuse_strangers([str(plain.manifest)])


def test_trust_goes_by_the_real_directory_and_by_where_a_link_leads(plain: Place) -> None:
    status(plain, "trust")
    link = plain.root.parent / "by-link"
    link.symlink_to(plain.root)
    assert status(Untrusting(link, plain.variables | {"PWD": str(link)}), "plan") == 0
    other = Untrusting(plain.root.parent / "other", plain.variables)
    other.root.mkdir()
    other.manifest.symlink_to(plain.manifest)  # its relative paths mean something else here
    other.root.joinpath("more.toml").write_text("")
    assert status(other, "plan") == 1
    assert status(other, "trust") == status(other, "plan") == 0
    other.manifest.unlink()
    other.manifest.symlink_to(plain.root / "copy.toml")
    shutil.copy(plain.manifest, plain.root / "copy.toml")
    assert status(other, "plan") == 1


def test_a_program_gets_an_error_and_is_never_asked(plain: Place) -> None:
    with inside(plain):
        for call in (envsync.load, envsync.locate):
            with pytest.raises(envsync.UntrustedError, match="is not trusted"):
                call()
        assert envsync.load(envsync.locate("envs.toml")).environments[0].name == "app"
        with pytest.raises(envsync.ManifestError):
            envsync.load("/nowhere")
    status(plain, "trust")
    with inside(plain):
        assert envsync.load() == envsync.load(envsync.locate())
        if ROOT:
            os.chown(plain.root / "more.toml", NOBODY, NOBODY)
            with pytest.raises(envsync.UntrustedError, match="another user"):
                envsync.load()


def answered(place: Place, answer: str, *arguments: str, closed: str = "") -> tuple[int, str]:
    """Run the command on a terminal on which somebody types, and give all that it wrote there."""
    main, end = pty.openpty()
    stdin, stdout, stderr = (subprocess.DEVNULL if name == closed else end for name in ("stdin", "stdout", "stderr"))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "envsync", *arguments],
        cwd=place.root,
        env=place.variables,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    )
    os.close(end)
    os.write(main, os.fsencode(answer))
    written = bytearray()
    with contextlib.suppress(OSError):  # EIO is how Linux tells the end
        while chunk := os.read(main, 65536):
            written += chunk
    os.close(main)
    return process.wait(60), written.decode(errors="replace").replace("\r\n", "\n")


@pytest.mark.parametrize("words", ["apply", "run app true", "watch --once"])
def test_on_a_terminal_what_acts_asks_once(plain: Place, words: str) -> None:
    if words.startswith("run"):
        assert status(plain, "apply", "--file", "envs.toml") == 0
        words = "run app -- /bin/true"
    question = f"envs.toml in {plain.root} and 1 included file is not trusted yet; it may run programs. Trust it?"
    for answer in ("n\n", "\x04"):
        code, text = answered(plain, answer, *words.split())
        assert code == 1
        assert question in text
        assert "is not trusted" in text
    code, text = answered(plain, "y\n", *words.split())
    assert (code, question in text) == (0, True)
    code, text = answered(plain, "", *words.split())
    assert (code, question in text) == (0, False)


@pytest.mark.parametrize("words", ["upgrade", "plan", "add x --path x", "apply --json", "apply --quiet", "prune"])
def test_no_other_command_asks(plain: Place, words: str) -> None:
    code, text = answered(plain, "y\n", *words.split())
    assert code == 1
    assert "Trust it?" not in text


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_nobody_is_asked_unless_all_is_a_terminal(plain: Place, stream: str) -> None:
    code, text = answered(plain, "y\n", "apply", closed=stream)
    assert code == 1
    assert "Trust it?" not in text


def test_on_a_terminal_a_rebuild_is_asked_about_and_no_changes_nothing(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n[envs.b]\npath = "b"\n')
    place.apply()
    shutil.rmtree(place.root / "a/lib")
    shutil.rmtree(place.root / "b")
    question = "Rebuild 1 environment (a)? [y/N]"
    before = listing(place.root / "a")
    place.variables["PYTHONIOENCODING"] = "utf-8:strict"  # as most locales have it
    for answer in ("n\n", "\x04", "\n", "\udcff\n"):
        code, text = answered(place, answer, "apply", "--file", "envs.toml")
        assert (code, question in text, "Nothing was changed." in text) == (1, True, True)
        before_question = text.partition(question)[0]
        assert re.search(r"^\* rebuild +a +\S+ +\S.*: \S.*", before_question, re.MULTILINE), text  # and why
        assert listing(place.root / "a") == before
        assert not (place.root / "b").exists()
    code, text = answered(place, "y\n", "apply", "--file", "envs.toml")
    assert (code, question in text) == (0, True)
    assert place.envsync("check", "--file", "envs.toml").status == 0
    for stream in ("stdin", "stdout", "stderr"):  # without a terminal, nobody is asked
        shutil.rmtree(place.root / "a/lib")
        code, text = answered(place, "n\n", "apply", "--file", "envs.toml", closed=stream)
        assert (code, question in text) == (0, False), stream
    for words in (["--yes"], ["-y"], ["--json"], ["--quiet"], ["--force-rebuild", "a"]):
        shutil.rmtree(place.root / "a/lib")
        code, text = answered(place, "n\n", "apply", "--file", "envs.toml", *words)
        assert (code, question in text) == (0, False), words


def test_ctrl_c_at_the_question_changes_nothing(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    place.apply()
    shutil.rmtree(place.root / "a/lib")
    before = listing(place.root / "a")
    with Watched(place, "apply", "--file", "envs.toml") as process:
        process.wait_for(r"Rebuild 1 environment \(a\)\? \[y/N\]")
        process.type("\x03")
        assert process.end() == 130
        assert "interrupted" in process.text
        assert "Traceback" not in process.text
    assert listing(place.root / "a") == before
    with Watched(place, "apply", "--file", "envs.toml", "-y") as process:
        assert process.end() == 0
        assert "[y/N]" not in process.text


def test_packages_that_go_are_asked_about(depot: Depot) -> None:
    head = 'packages = ["tool"]'
    depot.make(head)
    depot.install("app")
    depot.declare(head, "exact = true")
    question = "Remove 2 packages? [y/N]"
    assert depot.place.envsync("plan", "--file", "envs.toml").out.splitlines()[2:4] == [
        "    - app  1.0",
        "    - lib  1.1",
    ]
    code, text = answered(depot.place, "n\n", "apply", "--file", "envs.toml")
    assert (code, question in text, set(depot.versions())) == (1, True, {"app", "lib", "tool"})
    code, text = answered(depot.place, "y\n", "apply", "--file", "envs.toml")
    assert (code, question in text, set(depot.versions())) == (0, True, {"tool"})


def test_what_envsync_writes_is_trusted_and_what_it_only_edits_is_not(plain: Place) -> None:
    plain.manifest.unlink()
    assert status(plain, "init", "--file", "envs.toml") == 0
    assert status(plain, "apply", "--as-trusted") == 0
    assert status(plain, "add", "new", "--path", "new") == 0
    assert status(plain, "apply", "--as-trusted") == 0
    assert status(plain, "remove", "new") == 0
    assert status(plain, "check", "--as-trusted") == 0
    plain.manifest.write_text(plain.manifest.read_text() + "# somebody's\n")
    assert status(plain, "add", "new", "--path", "new") == 0
    assert status(plain, "check", "--as-trusted") == 1
    status(plain, "untrust")
    assert status(plain, "add", "newer", "--path", "newer") == 1
    assert status(plain, "add", "newer", "--path", "newer", "--file", "envs.toml") == 0
    assert status(plain, "check") == 1


def test_only_a_note_of_the_users_own_is_believed_and_nobody_else_can_read_it(plain: Place) -> None:
    status(plain, "trust")
    directory = Path(plain.variables["HOME"], ".local/state/envsync/trust")
    (note,) = directory.iterdir()
    assert (directory.stat().st_mode & 0o777, note.stat().st_mode & 0o777) == (0o700, 0o600)
    good = note.read_text()
    for bad in ("", "{}", "[]", "{", good.replace("/clone/", "/other/"), good.replace('"owner": ', '"owner": 1')):
        note.write_text(bad)
        assert status(plain, "plan") == 1, bad
    note.write_text(good)
    assert status(plain, "plan") == 0
    note.chmod(0o620)
    assert status(plain, "plan") == 1
    note.chmod(0o600)
    if ROOT:
        os.chown(note, NOBODY, NOBODY)
        assert status(plain, "plan") == 1
    note.unlink()
    note.mkdir()
    assert status(plain, "plan") == 1


def test_trusted_manifests_are_listed_and_one_that_is_gone_can_be_untrusted(plain: Place) -> None:
    status(plain, "trust", str(plain.root))
    (plain.root / "deep/er").mkdir(parents=True)
    assert status(Untrusting(plain.root / "deep/er", plain.variables), "untrust", ".") == 0
    status(plain, "trust", "envs.toml")
    assert plain.envsync("trust", "--list").out.strip() == str(plain.manifest)
    with inside(plain):
        assert [one.manifest for one in records()] == [str(plain.manifest)]
    plain.manifest.unlink()
    assert "missing" in plain.envsync("trust", "--list").out
    assert status(plain, "untrust", "envs.toml") == 0
    assert plain.envsync("trust", "--list").out.strip() == "no manifest has been trusted"
    assert "was not trusted" in plain.envsync("untrust", "envs.toml").out
    with inside(plain):
        assert record_of(str(plain.manifest)) is None


def test_a_manifest_that_cannot_be_read_is_not_trusted(plain: Place) -> None:
    plain.manifest.write_text("version = 1\n[envs.a\n")
    assert status(plain, "trust") == 2
    assert status(plain, "trust", "nowhere") == 2
    assert plain.envsync("trust", "--list", "--json").document["manifests"] == []


def test_doctor_says_whether_the_manifest_is_trusted_and_why(plain: Place) -> None:
    def reported(*arguments: str) -> str:
        document = plain.envsync("doctor", "--json", *arguments).document
        (check,) = (one for one in document["checks"] if one["code"] == "trust")
        return f"{check['status']}: {check['message']}"

    assert reported() == "warning: the manifest is not trusted: it may run programs and change files"
    assert reported("--file", "envs.toml") == "ok: the manifest may be applied: it is named by --file"
    status(plain, "trust")
    assert "you trusted it, and it has not changed since" in reported()
    plain.manifest.write_text(plain.manifest.read_text() + "# more\n")
    assert "it has changed since" in reported()


def test_a_watcher_stops_carrying_out_what_is_untrusted_and_goes_on_when_it_is_trusted_again(plain: Place) -> None:
    status(plain, "trust")
    with watching(plain) as watcher:
        watcher.applied("app", "created")
        status(plain, "untrust")
        watcher.until("conflict", lambda event: "untrusted" in str(event))
        (plain.root / "env/bin/python").unlink()
        watcher.calm(1.0)
        assert not (plain.root / "env/bin/python").exists()
        status(plain, "trust")
        watcher.applied("app", "repaired")


def test_neither_uv_nor_an_interpreter_is_taken_from_a_relative_directory_on_path(clone: Place) -> None:
    with inside(clone), mock.patch.dict(sys.modules, {"uv": None}):
        assert find_uv() is None
        assert not any(one.link.startswith((".", "python", str(clone.root))) for one in discover().candidates)
        os.environ["PATH"] = f".:{clone.root}"
        assert find_uv() == str(clone.root / "uv")


PLAIN = 'version = 1\ninclude = ["{place}/more.toml"]\nstate-dir = "{place}/state"\n[envs.a]\npath = "{place}/a"\n'


def test_a_hook_is_never_asked(plain: Place) -> None:
    before = listing(plain.root)
    code, output = answered(plain, "y", "apply", "--as-trusted")
    assert (code, "Trust it?" in output) == (1, False)
    assert listing(plain.root) == before


@pytest.mark.parametrize("mode", [0o666, 0o664])
@pytest.mark.parametrize("which", ["envs.toml", "more.toml"])
def test_what_others_may_write_to_is_not_believed(plain: Place, which: str, mode: int) -> None:
    if mode == 0o664 and not ROOT:
        pytest.skip("only root can give files to a group of others")
    plain.manifest.write_text(PLAIN.format(place=plain.root))
    (plain.root / "more.toml").write_text("")
    assert status(plain, "trust") == 0
    assert status(plain, "check") == 3
    (plain.root / which).chmod(mode)
    if ROOT:
        os.chown(plain.root / which, -1, NOBODY)
    for words in (("trust",), ("apply",), ("plan",)):
        run = plain.envsync(*words)
        assert run.status == 1
        assert f"others may write to {plain.root}/{which}" in run.err
        assert "chmod go-w" in run.err


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
def test_the_configuration_directory_of_another_user_is_not_roots(plain: Place, tmp_path: Path) -> None:
    own = tmp_path / "home/.config/envsync/envs.toml"
    own.write_text(PLAIN.format(place=plain.root))
    (plain.root / "more.toml").write_text("")
    plain.manifest.unlink()
    assert status(plain, "plan") == 0
    os.chown(own, NOBODY, NOBODY)
    run = plain.envsync("plan")
    assert (run.status, "belongs to another user, nobody" in run.err) == (1, True)


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
def test_root_writes_no_manifest_among_another_users_files(plain: Place, tmp_path: Path) -> None:
    home = tmp_path / "other"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    for words in (("init",), ("init", f"--file={home}/new.toml")):
        run = plain.envsync(*words, HOME=str(home))
        assert (run.status, "sudo -u nobody" in run.err) == (1, True)
        assert os.listdir(home) == []
