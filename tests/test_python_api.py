"""From Python: what the commands do, with the command's defaults, results, trust and locks."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import envsync
from envsync.observe.trust import place_of, record_of
from envsync.write.locks import hold
from envsync.write.user_files import forget_trust
from harness.contract import assert_document
from harness.place import Place

ROOT = Path(__file__).parent.parent
ONE = '[envs.blog]\npath = "blog"\n'
MOST_MODULES = 62
HOW_FOUND = {"found_by", "hides"}
"""Keys of documents that only a command has: it looked for the manifest."""


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Work in a directory with a manifest in it that is trusted."""
    place.write(ONE)
    monkeypatch.chdir(place.root)
    return place


def as_printed(result: Any) -> Any:
    """Return a result as the command would print it."""
    document = json.loads(json.dumps(result.to_dict()))
    assert_document(document)
    return document


# Planning and applying


def test_threads_that_load_leave_the_variables_of_the_process_as_they_were(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "mine")
    (here.root / "wrong.toml").write_text("no manifest")

    def load_some(_: int) -> None:
        for _ in range(5):
            assert envsync.load("envs.toml").environments
            with pytest.raises(envsync.ManifestError):
                envsync.load("wrong.toml")

    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(load_some, range(8))) == [None] * 8
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "mine"


def test_two_lines_plan_and_apply(here: Place) -> None:
    plan = envsync.plan()
    report = envsync.apply(plan)
    assert (plan.ok, plan.has_work, report.ok) == (True, True, True)
    assert [(one.plan.environment.name, one.outcome) for one in report.environments] == [("blog", "created")]
    assert here.python("blog", "import sys; print(sys.prefix)") == str(here.root / "blog")
    assert not envsync.plan().has_work
    assert [f"{one.outcome}" for one in envsync.apply().environments] == ["unchanged"]


def test_the_documents_are_those_of_the_command(here: Place) -> None:
    printed = here.envsync("plan", "--json").document
    assert as_printed(envsync.plan()) == {key: value for key, value in printed.items() if key not in HOW_FOUND}
    report = envsync.apply()
    document = here.envsync("apply", "--json", "--force-rebuild", "blog").document
    assert as_printed(report).keys() == document.keys()
    assert as_printed(report)["environments"][0].keys() == document["environments"][0].keys()
    assert as_printed(envsync.apply()) == here.envsync("apply", "--json").document


def test_what_is_in_conflict_is_not_ok(here: Place) -> None:
    (here.root / "blog").write_text("mine")
    plan = envsync.plan()
    assert (plan.ok, plan.to_dict()["status"], plan.to_dict()["exit_code"]) == (False, "conflict", 1)
    report = envsync.apply(plan)
    assert (report.ok, str(report.environments[0].outcome)) == (False, "conflict")
    assert as_printed(report) == here.envsync("apply", "--json").document


def test_states_and_outcomes_print_as_their_value(here: Place) -> None:
    (found,) = envsync.plan().environments
    assert (f"{found.state}", json.dumps(found.state)) == ("missing", '"missing"')
    assert [str(one) for one in (*envsync.State, *envsync.Outcome)] == [
        one.value for one in (*envsync.State, *envsync.Outcome)
    ]
    assert str(found.world.directory.chain.kind) == found.world.directory.chain.kind.value
    assert here.manifest.exists()


def test_what_a_plan_was_asked_for_is_applied(here: Place) -> None:
    envsync.apply()
    made = (here.root / "blog").stat().st_ino
    report = envsync.apply(envsync.plan(force_rebuild=["blog"]))
    assert [str(one.outcome) for one in report.environments] == ["rebuilt"]
    assert (here.root / "blog").stat().st_ino != made
    assert envsync.plan(deep=True).deep


def test_a_name_that_is_not_declared_is_refused(here: Place) -> None:
    with pytest.raises(envsync.UsageError, match="no environment is called blogg") as caught:
        envsync.plan("blogg", file=str(here.manifest))
    assert caught.value.problem.code == "unknown-name"


def test_a_name_may_be_a_path_or_a_glob_as_for_the_command(here: Place) -> None:
    here.write(f'{ONE}[envs.svc1]\npath = "svc/1"\n[envs.svc2]\npath = "svc/2"\n')
    for words, names in (
        (("svc*",), ["svc1", "svc2"]),
        (("./svc",), ["svc1", "svc2"]),
        ((Path("svc/2"), "blog"), ["blog", "svc2"]),
        ((here.root,), ["blog", "svc1", "svc2"]),
    ):
        assert [one.environment.name for one in envsync.plan(*words).environments] == names
    assert envsync.plan(force_rebuild=[Path("svc")]).force_rebuild == {"svc1", "svc2"}
    with pytest.raises(envsync.UsageError, match="means 2 environments"):
        envsync.remove("svc*")
    assert envsync.remove(Path("svc/1")).name == "svc1"
    with pytest.raises(envsync.EnvsyncError, match="blog has no target"):
        envsync.move(Path("blog"))


def test_importing_the_packages_of_these_names_leaves_the_functions(here: Place) -> None:
    code = "import envsync, envsync.plan.decide, envsync.apply.run; print(envsync.plan().ok, envsync.apply.__name__)"
    assert here.manifest.exists()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "True apply\n"


def test_all_that_is_offered_is_there() -> None:
    for name in envsync.__all__:
        assert getattr(envsync, name) is not None
        assert name in dir(envsync)
        assert name.startswith("__") or getattr(envsync, name).__doc__
    assert {name for name in dir(envsync) if not name.startswith("__")} == {*envsync.__all__} - {"__version__"}


# Trust and locks


def test_a_manifest_that_was_found_has_to_be_trusted(here: Place) -> None:
    record = record_of(place_of(str(here.manifest)))
    assert record is not None
    forget_trust(record)
    functions = (
        envsync.plan,
        envsync.apply,
        envsync.prune,
        envsync.adopt,
        lambda: envsync.add("a", path="a"),
        lambda: envsync.remove("blog"),
        lambda: envsync.move("blog"),
    )
    for function in functions:
        with pytest.raises(envsync.UntrustedError):
            function()
    assert sorted(os.listdir(here.root)) == ["envs.toml"]
    assert envsync.plan(file="envs.toml").has_work  # one that is named is meant


APPLY = """
import sys, envsync
sys.stdin.readline()
(one,) = envsync.apply(envsync.plan("blog", force_rebuild=["blog"])).environments
print(one.outcome, one.error)
"""


def test_two_programs_that_apply_wait_for_each_other(here: Place) -> None:
    """Each rebuilds what the other made; what both made is kept, so neither was in the other's way."""
    here.write(f"keep = 4\n{ONE}")
    envsync.apply()
    first = (here.root / "blog").stat().st_ino
    processes = [
        subprocess.Popen([sys.executable, "-c", APPLY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["rebuilt None\n"] * 2
    (entry,) = here.envsync("status", "--json").document["environments"]
    assert len(entry["kept"]) == 2
    assert first in {(Path(one) / name).stat().st_ino for one in entry["generations"] for name in os.listdir(one)}
    assert sorted(os.listdir(here.root)) == ["blog", "envs.toml", "state"]


def test_a_lock_that_another_holds_is_waited_for_no_longer_than_asked(here: Place) -> None:
    envsync.apply()
    settings = envsync.Settings(lock_timeout=0.0)
    with hold(settings.locks, str(here.root / "blog"), 0.0):
        report = envsync.apply(envsync.plan(force_rebuild=["blog"]), settings=settings)
    (one,) = report.environments
    assert one.error is not None
    assert (one.error.code, str(one.outcome)) == ("locked", "failed")
    document = as_printed(report)
    assert (report.ok, document["status"], document["exit_code"]) == (False, "failed", 1)


# Settings


@pytest.mark.parametrize("name", ["cache", "locks", "logs", "staging"])
@pytest.mark.parametrize("kind", ["empty", "relative", "missing", "file", "for all"])
def test_a_directory_that_cannot_be_meant_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "for all").mkdir()
    (tmp_path / "for all").chmod(0o777)
    given = {"empty": "", "relative": "locks"}.get(kind, str(tmp_path / kind))
    with pytest.raises(envsync.UsageError, match=rf"^{name}: ") as caught:
        envsync.Settings(**{name: given})  # type: ignore[arg-type]
    assert caught.value.problem.code == "settings"


@pytest.mark.parametrize(
    "given",
    [
        *({"jobs": value} for value in (-1, "x", None, 2.5)),
        *({"lock_timeout": value} for value in (-1.0, float("nan"), None)),
        *({"cache": value} for value in (None, b"/tmp")),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(given: Any) -> None:
    with pytest.raises(envsync.UsageError, match=r"0 or more|not an absolute path"):
        envsync.Settings(**given)


def test_the_defaults_are_the_directories_of_the_command(here: Place) -> None:
    settings = envsync.Settings()
    here.apply()
    assert os.listdir(settings.locks)
    assert os.path.isfile(f"{settings.cache}/interpreters")
    assert settings.side_by_side >= 2
    envsync.Settings(locks=settings.locks)


def test_a_cache_that_others_may_write_to_is_refused(here: Place) -> None:
    here.apply()
    Path(envsync.Settings().cache).chmod(0o777)
    with pytest.raises(envsync.UsageError, match="others may write"):
        envsync.plan()


# Editing, pruning, moving


def test_add_and_remove_write_what_the_commands_write(here: Place) -> None:
    before = here.manifest.read_text()
    added = envsync.add("new", path="n/.venv", requires_python=">=3.9", packages=["rich", "flask"], exact=True)
    text = here.manifest.read_text()
    removed = envsync.remove("new")
    assert (added.ok, removed.ok, here.manifest.read_text()) == (True, True, before)
    options = ("--path", "n/.venv", "--requires-python", ">=3.9", "--package", "rich", "--package", "flask", "--exact")
    words = [word.replace("--package", "--packages") for word in options]
    assert as_printed(added) == here.envsync("add", "new", *words, "--json").document
    assert here.manifest.read_text() == text
    assert as_printed(removed) == here.envsync("remove", "new", "--json").document


def test_an_environment_that_cannot_be_declared_leaves_the_manifest(here: Place) -> None:
    before = here.manifest.read_bytes()
    for code, values in {"name-taken": {}, "usage": {}, "path-shared": {"path": "blog"}}.items():
        with pytest.raises(envsync.UsageError) as caught:
            envsync.add("blog" if code == "name-taken" else "other", **values)
        assert caught.value.problem.code == code
    with pytest.raises(envsync.ManifestError, match="colour"):
        envsync.add("other", path="other", colour="red")
    assert here.manifest.read_bytes() == before


@pytest.mark.parametrize("values", [{"path": object()}, {"path": "x", "exact": None}, {"packages": ["a"]}, {}])
def test_values_that_no_manifest_holds_are_refused(here: Place, values: dict[str, Any]) -> None:
    before = here.manifest.read_bytes()
    with pytest.raises(envsync.UsageError, match=r"cannot hold|a path is missing"):
        envsync.add("new", **values)
    assert here.manifest.read_bytes() == before


def test_paths_may_be_path_objects(here: Place) -> None:
    envsync.add("new", file=here.manifest, path=Path("x"), requirements=[Path("r.txt")])
    assert [one.environment.name for one in envsync.plan(file=here.manifest).environments] == ["blog", "new"]
    assert 'requirements = ["r.txt"]' in here.manifest.read_text().replace(f"{here.root}/", "")


@pytest.mark.parametrize("file", ["", "a\0b", "nowhere.toml"])
@pytest.mark.usefixtures("here")
def test_a_manifest_that_is_not_there_is_named(file: str) -> None:
    with pytest.raises(envsync.ManifestError, match=r"is empty|NUL|nowhere\.toml"):
        envsync.plan(file=file)


@pytest.mark.usefixtures("here")
def test_one_name_to_rebuild_need_not_be_a_list() -> None:
    assert envsync.plan(force_rebuild="blog").ok
    with pytest.raises(envsync.UsageError, match="7"):
        envsync.plan(7)  # type: ignore[arg-type]


def test_adopting_declares_what_import_declares(here: Place) -> None:
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", here.root / name / ".venv"], check=True)
    before = here.manifest.read_text()
    shown = envsync.adopt(dry_run=True)
    assert (here.manifest.read_text(), shown.changed) == (before, False)
    assert as_printed(shown) == here.envsync("import", "--dry-run", "--json").document
    adopted = envsync.adopt(".", freeze=True)
    assert {one.name for one in adopted.declared} == {"a", "b"}
    text = here.manifest.read_text()
    here.manifest.write_text(before)
    assert as_printed(adopted) == here.envsync("import", "--freeze", "--json").document
    assert here.manifest.read_text() == text


def test_pruning_lists_what_the_command_lists_and_removes_it_when_asked(here: Place) -> None:
    here.write(ONE + 'target = "blog"\n')
    envsync.apply()
    (here.root / "blog").unlink()
    here.write("")
    found = envsync.prune()
    assert [(one.kind, one.name) for one in found.removals] == [("environment", "blog")]
    assert found.removals[0].size > 1000
    assert as_printed(found) == here.envsync("prune", "--json").document
    assert (here.root / "state/blog/pyvenv.cfg").exists()
    pruned = envsync.prune(remove=True)
    assert (pruned.ok, pruned.to_dict()["status"]) == (True, "applied")
    assert not (here.root / "state/blog").exists()
    assert not envsync.prune().removals


def test_moving_does_what_the_command_does(here: Place) -> None:
    envsync.apply()
    with pytest.raises(envsync.EnvsyncError, match="no target"):
        envsync.move("blog")
    here.write(ONE + 'target = "blog"\n')
    moved = envsync.move("blog")
    assert (moved.ok, moved.changed) == (True, True)
    assert os.readlink(here.root / "blog") == str(here.root / "state/blog")
    again = envsync.move("blog")
    assert not again.changed
    assert as_printed(again) == here.envsync("move", "blog", "--json").document
    assert not envsync.plan().has_work


# How it is made


COUNT = """
import sys
from envsync.__main__ import main
sys.argv = ["envsync", *sys.argv[1:]]
status = main()
print(status, *sorted(name for name in sys.modules if name.startswith("envsync")), file=sys.stderr)
"""


def test_adding_loads_little(here: Place) -> None:
    here.envsync("plan")  # so that there are caches to read
    for name in ("a", "b"):
        done = subprocess.run(
            [sys.executable, "-c", COUNT, "add", name, "--path", name], check=True, capture_output=True, text=True
        )
        status, *modules = done.stderr.split()
        assert (status, len(modules) <= MOST_MODULES) == ("0", True), modules


def test_the_examples_of_the_guide_run(here: Place) -> None:
    text = (ROOT / "docs/python.md").read_text()
    here.write('[envs.blog]\npath = "blog"\ntarget = "blog"\n')
    (here.root / "src").mkdir()
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 5
    for example in examples:
        exec(compile(example, "docs/python.md", "exec"), {})  # noqa: S102  # the project's own
