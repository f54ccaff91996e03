"""Where environments may be: hosts, waiting, shared and nested places, unsafe ones, further links."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.place import Place, Run
from harness.processes import unprivileged

pytestmark = pytest.mark.sampled(3)

HOST = os.uname().nodename


def conflict(place: Place, name: str = "a") -> dict[str, str]:
    """Apply, assert that the environment is in conflict and that nothing is made, and give the conflict."""
    before = sorted(place.root.rglob("*"))
    run = place.envsync("apply", "--json", name)
    entry = run.environments[name]
    assert (run.status, entry["state"], entry["outcome"]) == (1, "conflict", "conflict")
    assert sorted(place.root.rglob("*")) == before
    assert entry["conflict"]["hint"]
    found: dict[str, str] = entry["conflict"]
    return found


@pytest.mark.parametrize(
    ("key", "applies"),
    [
        (f'hosts = ["{HOST}"]', True),
        (f'hosts = ["nobodys", "{HOST[:2]}*"]', True),
        ('hosts = ["nobodys-*"]', False),
        ('platforms = ["linux", "darwin"]', True),
        (f'platforms = ["{"darwin" if os.uname().sysname == "Linux" else "linux"}"]', False),
    ],
)
def test_an_environment_is_for_its_hosts_and_platforms(place: Place, key: str, applies: bool) -> None:
    place.write(f'[envs.a]\npath = "a"\n{key}\n')
    run = place.envsync("apply", "--json")
    assert run.status == 0
    assert ("a" in run.environments) == applies == (place.root / "a").exists()
    named = place.envsync("apply", "a")
    assert named.status == (0 if applies else 2)
    assert applies or "host" in named.err


def test_an_environment_waits_for_its_directory_and_goes_on_when_it_appears(place: Place) -> None:
    place.write('[envs.a]\npath = "clone/deep/.venv"\ntarget = "a"\nwait-for = "clone"\n[envs.b]\npath = "b"\n')
    for _ in range(2):
        run = place.envsync("apply", "--json")
        assert run.status == 0
        assert (run.environments["a"]["state"], run.environments["a"]["outcome"]) == ("waiting", "skipped")
        assert not (place.root / "clone").exists()
        assert not (place.root / "state" / "a").exists()
    assert "waits for" in place.envsync("plan").out
    assert place.envsync("check").out == f"1 environment in sync, 1 waiting for {place.root}/clone\n"
    assert "waiting" in place.envsync("status").out
    assert place.envsync("apply", "a").out == f"1 waiting for {place.root}/clone\n"
    assert f"hint: It waits for {place.root}/clone. See: envsync plan a" in place.envsync("which", "a").err
    (place.root / "clone").mkdir()
    assert place.envsync("check").status == 3
    assert place.apply()["a"]["outcome"] == "created"
    assert os.readlink(place.root / "clone" / "deep" / ".venv") == str(place.root / "state" / "a")


def test_an_environment_waits_for_its_project_unless_told_otherwise(place: Place) -> None:
    place.write('[envs.a]\npath = "clone/.venv"\nproject = "clone"\n')
    assert place.apply()["a"]["state"] == "waiting"
    place.write('[envs.a]\npath = "clone/.venv"\nproject = "clone"\nwait-for = "mount"\n')
    assert place.apply()["a"]["state"] == "waiting"
    assert not (place.root / "clone").exists()


TEN = '[defaults]\npath = "src/{name}/.venv"\ntarget = "{name}"\n' + "".join(f"[envs.e{one}]\n" for one in range(10))


def test_on_an_empty_machine_nothing_is_in_the_way_of_clones(place: Place) -> None:
    place.write(TEN + 'requirements = ["src/e9/requirements.txt"]\nconstraints = ["src/e9/limits.txt"]\n')
    made = place.root / "made"
    made.mkdir()
    waiting = "10 waiting for their directories\n"
    for command, out in (("apply", waiting), ("check", f"0 environments in sync, {waiting}")):
        for _ in range(2):
            run = place.envsync(command)
            assert (run.status, run.out) == (0, out)
    assert place.envsync("doctor").status == 0
    assert not (place.root / "src").exists()
    assert not (place.root / "state").exists()
    subprocess.run(["git", "init", "-q", "made"], check=True, cwd=place.root)
    for name in ("e0", "e9"):
        subprocess.run(["git", "clone", "-q", "made", f"src/{name}"], check=True, cwd=place.root, capture_output=True)
    assert place.envsync("check", "e0").status == 3
    run = place.envsync("apply", "--json")
    outcomes = {name: one["outcome"] for name, one in run.environments.items()}
    assert outcomes == {f"e{one}": "skipped" for one in range(1, 9)} | {"e0": "created", "e9": "conflict"}
    assert os.readlink(place.root / "src/e0/.venv") == f"{place.root}/state/e0"
    for name in ("requirements.txt", "limits.txt"):
        (place.root / "src/e9" / name).write_text("")
    assert place.apply()["e9"]["outcome"] == "created"


def test_an_environment_that_is_there_does_not_wait(place: Place) -> None:
    (place.root / "elsewhere/.venv").mkdir(parents=True)
    (place.root / "blog").symlink_to("elsewhere")
    place.write('[envs.a]\npath = "blog/.venv"\n[envs.b]\npath = "gone/.venv"\n[envs.c]\npath = "new/own"\n')
    (place.root / "gone").symlink_to("unmounted")
    outcomes = {name: one["outcome"] for name, one in place.apply().items()}
    assert outcomes == {"a": "created", "b": "skipped", "c": "created"}
    assert not (place.root / "unmounted").exists()


@pytest.mark.parametrize("kind", ["file", "loop"])
def test_what_is_in_place_of_the_project_is_a_conflict(place: Place, kind: str) -> None:
    project = place.root / "blog"
    project.write_text("") if kind == "file" else project.symlink_to("blog")
    place.write('[envs.a]\npath = "blog/.venv"\n')
    run = place.envsync("apply", "--json")
    assert (run.status, run.environments["a"]["outcome"]) == (1, "conflict")


@pytest.mark.parametrize(
    "make", [("-m", "venv", "--without-pip"), ("-m", "virtualenv", "--no-seed"), ("-m", "uv", "venv")]
)
def test_a_renamed_project_is_found_whoever_made_its_environment(place: Place, make: tuple[str, ...]) -> None:
    project, now = place.root / "src/blog", place.root / "src/newname"
    project.mkdir(parents=True)
    subprocess.run([sys.executable, *make, project / ".venv"], check=True, capture_output=True)
    place.write('[envs.a]\npath = "src/blog/.venv"\n')
    assert place.apply()["a"]["outcome"] == "unchanged"
    project.rename(now)
    assert f"moved? found at {now}: " in place.envsync("plan").out


@pytest.mark.parametrize("key", ["", 'target = "a"\n', 'project = "src/blog"\n'])
@pytest.mark.parametrize("moved", [("src/blog", "src/newname"), ("src", "code")])
def test_a_renamed_project_is_found_by_its_environment(place: Place, key: str, moved: tuple[str, str]) -> None:
    place.write(f'[envs.a]\npath = "src/blog/.venv"\n{key.replace("project", "constraints = []#")}', "src/blog")
    place.apply()
    place.write(f'[envs.a]\npath = "src/blog/.venv"\n{key}[envs.b]\npath = "src/other/.venv"\n', "src/other/.venv")
    former, now = moved
    (place.root / former).rename(place.root / now)
    notes = place.envsync("plan", "--json").environments
    found = f"{place.root}/{now}" + "/blog" * (former == "src")
    more = ", and project accordingly" if key.startswith("project") else ""
    assert notes["a"]["notes"] == [
        f"waits for {place.root}/src/blog",
        f'moved? found at {found}: in [envs.a], set path = "{found}/.venv"{more}',
    ]
    assert "moved?" not in str(notes["b"]["notes"])
    place.write(f'[envs.a]\npath = "{found}/.venv"\n{key.replace("src/blog", found)}')
    assert place.apply()["a"]["outcome"] == "repaired" if not more else True
    assert place.envsync("check").status == 0 or more


def test_a_copy_that_is_declared_has_not_moved(place: Place) -> None:
    place.write('[envs.a]\npath = "blog/.venv"\n', "blog")
    place.apply()
    (place.root / "blog").rename(place.root / "later")
    place.write('[envs.a]\npath = "blog/.venv"\n[envs.b]\npath = "later/.venv"\n')
    assert place.envsync("plan", "--json").environments["a"]["notes"] == [f"waits for {place.root}/blog"]


WORKTREES = '[envs.a]\npath = "wt/main/.venv"\naliases = ["wt/*/.venv"]\n'


def test_an_alias_with_a_glob_leaves_out_a_directory_with_an_environment_of_its_own(place: Place) -> None:
    own = place.root / "wt/own/.venv"
    place.write(WORKTREES, "wt/main", "wt/one", "wt/own/.venv")
    entry = place.apply()["a"]
    assert (entry["outcome"], [one["code"] for one in entry["left_out"]]) == ("created", ["not-a-link"])
    assert os.readlink(place.root / "wt/one/.venv") == f"{place.root}/wt/main/.venv"
    assert own.is_dir()
    assert not own.is_symlink()


def test_an_alias_with_a_glob_is_made_in_each_directory_that_is_there(place: Place) -> None:
    (place.root / "wt").mkdir()
    (place.root / "wt/notes.txt").write_text("")
    (place.root / "wt/loop").symlink_to("loop")
    globs = WORKTREES.replace('"wt/*/.venv"', '"wt/*/.venv", "wt/*/deep/.venv"')
    place.write(globs + '[envs.b]\npath = "wt/own/.venv"\n', "wt/main", "wt/one", "wt/own", "wt/.hidden")
    assert {one["outcome"] for one in place.apply().values()} == {"created"}
    links = [link for link in (place.root / "wt").glob("*/.venv") if link.is_symlink()]
    assert [(str(link.relative_to(place.root)), os.readlink(link)) for link in links] == [
        ("wt/one/.venv", f"{place.root}/wt/main/.venv")
    ]
    for command in ("check", "apply", "check"):
        assert place.envsync(command).status == 0
    (place.root / "wt/two").mkdir()
    run = place.envsync("check", "--json")
    assert (run.status, [one["code"] for one in run.environments["a"]["drift"]]) == (3, ["alias-missing"])
    assert place.apply()["a"]["outcome"] == "linked"
    assert (place.root / "wt/two/.venv/pyvenv.cfg").exists()


def test_two_environments_with_one_glob_are_in_conflict(place: Place) -> None:
    place.write(f'{WORKTREES}[envs.b]\npath = "b"\naliases = ["wt/*/.venv"]\n', "wt/main", "wt/one")
    run = place.envsync("plan", "--json")
    assert {one["conflict"]["code"] for one in run.environments.values()} == {"path-shared"}


@pytest.mark.parametrize(
    ("path", "code"), [("~", "unsafe-path"), (".", "unsafe-path"), ("repo", "unsafe-path"), ("full", "not-a-venv")]
)
def test_an_unsafe_place_stops_none_of_the_environments_below(place: Place, path: str, code: str) -> None:
    place.variables["HOME"] = str(place.root)
    (place.root / "repo/.git").mkdir(parents=True)
    (place.root / "full").mkdir()
    (place.root / "full/notes.txt").write_text("")
    tables = [f'[envs.{name}]\npath = "{name}/.venv"\n' for name in ("full", "repo")]
    place.write(f'[envs.bad]\npath = "{path}"\n' + "".join(tables))
    run = place.envsync("apply", "--json")
    assert {name: one["outcome"] for name, one in run.environments.items()} == {
        "bad": "conflict",
        "full": "created",
        "repo": "created",
    }
    assert [one["code"] for one in run.environments["bad"]["conflicts"]] == [code]
    assert place.envsync("check", "full", "repo").status == 0


def test_a_file_in_place_of_the_awaited_directory_is_no_directory(place: Place) -> None:
    (place.root / "clone").write_text("")
    place.write('[envs.a]\npath = "x/.venv"\nwait-for = "clone"\n')
    assert place.apply()["a"]["state"] == "waiting"
    assert not (place.root / "x").exists()


@pytest.mark.parametrize("second", ['path = "link"', 'path = "two"\ntarget = "../one"'])
def test_two_environments_with_one_end_are_both_in_conflict(place: Place, second: str) -> None:
    (place.root / "link").symlink_to("one")
    place.write(f'[envs.a]\npath = "one"\n[envs.b]\n{second}\n[envs.c]\npath = "c"\n')
    run = place.envsync("apply", "--json")
    assert run.status == 1
    assert [run.environments[name]["conflict"]["code"] for name in "ab"] == ["path-shared"] * 2
    assert "b" in run.environments["a"]["conflict"]["message"]
    assert run.environments["c"]["outcome"] == "created"
    assert not (place.root / "one").exists()


@pytest.mark.parametrize("inner", ["one/inner", "link/inner"])
def test_an_environment_inside_another_is_a_conflict_of_both(place: Place, inner: str) -> None:
    (place.root / "link").symlink_to("one")
    place.write(f'[envs.a]\npath = "one"\n[envs.b]\npath = "{inner}"\n')
    run = place.envsync("apply", "--json")
    assert run.status == 1
    assert [run.environments[name]["conflict"]["code"] for name in "ab"] == ["path-nested"] * 2
    assert not (place.root / "one").exists()


@pytest.mark.parametrize("way", ["loop", "file"])
def test_an_environment_whose_way_is_barred_is_not_inside_itself(place: Place, way: str) -> None:
    (place.root / "loop").symlink_to("loop")
    (place.root / "file").touch()
    place.write(f'[envs.a]\npath = "{way}/inner"\n[envs.b]\npath = "{way}/other"\n')
    environments = place.envsync("plan", "--json").environments
    codes = [[conflict["code"] for conflict in one["conflicts"]] for one in environments.values()]
    assert codes == [["link-loop" if way == "loop" else "not-readable"]] * 2


@pytest.mark.parametrize("path", ["~", "/", "~/..", ".", "..", "./", "home-link"])
def test_home_root_and_the_manifests_directory_are_no_place(place: Place, path: str) -> None:
    (place.root / "home-link").symlink_to(place.variables["HOME"])
    place.write(f'[envs.a]\npath = "{path}"\n')
    run = place.envsync("apply", "--json")
    assert run.status in {1, 2}
    if run.status == 1:
        assert run.environments["a"]["conflict"]["code"] == "unsafe-path"
    assert not list(place.root.rglob("pyvenv.cfg"))


@pytest.mark.parametrize("kind", [".git", ".hg", ".jj", ".git file"])
def test_the_root_of_a_repository_is_no_place_even_with_a_pyvenv_cfg(place: Place, kind: str) -> None:
    root = place.root / "repository"
    root.mkdir()
    if kind == ".git file":
        (root / ".git").write_text("gitdir: elsewhere\n")
    else:
        (root / kind).mkdir()
    place.write('[envs.a]\npath = "repository"\n')
    assert conflict(place)["code"] == "unsafe-path"
    (root / "pyvenv.cfg").write_text("home = /nowhere\n")
    assert conflict(place)["code"] == "unsafe-path"


def test_a_home_that_holds_a_pyvenv_cfg_is_still_no_place(place: Place) -> None:
    home = Path(place.variables["HOME"])
    (home / "pyvenv.cfg").write_text("home = /usr/bin\n")
    place.write('[envs.a]\npath = "~"\n')
    assert conflict(place)["code"] == "unsafe-path"
    assert (home / "pyvenv.cfg").read_text() == "home = /usr/bin\n"


def test_a_manifest_behind_a_link_protects_both_of_its_directories(place: Place) -> None:
    dotfiles, config = place.root / "dotfiles", place.root / "config"
    dotfiles.mkdir()
    config.mkdir()
    (dotfiles / "envs.toml").write_text(
        f'version = 1\n[envs.a]\npath = "{dotfiles}"\n[envs.b]\npath = "{config}"\n[envs.c]\npath = "../c"\n'
    )
    (config / "envs.toml").symlink_to(dotfiles / "envs.toml")
    run = place.envsync("apply", "--json", "--file", "config/envs.toml")
    assert [run.environments[name]["conflict"]["code"] for name in "ab"] == ["unsafe-path"] * 2
    assert (place.root / "c" / "pyvenv.cfg").exists()


def without_privileges(place: Place, *arguments: str) -> Run:
    run = unprivileged(place, *arguments)
    if run is None:
        pytest.skip("root cannot give up its powers here")
    return run


@pytest.mark.parametrize("path", ["closed/a", "closed/deep/a", "link"])
def test_a_parent_that_is_not_writable_is_a_conflict_that_names_it(place: Place, path: str) -> None:
    closed = place.root / "closed"
    closed.mkdir()
    (place.root / "link").symlink_to("closed/a")
    place.write(f'[envs.a]\npath = "{path}"\n[envs.b]\npath = "b"\n')
    closed.chmod(0o555)
    run = without_privileges(place, "apply", "--json")
    closed.chmod(0o755)
    found = run.environments["a"]["conflict"]
    assert (run.status, found["code"]) == (1, "not-writable")
    assert str(closed) in found["message"]
    assert found["hint"]
    assert os.listdir(closed) == []
    assert run.environments["b"]["outcome"] == "created"


def test_an_environment_that_is_not_readable_is_a_conflict(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n[envs.b]\npath = "b"\n')
    place.apply()
    (place.root / "a").chmod(0)
    run = without_privileges(place, "apply", "--json")
    (place.root / "a").chmod(0o755)
    assert (run.status, run.environments["a"]["outcome"]) == (1, "conflict")
    assert run.environments["b"]["outcome"] == "unchanged"


def test_a_manifest_that_is_not_readable_is_exit_status_2(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    place.manifest.chmod(0)
    run = without_privileges(place, "apply")
    assert (run.status, run.out) == (2, "")
    assert str(place.manifest) in run.err


@pytest.mark.parametrize("kind", ["file", "folder", "link elsewhere", "dangling link"])
def test_what_has_an_exposed_commands_name_is_never_replaced(place: Place, kind: str) -> None:
    link = place.root / "exposed" / "py"
    link.parent.mkdir()
    if kind == "file":
        link.write_text("mine")
    elif kind == "folder":
        link.mkdir()
    else:
        link.symlink_to("/bin/sh" if kind == "link elsewhere" else "/nowhere/py")
    before = (link.lstat().st_ino, link.lstat().st_ctime_ns)
    place.write('[envs.a]\npath = "a"\nexpose = ["python:py"]\n')
    entry = place.apply()["a"]
    assert entry["outcome"] == "created"
    assert [one["code"] for one in entry["left_out"]] == ["expose-taken"]
    assert (link.lstat().st_ino, link.lstat().st_ctime_ns) == before
    run = place.envsync("check")
    assert (run.status, "exposed/py" in run.out, "left out" in run.out) == (0, True, True)


def test_an_exposed_command_is_linked_by_the_declared_path(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\ntarget = "t"\nexpose = ["python:py", "absent"]\n')
    run = place.envsync("apply", "--json")
    assert run.status == 0
    assert f"{place.root}/a/bin/python" in (place.root / "exposed/py").read_text()
    assert os.listdir(place.root / "exposed") == ["py"]
    assert any("absent" in note for note in place.envsync("plan", "--json").environments["a"]["notes"])
    assert place.apply()["a"]["outcome"] == "unchanged"


@pytest.mark.parametrize(
    ("kind", "code"), [("file", "not-a-link"), ("folder", "not-a-link"), ("link", "link-elsewhere")]
)
def test_what_stands_at_an_alias_is_never_replaced(place: Place, kind: str, code: str) -> None:
    alias = place.root / "alias"
    if kind == "file":
        alias.write_text("mine")
    elif kind == "folder":
        alias.mkdir()
    else:
        alias.symlink_to("/usr")
    before = (alias.lstat().st_ino, alias.lstat().st_ctime_ns, stat.S_IFMT(alias.lstat().st_mode))
    place.write('[envs.a]\npath = "a"\naliases = ["alias", "other"]\n')
    entry = place.apply()["a"]
    assert (entry["outcome"], [one["code"] for one in entry["left_out"]]) == ("created", [code])
    assert os.readlink(place.root / "other") == f"{place.root}/a"
    assert "alias" in place.envsync("check").out
    assert (alias.lstat().st_ino, alias.lstat().st_ctime_ns, stat.S_IFMT(alias.lstat().st_mode)) == before


def test_declared_packages_are_in_the_plan(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\npackages = ["ruff>=0.5"]\n')
    entry = place.envsync("plan", "--json").environments["a"]
    assert [action["kind"] for action in entry["actions"]] == ["create"]
    assert "ruff" in entry["actions"][0]["message"]
