"""What is reported for each mistake: where, what was found, what is allowed, what to do."""

import os

import pytest

from envsync.manifest import load
from envsync.model.problems import ManifestError
from harness.manifest_box import Box, one


@pytest.mark.parametrize(
    ("body", "key", "message", "hint"),
    [
        ('packages = "ruff"', "packages", 'must be a list of strings, not "ruff"', 'write packages = ["ruff"]'),
        ("packages = [1]", "packages", "must be a list of strings, not with 1 in it", "in quotes"),
        ('editable = "true"', "editable", 'must be true or false, not "true"', "without quotes"),
        ('on-missing = "x"', "on-missing", 'must be one of "fail" or "relax", not "x"', ""),
        ('platforms = ["win32"]', "platforms", 'a list of "linux" or "darwin", not with "win32" in it', ""),
        ("python = 3.12", "python", "must be a string, not 3.12", "in quotes"),
        ('python = ["3"]', "python", 'must be a string, not ["3"]', "only one"),
        ("hosts = []", "hosts", "is an empty list", "everywhere"),
        ('hosts = [""]', "hosts", "empty host pattern", "laptop*"),
        ('prompt = ""', "prompt", "is empty", "leave the key out"),
        ('prompt = "a\\u001b[0m"', "prompt", 'control character: "a\\x1b[0m"', "plain text"),
        ('packages = ["ruff>>1"]', "packages", '"ruff>>1" is not a requirement', "PEP 508"),
        ('packages = ["b a>=1,<2"]', "packages", '"b a>=1,<2" is not', "--packages b --packages 'a<2,>=1'"),
        ('packages = ["a, b"]', "packages", '"a, b" is not', 'write each by itself: ["a", "b"]; as options: --pack'),
        ('packages = ["a @ b c"]', "packages", '"a @ b c" is not', "PEP 508"),
        ('packages = ["./x"]', "packages", '"./x" is not a requirement', "`project`"),
        ('requires-python = "three"', "requires-python", '"three" is not a set of version specifiers', "PEP 440"),
        ('groups = ["-x"]', "groups", '"-x" is not a valid name', "dev"),
        ('extras = [""]', "extras", '"" is not a valid name', "dev"),
        ('expose = ["a/b"]', "expose", '"a/b" does not name a command', "command:name"),
        ('expose = ["a:"]', "expose", '"a:" does not name a command', "command:name"),
        ('expose = ["a:.."]', "expose", '"a:.." does not name a command', "command:name"),
        ('expose = ["*:x"]', "expose", '"*:x" joins `*` to a name', "by itself"),
        ('expose = ["x:*"]', "expose", '"x:*" joins `*` to a name', "by itself"),
        ('target = "."', "target", "is state-dir itself", "name a directory in it"),
        ('path = "/x/a"\ntarget = "/x//./a/"', "target", "is the environment's path itself", "leave target out"),
        ('path = "x:y"', "path", 'contains ":"', "another directory"),
        ('aliases = ["x:y"]', "aliases", 'contains ":"', "another directory"),
        ('aliases = ["x", "./x"]', "aliases", "twice", "keep one"),
        ('path = "p"\naliases = ["p"]', "aliases", "the environment's path", "further symlinks"),
        ('path = ""', "path", "is an empty path", "leave the key out"),
        ('project = "a\\u0000b"', "project", 'control character "\\x00"', ""),
        ('project = "a\\u0085b"', "project", 'control character "\\x85"', ""),
        ('project = "${UNSET_HERE}/x"', "project", "UNSET_HERE is not set", "set UNSET_HERE"),
        ('project = "$HOME/x"', "project", "$HOME is not expanded", "${HOME}"),
        ('project = "${HOME"', "project", '"${HOME" is not a variable', "${NAME}"),
        ('project = "${HOME:-x}"', "project", "is not a variable", "${NAME}"),
        ('project = "~nobody-has-this-name/x"', "project", "unknown user", "./~nobody"),
        ("pyhton = 1", "pyhton", 'unknown key "pyhton"', "did you mean `python`?"),
        ("wait_for = 1", "wait_for", 'unknown key "wait_for"', "did you mean `wait-for`?"),
        ("zzz = 1", "zzz", 'unknown key "zzz"', "known keys: path, target, aliases, "),
        ("keep = 1", "keep", 'unknown key "keep"', "belongs at the top"),
    ],
)
def test_a_faulty_value_is_reported_with_its_key_and_place(
    box: Box, body: str, key: str, message: str, hint: str
) -> None:
    text = one(body)
    problem = box.problem(text)
    assert problem.key == f"envs.a.{key}"
    assert message in problem.message
    assert hint in problem.hint
    assert problem.code == ("manifest-key" if "unknown key" in message else "manifest-value")
    assert problem.file == box.file
    assert problem.line is not None
    assert text.splitlines()[problem.line - 1].startswith(key)
    assert problem.column == 1


@pytest.mark.parametrize(
    ("top", "key", "message", "hint"),
    [
        ("keep = -1", "keep", "must be a whole number, 0 or more, not -1", ""),
        ("keep = true", "keep", "must be a whole number, 0 or more, not true", ""),
        ('builder = "conda"', "builder", '"conda" is not a builder', '"virtualenv", "uv" or "venv"'),
        ('builder = "uv|uv"', "builder", "names a builder twice", "preference list"),
        ('builder = ""', "builder", '"" is not a builder', ""),
        ('installer = "conda"', "installer", 'must be one of "auto", "uv" or "pip", not "conda"', ""),
        ('state-dir = "${UNSET_HERE}"', "state-dir", "UNSET_HERE is not set", ""),
        ('bin-dir = "~nobody-has-this-name"', "bin-dir", "unknown user", ""),
        ('path = "x"', "path", 'unknown key "path"', "belongs in [envs.NAME]"),
        ('python = "3.12"', "python", 'unknown key "python"', "belongs in [envs.NAME], or for all in [defaults]"),
        ("envs = 1", "envs", "must be a table, not 1", ""),
        ("pythons = []", "pythons", "must be a table, not []", ""),
        ("defaults.aliases = ['x']", "defaults.aliases", 'unknown key "aliases"', "each environment's own"),
        ("defaults.path = 'x'", "defaults.path", "would be the same path for all", "write {name} where"),
        ("defaults.path = 'x/{nam}'", "defaults.path", '"{nam}" is not replaced', "only {name} is"),
        ("defaults.target = '{name}/{'", "defaults.target", '"{" is not replaced', "only {name} is"),
        ("defaults.path = '${NOT_SET}/{name}'", "defaults.path", "NOT_SET is not set", "write the path out"),
        ("bundles = 1", "bundles", "must be a table, not 1", ""),
        ("bundles.x = 'y'", "bundles.x", 'must be a list of strings, not "y"', 'write x = ["y"]'),
        ("bundles.x = ['./y']", "bundles.x", '"./y" is not a requirement', "a directory goes into `project`"),
        ("bundles.' ' = []", 'bundles." "', "is not a valid name for a bundle", "printable"),
        (
            "defaults.bundles = ['tolls']\nbundles.tools = []",
            "defaults.bundles",
            '"tolls" is not',
            'did you mean "tools"?',
        ),
        ("pythons.x = 'y'", "pythons.x", '"y" is neither a path nor a version request', "pypy3.10"),
        ('pythons."" = "3"', 'pythons.""', "is not a valid name for an interpreter", "printable"),
        ("include = 'x'", "include", "must be a list of strings", 'write include = ["x"]'),
    ],
)
def test_a_faulty_setting_is_reported_with_its_key_and_place(
    box: Box, top: str, key: str, message: str, hint: str
) -> None:
    problem = box.problem(f"version = 1\n{top}\n")
    assert (problem.key, problem.line) == (key, 2)
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("", "`version` is missing"),
        ("version = 2", "must be 1, not 2"),
        ('version = "1"', 'must be 1, not "1"'),
        ("version = true", "must be 1, not true"),
        ("version = 1.0", "must be 1, not 1.0"),
    ],
)
def test_the_version_must_be_there_and_be_one(box: Box, version: str, message: str) -> None:
    problem = box.problem(f"{version}\nkeep = 1\n")
    assert (problem.code, problem.key, problem.message) == ("manifest-value", "version", message)


@pytest.mark.parametrize("text", ["", "\n \t\r\n", "\ufeff"])
def test_an_empty_manifest_is_reported_with_how_to_begin(box: Box, text: str) -> None:
    problem = box.problem(text)
    assert (problem.code, problem.message) == ("manifest-value", "is empty; a manifest begins with `version = 1`")


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "a\\u0007", "a\\u00a0b", "x" * 101])
def test_a_name_that_is_unfit_for_an_environment_is_refused(box: Box, name: str) -> None:
    problem = box.problem(f'version = 1\n[envs."{name}"]\npath = "p"\n')
    assert (problem.code, problem.line) == ("manifest-value", 2)
    assert "name" in problem.message
    assert problem.message.isprintable()
    assert problem.key is not None
    assert problem.key.isprintable()


def test_a_missing_path_points_to_the_table(box: Box) -> None:
    problem = box.problem("version = 1\n\n  [envs.a]\nprompt = 'x'\n")
    assert (problem.key, problem.line, problem.column) == ("envs.a.path", 3, 9)
    assert problem.message == "`path` is missing"


def test_an_unknown_python_lists_the_names_nearest_first(box: Box) -> None:
    pythons = "".join(f'{name} = "3.12"\n' for name in ("other", "tool", "tools"))
    problem = box.env_problem('python = "tols"', pythons=pythons)
    assert problem.message == '"tols" is not a name in [pythons], a path or a version request'
    assert problem.hint.startswith('names in [pythons]: "tools", "tool", "other"; else a path')


@pytest.mark.parametrize("text", ["python", "3.", "3.12.6.1", ">=x", "pypy", "3.12-dev", "jython2.7", ""])
def test_what_is_neither_name_nor_path_nor_version_is_no_python(box: Box, text: str) -> None:
    assert box.env_problem(f'python = "{text}"').key == "envs.a.python"


def test_a_fault_in_pythons_is_reported_once_however_often_it_is_used(box: Box) -> None:
    text = 'version = 1\n[pythons]\nx = "y"\n' + "".join(f'[envs.e{i}]\npath = "{i}"\npython = "x"\n' for i in range(3))
    assert box.problem(text).key == "pythons.x"


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(box: Box) -> None:
    problems = box.problems(
        """
        version = 2
        keeep = 1
        [defaults]
        python = "nope"
        [envs.a]
        path = "a:a"
        prompt = ""
        target = "."
        [envs.b]
        [envs.c]
        path = "c"
        expose = ["x"]
        [envs.d]
        path = "d"
        expose = ["x", "y:x"]
        """
    )
    assert [(problem.line, problem.key) for problem in problems] == [
        (2, "version"),
        (3, "keeep"),
        (5, "defaults.python"),
        (7, "envs.a.path"),
        (8, "envs.a.prompt"),
        (9, "envs.a.target"),
        (10, "envs.b.path"),
        (16, "envs.d.expose"),
    ]


def test_a_name_is_exposed_once_by_an_environment(box: Box) -> None:
    body = '[envs.{0}]\npath = "{0}"\nexpose = {1}\n'
    text = 'version = 1\nbin-dir = "/b"\n' + body.format("a", '["x"]') + body.format("b", '["x", "y:x"]')
    problem = box.problem(text)  # that two environments expose it stops only the second one's link
    assert (problem.code, problem.key) == ("manifest-duplicate", "envs.b.expose")
    assert problem.message == '"/b/x" is exposed twice'
    assert problem.hint == 'expose it under another name: "y:NAME"'


def test_values_are_shown_short_and_escaped(box: Box) -> None:
    problem = box.env_problem(f'on-missing = "\\u001b]0;{"x" * 500}"')
    assert len(problem.message) < 130
    assert "\x1b" not in problem.message
    assert '"\\x1b]0;xxx' in problem.message


def test_a_flood_of_problems_is_cut(box: Box) -> None:
    problems = box.problems("version = 1\n" + "".join(f"[envs.e{i}]\n" for i in range(1500)))
    assert len(problems) == 1001
    assert problems[-1].message == "and more; these are the first 1000 problems"


@pytest.mark.parametrize("home", ["", "relative/home"])
def test_home_must_be_absolute_where_it_is_used(box: Box, home: str) -> None:
    text = 'version = 1\nbin-dir = "/b"\nstate-dir = "/s"\n[envs.a]\npath = "{}"\n'
    box.monkeypatch.setenv("HOME", home)
    assert box.load(text.format("/a")).environments[0].path == "/a"
    assert box.problem(text.format("~/a")).message == "~ cannot be expanded: HOME is not an absolute path"


def test_a_relative_manifest_in_a_directory_that_is_gone_is_an_error(box: Box) -> None:
    os.mkdir("gone")
    box.monkeypatch.chdir("gone")
    os.rmdir(f"{box.root}/gone")
    with pytest.raises(ManifestError, match="current directory no longer exists"):
        load("envs.toml")
