"""--deep compares every file with what was installed, and brings back what is damaged, and only that."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envsync.__main__ import fast_answer
from envsync.apply import steps
from envsync.cli.main import main
from envsync.observe import record
from envsync.observe.libraries import find_libraries
from envsync.observe.record import find_damage, listed_files
from harness.bench import Listing, contents, files, listing, staged
from harness.depot import Depot
from harness.wheels import make_project, make_repository

pytestmark = pytest.mark.sampled(5)

MANY = {"many/__init__.py": "", "many/one.py": "one = 1\n" * 50, "many/deep/two.py": "two = 2\n", "single.py": "x\n"}


@pytest.fixture
def depot(depot: Depot) -> Depot:
    depot.wheel("many", "1.0", files=MANY, scripts={"many": "many.one:main"})
    return depot


def check(depot: Depot) -> dict[str, dict[str, Any]]:
    """Check deeply; gives by name what is damaged, or cannot be checked."""
    entry = depot.command("check", "--deep")
    assert entry["state"] == ("drift" if entry["drift"] else "in-sync"), entry
    assert {one["code"] for one in entry["drift"]} <= {"packages"}
    return {one["package"]: one for one in entry["damage"]}


def assert_sound(depot: Depot) -> None:
    assert check(depot) == {}
    assert main(["check", "--deep"]) == 0


def output(depot: Depot) -> str:
    """Return what a deep plan says is wrong; the exit status of a check says so too."""
    assert main(["check", "--deep"]) == 3
    return "; ".join(one["message"] for one in depot.command("plan", "--deep")["drift"])


def steady(seen: Listing) -> Listing:
    """Leave out what changes when an environment is staged."""
    return {name: one for name, one in staged(files(seen)).items() if name != ".lock"}


def assert_only_repaired(depot: Depot, *names: str) -> None:
    """Applying deeply brings the named packages back as they were; the files of all others keep their inodes."""
    before = steady(listing(depot.end))
    mine = ("many", "single.py", *names)
    entry = depot.apply("--deep")
    assert (entry["outcome"], [one["kind"] for one in entry["actions"]]) == ("installed", ["install"]), entry
    after = steady(listing(depot.end))
    for name in before.keys() | after.keys():
        parts = {*name.split("/"), *(part.partition("-")[0].removesuffix(".py") for part in name.split("/"))}
        if not parts & {*mine}:
            assert before[name] == after[name], name
    assert depot.partial_files() == []
    assert len(depot.generations()) == 1
    assert_sound(depot)


def assert_refused(depot: Depot, code: str) -> str:
    """Applying deeply fails, and the environment is what it was; gives the message."""
    before = steady(listing(depot.end))
    entry = depot.apply("--deep")
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", code), entry
    assert steady(listing(depot.end)) == before
    assert depot.partial_files() == []
    return str(entry["error"]["message"])


def replaced(file: Path, content: bytes) -> None:
    """Replace a file by another, as editors do: what shares its inode stays."""
    file.unlink()
    file.write_bytes(content)


def made_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


SPOIL: dict[str, tuple[str, Callable[[Path], object]]] = {
    "removed": ("missing", lambda file: file.unlink()),
    "longer": ("changed", lambda file: replaced(file, b"two = 2 \n")),
    "as long": ("changed", lambda file: replaced(file, b"two = 3\n")),
    "truncated": ("changed", lambda file: replaced(file, b"")),
    "a FIFO": ("changed", made_fifo),
    "without its directory": ("missing", lambda file: shutil.rmtree(file.parent)),
}


@pytest.mark.both_installers
def test_damage_of_every_kind_is_found_told_and_put_right(depot: Depot) -> None:
    depot.make('packages = ["many", "app"]')
    depot.install("tool")
    for kind, (how, spoil) in SPOIL.items() if depot.installer == "uv" else [("removed", SPOIL["removed"])]:
        assert_sound(depot)
        spoil(depot.site / "many/deep/two.py")
        (damage,) = check(depot).values()
        assert (damage["package"], damage["version"], damage[how]) == ("many", "1.0", ["many/deep/two.py"]), kind
        verb = "gone" if how == "missing" else "changed"
        assert output(depot) == f"many 1.0: 1 file is {verb} (many/deep/two.py)", kind
        assert main(["check"]) == 0
        assert_only_repaired(depot)
        assert (depot.site / "many/deep/two.py").read_text() == "two = 2\n"
    assert depot.versions() == {"app": "1.0", "lib": "1.1", "many": "1.0", "tool": "0.5"}
    assert depot.says("app") == f"app 1.0 {depot.path}"


@pytest.mark.parametrize("link_mode", ["hardlink", "copy"])
def test_what_was_written_into_a_file_is_not_brought_back_from_a_cache(
    depot: Depot, link_mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_LINK_MODE", link_mode)
    monkeypatch.setenv("UV_CACHE_DIR", str(depot.root / "cache"))
    depot.make('packages = ["many", "tool"]')
    with (depot.site / "many/one.py").open("a") as file:  # into the inode, which the cache may share
        file.write("damaged = True\n")
    assert output(depot) == "many 1.0: 1 file is changed (many/one.py)"
    assert_only_repaired(depot)
    assert "damaged" not in (depot.site / "many/one.py").read_text()


def unrecorded(info: Path) -> None:
    (info / "RECORD").unlink()


def aside(info: Path) -> None:
    """Leave an upgrade as pip does that is killed before the new version is there."""
    info.rename(info.with_name(f"~{info.name[1:]}"))
    (info.parent / "many").rename(info.parent / "~any")


def aside_beside(info: Path) -> None:
    """Leave an upgrade as pip does that is killed when all is done except removing the old one."""
    shutil.copytree(info, info.with_name(f"~{info.name[1:]}"))
    (info.parent / "~any").mkdir()


def halved(info: Path) -> None:
    """Leave an installation as uv does that is killed: some files, and the wheel's own RECORD."""
    shutil.rmtree(info.parent / "many/deep")
    (info / "INSTALLER").unlink()
    (info.parents[3] / "bin/many").unlink()
    rows = (info / "RECORD").read_text().splitlines(keepends=True)
    replaced(info / "RECORD", "".join(row for row in rows if "INSTALLER" not in row and "bin/" not in row).encode())


INTERRUPTED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "no RECORD": ("cannot be checked: RECORD is gone", unrecorded),
    "an empty RECORD": ("cannot be checked: RECORD is malformed", lambda info: replaced(info / "RECORD", b"")),
    "no METADATA": ("1 file is gone (many-1.0.dist-info/METADATA)", lambda info: (info / "METADATA").unlink()),
    "no INSTALLER": ("1 file is gone (many-1.0.dist-info/INSTALLER)", lambda info: (info / "INSTALLER").unlink()),
    "an empty METADATA": (
        "1 file is changed (many-1.0.dist-info/METADATA)",
        lambda info: replaced(info / "METADATA", b""),
    ),
    "half of it": ("2 files are gone (many-1.0.dist-info/INSTALLER, many/deep/two.py)", halved),
    "taken out": ("an interrupted installation left ~any-1.0.dist-info, ~any", aside),
    "not cleared up": ("an interrupted installation left ~any-1.0.dist-info, ~any", aside_beside),
}


def test_an_interrupted_installation_is_found_told_and_put_right(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.install("many")
    for kind, (words, spoil) in INTERRUPTED.items():
        spoil(depot.site / "many-1.0.dist-info")
        assert list(check(depot)) == ["many"], kind
        assert words in output(depot), kind
        assert_only_repaired(depot, "~any", "~any-1.0.dist-info")
        assert contents(listing(depot.site / "many")).keys() >= {"deep/two.py", "one.py"}, kind
        assert not [*depot.site.glob("~*")], kind
        assert depot.versions() == {"app": "1.0", "lib": "1.1", "many": "1.0"}, kind
        assert (depot.path / "bin/many").exists(), kind


def test_what_is_only_to_be_cleared_up_needs_no_installer(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    depot.make('packages = ["many"]')
    aside_beside(depot.site / "many-1.0.dist-info")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    assert_only_repaired(depot, "~any", "~any-1.0.dist-info")


def test_a_declared_package_whose_metadata_is_gone_is_put_right_with_all_that_is_missing(depot: Depot) -> None:
    depot.make('packages = ["many"]')
    (depot.site / "many-1.0.dist-info/METADATA").unlink()
    depot.declare('packages = ["many", "tool"]')
    entry = depot.apply("--deep")
    assert (entry["outcome"], len(entry["actions"])) == ("installed", 1)
    assert depot.versions() == {"many": "1.0", "tool": "0.5"}
    assert_sound(depot)


@pytest.mark.both_installers
def test_nothing_is_found_in_an_environment_that_envsync_has_made_and_changed(depot: Depot) -> None:
    depot.make('packages = ["many", "app"]')
    depot.install("-e", str(make_project(depot.root / "blog", "blog")))
    assert depot.says("blog") == f"blog 1.0 {depot.path}"  # with byte code
    shutil.rmtree(depot.site / "__pycache__", ignore_errors=True)
    assert_sound(depot)
    depot.flip("3.12")
    assert depot.apply("--deep")["outcome"] == "rebuilt"
    assert_sound(depot)
    depot.flip("3.11")
    depot.command("rollback", "one")
    assert_sound(depot)
    depot.end.rename(depot.root / "ends/other")
    (depot.root / "there").symlink_to("ends/other")
    depot.directory = "there"
    depot.declare('packages = ["many", "app"]')
    assert depot.apply("--deep")["outcome"] == "repaired"
    assert depot.says("app") == f"app 1.0 {depot.path}"
    assert_sound(depot)


def test_nothing_is_found_in_what_virtualenv_has_seeded(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "virtualenv", "-q", "--no-download", "--app-data", str(tmp_path / "data")]
    subprocess.run([*command, str(tmp_path / "env")], check=True, capture_output=True)
    assert list(tmp_path.glob("env/lib/python3.*/site-packages/pip"))
    assert damage_in(tmp_path / "env") == []


def test_a_script_whose_first_line_was_rewritten_is_no_damage_but_one_that_is_gone_is(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    script = depot.path / "bin/app"
    text = script.read_text()
    replaced(script, f"#!/usr/bin/python3\n{text.partition(chr(10))[2]}".encode())
    script.chmod(0o755)
    assert check(depot) == {}
    replaced(script, b"")
    assert check(depot)["app"]["changed"] == ["../../../bin/app"]
    script.unlink()
    assert check(depot)["app"]["missing"] == ["../../../bin/app"]
    assert_only_repaired(depot, "app")
    assert depot.says("app") == f"app 1.0 {depot.path}"


def test_packages_come_back_from_where_they_came(depot: Depot) -> None:
    url, commit = make_repository(depot.root / "repo.git", "gitty")
    depot.make('packages = ["lib"]')
    depot.install(str(depot.wheel("filed", "1.0")), f"gitty @ {url}@{commit}", "--no-deps")
    depot.install("-e", str(make_project(depot.root / "blog", "blog")))
    origins, requested = depot.origins(), depot.requested()
    assert_sound(depot)
    for name in ("filed.py", "gitty.py", "__editable__.blog.pth"):
        (depot.site / name).unlink()
    assert sorted(check(depot)) == ["blog", "filed", "gitty"]
    assert_only_repaired(depot, "filed", "gitty", "blog", "__editable__.blog.pth")
    assert (depot.origins(), depot.requested()) == (origins, requested)


def test_without_a_trace_of_where_it_came_from_a_package_is_left_alone(depot: Depot) -> None:
    depot.make()
    depot.install(str(depot.wheel("filed", "1.0")))
    (depot.site / "filed-1.0.dist-info/direct_url.json").unlink()
    before = steady(listing(depot.end))
    entry = depot.apply("--deep")
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "origin-unknown")
    assert steady(listing(depot.end)) == before


@pytest.mark.both_installers
def test_a_package_that_is_not_to_be_had_any_more_leaves_all_as_it_was(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.install("many")
    (depot.wheels / "many-1.0-py3-none-any.whl").unlink()
    depot.wheel("many", "2.0")
    (depot.site / "many/one.py").unlink()
    assert "many 1.0" in assert_refused(depot, "package-missing")


def test_a_project_that_is_another_version_by_now_is_not_what_was_installed(depot: Depot) -> None:
    project = make_project(depot.root / "blog", "blog")
    depot.make()
    depot.install("-e", str(project))
    make_project(depot.root / "blog", "blog", "2.0")
    (depot.site / "__editable__.blog.pth").unlink()
    assert "blog 1.0 was installed; only 2.0 is available" in assert_refused(depot, "package-missing")


def test_a_package_that_is_offered_damaged_leaves_all_as_it_was(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    depot.make('packages = ["many"]')
    wheel = depot.wheels / "many-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, b"" if name == "many/one.py" else content)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "fresh"))  # the usual one holds it whole
    replaced(depot.site / "many/one.py", b"")
    assert output(depot) == "many 1.0: 1 file is changed (many/one.py)"
    assert "1 file is changed (many/one.py)" in assert_refused(depot, "package-missing")


def test_a_symlink_of_the_users_is_told_and_never_replaced(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.install("many")
    (depot.site / "many/deep/two.py").rename(depot.root / "mine.py")
    (depot.site / "many/deep/two.py").symlink_to(depot.root / "mine.py")
    assert check(depot) == {}
    (depot.root / "mine.py").write_text("two = 3\n")
    (depot.site / "many/one.py").unlink()
    before = steady(listing(depot.end))
    entry = depot.apply("--deep")
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "linked-inside")
    assert "many/deep/two.py" in entry["conflict"]["message"]
    assert (entry["damage"][0]["missing"], entry["damage"][0]["changed"]) == (["many/one.py"], ["many/deep/two.py"])
    assert steady(listing(depot.end)) == before


@pytest.mark.parametrize("what", ["many", "many-1.0.dist-info", "."])
def test_a_linked_directory_counts_once_and_is_looked_into(depot: Depot, what: str) -> None:
    depot.make('packages = ["app"]')
    depot.install("many")
    linked = Path(os.path.normpath(depot.site / what))
    linked.rename(depot.root / "linked")
    linked.symlink_to(depot.root / "linked")
    assert check(depot) == {}
    (depot.root / "linked" / {"many": "one.py", ".": "many/one.py"}.get(what, "INSTALLER")).unlink()
    entry = depot.command("check", "--deep")
    assert ([one["package"] for one in entry["damage"]], entry["conflict"]["code"]) == (["many"], "linked-inside")


def test_an_environment_without_packages_is_sound(depot: Depot) -> None:
    depot.make()
    assert_sound(depot)
    assert depot.apply("--deep")["outcome"] == "unchanged"


def test_only_a_deep_look_reads_the_files(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    depot.make('packages = ["many"]')
    monkeypatch.setattr(record, "find_damage", lambda *_: pytest.fail("the files were looked at"))
    for command in ("check", "plan", "apply", "status"):
        assert "damage" not in depot.command(command)


def test_the_evidence_of_a_plain_check_does_not_answer_for_a_deep_one(depot: Depot) -> None:
    depot.make('packages = ["many"]')
    replaced(depot.site / "many/one.py", b"")
    assert depot.place.envsync("check", **os.environ).status == 0
    assert fast_answer(["check"]) is not None
    assert fast_answer(["check", "--deep"]) is None
    run = depot.place.envsync("check", "--deep", **os.environ)
    assert (run.status, run.out) == (3, "1 of 1 environment not in sync: one (packages)\n")
    assert depot.place.envsync("check", "--deep", "one", **os.environ).status == 3


def test_long_lists_are_cut_and_counted(depot: Depot) -> None:
    depot.wheel("big", "1.0", files={f"big/{number}.py": "" for number in range(10, 40)})
    depot.make('packages = ["big"]')
    shutil.rmtree(depot.site / "big")
    (damage,) = check(depot).values()
    assert (len(damage["missing"]), damage["missing_count"], damage["changed"]) == (20, 30, [])
    assert depot.command("plan", "--deep")["actions"] == [{"kind": "install", "message": "reinstall big 1.0"}]
    assert output(depot) == "big 1.0: 30 files are gone (big/10.py, big/11.py, big/12.py and 27 more)"


def test_byte_code_of_a_damaged_file_does_not_outlive_it(depot: Depot) -> None:
    depot.make('packages = ["many"]')
    good = depot.site / "many/deep/two.py"
    time = good.stat().st_mtime_ns
    replaced(good, b"two = 3\n")
    os.utime(good, ns=(time, time))
    look = "import many.deep.two; print(many.deep.two.two)"
    assert depot.place.python("env", look) == "3"
    (depot.site / "many/deep/__pycache__/mine.pyc").touch()
    assert_only_repaired(depot)
    os.utime(good, ns=(time, time))
    assert depot.place.python("env", look) == "2"
    assert (depot.site / "many/deep/__pycache__/mine.pyc").exists()


def test_a_killed_pass_leaves_all_as_it_was_and_the_next_one_finishes(depot: Depot) -> None:
    depot.make('packages = ["many"]')
    (depot.site / "many/one.py").unlink()
    before = steady(listing(depot.end))
    code = "import os, sys; from envsync.apply import reinstall; from envsync.cli.main import main; "
    code += "reinstall.move_files = lambda *_: os._exit(9); main(['apply', '--deep'])"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 9, done.stderr
    assert steady(listing(depot.end)) == before
    assert depot.partial_files() != []
    assert_only_repaired(depot)


def test_an_exchange_that_fails_leaves_all_as_it_was(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    depot.make('packages = ["many"]')
    (depot.site / "many/one.py").unlink()
    monkeypatch.setattr(steps, "flush", refuse)
    assert_refused(depot, "disk-full")


def refuse(*_: object) -> None:
    raise OSError(28, "No space left on device")


LIBRARY = "lib/python3.11"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return the directory of packages of an environment, with two in it."""
    site = tmp_path / "end" / LIBRARY / "site-packages"
    for name in ("app", "lib"):
        (site / name).mkdir(parents=True)
        (site / f"{name}/__init__.py").write_text("")
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (info / "INSTALLER").write_text("tests")
        (info / "RECORD").write_text(f"{info.name}/RECORD,,\n{info.name}/METADATA,,\n{name}/__init__.py,{EMPTY},0\n")
    return site


EMPTY = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def damage_in(end: Path) -> list[tuple[str, tuple[str, ...], tuple[str, ...], str]]:
    found = find_damage(str(end), find_libraries(str(end)))
    return [(one.package.name, one.missing, one.changed, one.unchecked) for one in found]


def damage(site: Path) -> list[tuple[str, tuple[str, ...], tuple[str, ...], str]]:
    return damage_in(site.parents[2])


def record_more(site: Path, *rows: str) -> None:
    with (site / "app-1.0.dist-info/RECORD").open("a") as file:
        file.writelines(f"{row}\n" for row in rows)


@pytest.mark.parametrize(
    "row",
    [
        "app/__pycache__/__init__.cpython-311.pyc,,",
        f"app/__pycache__/__init__.cpython-311.pyc,{EMPTY},0",
        "app/old.pyc,,",
        f"/dev/null,{EMPTY},0",
        f"../../../../outside,{EMPTY},0",
        f"app/__init__.py,{EMPTY}=,",
        "app/__init__.py,of-another-age=abc,0",
        "app,,",
        '"app/__init__.py","",""',
        "",
    ],
)
def test_rows_that_are_no_reason_to_complain(site: Path, row: str) -> None:
    (site.parents[3] / "outside").write_text("another content")
    record_more(site, row)
    assert damage(site) == []


@pytest.mark.parametrize(
    ("row", "missing", "changed"),
    [
        ("app/gone.py,,", ("app/gone.py",), ()),
        ("/nowhere/at/all,,", ("/nowhere/at/all",), ()),
        ("../../../../../nowhere,,", ("../../../../../nowhere",), ()),
        ("../../../bin/app,,", ("../../../bin/app",), ()),
        (f"lib/mine.py,{EMPTY},0", (), ("lib/mine.py",)),
        (f"lib/__init__.py/x,{EMPTY},0", ("lib/__init__.py/x",), ()),
        ("lib/mine.py,sha256=AAAA,7", (), ("lib/mine.py",)),
        (f"lib,{EMPTY},0", (), ("lib",)),
    ],
)
def test_rows_that_tell_of_damage(site: Path, row: str, missing: tuple[str, ...], changed: tuple[str, ...]) -> None:
    (site / "lib/mine.py").write_text("mine = 7")
    record_more(site, row)
    assert damage(site) == [("app", missing, changed, "")]


@pytest.mark.parametrize("row", ["app", "a,b", "a,b,c,d", ",,", "a,sha256,1", "a,=b,1", "a,,x", "a,,-1", "a\0b,,", '"'])
def test_a_record_that_makes_no_sense_is_told(site: Path, row: str) -> None:
    record_more(site, row)
    assert damage(site) == [("app", (), (), "RECORD is malformed")]


def test_a_record_that_cannot_be_read_is_told_and_never_waited_for(site: Path) -> None:
    made_fifo(site / "app-1.0.dist-info/RECORD")
    assert damage(site) == [("app", (), (), "RECORD is gone")]


def test_what_makes_an_environment_is_never_taken_out_as_a_packages(site: Path) -> None:
    record_more(site, "../../../bin/python,,", "../../../bin/activate,,", "../../../pyvenv.cfg,,", "../../../bin/x,,")
    listed = listed_files(str(site.parents[2]), f"{LIBRARY}/site-packages/app-1.0.dist-info")
    assert [file for file in listed if "site-packages" not in file] == ["bin/x"]


def test_a_file_of_two_packages_may_be_either_ones(site: Path) -> None:
    (site / "lib/__init__.py").write_text("of app")
    assert damage(site) == [("lib", (), ("lib/__init__.py",), "")]
    record_more(site, "lib/__init__.py,sha256=LZsKIfh0FE_TYMEgcSwI2dSsJ7a1Ge20CwoMX9fHYyQ,6")
    assert damage(site) == []
    (site / "lib/__init__.py").write_text("of none")
    assert [name for name, *_ in damage(site)] == ["app", "lib"]


def test_files_behind_a_device_or_a_fifo_are_never_opened(site: Path) -> None:
    (site / "app/zero.py").symlink_to("/dev/zero")
    os.mkfifo(site / "app/fifo.py")
    record_more(site, f"app/zero.py,{EMPTY},0", f"app/fifo.py,{EMPTY},0", f"app/fifo.py/x,{EMPTY},0")
    assert damage(site) == [("app", ("app/fifo.py/x",), ("app/zero.py", "app/fifo.py"), "")]


def test_what_was_installed_without_a_record_cannot_be_checked_and_is_no_damage(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    (depot.site / "old-1.0.egg-info").write_text("Metadata-Version: 1.1\nName: old\nVersion: 1.0\n")
    entry = depot.command("check", "--deep")
    assert (entry["state"], entry["damage"][0]["package"]) == ("in-sync", "old")
    assert entry["damage"][0]["unchecked"] == "it was installed without a RECORD"
    assert any("cannot be checked: old 1.0" in note for note in entry["notes"])
