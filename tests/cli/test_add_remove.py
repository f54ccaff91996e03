"""``add`` and ``remove``: the manifest is edited through its links, in one step, and only if it is good afterwards."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envsync.cli.arguments import COMMANDS
from envsync.cli.main import main
from envsync.manifest.tables import EnvironmentTable
from harness.bench import Listing, listing, run
from harness.place import Place
from harness.refusals import refused

TWO = 'version = 1\nstate-dir = "state"\n# of a\n[envs.a]\npath = "a"\n\n[envs.b]\npath = "b"\n'
Edit = Callable[..., dict[str, Any]]
EXAMPLES: dict[str, list[Any]] = {
    (field.alias or name): field.examples or [] for name, field in EnvironmentTable.model_fields.items()
}
"""What the tables give as examples of an environment's keys."""


@pytest.fixture
def here(here: Place) -> Place:
    here.manifest.write_text(TWO)
    return here


@pytest.fixture
def edit(here: Place, capsys: pytest.CaptureFixture[str]) -> Edit:
    """Return a way to edit the manifest, and what comes of it: its tables are those that are returned."""

    def carry_out(*arguments: str) -> dict[str, Any]:
        assert run(here, capsys, *arguments)["changed"] is True
        return tomllib.loads(here.manifest.read_text())

    return carry_out


@pytest.fixture
def refuse(here: Place, capsys: pytest.CaptureFixture[str]) -> Edit:
    """Return a way to run what cannot succeed."""

    def carry_out(*arguments: str) -> dict[str, Any]:
        return refused(here, capsys, *arguments)

    return carry_out


def kept(before: Listing, after: Listing) -> Listing:
    """Leave out the manifest, and the times of the directory that it is in."""
    return {name: one for name, one in before.items() if name in after and name not in {".", "envs.toml"}}


def option_names() -> set[str]:
    (add,) = (command for command in COMMANDS if command.name == "add")
    return {name for argument in add.arguments for name in argument.names if name.startswith("--")}


def test_every_key_of_an_environment_has_an_option() -> None:
    keys = {name.replace("_", "-") for name in EnvironmentTable.model_fields}
    assert option_names() == {f"--{name}" for name in keys - {"editable"}} | {"--no-editable"}


def test_every_option_is_written_as_its_key_and_relative_paths_mean_the_current_directory(
    here: Place, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = here.root / "sub"
    sub.mkdir()
    here.manifest.write_text(f"{TWO}\n[bundles]\ntools = []\n")
    monkeypatch.chdir(sub)
    given = "--path p/.venv --target t --python ./py --requires-python >=3.8 --project . --prompt (x) --wait-for ../w"
    given += (
        " --requirements r.txt --requirements ~/r.txt --packages a>=1 --packages b --bundles tools --constraints c.txt"
    )
    given += " --groups g --extras e --aliases al/.venv --expose x:y --hosts * --platforms linux --on-missing relax"
    given += " --expose * --exact --system-site-packages --no-editable"
    words = given.split()
    others = {name: EXAMPLES[name][0] for name in EXAMPLES if not {f"--{name}", f"--no-{name}"} & {*words}}
    words += [word for name, value in others.items() for word in (f"--{name}", value)]
    assert {word for word in words if word.startswith("--")} == option_names()
    assert edit("add", "new", *words)["envs"]["new"] == {
        **others,
        "path": f"{sub}/p/.venv",
        "target": "t",
        "python": f"{sub}/py",
        "requires-python": ">=3.8",
        "project": str(sub),
        "prompt": "(x)",
        "wait-for": f"{here.root}/w",
        "requirements": [f"{sub}/r.txt", "~/r.txt"],
        "packages": ["a>=1", "b"],
        "bundles": ["tools"],
        "constraints": [f"{sub}/c.txt"],
        "groups": ["g"],
        "extras": ["e"],
        "aliases": [f"{sub}/al/.venv"],
        "expose": ["x:y", "*"],
        "hosts": ["*"],
        "platforms": ["linux"],
        "exact": True,
        "system-site-packages": True,
        "on-missing": "relax",
        "editable": False,
    }


def test_a_path_below_the_home_directory_is_written_with_a_tilde(
    here: Place, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = Path(here.variables["HOME"]) / "${NOT_SET}"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.chdir(directory)
    edited = edit("add", "new", "--path", "x", "--python", "3.12", "--file", str(here.manifest))
    assert edited["envs"]["new"] == {"path": "~/x", "python": "3.12"}


def test_a_path_whose_tilde_the_shell_expanded_is_written_with_one(here: Place, edit: Edit) -> None:
    home = here.variables["HOME"]
    given = f"--path {home}/p/.venv --target {home}/t --python {home}/py --aliases {home}/w/*/.venv --project {home}/p"
    given += f" --requirements {home}/r.txt --wait-for {home}/w --prompt {home}/p"
    new = edit("add", "new", *given.split())["envs"]["new"]
    assert new == {
        "path": "~/p/.venv",
        "target": "~/t",
        "python": "~/py",
        "aliases": ["~/w/*/.venv"],
        "project": "~/p",
        "requirements": ["~/r.txt"],
        "wait-for": "~/w",
        "prompt": f"{home}/p",
    }


def test_where_defaults_say_the_path_a_name_is_enough(here: Place, edit: Edit, refuse: Edit) -> None:
    here.manifest.write_text('version = 1\n[defaults]\npath = "~/src/{name}/.venv"\n[envs.blog]\n')
    before = here.manifest.read_bytes()
    assert edit("add", "new")["envs"] == {"blog": {}, "new": {}}
    assert refuse("add", "other", "--path", "~/src/new/.venv")["errors"][0]["code"] == "path-shared"
    edit("remove", "new")
    assert here.manifest.read_bytes() == before


@pytest.mark.parametrize("name", ['a"b', "it's", "ünï🐍", "a.b", "a\\b", "[envs.a]", "#", "${HOME}", "=", "true", "1"])
def test_an_environment_may_have_any_name_that_a_manifest_allows(here: Place, edit: Edit, name: str) -> None:
    before = here.manifest.read_bytes()
    assert edit("add", name, "--path", f"p/{name}'\" \\x" if "$" not in name else "p")["envs"][name]
    edit("remove", name)
    assert here.manifest.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        ("a --path x", "called a already"),
        (" --path x", "name is empty"),
        ("a/b --path x", "not a valid name for an environment"),
        (".a --path x", "begins with"),
        ("\udcff --path x", "UTF-8"),
        ("a\nb --path x", "not a valid name for an environment"),
        ("new --path ", "empty path"),
        ("new --path x\ny", "control character"),
        ("new --path x\udcff", "UTF-8"),
        ("new --path /x\udcff", "UTF-8"),
        ("new --path x:y", 'contains ":"'),
        ("new --path ${NOPE}/x", "NOPE is not set"),
        ("new --path ~nobody-has-this-name/x", "unknown user"),
        ("new --path x --target .", "state-dir itself"),
        ("new --path x --target {name}", "only replaced in [defaults]"),
        ("new --path x --bundles tools", "not a name in [bundles]"),
        ("new --path x --aliases y/*", "does not name the link itself"),
        ("new --path x --aliases **/y", "directories of any depth"),
        ("new --path x --prompt \x1b[0m", "control character"),
        ("new --path x --prompt ", "prompt: is empty"),
        ("new --path x --python nope", "not a name in [pythons]"),
        ("new --path x --packages ./x", "not a requirement"),
        ("new --path x --packages a --packages a>>1", "not a requirement"),
        ("new --path x --aliases x", "environment's path"),
        ("new --path x --platforms win32", "linux"),
        ("new --path x --expose a/b", "does not name a command"),
    ],
)
def test_what_would_be_no_good_manifest_is_refused_and_told(refuse: Edit, arguments: str, reported: str) -> None:
    document = refuse("add", *arguments.split(" "))
    assert document["exit_code"] == 2
    assert reported in document["errors"][0]["message"]


@pytest.mark.parametrize("directory", [b"a${HOME}b", b"$x", b"a\nb", b"a\xffb"])
def test_a_relative_path_is_refused_in_a_directory_that_no_manifest_could_name(
    here: Place, refuse: Edit, monkeypatch: pytest.MonkeyPatch, directory: bytes
) -> None:
    inner = here.root / os.fsdecode(directory)
    try:
        inner.mkdir()
    except OSError:
        pytest.skip("the file system allows no such name")
    monkeypatch.chdir(inner)
    assert refuse("add", "new", "--path", ".venv")["exit_code"] == 2
    assert main(["add", "new", "--path", "/x/.venv"]) == 0


def test_add_changes_nothing_but_the_manifest(here: Place, edit: Edit) -> None:
    before = listing(here.root)
    edit("add", "new", "--path", "x", "--target", "t", "--project", "p")
    after = listing(here.root)
    assert kept(before, after) == kept(after, before)
    assert after.keys() == before.keys()
    assert main(["plan"]) == 0


def test_remove_deletes_nothing_and_says_what_is_left(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[envs.c]\npath = "c"\ntarget = "t"\naliases = ["al", "none"]\nexpose = ["*", "py", "tool"]\n'
    here.manifest.write_text(f'bin-dir = "bin"\n{TWO}{text}')
    (here.root / "state/t").mkdir(parents=True)
    (here.root / "state/t/pyvenv.cfg").write_text("home = /usr/bin\n")
    (here.root / "bin").mkdir()
    (here.root / "bin/tool").symlink_to(here.root / "c/bin/tool")
    for link, target in (("c", "state/t"), ("al", "c"), ("bin/py", "../c/bin/py")):
        (here.root / link).symlink_to(target)
    (here.root / "bin/more").symlink_to(here.root / "c/bin/more")
    before = listing(here.root)
    document = run(here, capsys, "remove", "c")
    assert kept(before, listing(here.root)) == {k: v for k, v in before.items() if k not in {".", "envs.toml"}}
    assert here.manifest.read_text() == f'bin-dir = "bin"\n{TWO}'
    assert (document["changed"], document["removed"]) == (True, "c")
    assert document["left"] == [
        str(here.root / one) for one in ("c", "al", "bin/more", "bin/tool", "bin/py", "state/t")
    ]


def test_a_bin_directory_that_cannot_be_listed_leaves_remove_a_success(
    here: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here.manifest.write_text(f'bin-dir = "bin"\n{TWO}[envs.c]\npath = "c"\nexpose = ["*"]\n')
    (here.root / "bin").mkdir()
    listed = os.listdir

    def refusing(path: Any = ".") -> list[Any]:
        if path == str(here.root / "bin"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "listdir", refusing)
    assert run(here, capsys, "remove", "c")["left"] == []


def test_remove_says_what_prune_takes_of_what_is_left(
    place: Place,
) -> None:
    place.write('[envs.c]\npath = "c"\ntarget = "t"\naliases = ["al"]\n[envs.d]\npath = "d"\n')
    place.apply("c")
    (place.root / "d").symlink_to("nowhere")  # not envsync's
    end = os.path.realpath(place.root / "c")
    lines = place.envsync("remove", "c", "d").out.splitlines()
    taken = [line for line in lines if line.endswith(" (envsync prune removes it)")]
    assert [line.partition(" (")[0].rpartition("/")[2] for line in taken] == ["c", "al", os.path.basename(end)]
    assert [line for line in lines if line.startswith("left: ") and line not in taken] == [f"left: {place.root / 'd'}"]


def test_an_environment_whose_link_is_gone_is_left_too(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    here.manifest.write_text(f'{TWO}[envs.c]\npath = "c"\ntarget = "t"\n')
    (here.root / "state/t").mkdir(parents=True)
    (here.root / "state/t/pyvenv.cfg").write_text("home = /usr/bin\n")
    assert run(here, capsys, "remove", "c")["left"] == [str(here.root / "state/t")]


def test_the_commands_say_what_they_did(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["add", "new", "--path", "x"]) == 0
    added = capsys.readouterr()
    assert main(["remove", "new"]) == 0
    removed = capsys.readouterr()
    assert (
        added.out == f"declared new in {here.manifest}\n  path: {here.manifest.parent / 'x'}\nNext: envsync apply new\n"
    )
    assert removed.out == f"new is no longer declared in {here.manifest}; nothing else was removed\n"
    assert added.err == removed.err == ""
    assert main(["remove", "c", "--quiet"]) == 2
    unknown = capsys.readouterr()
    assert unknown.out == ""
    assert "no environment is called c" in unknown.err


def test_an_entry_for_another_host_can_be_removed_and_holds_its_name(here: Place, edit: Edit, refuse: Edit) -> None:
    here.manifest.write_text(f'{TWO}\n[envs.c]\npath = "c"\nhosts = ["nobodys"]\n')
    assert "called c already" in refuse("add", "c", "--path", "x")["errors"][0]["message"]
    edit("remove", "c")
    assert here.manifest.read_text() == TWO


@pytest.mark.parametrize("words", ["new --path x --python nope", "new --path x --packages a>>1", "new --path \x1b"])
def test_a_first_entry_that_is_refused_leaves_no_manifest(
    here: Place, refuse: Edit, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    here.manifest.unlink()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here.root / "config"))
    assert refuse("add", *words.split(" "))["errors"]
    assert not (here.root / "config").exists()
    (here.root / "config").mkdir()
    assert refuse("add", *words.split(" "))["errors"]
    assert main(["add", "new", "--path", "x"]) == 0
    assert "[envs.new]" in (here.root / "config/envsync/envs.toml").read_text()


def test_a_path_that_another_environment_has_is_refused(place: Place) -> None:
    place.write('[envs.one]\npath = "one"\naliases = ["two"]\n')
    before = place.manifest.read_bytes()
    for path in ("one", "./two"):
        run = place.envsync("add", "new", "--path", path)
        assert (run.status, "belongs to the environment one" in run.err) == (2, True)
    assert place.manifest.read_bytes() == before


def test_in_a_project_nothing_need_be_given(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write('[pythons]\n"3.11" = "/usr/bin/python3.11"\n"3.12" = "/usr/bin/python3.12"\n', "blog")
    (place.root / "blog/pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\nrequires-python = "<3.12"\n')
    monkeypatch.chdir(place.root / "blog")
    monkeypatch.setenv("PWD", str(place.root / "blog"))
    assert main(["--file", str(place.manifest), "add"]) == 0
    out = capsys.readouterr().out
    entry = tomllib.loads(place.manifest.read_text())["envs"]["blog"]
    directory = str(place.root / "blog")
    assert entry == {"path": f"{directory}/.venv", "python": "3.11", "project": directory}
    assert f"Next: envsync apply --file {place.manifest} blog" in out
    assert "requires-python is <3.12" in out


@pytest.mark.parametrize(
    ("file", "text"),
    [(".python-version", "٣.١٢"), (".python-version", "99999.9"), ("pyproject.toml", f"a = {'[' * 5000}")],
    ids=["digits", "number", "depth"],
)
def test_what_cannot_be_read_in_a_project_says_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: str, text: str
) -> None:
    place.write('[pythons]\n"3.12" = "/usr/bin/python3.12"\n', "blog")
    (place.root / "blog" / file).write_text(text)
    monkeypatch.chdir(place.root / "blog")
    assert main(["--file", str(place.manifest), "add"]) == 0
    assert "the newest of [pythons]" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["add", "import"])
def test_a_current_directory_that_was_removed_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    place.write("", "gone")
    monkeypatch.chdir(place.root / "gone")
    (place.root / "gone").rmdir()
    assert main(["--file", str(place.manifest), command]) == 1
    assert "the current directory no longer exists" in capsys.readouterr().err


@pytest.mark.parametrize("path", [".", "~"])
def test_a_path_where_no_environment_may_be_is_refused_before_it_is_written(place: Place, path: str) -> None:
    place.write("")
    before = place.manifest.read_bytes()
    run = place.envsync("add", "bad", "--path", path)
    assert (run.status, "is no place for an environment" in run.err) == (2, True)
    assert place.manifest.read_bytes() == before


def test_what_a_project_has_already_is_adopted_in_a_first_manifest(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project, home = place.root / "blog", Path(place.variables["HOME"])
    project.mkdir()
    (project / ".python-version").write_text("3.11.4\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--prompt", "x", project / ".venv"], check=True)
    for name, value in {**place.variables, "PWD": str(project)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project)
    assert main(["add"]) == 0
    (manifest,) = home.rglob("envs.toml")
    entry = tomllib.loads(manifest.read_text())["envs"]["blog"]
    assert (entry["path"], entry["prompt"]) == (f"{project}/.venv", "x")
    assert capsys.readouterr().out.startswith("wrote ~")
    assert main(["remove", "blog"]) == 0
    (project / ".venv").rename(project / "elsewhere")
    assert main(["add", "new"]) == 0
    assert tomllib.loads(manifest.read_text())["envs"]["new"] == {"path": f"{project}/.venv", "python": "3.11"}
    assert "as .python-version has it" in capsys.readouterr().out
