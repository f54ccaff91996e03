"""What each key of a sound manifest comes to."""

import pytest

from envsync.model.desired import DefaultPython, Exposed, Packages, PythonPath, PythonRequest, PythonVersion
from harness.manifest_box import Box


def test_the_smallest_manifest_has_the_documented_defaults(box: Box) -> None:
    manifest = box.load("version = 1\n")
    assert manifest.file == box.file
    assert manifest.state_dir == f"{box.home}/.local/state/envsync/envs"
    assert manifest.bin_dir == f"{box.home}/.local/bin"
    assert (manifest.keep, manifest.builders, manifest.installer) == (1, ("virtualenv",), "auto")
    assert manifest.environments == ()
    assert manifest.elsewhere == ()


def test_the_state_dir_follows_xdg(box: Box) -> None:
    box.monkeypatch.setenv("XDG_STATE_HOME", f"{box.root}/state")
    assert box.load("version = 1\n").state_dir == f"{box.root}/state/envsync/envs"


def test_settings_are_taken_over(box: Box) -> None:
    manifest = box.load(
        'version = 1\nstate-dir = "s"\nbin-dir = "~/b"\nkeep = 0\nbuilder = "uv|virtualenv|venv"\ninstaller = "pip"\n'
    )
    assert (manifest.state_dir, manifest.bin_dir) == (f"{box.root}/s", f"{box.home}/b")
    assert (manifest.keep, manifest.builders) == (0, ("uv", "virtualenv", "venv"))
    assert manifest.installer == "pip"


def test_an_environment_with_nothing_but_a_path(box: Box) -> None:
    env = box.env()
    assert (env.name, env.path, env.target) == ("a", f"{box.root}/a/.venv", None)
    assert env.python == DefaultPython()
    assert env.packages == Packages()
    assert (env.requires_python, env.prompt, env.aliases, env.expose) == (None, None, (), ())
    assert env.system_site_packages is False


FLAGS = ("editable", "exact", "on-missing")
EVERY_KEY = """
target = "blog"
requires-python = ">=3.12,<3.13"
requirements = ["r.txt"]
packages = ["ruff>=0.5"]
constraints = ["~/c.txt"]
project = "blog"
groups = ["dev"]
extras = ["x"]
editable = false
exact = true
on-missing = "relax"
system-site-packages = true
prompt = "blög (x)"
aliases = ["wt/.venv"]
expose = ["ruff", "flask:flask-app"]
wait-for = "~/mnt"
"""


def test_every_key_of_an_environment_is_taken_over(box: Box) -> None:
    env = box.env(EVERY_KEY, top='state-dir = "/s"\nbin-dir = "/b"')
    assert (env.target, env.requires_python, env.prompt) == ("/s/blog", ">=3.12,<3.13", "blög (x)")
    assert env.packages == Packages(
        requirements=(f"{box.root}/r.txt",),
        packages=("ruff>=0.5",),
        constraints=(f"{box.home}/c.txt",),
        project=f"{box.root}/blog",
        groups=("dev",),
        extras=("x",),
        editable=False,
        exact=True,
        on_missing="relax",
        declared=("requirements", "packages", "constraints", "project", "groups", "extras", *FLAGS),
    )
    assert env.system_site_packages is True
    assert env.aliases == (f"{box.root}/wt/.venv",)
    assert env.expose == (Exposed("ruff", "/b/ruff"), Exposed("flask", "/b/flask-app"))
    assert env.wait_for == f"{box.home}/mnt"


@pytest.mark.parametrize(
    ("body", "awaited"),
    [
        ('project = "p"', "/p"),
        ("", "/a"),
        ('path = "x/venv"', "/x"),
        ('path = "x/.env"', "/x"),
        ('path = "x/env"', "/x"),
        ('path = "x/.venv"\ntarget = "t"', "/x"),
        ('path = "x/blog"', None),
        ('path = "x/blog"\nproject = "p"', "/p"),
        ('project = "p"\nwait-for = ""', None),
        ('wait-for = ""', None),
        ('project = "p"\nwait-for = "mount"', "/mount"),
    ],
)
def test_wait_for_defaults_to_the_project_that_holds_the_environment(box: Box, body: str, awaited: str | None) -> None:
    assert box.env(body).wait_for == (f"{box.root}{awaited}" if awaited else None)


NAMED = """
version = 1
state-dir = "s"
[defaults]
path = "src/{name}/.venv"
target = "{name}-312"
bundles = ["tools"]
[bundles]
tools = ["ruff>=0.5", "pytest"]
docs = ["sphinx", "ruff>=0.5"]
[envs.blog]
[envs.shop]
path = "shop"
target = ""
packages = ["flask", "pytest"]
[envs.site]
bundles = ["docs", "tools"]
"""


def test_defaults_say_by_name_where_each_environment_is(box: Box) -> None:
    manifest = box.load(NAMED)
    assert [(one.name, one.path, one.target) for one in manifest.environments] == [
        ("blog", f"{box.root}/src/blog/.venv", f"{box.root}/s/blog-312"),
        ("shop", f"{box.root}/shop", None),
        ("site", f"{box.root}/src/site/.venv", f"{box.root}/s/site-312"),
    ]
    assert manifest.default_places == ("path", "target")


def test_bundles_add_their_packages_each_once(box: Box) -> None:
    packages = [one.packages.packages for one in box.load(NAMED).environments]
    assert packages == [
        ("ruff>=0.5", "pytest"),
        ("flask", "pytest", "ruff>=0.5"),
        ("sphinx", "ruff>=0.5", "pytest"),
    ]
    assert box.env('bundles = ["none"]', top="bundles.none = []").packages.declared == ("packages",)


def test_a_name_is_no_variable_and_no_home_directory(box: Box) -> None:
    text = 'version = 1\n[defaults]\npath = "{name}/x"\n[envs."a${HOME}"]\n[envs."~root"]\n[envs."{name}"]\n'
    paths = [one.path for one in box.load(text).environments]
    assert paths == [f"{box.root}/a${{HOME}}/x", f"{box.root}/~root/x", f"{box.root}/{{name}}/x"]


def test_an_included_file_has_the_names_and_the_bundles_of_all(box: Box) -> None:
    box.write('[bundles]\nmore = ["flask"]\n[envs.two]\nbundles = ["more", "tools"]\n', "sub/more.toml")
    head = 'version = 1\ninclude = ["sub/more.toml"]\n[defaults]\npath = "src/{name}"\n'
    one, two = box.load(head + '[bundles]\ntools = ["ruff"]\n[envs.one]\nbundles = ["more"]\n').environments
    assert (one.path, two.path) == (f"{box.root}/src/one", f"{box.root}/src/two")
    assert (one.packages.packages, two.packages.packages) == (("flask",), ("flask", "ruff"))
    problem = box.problem(head + "[bundles]\ntools = []\nmore = []\n")
    assert (problem.code, problem.key) == ("manifest-duplicate", "bundles.more")


@pytest.mark.parametrize(
    ("defaults", "body", "key", "message"),
    [
        ('path = "{name}"', 'target = "../a"', "envs.a.target", "is the environment's path itself"),
        ('target = "{name}"', 'path = "s/a"', "envs.a", "is the environment's path itself"),
        ('path = "{name}"', 'aliases = ["a"]', "envs.a.aliases", "has the environment's path in it"),
        ("", "", "envs.a", "`path` is missing"),
        ("", 'path = "x/{name}"', "envs.a.path", "{name} is only replaced in [defaults]"),
        ("", 'path = "x"\ntarget = "{name}"', "envs.a.target", "{name} is only replaced in [defaults]"),
        ('path = "{nope}"', "", "defaults.path", '"{nope}" is not replaced'),
        ("", 'path = "x"\nbundles = ["x"]', "envs.a.bundles", '"x" is not a name in [bundles]'),
    ],
)
def test_what_does_not_go_together_is_reported_where_it_stands(
    box: Box, defaults: str, body: str, key: str, message: str
) -> None:
    problem = box.problem(f'version = 1\nstate-dir = "s"\n[defaults]\n{defaults}\n[envs.a]\n{body}\n')
    assert (problem.code, (problem.key or "").startswith(key)) == ("manifest-value", True), problem
    assert message in problem.message
    assert problem.line
    assert problem.hint


def test_an_absolute_target_stays_where_it_is(box: Box) -> None:
    assert box.env('target = "/t/a"').target == "/t/a"
    assert box.env('target = "~/a"').target == f"{box.home}/a"


def test_an_environment_overrides_defaults_and_its_lists_replace_theirs(box: Box) -> None:
    env = box.env(
        'packages = ["b"]\nexact = false',
        defaults='packages = ["a"]\nconstraints = ["c"]\nexact = true\npython = "3.11"\nprompt = "p"',
    )
    assert env.packages.packages == ("b",)
    assert env.packages.constraints == (f"{box.root}/c",)
    assert env.packages.exact is False
    assert env.packages.declared == ("packages", "constraints", "exact")
    assert env.prompt == "p"
    assert env.python == PythonVersion("3.11", "cpython", "==3.11.*")


def test_an_empty_requires_python_lifts_that_of_the_defaults(box: Box) -> None:
    assert box.env('requires-python = ""', defaults='requires-python = ">=3.12"').requires_python is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", PythonVersion("3", "cpython", "==3.*")),
        ("3.12", PythonVersion("3.12", "cpython", "==3.12.*")),
        ("3.12.6", PythonVersion("3.12.6", "cpython", "==3.12.6")),
        ("3.13t", PythonVersion("3.13t", "cpython", "==3.13.*", free_threaded=True)),
        ("python3.12", PythonVersion("python3.12", "cpython", "==3.12.*")),
        ("cpython@3.12", PythonVersion("cpython@3.12", "cpython", "==3.12.*")),
        ("pypy3.10", PythonVersion("pypy3.10", "pypy", "==3.10.*")),
        ("pypy-3.10", PythonVersion("pypy-3.10", "pypy", "==3.10.*")),
        ("graalpy3.11", PythonVersion("graalpy3.11", "graalpy", "==3.11.*")),
        (">=3.11,<3.13", PythonVersion(">=3.11,<3.13", "cpython", ">=3.11,<3.13")),
        ("~=3.12", PythonVersion("~=3.12", "cpython", "~=3.12")),
        ("/usr/bin/python3", PythonPath("/usr/bin/python3", "/usr/bin/python3")),
    ],
)
def test_python_as_a_version_request_or_a_path(box: Box, text: str, expected: PythonRequest) -> None:
    assert box.env(f'python = "{text}"').python == expected


def test_a_path_to_python_may_begin_with_home_or_a_variable(box: Box) -> None:
    box.monkeypatch.setenv("PYTHON_HERE", "/opt/py")
    assert box.env('python = "~/py"').python == PythonPath("~/py", f"{box.home}/py")
    assert box.env('python = "${PYTHON_HERE}"').python == PythonPath("${PYTHON_HERE}", "/opt/py")
    assert box.env('python = "./py"').python == PythonPath("./py", f"{box.root}/py")


def test_a_name_from_pythons_wins_over_a_version_and_stays_what_was_declared(box: Box) -> None:
    assert box.env('python = "3.12"', pythons='"3.12" = "~/p"').python == PythonPath("3.12", f"{box.home}/p")
    named = box.env('python = "fast"', pythons='fast = "pypy3.10"').python
    assert named == PythonVersion("fast", "pypy", "==3.10.*")


@pytest.mark.parametrize(
    ("body", "here"),
    [
        ('hosts = ["LAP*"]', True),
        ('hosts = ["laptop"]', True),
        ('hosts = ["laptop.example.org"]', True),
        ('hosts = ["desktop", "*.example.org"]', True),
        ('hosts = ["desktop"]', False),
        ('platforms = ["linux"]', True),
        ('platforms = ["darwin"]', False),
        ('hosts = ["laptop"]\nplatforms = ["darwin"]', False),
    ],
)
def test_an_environment_applies_where_host_and_platform_say_so(box: Box, body: str, *, here: bool) -> None:
    manifest = box.load(f'version = 1\n[envs.a]\npath = "a"\n{body}\n')
    assert [env.name for env in manifest.environments] == (["a"] if here else [])
    assert manifest.elsewhere == (() if here else ("a",))


def test_an_environment_of_another_host_is_validated_all_the_same(box: Box) -> None:
    assert box.env_problem('hosts = ["other"]\nprompt = ""').key == "envs.a.prompt"


def test_two_environments_may_expose_all_their_commands(box: Box) -> None:
    head = 'version = 1\nbin-dir = "/b"\n'
    text = '[envs.a]\npath = "/a"\nexpose = ["*", "flask:f"]\n[envs.b]\npath = "/c"\nexpose = ["*"]\n'
    first, second = box.load(head + text).environments
    assert first.expose == (Exposed("*", "/b/*"), Exposed("flask", "/b/f"))
    assert [one.stands_for_all for one in (*first.expose, *second.expose)] == [True, False, True]


def test_a_command_may_be_exposed_by_two_environments_that_never_meet(box: Box) -> None:
    box.load(
        """
        version = 1
        [envs.a]
        path = "a"
        expose = ["x"]
        hosts = ["laptop"]
        [envs.b]
        path = "b"
        expose = ["x"]
        hosts = ["desktop"]
        """
    )


def test_bom_and_crlf_are_accepted(box: Box) -> None:
    assert box.load('\ufeffversion = 1\r\n[envs.a]\r\npath = "a"\r\n').environments[0].path == f"{box.root}/a"


def test_inputs_tell_files_and_variables(box: Box) -> None:
    box.monkeypatch.setenv("SOMEWHERE", "/x")
    inputs = box.load('version = 1\n[envs.a]\npath = "${SOMEWHERE}/a"\ntarget = "b/../c"\n').inputs
    assert dict(inputs.variables) == {
        "HOME": box.home,
        "XDG_STATE_HOME": None,
        "XDG_CONFIG_HOME": None,
        "ENVSYNC_FILE": None,
        "SOMEWHERE": "/x",
    }
    assert inputs.paths == (box.file, f"{box.home}/.local/state/envsync/envs/b")
    assert inputs.replayable


@pytest.mark.parametrize("key", ["groups", "extras"])
def test_what_is_a_projects_needs_a_project(box: Box, key: str) -> None:
    problem = box.env_problem(f'{key} = ["dev"]')
    assert (problem.code, problem.key, problem.message) == ("manifest-value", f"envs.a.{key}", "needs `project`")
    assert box.env(f'{key} = ["dev"]', defaults='project = "p"').packages.project == f"{box.root}/p"
    assert box.env(defaults=f'{key} = ["dev"]').packages.project is None
