"""Explain: the chains hop by hop, each check with what was found, what would be done, and commands that resolve."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.manifest import load
from envsync.observe.discover import VersionManager, version_manager_of
from envsync.observe.facts import FactsCache
from envsync.plan.explain import Finding, examined
from envsync.reconcile import Reconciler
from envsync.report.explain import Hints, explain_lines
from envsync.report.terminal import Layout, Node, Paint, shell_quoted, tree_lines
from harness.place import Place

pytestmark = pytest.mark.sampled(3)

PythonOf = Callable[[str], str]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def pyenv(place: Place, python: str, *links: tuple[str, str]) -> Path:
    """Make a pyenv whose trees are links to a real one."""
    versions = place.root / "pyenv" / "versions"
    versions.mkdir(parents=True)
    (versions / "3.12.1").symlink_to(os.path.dirname(os.path.dirname(python)))
    for name, text in links:
        (versions / name).symlink_to(text)
    place.variables |= {"PYENV_ROOT": str(versions.parent), "PATH": "/nowhere"}
    return versions


def explain(place: Place, *names: str) -> str:
    """Return all that is explained."""
    run = place.envsync("explain", "--verbose", *names)
    assert run.err == ""
    return run.out


def commands(out: str) -> list[str]:
    """Return the commands that are shown ready to copy."""
    _, found, rest = out.partition("\nCommands to resolve it; review each before running it:\n")
    assert bool(found) == bool(rest)
    return [line.removeprefix("  ") for line in rest.splitlines()]


def lines_of(place: Place, layout: Layout, *, colours: bool = False) -> list[str]:
    plan = Reconciler(load(str(place.manifest)), FactsCache(None)).plan()
    hints = Hints(version_manager_of)
    return [line for one in plan.environments for line in explain_lines(one, Paint(colours=colours), layout, hints)]


def test_each_hop_is_shown_with_its_text_and_what_it_is(place: Place, python_of: PythonOf) -> None:
    versions = pyenv(place, python_of("3.12"), ("3.12", "3.12.1"))
    (place.root / "blog").mkdir()
    place.write('[envs.blog]\npath = "blog/.venv"\ntarget = "blog"\npython = "3.12"\n')
    place.apply()
    out = explain(place, "blog")
    assert f"link  {place.root}/blog/.venv -> {place.root}/state/blog\n" in out
    assert f"end   {place.root}/state/blog, a directory\n" in out
    assert f"name  {versions}/3.12/bin/python (pyenv, stable path)\n" in out
    assert f"link  {versions}/3.12 -> 3.12.1 (pyenv, stable path)\n" in out
    assert f"{versions}/3.12.1 -> {os.path.dirname(os.path.dirname(python_of('3.12')))} (pyenv, path of one" in out
    assert "is    cpython 3.12." in out


def test_every_check_is_told_though_all_is_in_sync(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\naliases = ["b"]\nexpose = ["python:py"]\n')
    place.apply()
    out = explain(place, "a")
    subjects = re.findall(r"ok  ([\w./ ]+): ", out)
    expected = ["path", "aliases", "commands", "interpreter", "built for", "bin/python", "pyvenv.cfg", "scripts"]
    assert subjects == [*expected, "packages"]
    assert "nothing      to do" in out
    assert out.startswith("a: in sync\n├─ nothing      to do\n")


def test_what_differs_is_told_with_what_would_be_done_and_why(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\nprompt = "one"\n')
    place.apply()
    place.write('[envs.a]\npath = "a"\nprompt = "two"\naliases = ["b"]\n')
    out = explain(place, "a")
    assert "differs  pyvenv.cfg: prompt is one, not two" in out
    assert f"differs  aliases: nothing is at {place.root}/b" in out
    repair, link = out.index("would"), out.rindex("would")
    assert "because  prompt is one, not two" in out[repair:link]
    assert out[link:].splitlines()[1].endswith(f"because  nothing is at {place.root}/b")


def test_what_a_rebuild_makes_anew_is_not_called_in_sync(place: Place, python_of: PythonOf) -> None:
    place.write(f'[envs.a]\npath = "a"\npython = "{python_of("3.10")}"\n')
    place.apply()
    place.write(f'[envs.a]\npath = "a"\npython = "{python_of("3.12")}"\n')
    out = explain(place, "a")
    assert "differs  built for: built for 3.10, the link is now 3.12" in out
    assert "unseen   bin/python, pyvenv.cfg, scripts, packages: the rebuild makes it again" in out
    assert "because  built for 3.10, the link is now 3.12" in out


def test_an_environment_that_waits_says_for_what_and_is_not_judged(place: Place) -> None:
    place.write('[envs.a]\npath = "clone/.venv"\nwait-for = "clone"\n')
    out = explain(place, "a")
    assert f"unseen  everything: waits for {place.root}/clone" in out
    assert "ok" not in re.findall(r"\w+", out.partition("checks")[2])


def brief(place: Place, *names: str) -> str:
    """Return what is explained without ``--verbose``."""
    return place.envsync("explain", *names).out


def test_the_verdict_comes_first_and_what_passed_is_only_counted(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\nprompt = "one"\n')
    place.apply()
    assert brief(place, "a").splitlines()[:2] == ["a: in sync", "├─ nothing  to do"]
    assert "ok  7 passed; -v lists them" in brief(place, "a")
    place.write('[envs.a]\npath = "a"\nprompt = "two"\n')
    lines = brief(place, "a").splitlines()
    assert lines[0] == "a: drift"
    assert lines[1].startswith("├─ would")
    assert lines[2].endswith("because  prompt is one, not two")
    assert "ok  6 passed; -v lists them" in brief(place, "a")
    assert "pyvenv.cfg" not in brief(place, "a")
    assert lines == [line for line in lines if line.count("prompt is one") == 0 or line == lines[2]]


def test_a_circle_of_links_is_shown_once(place: Place) -> None:
    for name, text in (("one", "two"), ("two", "three"), ("three", "two")):
        (place.root / name).symlink_to(text)
    place.write('[envs.a]\npath = "one"\n')
    root = place.root
    out = brief(place, "a")
    links = [line.partition("link  ")[2] for line in out.splitlines() if "link  /" in line and str(root) in line]
    assert links == [f"{root}/one -> two", f"{root}/two -> three", f"{root}/three -> two"]
    assert f"{root}/two leads back to itself" in out
    assert f"hint  Look at the links (ls -l {root}/one {root}/two {root}/three)" in out
    assert out.count("conflict  link-loop") == 1


def test_of_a_manifest_that_is_not_trusted_nothing_is_claimed(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    run = place.envsync("explain", "a", "--as-trusted")
    assert run.status == 1
    head, commands_ = run.out.split("\n\n")
    assert [line.split()[1] for line in head.splitlines()] == ["conflict", "conflict", "hint"]
    assert "envsync trust" in commands_


def test_the_plan_names_the_command_that_shows_the_links_of_a_conflict(place: Place) -> None:
    for name, text in (("one", "two"), ("two", "one")):
        (place.root / name).symlink_to(text)
    (place.root / "full").mkdir()
    (place.root / "full/file").write_text("")
    place.write('[envs.ab]\npath = "one"\n[envs.c]\npath = "full"\n')
    out = place.envsync("plan").out
    assert [line.strip() for line in out.splitlines() if "more:" in line] == ["more: envsync explain ab"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conda-meta/", "is an environment of conda's"),
        ("bin/python", "it may be what is left of one"),
        ("pyproject.toml", "is a project, not the virtual environment in it"),
        ("else", "is a directory, but no virtual environment"),
    ],
)
def test_a_directory_that_is_no_environment_is_called_what_it_is(place: Place, name: str, message: str) -> None:
    found = place.root / "a" / name
    found.parent.mkdir(parents=True)
    if name.endswith("/"):
        found.mkdir(parents=True)
    else:
        found.write_text("")
    place.write('[envs.a]\npath = "a"\n')
    assert message in place.envsync("plan").out
    for command in commands(explain(place, "a")):
        subprocess.run(["/bin/bash", "-c", command], check=True, cwd=place.root)
    assert place.envsync("apply").status == 0


def test_links_that_cannot_be_made_yet_are_not_called_ok(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\naliases = ["later/b"]\nexpose = ["flask"]\n')
    out = brief(place, "a")
    assert "unseen  aliases: 0 of 1 lead there; the others wait for the directories" in out
    assert "unseen  commands: 0 of 1 lead there; the others wait for the commands" in out


def make_directory(place: Place) -> None:
    (place.root / "it's" / "full").mkdir(parents=True)
    place.write('[envs.a]\npath = "it\'s"\n')


def with_command(place: Place) -> dict[str, str]:
    """Return the variables of a shell that has envsync on its PATH."""
    command = place.root.parent / "commands/envsync"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m envsync "$@"\n')
    command.chmod(0o755)
    return place.variables | {"PATH": f"{command.parent}:{place.variables['PATH']}"}


def make_not_a_link(place: Place) -> None:
    place.write('[envs.a]\npath = "a b"\n')
    place.apply()
    place.write('[envs.a]\npath = "a b"\ntarget = "deep/er"\n')


def make_both(place: Place) -> None:
    for path in ("a b", "state/x"):
        place.write(f'[envs.a]\npath = "{path}"\n')
        place.apply()
    place.write('[envs.a]\npath = "a b"\ntarget = "x"\n')


def make_elsewhere(place: Place) -> None:
    (place.root / "other $HOME").mkdir()
    (place.root / "a;b").symlink_to("other $HOME")
    place.write('[envs.a]\npath = "a;b"\ntarget = "a"\n')


def make_loop(place: Place) -> None:
    (place.root / "a").symlink_to("a")
    place.write('[envs.a]\npath = "a"\n')


def make_file(place: Place) -> None:
    (place.root / "a").write_text("")
    (place.root / "alias").mkdir()
    (place.root / "exposed").mkdir()
    (place.root / "exposed" / "py").symlink_to("/bin/sh")
    place.write('[envs.a]\npath = "a"\naliases = ["alias"]\nexpose = ["python:py"]\n')


def make_alone(place: Place) -> None:
    (place.root / "a").write_text("")
    place.write('[envs.a]\npath = "a"\n')


CONFLICTS = [make_directory, make_not_a_link, make_both, make_elsewhere, make_loop, make_file]


def renamed(place: Place) -> tuple[str, str]:
    """Rename the manifest, so that it is not found, and return the option that names it."""
    place.manifest.rename(place.root / "it's mine.toml")
    return "--file", "it's mine.toml"


@pytest.mark.parametrize("named", [False, True], ids=["found", "named"])
@pytest.mark.parametrize("make", CONFLICTS)
def test_the_commands_that_are_shown_resolve_the_conflict(
    place: Place, make: Callable[[Place], None], named: bool
) -> None:
    make(place)
    file = renamed(place) if named else ()
    run = place.envsync("explain", "a", *file)
    assert run.status == 1
    found = commands(run.out)
    assert found
    for command in found:
        subprocess.run(["bash", "-c", command], check=True, cwd=place.root, env=with_command(place))
    assert place.envsync("apply", *file).status == 0
    assert place.envsync("check", *file).status == 0


@pytest.mark.parametrize("named", [False, True], ids=["found", "named"])
@pytest.mark.parametrize("make", [make_directory, make_not_a_link, make_both, make_elsewhere, make_alone])
def test_the_command_of_a_hint_works_when_it_is_pasted(
    place: Place, make: Callable[[Place], None], named: bool
) -> None:
    make(place)
    file = renamed(place) if named else ()
    place.variables["HOME"] = str(place.root)
    hints = [line for line in place.envsync("plan", *file).out.splitlines() if line.startswith("    hint: ")]
    for hint in hints:
        command = hint.partition("hint: ")[2].partition(": ")[2]
        assert str(place.root) not in command or "'" in command  # a quoted word has no ~, which no shell would expand
        subprocess.run(["bash", "-c", command], check=True, cwd=place.root, env=with_command(place))
    assert place.envsync("apply", *file).status == 0


def test_the_document_has_the_commands_as_words(place: Place) -> None:
    make_directory(place)
    conflict = place.envsync("explain", "a", "--json").environments["a"]["conflict"]
    assert conflict["remedy"] == [["mv", f"{place.root}/it's", f"{place.root}/it's.old"]]
    assert commands(explain(place, "a")) == [shlex.join(conflict["remedy"][0])]


def test_a_conflict_that_takes_a_decision_shows_no_commands(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\nrequires-python = "<3"\n')
    out = explain(place, "a")
    assert "interpreter-held" in out
    assert commands(out) == []


def test_a_missing_interpreter_is_brought_back_by_the_tool_that_kept_it(place: Place, python_of: PythonOf) -> None:
    versions = pyenv(place, python_of("3.12"), ("3.11", "3.11.9"))
    place.write(
        f'[envs.patch]\npath = "a"\npython = "{versions}/3.11/bin/python"\n[envs.wish]\npath = "b"\npython = "3.15"\n'
        f'[envs.link]\npath = "c"\npython = "{versions}/3.9/bin/python"\n'
    )
    assert commands(explain(place, "patch")) == ["pyenv install 3.11.9"]
    assert commands(explain(place, "wish")) == ["pyenv install 3.15"]
    assert commands(explain(place, "link")) == []  # pyenv makes no link for a minor version


def test_words_that_cannot_be_printed_are_quoted_as_a_shell_reads_them(tmp_path: Path) -> None:
    name = "a\n\x1b[31m'\\ \u202eb\udcff"
    shown = shell_quoted(("touch", f"{tmp_path}/{name}"))
    assert shown.isprintable()
    subprocess.run(["bash", "-c", shown], check=True)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/opt/mise/installs/python/3.12/bin/python", VersionManager("mise", True, "3.12")),
        ("/opt/mise/installs/python/3.12.1/bin/python3", VersionManager("mise", False, "3.12.1")),
        ("/opt/uv/cpython-3.13.0-linux-x86_64-gnu/bin/python", VersionManager("uv", False, "3.13.0")),
        ("/opt/uv/cpython-3.13+freethreaded-linux-x86_64-gnu/bin/python", VersionManager("uv", True)),
        ("/opt/uv/pypy-3.10.14-linux-x86_64-gnu/bin/python", VersionManager("uv", False)),
        ("/opt/brew/opt/python@3.12/bin/python3.12", VersionManager("Homebrew", True, "3.12")),
        ("/opt/brew/Cellar/python@3.12/3.12.4_1/bin/python3.12", VersionManager("Homebrew", False, "3.12")),
        ("/usr/bin/python3.11", VersionManager("the system", True)),
        ("/opt/mise/installs/python-else/3.12/bin/python", None),
        ("/opt/uv/tools/ruff/bin/python", None),
        ("/home/me/bin/python", None),
    ],
)
def test_a_path_tells_who_keeps_it(monkeypatch: pytest.MonkeyPatch, path: str, expected: VersionManager | None) -> None:
    monkeypatch.setenv("MISE_DATA_DIR", "/opt/mise")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", "/opt/uv")
    monkeypatch.setenv("HOMEBREW_PREFIX", "/opt/brew")
    assert version_manager_of(path) == expected


def test_lines_fit_the_width_that_there_is_but_words_stay_whole(place: Place) -> None:
    make_file(place)
    whole = lines_of(place, Layout(None))
    for width in (80, 200):
        lines = lines_of(place, Layout(width))
        shown = lines[: lines.index("")]  # commands are never broken: they are to be copied
        for line in shown:
            words = re.split(r"(?<=[^ ]) ", line.strip("│├└─ "))
            assert len(line) <= width or len(words) <= 2, line
        flat = re.sub(r"[\s│├└─]+", " ", " ".join(lines))
        assert flat == re.sub(r"[\s│├└─]+", " ", " ".join(whole))
    assert len(lines_of(place, Layout(80))) > len(lines_of(place, Layout(200))) >= len(whole)


def test_colours_add_nothing_that_the_words_do_not_say(place: Place) -> None:
    make_file(place)
    plain, coloured = lines_of(place, Layout(80)), lines_of(place, Layout(80), colours=True)
    assert [COLOUR.sub("", line) for line in coloured] == plain
    assert any(COLOUR.search(line) for line in coloured)


def test_a_screen_without_box_drawing_gets_plain_lines(place: Place) -> None:
    make_file(place)
    assert all(line.isascii() for line in lines_of(place, Layout(80, lines=False)))
    assert place.envsync("explain", "a", PYTHONIOENCODING="ascii").out.isascii()
    assert "\\u" not in place.envsync("explain", "a", PYTHONIOENCODING="ascii").out


def test_a_tree_shows_whose_child_is_whose() -> None:
    tree = Node("root", below=(Node("a", "one two three four five six", below=(Node("aa", "x"),)), Node("bbb", "y")))
    assert list(tree_lines(tree, Paint(colours=False), Layout(None))) == [
        "root",
        "├─ a    one two three four five six",
        "│  └─ aa  x",
        "└─ bbb  y",
    ]
    assert list(tree_lines(tree, Paint(colours=False), Layout(32))) == [
        "root",
        "├─ a    one two three four five",
        "│  │    six",
        "│  └─ aa  x",
        "└─ bbb  y",
    ]


def test_every_drift_and_conflict_is_among_what_was_examined(place: Place) -> None:
    make_file(place)
    (plan,) = Reconciler(load(str(place.manifest)), FactsCache(None)).plan().environments
    reported = {text for item in examined(plan) for text in item.found if item.finding is Finding.CONFLICT}
    assert reported == {conflict.message for conflict in plan.conflicts}
    assert len(reported) == 1  # what stands in the place of a link is a note
