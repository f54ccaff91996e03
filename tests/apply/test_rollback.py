"""Going back to the kept generation: what is said of it, and with --pin that it stays."""

import json
import os
import shutil
import signal
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.crash_scenario import ALL, chosen
from harness.crash_server import Done
from harness.depot import Depot
from harness.links import fingerprint
from harness.place import Place, server

pytestmark = pytest.mark.sampled(18)

PLAIN = '[envs.blog]\npath = "blog/.venv"\ntarget = "blog"\npython = "pythons/current/bin/python"\n'
PIN = "~/.pyenv/versions/3.12/bin/python"


@dataclass
class Machine:
    """A home with pyenv's 3.12 and 3.13, and a link to one of them that moves on."""

    place: Place
    python_of: Callable[[str], str]

    @property
    def root(self) -> Path:
        return self.place.root

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def end(self) -> Path:
        return self.root / "state/blog"

    @property
    def versions(self) -> Path:
        return self.home / ".pyenv/versions"

    def prepare(self) -> None:
        self.versions.mkdir(parents=True)
        for directory in ("pythons", "blog"):
            (self.root / directory).mkdir()
        for version in ("3.12", "3.13"):
            tree = Path(self.python_of(version)).parent.parent
            (self.versions / tree.name).symlink_to(tree)
            (self.versions / version).symlink_to(tree.name)
        self.place.variables |= {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        self.point("3.12")

    def patch(self, version: str) -> str:
        return Path(self.python_of(version)).parent.parent.name

    def point(self, version: str) -> None:
        link = self.root / "pythons/current"
        link.unlink(missing_ok=True)
        link.symlink_to(Path(self.python_of(version)).parent.parent)

    def rebuild(self, manifest: str = PLAIN) -> None:
        """Make the environment, and let its link move on."""
        self.place.write(manifest)
        assert self.place.apply()["blog"]["outcome"] == "created"
        self.point("3.13")
        assert self.place.apply()["blog"]["outcome"] == "rebuilt"

    def rollback(self, *arguments: str) -> dict[str, Any]:
        return dict(self.place.envsync("rollback", "blog", "--json", *arguments).environments["blog"])

    def version(self) -> str:
        return self.place.python("blog/.venv", "import sys; print('%d.%d' % sys.version_info[:2])")

    def assert_stays(self, link: str = "") -> None:
        """The environment is that of 3.12 again, runs, and no pass does anything about it."""
        assert self.version() == "3.12"
        assert self.place.python("blog/.venv", "import sys; print(sys.prefix)") == str(self.root / "blog/.venv")
        assert os.readlink(self.end / "bin/python") == (link or PIN.replace("~", str(self.home)))
        run = self.place.envsync("check")
        assert run.status == 0, run.out
        assert self.place.apply("--no-cache")["blog"]["outcome"] == "unchanged"


@pytest.fixture
def machine(place: Place, python_of: Callable[[str], str]) -> Machine:
    machine = Machine(place, python_of)
    machine.prepare()
    return machine


def listing(root: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            status = os.lstat(f"{directory}/{name}")
            found[f"{directory}/{name}"] = (status.st_ino, status.st_mtime_ns)
    return {path: reported for path, reported in found.items() if "/.cache" not in path and "/.local" not in path}


def test_a_rollback_says_when_the_generation_was_replaced(machine: Machine) -> None:
    machine.place.write(PLAIN)
    machine.place.apply()
    machine.place.apply("--force-rebuild", "blog")
    (staging_dir,) = machine.root.glob("state/.envsync-*/envsync.json")
    made = json.loads(staging_dir.read_text())["made"]
    entry = machine.rollback()
    message = f"go back to what it was until {made[:10]}, {made[11:16]} UTC (Python {machine.patch(machine.version())})"
    assert entry["actions"] == [{"kind": "rollback", "message": message}]
    assert entry["outcome"] == "rolled-back"
    assert machine.place.envsync("check").status == 0


def test_a_rollback_of_another_python_names_both(machine: Machine) -> None:
    machine.rebuild()
    machine.point("3.12")
    entry = machine.rollback()
    start = f"go back to Python {machine.patch('3.12')} from {machine.patch('3.13')}, as it was until 20"
    assert entry["actions"][0]["message"].startswith(start)
    assert machine.version() == "3.12"


def test_nothing_kept_is_said_in_plain_words(machine: Machine) -> None:
    machine.place.write(PLAIN)
    machine.place.apply()
    for head, hint in (
        ("", "The next installation, upgrade or rebuild keeps what it replaces."),
        ("keep = 0\n", "The manifest says `keep = 0`: with `keep = 1`, what is replaced from then on is kept."),
    ):
        machine.place.write(head + PLAIN)
        run = machine.place.envsync("rollback", "blog")
        assert (run.status, "there is nothing to go back to: no former content is kept" in run.out) == (1, True)
        assert f"hint: {hint}\n" in run.out


def test_the_conflict_over_a_minor_upgrade_names_pin(machine: Machine) -> None:
    machine.rebuild()
    before = listing(machine.root)
    entry = machine.rollback()
    assert entry["conflict"]["code"] == "python-minor"
    assert "envsync rollback blog --pin" in entry["conflict"]["hint"]
    assert listing(machine.root) == before


DEFAULT = '[defaults]\npython = "pythons/current/bin/python"  # all\n[envs.blog]  # mine\npath = "blog/.venv"\n'
MANIFESTS = {
    "a path in the table": (PLAIN, PLAIN.replace("pythons/current/bin/python", PIN)),
    "a name from [pythons]": (
        '[pythons]\nnow = "pythons/current/bin/python"\n' + PLAIN.replace("pythons/current/bin/python", "now"),
        '[pythons]\nnow = "pythons/current/bin/python"\n' + PLAIN.replace("pythons/current/bin/python", PIN),
    ),
    "a default": (
        f'{DEFAULT}target = "blog"\n# end\n',
        f'{DEFAULT}target = "blog"\npython = "{PIN}"\n# end\n',
    ),
    "an inline table": (
        '[envs]\nblog = { path = "blog/.venv", target = "blog", python = "pythons/current/bin/python" }\n',
        f'[envs]\nblog = {{ path = "blog/.venv", target = "blog", python = "{PIN}" }}\n',
    ),
    "dotted keys": (
        'envs.blog.python = "pythons/current/bin/python"\nenvs.blog.path = "blog/.venv"\nenvs.blog.target = "blog"\n',
        f'envs.blog.python = "{PIN}"\nenvs.blog.path = "blog/.venv"\nenvs.blog.target = "blog"\n',
    ),
}


@pytest.mark.parametrize(("manifest", "wanted"), MANIFESTS.values(), ids=list(MANIFESTS))
def test_a_pinned_rollback_stays(machine: Machine, manifest: str, wanted: str) -> None:
    machine.rebuild(manifest)
    before = fingerprint(machine.root)
    kept = machine.end.stat().st_ino
    entry = machine.rollback("--pin")
    assert entry["outcome"] == "rolled-back", entry
    assert f"set `python` to {PIN} in {machine.place.manifest}" in entry["actions"][0]["message"]
    assert machine.place.manifest.read_text().endswith(wanted)
    assert machine.end.stat().st_ino != kept
    links = {link: seen for link, seen in before.items() if "/.envsync-" not in link and "/state/blog/" not in link}
    after = fingerprint(machine.root)
    assert {link: after.get(link) for link in links} == links
    machine.assert_stays()


def test_an_include_that_declares_it_is_changed_and_through_a_symlink(machine: Machine) -> None:
    dotfiles = machine.root / "dotfiles.toml"
    dotfiles.write_text(f"version = 1\n# mine\n{PLAIN}")
    dotfiles.chmod(0o640)
    (machine.root / "work.toml").symlink_to("dotfiles.toml")
    main = 'include = ["work.toml"]\n[envs.other]\npath = "other"\npython = "pythons/current/bin/python"\n'
    machine.rebuild(main)
    before = machine.place.manifest.read_text()
    assert machine.rollback("--pin")["outcome"] == "rolled-back"
    assert machine.place.manifest.read_text() == before
    assert (machine.root / "work.toml").is_symlink()
    assert tomllib.loads(dotfiles.read_text())["envs"]["blog"]["python"] == PIN
    assert dotfiles.stat().st_mode & 0o777 == 0o640
    machine.assert_stays()


def test_another_patch_release_will_do_where_the_same_is_gone(machine: Machine) -> None:
    machine.rebuild()
    (generation,) = machine.root.glob("state/.envsync-*/env/pyvenv.cfg")
    text = generation.read_text()
    generation.write_text(text.replace(f"version = {machine.patch('3.12')}", "version = 3.12.99"))
    assert machine.rollback("--pin")["outcome"] == "rolled-back"
    machine.assert_stays()


def test_what_a_pin_writes_counts_as_trusted_where_the_manifest_was(machine: Machine) -> None:
    machine.rebuild()
    assert machine.place.envsync("trust").status == 0
    assert machine.rollback("--pin")["outcome"] == "rolled-back"
    assert machine.place.envsync("check", "--as-trusted").status == 0


def test_the_same_patch_release_comes_before_a_link_to_another(machine: Machine) -> None:
    machine.rebuild()
    (machine.versions / "3.12").unlink()
    (machine.versions / "3.12").symlink_to(machine.patch("3.13"))  # it claims to be 3.12, and is not
    assert machine.rollback("--pin")["outcome"] == "rolled-back"
    machine.assert_stays(str(machine.versions / machine.patch("3.12") / "bin/python"))


def test_the_generations_own_link_is_pinned_where_only_the_manifest_has_moved_on(machine: Machine) -> None:
    own = machine.root / "own"
    own.symlink_to(Path(machine.python_of("3.12")).parent.parent)
    machine.place.write(PLAIN.replace("pythons/current", "own"))
    machine.place.apply()
    machine.point("3.13")
    machine.place.write(PLAIN)
    assert machine.place.apply()["blog"]["outcome"] == "rebuilt"
    assert machine.rollback("--pin")["outcome"] == "rolled-back"
    machine.assert_stays(str(own / "bin/python"))


def test_without_that_python_on_the_machine_it_says_how_to_install_it(machine: Machine) -> None:
    machine.rebuild()
    for name in ("3.12", machine.patch("3.12")):
        (machine.versions / name).unlink()
    before = listing(machine.root)
    entry = machine.rollback("--pin")
    assert entry["conflict"]["code"] == "interpreter-missing"
    assert f"uv python install {machine.patch('3.12')}" in entry["conflict"]["hint"]
    assert listing(machine.root) == before


def test_a_pin_outside_of_requires_python_is_a_conflict(machine: Machine) -> None:
    machine.rebuild()
    machine.place.write(PLAIN + 'requires-python = ">=3.13"\n')
    before = listing(machine.root)
    assert machine.rollback("--pin")["conflict"]["code"] == "interpreter-held"
    assert listing(machine.root) == before


def test_a_pin_that_is_not_needed_leaves_the_manifest(machine: Machine) -> None:
    machine.place.write(PLAIN)
    machine.place.apply()
    machine.place.apply("--force-rebuild", "blog")
    before = machine.place.manifest.read_text()
    entry = machine.rollback("--pin")
    assert entry["outcome"] == "rolled-back"
    assert any(note.startswith("nothing had to be pinned") for note in entry["notes"])
    assert machine.place.manifest.read_text() == before


def test_a_pin_repairs_an_environment_whose_link_is_gone(machine: Machine) -> None:
    machine.rebuild()
    (machine.root / "pythons/current").unlink()
    assert machine.rollback("--pin")["outcome"] == "rolled-back"
    machine.assert_stays()


def test_a_version_request_keeps_what_the_generation_has(machine: Machine) -> None:
    wanted = PLAIN.replace("pythons/current/bin/python", str(machine.versions / "3.12/bin/python"))
    machine.place.write(wanted)
    machine.place.apply()
    machine.place.write(wanted.replace("versions/3.12/", "versions/3.13/"))
    assert machine.place.apply()["blog"]["outcome"] == "rebuilt"
    machine.place.write(PLAIN.replace("pythons/current/bin/python", ">=3.11"))
    assert machine.place.envsync("check").status == 0
    assert machine.rollback()["outcome"] == "rolled-back"
    machine.assert_stays()


def test_a_generation_whose_link_is_gone_is_fitted_before_it_comes_back(machine: Machine) -> None:
    (machine.root / "old").symlink_to(Path(machine.python_of("3.12")).parent.parent)
    machine.place.write(PLAIN.replace("pythons/current", "old"))
    machine.place.apply()
    machine.place.apply("--force-rebuild", "blog")
    machine.place.write(PLAIN)
    assert machine.place.apply()["blog"]["outcome"] == "repaired"
    (machine.root / "old").unlink()
    assert machine.rollback()["outcome"] == "rolled-back"
    machine.assert_stays(str(machine.root / "pythons/current/bin/python"))


@pytest.mark.parametrize("pin", [(), ("--pin",)])
def test_a_dry_run_shows_it_and_writes_nothing(machine: Machine, pin: tuple[str, ...]) -> None:
    machine.rebuild()
    if not pin:
        machine.point("3.12")
    before = listing(machine.root)
    entry = machine.rollback("--dry-run", *pin)
    assert [action["kind"] for action in entry["actions"]] == ["rollback"]
    assert (PIN in entry["actions"][0]["message"]) == bool(pin)
    run = machine.place.envsync("rollback", "blog", "--dry-run", *pin)
    assert (run.status, "roll back" in run.out, run.err) == (0, True, "")
    assert listing(machine.root) == before


def test_a_manifest_that_changes_meanwhile_is_not_overwritten(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import envsync  # noqa: PLC0415

    machine.rebuild()
    for name, value in machine.place.variables.items():
        monkeypatch.setenv(name, value)
    settings = envsync.Settings(jobs=1, lock_timeout=1.0)
    reconciler = envsync.Reconciler(envsync.load(str(machine.place.manifest)), envsync.FactsCache(None))
    plan = reconciler.plan_rollback("blog", pin=True)
    changed = machine.place.manifest.read_text() + "# somebody's\n"
    machine.place.manifest.write_text(changed)
    (report,) = reconciler.apply(plan, settings).environments
    assert report.error is not None
    assert report.error.code == "edit-failed"
    assert machine.place.manifest.read_text() == changed
    assert machine.version() == "3.13"
    assert machine.rollback("--pin")["outcome"] == "rolled-back"
    machine.assert_stays()


def test_a_pinned_rollback_that_is_killed_at_any_write_is_finished_or_undone(machine: Machine, tmp_path: Path) -> None:
    machine.rebuild()
    manifest = machine.place.manifest.read_bytes()
    kept = tmp_path / "kept"
    shutil.copytree(machine.root, kept, symlinks=True)

    def run(*arguments: str, kill: int | None = None) -> Done:
        return server(machine.place.variables).run(machine.root, (*arguments, "--json"), machine.place.variables, kill)

    calls = run("rollback", "blog", "--pin", kill=0).calls
    ends: set[str] = set()
    for number in chosen(len(calls), 5):
        shutil.rmtree(machine.root)
        shutil.copytree(kept, machine.root, symlinks=True)
        done = run("rollback", "blog", "--pin", kill=number)
        if done.status == 0:
            continue  # it had fewer caches to write
        assert done.status == -signal.SIGKILL
        assert machine.place.python("blog/.venv", "import sys; print(sys.prefix)") == str(machine.root / "blog/.venv")
        pinned = machine.place.manifest.read_bytes() != manifest
        again = run("apply")
        assert again.status == 0, (done.calls[-1], again.out)
        assert json.loads(again.out)["environments"][0]["outcome"] == "unchanged", (done.calls[-1], again.out)
        assert machine.version() == ("3.12" if pinned else "3.13"), done.calls[-1]
        (marker,) = machine.root.glob("state/.envsync-*/envsync.json")
        reported = json.loads(marker.read_text())
        assert (reported["kind"], reported["pin"], reported["built"]) == ("generation", "", None), done.calls[-1]
        assert (marker.parent / "env/pyvenv.cfg").is_file()
        ends.add("finished" if pinned else "undone")
        if not pinned:
            assert machine.rollback("--pin")["outcome"] == "rolled-back"
        machine.assert_stays()
    print(f"rollback --pin, killed from inside: {len(calls)} calls")  # noqa: T201  # the figure
    assert ends == {"finished", "undone"} or not ALL


def test_a_rollback_cut_off_between_the_renames_of_an_exchange_in_two_steps_is_undone(machine: Machine) -> None:
    machine.place.write(PLAIN)
    machine.place.apply()
    machine.place.apply("--force-rebuild", "blog")
    (marker,) = machine.root.glob("state/.envsync-*/envsync.json")
    staging_dir, inode = marker.parent, machine.end.stat().st_ino
    reported = json.loads(marker.read_text())
    marker.write_text(json.dumps(reported | {"built": (staging_dir / "env").stat().st_ino}))
    machine.end.rename(staging_dir / "former")
    assert machine.place.apply("--no-cache")["blog"]["outcome"] == "unchanged"
    assert machine.end.stat().st_ino == inode
    assert json.loads(marker.read_text())["built"] is None
    assert machine.rollback()["outcome"] == "rolled-back"


# With packages.


def test_an_install_is_undone_and_the_versions_are_listed(depot: Depot) -> None:
    depot.make('packages = ["lib==1.0"]')
    depot.declare('packages = ["lib==1.1", "tool"]')
    assert depot.apply()["outcome"] == "installed"
    entry = depot.command("rollback", "one")
    assert entry["outcome"] == "rolled-back"
    assert depot.versions() == {"lib": "1.0"}
    assert entry["packages"] == [
        {"name": "lib", "before": "1.1", "after": "1.0"},
        {"name": "tool", "before": "0.5", "after": None},
    ]


def test_what_the_next_apply_would_do_again_is_said(depot: Depot) -> None:
    depot.make('packages = ["lib==1.0"]')
    depot.declare('packages = ["lib==1.1"]')
    depot.apply()
    entry = depot.command("rollback", "one")
    assert any("the next apply installs again" in note for note in entry["notes"]), entry["notes"]
    assert depot.apply()["outcome"] == "installed"
    assert depot.versions() == {"lib": "1.1"}


def test_an_upgrade_is_undone_and_stays_so(depot: Depot) -> None:
    depot.make('packages = ["lib==1.0"]')
    depot.declare('packages = ["lib"]')
    depot.apply()
    assert depot.command("upgrade", "one")["outcome"] == "upgraded"
    assert depot.versions() == {"lib": "1.1"}
    entry = depot.command("rollback", "one")
    assert (entry["outcome"], entry["notes"]) == ("rolled-back", [])
    assert depot.versions() == {"lib": "1.0"}
    assert depot.apply()["outcome"] == "unchanged"


def test_a_rebuild_is_undone_with_its_packages_and_a_pin_holds_them(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.install("tool==0.5")
    depot.flip("3.12")
    assert depot.apply()["outcome"] == "rebuilt"
    depot.point(os.path.dirname(depot.python_of("3.12")))
    entry = depot.command("rollback", "one", "--pin")
    assert entry["outcome"] == "rolled-back", entry
    assert depot.says("app").startswith("app 1.0")
    assert {"app", "lib", "tool"} <= depot.versions().keys()
    assert depot.apply()["outcome"] == "unchanged"
