"""What may be written where a NAME stands, and the commands that use an environment by it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envsync.manifest.selection import enclosing, selected, the_one
from envsync.model.desired import Environment, Manifest, Packages
from envsync.model.problems import UsageError
from harness.place import Place
from harness.processes import Watched


def code_of(function: object, *arguments: object) -> str:
    with pytest.raises(UsageError) as caught:
        function(*arguments)  # type: ignore[operator]
    return caught.value.problem.code


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for directory in ("src/blog/app", "src/blog/sub", "src/api", "src/lib/deep", "other", "state"):
        (tmp_path / directory).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    return tmp_path


@pytest.fixture
def manifest(home: Path) -> Manifest:
    places = {
        "blog": Environment("blog", f"{home}/src/blog/.venv", f"{home}/state/blog", aliases=(f"{home}/wt/.venv",)),
        "sub": Environment("sub", f"{home}/src/blog/sub/venv"),
        "api": Environment("api", f"{home}/src/api/.venv"),
        "lib": Environment("lib", f"{home}/state/lib", packages=Packages(project=f"{home}/src/lib")),
        "home": Environment("home", f"{home}/.venv"),
    }
    return Manifest(f"{home}/envs.toml", f"{home}/state", f"{home}/bin", tuple(places.values()), elsewhere=("mac",))


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("api", ("api",)),
        ("./src/blog", ("blog", "sub")),
        ("~/src/blog/.venv", ("blog",)),
        ("./state/blog", ("blog",)),
        ("./wt", ("blog",)),
        ("~/src", ("blog", "sub", "api", "lib")),
        (".", ("blog", "sub", "api", "lib", "home")),
        ("/", ("blog", "sub", "api", "lib", "home")),
        ("~/other/..", ("blog", "sub", "api", "lib", "home")),
        ("src/blog/app", ("blog",)),
        ("src/lib/deep", ("lib",)),
        ("[al]*", ("api", "lib")),
        ("~/src/*/sub", ("sub",)),
        ("./src/*", ("blog", "sub", "api", "lib")),
    ],
)
def test_a_word_means_names_paths_and_globs(manifest: Manifest, word: str, names: tuple[str, ...]) -> None:
    assert selected(manifest, (word,)) == names


def test_each_is_meant_once_in_the_order_of_the_words(manifest: Manifest) -> None:
    assert selected(manifest, ("lib", "./src/api", "[al]*")) == ("lib", "api")
    assert selected(manifest, ("m*",), elsewhere=True) == ("mac",)


@pytest.mark.parametrize("word", ["nothing", "", "./gone", "x*", "./other", "mac"])
def test_a_word_that_means_nothing_is_refused_with_what_is_near(manifest: Manifest, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        selected(manifest, (word,))
    assert caught.value.problem.code == "unknown-name"
    assert caught.value.problem.hint


def test_a_directory_is_not_taken_for_a_name(manifest: Manifest) -> None:
    with pytest.raises(UsageError) as caught:
        selected(manifest, ("src",))
    assert "./src" in str(caught.value.problem.hint)


def test_a_home_directory_is_nobodys_project(manifest: Manifest, home: Path) -> None:
    assert enclosing(manifest, f"{home}/other") is None
    assert enclosing(manifest, str(home)) is None
    with pytest.raises(UsageError) as caught:
        selected(manifest, ("./other",))
    assert caught.value.problem.code == "unknown-name"
    assert caught.value.problem.hint == "Declare one, in that directory: envsync add"


def test_the_project_is_the_nearest_one_up_to_its_repository(manifest: Manifest, home: Path) -> None:
    for directory, name in (("src/blog/app", "blog"), ("src/blog/sub", "sub"), ("src/lib/deep", "lib")):
        found = enclosing(manifest, f"{home}/{directory}")
        assert found is not None
        assert found.name == name
    (home / "src/blog/app/.git").mkdir()
    assert enclosing(manifest, f"{home}/src/blog/app") is None


def test_where_one_is_needed_it_is_that_of_the_very_directory(manifest: Manifest) -> None:
    assert the_one(manifest, "./src/blog").name == "blog"
    assert the_one(manifest, "./src/blog/app").name == "blog"
    with pytest.raises(UsageError) as caught:
        the_one(manifest, "./src")
    assert caught.value.problem.code == "ambiguous-name"
    assert "blog, sub, api, lib" in caught.value.problem.message


def test_here_is_known_as_it_was_come_to_and_as_it_is(
    manifest: Manifest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "link").symlink_to("src/blog")
    monkeypatch.chdir(home / "link/app")
    assert selected(manifest, (".",)) == ("blog",)
    monkeypatch.setenv("PWD", f"{home}/link/app")
    assert selected(manifest, (".",)) == selected(manifest, ("..",))[:1] == ("blog",)
    (home / "to-state").symlink_to("state/blog")
    assert selected(manifest, (f"{home}/to-state",)) == ("blog",)
    (home / "src/blog/.venv/bin").mkdir(parents=True)
    (home / "src/blog/.venv/bin/python").symlink_to("/usr/bin/env")
    assert selected(manifest, ("../sub*", "../.venv/bin/python")) == ("sub", "blog")


MANIFEST = '[envs.one]\npath = "one/.venv"\n[envs.two]\npath = "two/.venv"\ndescription = "the second"\n'


@pytest.fixture
def made(place: Place) -> Place:
    place.write(MANIFEST, "one", "two")
    place.apply("./one")
    return place


def test_commands_take_paths_and_several_are_removed(made: Place) -> None:
    run = made.envsync("status", "--json", "./two")
    assert [(entry["state"], entry["description"]) for entry in run.environments.values()] == [
        ("missing", "the second")
    ]
    assert "the second" in made.envsync("status").out
    assert made.envsync("check", "./one").status == 0
    assert made.envsync("move", "./o*", "--json").document["errors"][0]["code"] != "unknown-name"
    document = made.envsync("remove", "./one", "tw?", "--json").document
    assert [one["name"] for one in document["no_longer_declared"]] == ["one", "two"]
    assert "envs." not in made.manifest.read_text()


def test_which_prints_the_path_and_activate_what_activates(made: Place) -> None:
    path = f"{made.root}/one/.venv"
    assert made.envsync("which", "one").out == f"{path}\n"
    assert made.envsync("which", "./one", "--python").out == f"{path}/bin/python\n"
    assert made.envsync("which", "one", "--json").document["python"] == f"{path}/bin/python"
    assert made.envsync("activate", "one", "--shell", "zsh").out == f". {path}/bin/activate\n"
    assert made.envsync("activate", "one", "--shell", "fish").out == f"source '{path}/bin/activate.fish'\n"
    assert made.envsync("which", ".").status == 2
    assert made.envsync("which", "two").status == 1
    here = made.envsync("which", "--here")
    assert (here.status, here.out, here.err) == (1, "", "")


@pytest.mark.parametrize("words", [("which", "one"), ("activate", "one"), ("which", "--here")])
def test_nothing_of_a_strangers_manifest_is_offered_to_a_shell(made: Place, words: tuple[str, ...]) -> None:
    made.trust()
    made.manifest.rename(made.root / "strange.toml")
    run = made.envsync(*words, "--file", "strange.toml", "--as-trusted")
    assert (run.status, run.out) == (1, "")
    assert "trust" in run.err


def test_options_of_a_command_need_no_dashes(made: Place) -> None:
    assert made.envsync("run", "one", "printf", "%s|", "--json", "-x", "--", "--file").out == "--json|-x|--|--file|"
    assert made.envsync("run", "--file", "envs.toml", "./one", "-q", "printf", "%s|", "-q").out == "-q|"
    assert "CMD --option" in made.envsync("run", "one", "--version").err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "dash"])
def test_without_a_command_a_shell_begins_with_it_active(made: Place, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}, which is not installed here")
    done = subprocess.run(
        [sys.executable, "-m", "envsync", "run", "one"],
        check=False,
        cwd=made.root,
        env=made.variables | {"SHELL": str(shutil.which(shell)), "TERM": "dumb"},
        input='echo "=$VIRTUAL_ENV="; command -v python\n',
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"={made.root}/one/.venv=\n" in done.stdout, done.stderr
    assert f"{made.root}/one/.venv/bin/python\n" in done.stdout


@pytest.mark.parametrize("directory", ["one", "it's two", "a!b", "a $HOME b"])
def test_tcsh_evaluates_what_activates(place: Place, directory: str) -> None:
    if shutil.which("tcsh") is None:
        pytest.skip("needs tcsh, which is not installed here")
    place.write(f'[envs.one]\npath = "{directory}"\n')
    place.apply()
    done = subprocess.run(
        ["tcsh", "-f", "-c", f'eval "`{sys.executable} -m envsync activate one`"; echo "=$VIRTUAL_ENV="; which python'],
        check=False,
        cwd=place.root,
        env=place.variables | {"SHELL": "/bin/sh"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    path = f"{place.root}/{directory}"
    assert done.stdout.splitlines() == [f"={path}=", f"{path}/bin/python"], done.stderr


def test_an_edited_manifest_is_checked_and_its_link_stays(made: Place) -> None:
    real = made.root / "real.toml"
    made.manifest.rename(real)
    made.manifest.symlink_to("real.toml")
    assert "as it was" in made.envsync("edit", VISUAL="true").out
    assert made.envsync("edit", "--json", VISUAL="sed -i.bak 's/one/uno/'").document["changed"] is True
    assert os.readlink(made.manifest) == "real.toml"
    assert "uno" in real.read_text()
    run = made.envsync("edit", "--json", EDITOR="sed -i.bak 's/^version/versoin/'", VISUAL="")
    assert (run.status, [one["line"] for one in run.document["errors"]]) == (2, [None, 1])
    assert made.envsync("edit", VISUAL="sed -i.bak 's/^versoin/version/'").status == 0
    assert made.envsync("edit", VISUAL="false").status == 1
    assert made.envsync("edit", VISUAL=" ", EDITOR="true").status == 0  # blanks name no editor


@pytest.mark.parametrize(("answer", "status"), [("\r", 0), ("n\r", 2), ("\x04", 2), ("\x03", 130)])
def test_an_invalid_manifest_may_be_edited_again(made: Place, answer: str, status: int) -> None:
    editor = made.root / "editor"
    editor.write_text(
        "#!/bin/sh\nif grep -q versoin $1; then sed -i s/versoin/version/ $1; else sed -i s/version/versoin/ $1; fi\n"
    )
    editor.chmod(0o755)
    with Watched(made, "edit", VISUAL=str(editor)) as watched:
        watched.wait_for("Edit again")
        watched.type(answer)
        assert watched.end() == status
    assert "versoin" in watched.text  # why
    assert watched.text.count("Edit again? [Y/n] ") == 1
    assert ("versoin" in made.manifest.read_text()) == (status != 0)
    assert watched.text.endswith("envsync: interrupted\r\n") == (status == 130)
    assert "Traceback" not in watched.text


def test_a_question_ends_at_a_signal_that_interrupts_no_system_call(made: Place) -> None:
    """As when Ctrl-C comes just before read(2)."""
    in_another_thread = (
        "import signal, threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])"
    )
    with Watched(made, "edit", before=in_another_thread, VISUAL="sed -i s/version/versoin/") as watched:
        watched.wait_for("Edit again")
        watched.type("\x03")
        assert watched.end() == 130
