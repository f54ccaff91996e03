"""Manifests in several files."""

import os

import pytest

from envsync.manifest import load
from envsync.model.desired import PythonPath, PythonVersion
from harness.manifest_box import Box

MAIN = 'version = 1\ninclude = ["{}"]\n'


def names(box: Box, text: str) -> list[str]:
    return [env.name for env in box.load(text).environments]


def test_paths_of_an_included_file_are_relative_to_its_own_directory(box: Box) -> None:
    box.write(
        'version = 1\n[pythons]\np = "./py"\n[defaults]\nproject = "d"\n'
        '[envs.w]\npath = "w"\ntarget = "w"\npython = "p"\n',
        "sub/work.toml",
    )
    (env,) = box.load(MAIN.format("sub/work.toml") + 'state-dir = "s"\n').environments
    assert (env.path, env.packages.project) == (f"{box.root}/sub/w", f"{box.root}/sub/d")
    assert env.target == f"{box.root}/s/w"
    assert env.python == PythonPath("p", f"{box.root}/sub/py")


def test_names_from_pythons_are_known_in_all_files(box: Box) -> None:
    box.write('[pythons]\nx = "3.11"\n[envs.b]\npath = "b"\npython = "y"\n', "b.toml")
    first, second = box.load(
        MAIN.format("b.toml") + '[pythons]\ny = "3.12"\n[envs.a]\npath = "a"\npython = "x"\n'
    ).environments
    assert first.python == PythonVersion("x", "cpython", "==3.11.*")
    assert second.python == PythonVersion("y", "cpython", "==3.12.*")


def test_defaults_of_an_included_file_lie_over_those_of_the_including_one(box: Box) -> None:
    box.write('include = ["c.toml"]\n[defaults]\nprompt = "b"\n[envs.b]\npath = "b"\n', "b.toml")
    box.write('[defaults]\nexact = true\n[envs.c]\npath = "c"\n', "c.toml")
    main = MAIN.format("b.toml") + '[defaults]\nprompt = "a"\npackages = ["x"]\n[envs.a]\npath = "a"\n'
    a, b, c = box.load(main).environments
    assert (a.prompt, b.prompt, c.prompt) == ("a", "b", "b")
    assert (a.packages.exact, b.packages.exact, c.packages.exact) == (False, False, True)
    assert c.packages.packages == ("x",)
    assert c.packages.declared == ("packages", "exact")


def test_a_glob_is_sorted_skips_directories_and_hidden_files_and_may_match_nothing(box: Box) -> None:
    for name in ("b", "a", ".hidden"):
        box.write(f'[envs.{name.strip(".")}]\npath = "{name}"\n', f"d/{name}.toml")
    os.mkdir(f"{box.root}/d/directory.toml")
    assert names(box, MAIN.format("d/*.toml")) == ["a", "b"]
    assert names(box, MAIN.format("d/.*.toml")) == ["hidden"]
    assert names(box, MAIN.format("none/*.toml")) == []


def test_magic_characters_in_the_directory_and_in_variables_are_literal(box: Box) -> None:
    box.write('[envs.a]\npath = "a"\n', "[x]/d*/a.toml")
    box.write('[envs.b]\npath = "b"\n', "[x]/dd/b.toml")
    box.monkeypatch.setenv("STAR", "d*")
    box.write(MAIN.format("${STAR}/*.toml"), "[x]/main.toml")
    assert names(box, MAIN.format("[[]x]/main.toml")) == ["a"]


def test_a_missing_include_is_an_error_at_its_place(box: Box) -> None:
    problem = box.problem(MAIN.format("work.toml"))
    assert (problem.code, problem.key, problem.line) == ("manifest-missing", "include", 2)
    assert problem.message == '"work.toml" does not exist'


def test_a_dangling_include_names_the_link_and_who_includes_it(box: Box) -> None:
    os.symlink("nowhere", "work.toml")
    problem = box.problem(MAIN.format("work.toml"))
    assert (problem.code, problem.file) == ("manifest-missing", f"{box.root}/work.toml")
    assert problem.hint == f"included by {box.file}"


def test_problems_of_all_files_are_reported_together(box: Box) -> None:
    box.write("[envs.b]\n", "b.toml")
    box.write("x = \n", "c.toml")
    text = 'version = 1\nkeep = -1\ninclude = ["b.toml", "c.toml"]\n[envs.a]\npath = "a"\npython = "from-c"\n'
    assert [(os.path.basename(problem.file or ""), problem.line) for problem in box.problems(text)] == [
        ("envs.toml", 2),
        ("b.toml", 1),
        ("c.toml", 1),
    ]


def test_settings_belong_in_the_main_manifest(box: Box) -> None:
    box.write(
        'state-dir = "s"\nkeep = 1\nbuilder = "uv"\ninstaller = "uv"\nbin-dir = "b"\n[envs.b]\npath = "b"\n', "b.toml"
    )
    problems = box.problems(MAIN.format("b.toml"))
    assert [problem.key for problem in problems] == ["state-dir", "keep", "builder", "installer", "bin-dir"]
    assert problems[0].message == "`state-dir` belongs in the main manifest, not in an included one"
    assert problems[0].hint == f"write it in {box.file}"
    assert {problem.code for problem in problems} == {"manifest-key"}


@pytest.mark.parametrize(("table", "body"), [("envs.x", 'path = "p"'), ("pythons", 'x = "3.12"')])
def test_a_name_declared_in_two_files_names_both_places(box: Box, table: str, body: str) -> None:
    other = box.write(f"\n[{table}]\n{body}\n", "b.toml")
    problem = box.problem(MAIN.format("b.toml") + f"[{table}]\n{body}\n")
    assert (problem.code, problem.file) == ("manifest-duplicate", other)
    shift = int(table == "pythons")
    assert f"in {box.file}:{3 + shift} already, and again in {other}:{2 + shift}" in problem.message
    assert problem.line == 2 + shift


def test_a_file_is_read_once_by_whichever_name(box: Box) -> None:
    box.write('include = ["envs.toml", "b.toml", "*.toml"]\n[envs.b]\npath = "b"\n', "b.toml")
    os.symlink("b.toml", "c.toml")
    os.link("b.toml", "d.toml")
    assert names(box, 'version = 1\ninclude = ["c.toml", "d.toml", "b.toml"]\n') == ["b"]


def test_too_many_levels_of_includes_are_an_error(box: Box) -> None:
    for i in range(60):
        box.write(f'include = ["{i + 1}.toml"]\n', f"{i}.toml")
    box.write("", "60.toml")
    assert box.problem(MAIN.format("0.toml")).code == "manifest-too-deep"


def test_an_empty_included_file_is_fine(box: Box) -> None:
    box.write("", "b.toml")
    assert names(box, MAIN.format("b.toml")) == []


def test_an_included_manifest_of_another_version_is_an_error(box: Box) -> None:
    box.write("version = 2\n", "b.toml")
    assert box.problem(MAIN.format("b.toml")).key == "version"


def test_includes_that_are_no_paths_are_reported_by_validation(box: Box) -> None:
    assert box.problem("version = 1\ninclude = [1]\n").message == "must be a list of strings, not with 1 in it"
    assert "UNSET_HERE" in box.problem(MAIN.format("${UNSET_HERE}/x")).message


def test_inputs_tell_included_files_and_globbed_directories(box: Box) -> None:
    box.write("", "d/b.toml")
    inputs = box.load('version = 1\ninclude = ["d/*.toml", "d/b.toml"]\n').inputs
    assert inputs.paths == (box.file, f"{box.root}/d", f"{box.root}/d/b.toml")
    assert inputs.replayable


@pytest.mark.parametrize("pattern", ["*/b.toml", "**"])
def test_a_glob_through_directories_cannot_be_replayed(box: Box, pattern: str) -> None:
    box.write("", "d/b.toml")
    assert not box.load(MAIN.format(pattern)).inputs.replayable


def test_a_symlinked_manifest_is_not_resolved(box: Box) -> None:
    box.write(MAIN.format("b.toml") + '[envs.a]\npath = "a"\n', "dotfiles/envs.toml")
    os.mkdir("config")
    box.write('[envs.b]\npath = "b"\n', "config/b.toml")
    os.symlink("../dotfiles/envs.toml", "config/envs.toml")
    os.symlink("config", "linked")
    manifest = load("linked/envs.toml")
    assert manifest.file == f"{box.root}/linked/envs.toml"
    assert [env.path for env in manifest.environments] == [f"{box.root}/linked/a", f"{box.root}/linked/b"]


def test_a_pattern_that_leads_through_too_much_is_an_error_at_its_place(box: Box) -> None:
    box.monkeypatch.setattr("envsync.manifest.globs._MOST_ENTRIES", 500)
    problem = box.problem('version = 1\ninclude = ["envs.d/*.toml", "/**/nosuch-*.toml"]\n')
    assert (problem.code, problem.line, problem.key) == ("manifest-value", 2, "include")
    assert problem.message == '"/**/nosuch-*.toml" leads through more than 500 files'


def test_a_pattern_that_takes_too_long_is_an_error_at_its_place(box: Box) -> None:
    box.monkeypatch.setattr("envsync.manifest.globs._MOST_SECONDS", -1.0)
    assert "seconds" in box.problem(MAIN.format("*.toml")).message


def test_links_in_circles_lead_through_each_directory_once(box: Box) -> None:
    box.monkeypatch.setattr("envsync.manifest.globs._MOST_ENTRIES", 500)
    for number in range(40):
        os.makedirs(f"{box.root}/deep/{number}")
        for turn in range(3):
            os.symlink("..", f"{box.root}/deep/{number}/{turn}")
    assert names(box, MAIN.format("deep/**/*.toml")) == []


def test_two_stars_also_find_what_is_behind_links(box: Box) -> None:
    box.write('[envs.one]\npath = "one"\n', "away/inner/one.toml")
    os.makedirs(f"{box.root}/deep/er")
    os.symlink("../../away", f"{box.root}/deep/er/link")
    assert names(box, MAIN.format("deep/**/*.toml")) == ["one"]


def test_a_pattern_takes_nothing_from_a_device_or_a_fifo(box: Box) -> None:
    os.mkdir(f"{box.root}/d")
    os.mkfifo(f"{box.root}/d/fifo.toml")
    os.symlink("/dev/zero", f"{box.root}/d/zero.toml")
    assert names(box, 'version = 1\ninclude = ["d/*.toml", "/dev/[tz]*"]\n') == []
