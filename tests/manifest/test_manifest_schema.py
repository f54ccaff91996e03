"""The JSON Schema: what it lets through, what it catches, and whether Tombi can use it."""

import ast
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sysconfig
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from pydantic import BaseModel

from envsync.manifest import load
from envsync.manifest.schema import keys_of, manifest_schema
from envsync.manifest.tables import DefaultsTable, EnvironmentTable, ManifestTable
from envsync.model import desired
from envsync.model.problems import ManifestError
from harness.manifest_box import Box, one
from harness.place import ROOT, Place

SCHEMA = manifest_schema()
VALIDATOR = Draft4Validator(SCHEMA)
TABLES: dict[type[BaseModel], dict[str, Any]] = {
    ManifestTable: SCHEMA,
    DefaultsTable: SCHEMA["definitions"]["DefaultsTable"],
    EnvironmentTable: SCHEMA["definitions"]["EnvironmentTable"],
}
KEYS = [(model, key) for model in TABLES for key in [key.name for key in keys_of(model)]]


def errors(text: str) -> list[str]:
    """Return what the schema rejects in a manifest, with the key."""
    found = VALIDATOR.iter_errors(tomllib.loads(textwrap.dedent(text)))
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def key_schema(model: type[BaseModel], key: str) -> dict[str, Any]:
    schema: dict[str, Any] = TABLES[model]["properties"][key]
    return SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def test_the_schema_is_of_draft_4_which_editors_read() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-04/schema#"
    Draft4Validator.check_schema(SCHEMA)
    assert not re.search(r'"(\$defs|const|prefixItems|propertyNames|contains|if|exclusiveM\w+)"', json.dumps(SCHEMA))


@pytest.mark.parametrize("model", TABLES)
def test_the_schema_has_the_keys_of_the_models_and_no_others(model: type[BaseModel]) -> None:
    assert list(TABLES[model]["properties"]) == [key for of, key in KEYS if of is model]
    assert TABLES[model]["additionalProperties"] is False


@pytest.mark.parametrize(("model", "key"), KEYS)
def test_every_key_has_a_description_in_a_line(model: type[BaseModel], key: str) -> None:
    description = key_schema(model, key)["description"]
    assert 10 < len(description) < 180
    assert description.isprintable()


@pytest.mark.parametrize(("model", "key"), KEYS)
def test_every_default_and_example_is_valid(box: Box, model: type[BaseModel], key: str) -> None:
    schema = key_schema(model, key)
    values = [*schema.get("examples", ()), *([schema["default"]] if "default" in schema else [])]
    assert values or key in {"version", "defaults"}
    for value in values:
        text = manifest_with(model, f"{key} = {toml(value)}")
        box.load(text)
        assert errors(text) == []


def manifest_with(model: type[BaseModel], line: str) -> str:
    if model is ManifestTable:
        return f"version = 1\n{line}\n"
    top = 'bundles.tools = ["ruff"]' if line.startswith("bundles") else ""
    if model is EnvironmentTable:
        more = 'project = "p"' if line.startswith(("groups", "extras")) else ""
        return one(f"{line}\n{more}", top=top)
    return one("", top=top, defaults=line)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {toml(item)}' for key, item in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def test_the_example_is_valid() -> None:
    for file in ("envs.toml.example", "examples/envs.toml"):
        assert errors((ROOT / file).read_text(encoding="utf-8")) == []
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert blocks
    assert [block for block in blocks if errors(block)] == []


def written_in_tests() -> Iterator[str]:
    """Yield every text in the tests that could be a manifest, or a part of one."""
    for file in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and 5 < len(node.value) < 2000:
                text = textwrap.dedent(node.value)
                if "=" in text:
                    yield from (text, f"version = 1\n{text}", one(text))


def test_whatever_manifest_in_the_tests_is_accepted_is_valid(box: Box) -> None:
    accepted = 0
    box.write("")
    for text in dict.fromkeys(written_in_tests()):
        try:
            tomllib.loads(text)
            load(box.file, texts={box.file: text})
        except (tomllib.TOMLDecodeError, ManifestError, ValueError, RecursionError):
            continue
        assert errors(text) == [], text
        accepted += 1
    assert accepted > 200


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ("pyhton = '3.12'", "pyhton"),
        ("wait_for = 'x'", "wait_for"),
        ("keep = 1", "keep"),
        ("python = 3.12", "python"),
        ("python = ' '", "python"),
        ("requires-python = '3.12'", "requires-python"),
        ("requirements = 'r.txt'", "requirements"),
        ("requirements = ['']", "requirements"),
        ("packages = 'ruff'", "packages"),
        ("packages = [1]", "packages"),
        ("packages = ['./x']", "packages"),
        ("packages = ['-e x']", "packages"),
        ("constraints = [{}]", "constraints"),
        ("project = ''", "project"),
        ("project = ['x']", "project"),
        ("groups = ['-x']", "groups"),
        ("extras = ['']", "extras"),
        ("editable = 'true'", "editable"),
        ("exact = 1", "exact"),
        ("on-missing = 'x'", "on-missing"),
        ("system-site-packages = 'no'", "system-site-packages"),
        ("prompt = ''", "prompt"),
        ('prompt = "a\\u001b[0m"', "prompt"),
        ("expose = ['a/b']", "expose"),
        ("expose = ['a:']", "expose"),
        ("expose = ['*:a']", "expose"),
        ("expose = ['a:*']", "expose"),
        ("wait-for = 1979-05-27", "wait-for"),
        ("hosts = []", "hosts"),
        ("hosts = ['']", "hosts"),
        ("hosts = 'x'", "hosts"),
        ("platforms = ['win32']", "platforms"),
        ("platforms = []", "platforms"),
        ("path = ''", "path"),
        ("path = ['x']", "path"),
        ("target = true", "target"),
        ("aliases = 'x'", "aliases"),
        ("aliases = [[]]", "aliases"),
    ],
)
def test_a_fault_in_an_environment_is_seen_by_schema_and_loader_alike(box: Box, body: str, key: str) -> None:
    text = one(body)
    assert box.problem(text).key == f"envs.a.{key}"
    (error,) = errors(text)
    assert error.startswith("envs.a")
    assert key in error


@pytest.mark.parametrize(
    ("top", "key"),
    [
        ("keeep = 1", "keeep"),
        ("path = 'x'", "path"),
        ("state_dir = 'x'", "state_dir"),
        ("state-dir = 1", "state-dir"),
        ("keep = -1", "keep"),
        ("keep = true", "keep"),
        ("keep = 1.5", "keep"),
        ("keep = '1'", "keep"),
        ("builder = 'conda'", "builder"),
        ("builder = 'uv|uv'", "builder"),
        ("builder = ''", "builder"),
        ("builder = ['uv']", "builder"),
        ("installer = 'conda'", "installer"),
        ("include = 'x'", "include"),
        ("include = ['']", "include"),
        ("bin-dir = ['x']", "bin-dir"),
        ("defaults = 1", "defaults"),
        ("defaults.path = 'x'", "path"),
        ("defaults.exact = 'x'", "exact"),
        ("pythons = []", "pythons"),
        ("pythons.x = 'y'", "x"),
        ("pythons.x = 3.12", "x"),
        ("pythons.x = {}", "x"),
        ("pythons.' ' = '3'", "pythons"),
        ("envs = 1", "envs"),
        ("envs.a = 1", "envs.a"),
        ("defaults.target = '{nam}'", "target"),
        ("bundles.x = 'y'", "x"),
        ("bundles.x = ['./y']", "x"),
        ("bundles.' ' = []", "bundles"),
        ("envs.'a b'.path = 'x'", "a b"),
        ("envs.'-a'.path = 'x'", "-a"),
        ("envs.'a/b'.path = 'x'", "a/b"),
        ("envs.''.path = 'x'", "envs"),
    ],
)
def test_a_fault_in_the_settings_is_seen_by_schema_and_loader_alike(box: Box, top: str, key: str) -> None:
    text = f"version = 1\n{top}\n"
    assert key in (box.problem(text).key or "")
    found = errors(text)
    assert found
    assert all(key in error for error in found)


@pytest.mark.parametrize("version", ["", "version = 2", "version = '1'", "version = true", "version = 1.0"])
def test_the_version_must_be_there_and_be_one(box: Box, version: str) -> None:
    text = f"{version}\nkeep = 1\n"
    assert box.problem(text).key == "version"
    assert "version" in "".join(errors(text))


def test_the_command_prints_the_schema_without_a_manifest(place: Place) -> None:
    run = place.envsync("schema")
    assert (run.status, run.err) == (0, "")
    assert run.document == SCHEMA
    document = place.envsync("schema", "--json").document
    assert (document["command"], document["manifest"], document["exit_code"]) == ("schema", None, 0)
    assert document["schema_document"] == SCHEMA


def tombi(file: Path) -> subprocess.CompletedProcess[str]:
    command = shutil.which("tombi", path=sysconfig.get_path("scripts")) or shutil.which("tombi")
    if command is None:
        pytest.skip("needs tombi, which is not installed here")
    return subprocess.run(
        [command, "lint", "--offline", "--error-on-warnings", str(file)],
        check=False,
        cwd=file.parent,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


def test_tombi_checks_manifests_by_the_schema(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    text = (ROOT / "envs.toml.example").read_text(encoding="utf-8")
    good.write_text(f"#:schema ./schema.json\n{text}", encoding="utf-8")
    assert tombi(good).returncode == 0, tombi(good).stdout
    found = {
        'pyhton = "3.12"': '"pyhton" is not allowed',
        "keep = 3": '"keep" is not allowed',
        'on-missing = "x"': 'found "x"',
        "hosts = []": "at least 1",
        'packages = ["./x"]': '"./x" does not match',
    }
    for mistake, message in found.items():
        bad.write_text(f'#:schema ./schema.json\nversion = 1\n[envs.a]\npath = "x"\n{mistake}\n')
        run = tombi(bad)
        assert run.returncode != 0
        assert message in run.stdout
        assert "bad.toml:5" in run.stdout


WHERE_IT_APPLIES = {"hosts", "platforms"}
OF_PACKAGES = {"bundles"}


def fields_of(kind: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("name", [*EnvironmentTable.model_fields])
def test_a_key_goes_to_the_field_of_its_name_which_has_its_default(name: str) -> None:
    field = {**fields_of(desired.Environment), **fields_of(desired.Packages)}.get(name)
    assert (field is None) == (name in WHERE_IT_APPLIES | OF_PACKAGES)
    default = SCHEMA["definitions"]["EnvironmentTable"]["properties"][name.replace("_", "-")].get("default")
    assert field is None or default in (None, [], field.default)


@pytest.mark.parametrize("name", ["keep", "installer"])
def test_a_key_of_the_manifest_has_the_default_of_its_field(name: str) -> None:
    assert fields_of(desired.Manifest)[name].default == SCHEMA["properties"][name]["default"]


def test_no_module_spells_keys_that_it_can_follow_from_the_tables() -> None:
    keys = {"requires-python", "system-site-packages", "on-missing", "constraints", "prompt"}
    for place in ("manifest/validate.py", "manifest/loader.py", "cli/arguments.py", "cli/edit.py"):
        tree = ast.parse((ROOT / "src/envsync" / place).read_text(encoding="utf-8"))
        output = {
            node.value.replace("_", "-")
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not output & keys, place
