"""The JSON document: the keys that stay, for every command and every way that it can end."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envsync import __version__
from harness.emitted import documented
from harness.place import Place, Run

pytestmark = pytest.mark.sampled(3)

COMMANDS = ("apply", "plan", "check", "status", "explain")
DOCUMENT = {"schema", "envsync", "command", "manifest", "status", "exit_code", "environments", "errors"}
ENTRY = {"name", "path", "end", "hops", "python", "state", "drift", "actions"}
PYTHON = {"declared", "link", "end", "version", "implementation"}
ERROR = {"code", "message", "hint", "file", "line", "column", "key"}
STATUSES = {"in-sync", "drift", "conflict", "applied", "failed", "error"}
STATES = {"in-sync", "missing", "drift", "conflict", "waiting"}
KINDS = {"create", "repair", "rebuild", "install", "link"}
OUTCOMES = {"unchanged", "created", "repaired", "installed", "rebuilt", "linked", "skipped", "conflict", "failed"}
DRIFTS = documented("Drift")
PROMISED = {
    *("missing", "link-missing", "alias-missing", "expose-missing", "python-link", "python-dangling", "python-home"),
    *("python-patch", "python-minor", "python-implementation", "layout", "scripts", "moved", "prompt"),
    *("system-site-packages", "packages"),
}
"""Codes that programs go by: further ones may come, these stay."""


def test_promised_codes_stay() -> None:
    assert PROMISED <= DRIFTS


def assert_texts(value: dict[str, Any], keys: set[str]) -> None:
    assert keys <= value.keys()
    assert all(isinstance(value[key], str) for key in keys)


def assert_hops(hops: Any) -> None:
    assert isinstance(hops, list)
    for hop in hops:
        assert_texts(hop, {"link", "text"})


def assert_problem(problem: dict[str, Any] | None) -> None:
    if problem is not None:
        assert_texts(problem, {"code", "message", "hint"})
        assert problem["message"]


def assert_python(python: dict[str, Any], state: str) -> None:
    assert python.keys() >= PYTHON
    assert isinstance(python["declared"], str)
    found = {"link", "end", "version", "implementation"}
    assert all(python[key] is None or isinstance(python[key], str) for key in found)
    if state not in {"conflict", "waiting"}:
        assert_texts(python, found)


def assert_entry(entry: dict[str, Any], command: str) -> None:
    """Assert the shape of one environment's entry."""
    assert entry.keys() >= ENTRY
    assert_texts(entry, {"name", "path", "end"})
    assert os.path.isabs(entry["path"])
    assert os.path.isabs(entry["end"])
    assert entry["state"] in STATES
    assert_hops(entry["hops"])
    assert_python(entry["python"], entry["state"])
    for drift in entry["drift"]:
        assert_texts(drift, {"code", "message"})
        assert drift["code"] in DRIFTS
    for action in entry["actions"]:
        assert_texts(action, {"kind", "message"})
        assert action["kind"] in KINDS
    assert_problem(entry.get("conflict"))
    assert (entry.get("conflict") is not None) == (entry["state"] == "conflict")
    if command == "apply":
        assert entry["outcome"] in OUTCOMES
        assert_problem(entry.get("error"))
        assert (entry.get("error") is not None) == (entry["outcome"] == "failed")


def assert_contract(run: Run, command: str, manifest: str | None, status: str, exit_code: int) -> list[dict[str, Any]]:
    """Assert the whole contract of one run, and give the entries."""
    document = json.loads(run.out)
    assert run.out.endswith("}\n")
    assert document.keys() >= DOCUMENT
    assert (document["schema"], type(document["schema"])) == (1, int)
    assert document["envsync"] == __version__
    assert document["command"] == command
    assert document["manifest"] == manifest
    assert document["status"] in STATUSES
    assert document["status"] == status
    assert type(document["exit_code"]) is int
    assert document["exit_code"] == run.status == exit_code
    for problem in document["errors"]:
        assert problem.keys() >= ERROR
        assert_problem(problem)
        assert all(problem[key] is None or type(problem[key]) is int for key in ("line", "column"))
        assert all(problem[key] is None or isinstance(problem[key], str) for key in ("file", "key"))
    assert bool(document["errors"]) == (status == "error")
    for entry in document["environments"]:
        assert_entry(entry, command)
    assert isinstance(document["environments"], list)
    return list(document["environments"])


def of(command: str, *names: str) -> tuple[str, ...]:
    return (command, "--json", *names)


@pytest.mark.parametrize("command", COMMANDS)
def test_missing_environments(place: Place, command: str) -> None:
    place.write('[envs.a]\npath = "x/.venv"\ntarget = "a"\n', "x")
    expected = {"apply": ("applied", 0), "check": ("drift", 3)}.get(command, ("drift", 0))
    (entry,) = assert_contract(place.envsync(*of(command, "a")), command, str(place.manifest), *expected)
    assert entry["state"] == ("in-sync" if command == "apply" else "missing")
    assert {drift["code"] for drift in entry["drift"]} == {"missing", "link-missing"}
    assert [action["kind"] for action in entry["actions"]] == ["create", "link"]
    assert entry["end"] == str(place.root / "state" / "a")


@pytest.mark.parametrize("command", COMMANDS)
def test_environments_in_sync(place: Place, command: str) -> None:
    place.write('[envs.a]\npath = ".venv"\ntarget = "a"\n')
    place.apply()
    (entry,) = assert_contract(place.envsync(*of(command, "a")), command, str(place.manifest), "in-sync", 0)
    assert (entry["state"], entry["drift"], entry["actions"]) == ("in-sync", [], [])
    assert entry["hops"] == [{"link": str(place.root / ".venv"), "text": str(place.root / "state" / "a")}]
    assert entry["python"]["version"].count(".") == 2
    assert entry["python"]["implementation"] == "cpython"
    assert entry.get("outcome", "unchanged") == "unchanged"


@pytest.mark.parametrize("command", COMMANDS)
def test_drift(place: Place, command: str) -> None:
    place.write('[envs.a]\npath = "a"\nprompt = "one"\n')
    place.apply()
    place.write('[envs.a]\npath = "a"\nprompt = "two"\n')
    expected = {"apply": ("applied", 0), "check": ("drift", 3)}.get(command, ("drift", 0))
    (entry,) = assert_contract(place.envsync(*of(command, "a")), command, str(place.manifest), *expected)
    assert entry["drift"][0]["code"] == "prompt"
    assert entry["state"] == ("in-sync" if command == "apply" else "drift")
    assert entry.get("outcome", "repaired") == "repaired"


@pytest.mark.parametrize("command", COMMANDS)
def test_conflicts(place: Place, command: str) -> None:
    (place.root / "a").write_text("")
    place.write('[envs.a]\npath = "a"\n[envs.b]\npath = "b"\npython = "./gone"\n')
    run = place.envsync(*of(command, "a", "b"))
    entries = assert_contract(run, command, str(place.manifest), "conflict", 1)
    assert [entry["conflict"]["code"] for entry in entries] == ["not-a-directory", "interpreter-missing"]
    assert entries[1]["python"]["declared"] == "./gone"
    assert entries[1]["python"]["version"] is None
    assert [entry.get("outcome", "conflict") for entry in entries] == ["conflict", "conflict"]


def test_waiting(place: Place) -> None:
    place.write('[envs.a]\npath = "clone/.venv"\nwait-for = "clone"\n')
    for command in COMMANDS:
        (entry,) = assert_contract(place.envsync(*of(command, "a")), command, str(place.manifest), "in-sync", 0)
        assert (entry["state"], entry.get("outcome", "skipped")) == ("waiting", "skipped")


def test_an_apply_that_fails(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n[envs.b]\npath = "b"\n')
    place.apply()  # so that no interpreter needs asking
    os.rename(place.root / "a", place.root / "former")
    locks = os.path.join(place.variables["HOME"], ".local", "state", "envsync", "locks")
    os.rename(locks, f"{locks}.former")
    with open(locks, "w", encoding="utf-8"):
        pass
    entries = assert_contract(place.envsync(*of("apply")), "apply", str(place.manifest), "failed", 1)
    assert [entry["outcome"] for entry in entries] == ["failed", "unchanged"]


def test_a_manifest_with_errors_tells_each_with_its_place(place: Place) -> None:
    place.write('nonsense = 1\n[envs.a]\npath = "a"\npyhton = "3.12"\n')
    for command in COMMANDS:
        run = place.envsync(*of(command, "a"))
        assert assert_contract(run, command, str(place.manifest), "error", 2) == []
        errors = run.document["errors"]
        assert {error["file"] for error in errors} == {str(place.manifest)}
        assert [(error["line"], error["key"]) for error in errors] == [(4, "nonsense"), (7, "envs.a.pyhton")]
        assert "python" in errors[1]["hint"] + errors[1]["message"]


def test_a_manifest_that_is_no_toml_tells_line_and_column(place: Place) -> None:
    place.manifest.write_text("version = 1\n\n[envs.a\n")
    run = place.envsync(*of("check"))
    assert_contract(run, "check", str(place.manifest), "error", 2)
    (error,) = run.document["errors"]
    assert (error["code"], error["line"]) == ("manifest-syntax", 3)
    assert error["column"] >= 1


@pytest.mark.parametrize("arguments", [(), ("--file", "gone.toml")])
def test_a_missing_manifest(place: Place, arguments: tuple[str, ...]) -> None:
    run = place.envsync(*of("apply"), *arguments)
    manifest = str(place.root / "gone.toml") if arguments else None
    assert_contract(run, "apply", manifest, "error", 2)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("--json", "apply", "--nonsense"), "apply"),
        (("plan", "--json", "--lock-timeout", "x"), "plan"),
        (("--json",), ""),
        (("--json", "aply"), ""),
        (("check", "nobody", "--json"), "check"),
    ],
)
def test_wrong_usage_is_one_document_too(place: Place, arguments: tuple[str, ...], command: str) -> None:
    place.write('[envs.a]\npath = "a"\n')
    run = place.envsync(*arguments)
    assert_contract(run, command, run.document["manifest"], "error", 2)
    assert run.document["manifest"] in {None, str(place.manifest)}


@pytest.mark.parametrize("option", ["--quiet", "--verbose", "--color=always"])
def test_options_for_people_change_nothing(place: Place, option: str) -> None:
    place.write('[envs.a]\npath = "a"\n')
    assert place.envsync(*of("plan")).out == place.envsync(*of("plan"), option).out


def test_a_dry_run_is_a_document_of_an_apply_that_did_nothing(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    run = place.envsync("apply", "--dry-run", "--json")
    document = run.document
    assert document.keys() >= DOCUMENT
    assert (document["status"], document["exit_code"], run.status) == ("drift", 0, 0)
    assert document["command"] in {"apply", "plan"}
    assert not (place.root / "a").exists()


def test_a_name_that_no_text_encoding_holds_is_still_valid_json(place: Place, python_of: Callable[[str], str]) -> None:
    os.symlink(python_of("3.12"), os.fsencode(place.root) + b"/py\xff")
    os.symlink(b"py\xff", os.fsencode(place.root) + b"/python")
    place.write('[envs.a]\npath = "a"\npython = "./python"\n')
    for command in ("plan", "apply", "status"):
        run = place.envsync(*of(command))
        json.loads(run.out.encode("utf-8"))
        assert run.status == 0
        assert "Traceback" not in place.envsync(command).err


def test_a_kept_generation_has_the_keys_that_it_always_had(place: Place) -> None:
    place.write('[envs.blog]\npath = "blog"\n')
    place.apply()
    place.apply("--force-rebuild", "blog")
    (kept,) = place.envsync("status", "--json").environments["blog"]["kept"]
    assert {*kept} == {"area", "made", "version", "size", "sound"}
    assert Path(kept["area"]).is_dir()
