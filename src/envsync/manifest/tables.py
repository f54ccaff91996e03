"""The manifest's tables, one class each: which keys there are and what each may hold; and their JSON Schema.

Validators need a :class:`envsync.manifest.pythons.PathContext` as context. A key that is not written stays out of
``model_fields_set``; defaults here are for the schema's readers.
"""

import itertools
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from envsync.manifest import checks
from envsync.manifest.checks import BUILDERS
from envsync.manifest.paths import expand
from envsync.manifest.pythons import PathContext
from envsync.manifest.wording import Unfit
from envsync.model.desired import DefaultPython, PythonRequest

_CONTROL = r"\x00-\x1f\x7f-\x9f"


def _matching(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _orders(names: Iterable[str]) -> list[str]:
    """Give every choice of some of ``names``, in every order, with ``|`` between them."""
    chosen = tuple(names)
    sizes = range(1, len(chosen) + 1)
    return ["|".join(order) for size in sizes for order in itertools.permutations(chosen, size)]


BUILDER = WithJsonSchema({"type": "string", "enum": _orders(BUILDERS)})
VERSION = WithJsonSchema({"type": "integer", "enum": [1]})

LINE = _matching(f"^[^{_CONTROL}]+$")
"""A path or a prompt."""
VISIBLE = _matching(r"\S")
ENVIRONMENT = _matching(rf"^[^\s/.\-{_CONTROL}][^\s/{_CONTROL}]*$")
COMMAND = _matching(f"^[^/:{_CONTROL}]+(:[^/:{_CONTROL}]+)?$")
PACKAGE = _matching(r"^\s*[A-Za-z0-9]")
PACKAGE_NAME = _matching(r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
SPECIFIER = _matching(r"^[\s,]*([~=!<>]|$)")
INTERPRETER = _matching(r"^([~$<>=!]|.*/|((python|cpython|pypy|graalpy)[-@]?)?[0-9]{1,4}([.][0-9]{1,4}){0,2}t?$)")
"""A path or a version request."""


def _scope(info: ValidationInfo) -> PathContext:
    scope = info.context
    if not isinstance(scope, PathContext):
        raise TypeError("manifest tables are validated in a PathContext")
    return scope


def _path(text: str, info: ValidationInfo) -> str:
    return _scope(info).path(text)


def _pattern(text: str, info: ValidationInfo) -> str:
    return expand(text, _scope(info).recorder)


def _place(text: str, info: ValidationInfo) -> str:
    return _scope(info).place(text)


def _target(text: str, info: ValidationInfo) -> str:
    path = _scope(info).target(text)
    if path == info.data.get("path"):
        raise Unfit("is the environment's path itself", "leave target out: the environment is then a directory at path")
    return path


def _aliases(paths: list[str], info: ValidationInfo) -> list[str]:
    for key in ("path", "target"):
        if info.data.get(key) in paths:
            raise Unfit(f"has the environment's {key} in it", "aliases are further symlinks beside `path`")
    return checks.distinct(paths)


def _interpreter(text: str, info: ValidationInfo) -> PythonRequest:
    return _scope(info).pythons.value(text)


def _python(text: str, info: ValidationInfo) -> PythonRequest:
    return _scope(info).pythons.request(text) or DefaultPython(text)


Path = Annotated[str, AfterValidator(_path), LINE]
Pattern = Annotated[str, AfterValidator(_pattern), LINE]
Place = Annotated[str, AfterValidator(_place), LINE]
# Text for the schema and the type check before it; a PythonRequest afterwards.
Python = Annotated[str, AfterValidator(_python), VISIBLE]
Interpreter = Annotated[str, AfterValidator(_interpreter), INTERPRETER]
PackageName = Annotated[str, AfterValidator(checks.package_name), PACKAGE_NAME]


def _optional(description: str, *examples: Any, **more: Any) -> Any:
    return Field(default=None, description=description, examples=list(examples), **more)


def _list(description: str, *examples: str) -> Any:
    extra: dict[str, Any] = {"default": []}
    return Field(default_factory=list, description=description, examples=[list(examples)], json_schema_extra=extra)


def _named(description: str, **examples: Any) -> Any:
    extra: dict[str, Any] = {"additionalProperties": False}
    return Field(default_factory=dict, description=description, examples=[examples], json_schema_extra=extra)


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class _Table(BaseModel):
    # Built when it is first used: what others are only derived from never is.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=_kebab, defer_build=True)


class _Settings(_Table):
    """What an environment and ``[defaults]`` can both say."""

    python: Python = _optional(
        "a name from [pythons], a path, or a version request; default: the one it has, else the best installed",
        *("3.12", "~/.pyenv/versions/3.12/bin/python", "3.13t", "pypy3.10", ">=3.11,<3.13"),
    )
    requires_python: Annotated[str, AfterValidator(checks.specifier), SPECIFIER] = _optional(
        "versions of Python (PEP 440); outside of them the environment is left as it is, and envsync says so; "
        "default: any",
        ">=3.12,<3.13",
    )
    requirements: list[Path] = _list("requirements files to install", "requirements.txt")
    packages: list[Annotated[str, AfterValidator(checks.package), PACKAGE]] = _list(
        'packages to install (PEP 508); add "pip" if you want pip inside', "ruff>=0.5", "flask"
    )
    constraints: list[Path] = _list("constraints files for the installer", "constraints.txt")
    project: Path = _optional("directory of a project to install, with its lock where it has one", "~/src/blog")
    groups: list[PackageName] = _list("dependency groups of the project (PEP 735)", "dev")
    extras: list[PackageName] = _list("extras of the project", "postgres")
    editable: bool = Field(default=True, description="install the project as editable")
    exact: bool = Field(default=False, description="remove packages that nothing declares")
    on_missing: Literal["fail", "relax"] = Field(
        default="fail",
        description="what a rebuild does about a version that the new Python lacks: fail and keep the old "
        "environment, or relax to a newer release",
    )
    system_site_packages: bool = Field(default=False, description="let the environment see the packages of its base")
    prompt: Annotated[str, AfterValidator(checks.prompt), LINE] = _optional(
        "what activation shows; default: the name of the environment, where envsync creates it", "blog"
    )
    expose: list[Annotated[str, AfterValidator(checks.exposing), COMMAND]] = _list(
        "its commands as symlinks in bin-dir, `command` or `command:name`; its Python as a script",
        "ruff",
        "flask:flask-app",
    )
    wait_for: Path = _optional("until this directory is there, do nothing; default: the project", "~/src/blog")
    hosts: list[Annotated[str, AfterValidator(checks.host_pattern), VISIBLE]] = _optional(
        "patterns of the hosts where the environment applies; default: everywhere", ["laptop*"], min_length=1
    )
    platforms: list[Literal["linux", "darwin"]] = _optional(
        "the platforms where the environment applies; default: everywhere", ["linux", "darwin"], min_length=1
    )


class DefaultsTable(_Settings):
    """For every environment that says nothing else: any key but path, target, aliases."""

    model_config = ConfigDict(title="[defaults]")


class EnvironmentTable(_Settings):
    """A virtual environment; what it leaves out is as ``[defaults]`` says."""

    model_config = ConfigDict(title="[envs.NAME]")

    path: Place = Field(
        description="where people and tools find the environment: a directory, or with `target` a symlink",
        examples=["~/src/blog/.venv"],
    )
    target: Annotated[str, AfterValidator(_target), LINE] = _optional(
        "the directory that a symlink at path leads to; relative: in state-dir; default: no symlink",
        "blog",
    )
    aliases: Annotated[list[Place], AfterValidator(_aliases)] = _list(
        "further symlinks to the same environment, for worktrees", "~/wt/feature/.venv"
    )


class ManifestTable(_Table):
    """The virtual environments of a machine; ``envsync apply`` makes them so."""

    model_config = ConfigDict(title="envs.toml")

    version: Annotated[Literal[1], BeforeValidator(checks.version), VERSION] = Field(
        description="the format of this file, always 1; an included file may leave it out"
    )
    state_dir: Path = _optional(
        "where relative targets lie; default: ~/.local/state/envsync/envs, on macOS in ~/Library/Application Support",
        "~/.local/state/envsync/envs",
    )
    keep: Annotated[int, Field(ge=0)] = Field(
        default=1, description="generations kept per environment for `rollback`, 0 for none"
    )
    builder: Annotated[str, AfterValidator(checks.builder), BUILDER] = Field(
        default="virtualenv",
        description="what makes environments: virtualenv, uv or venv, or a preference list: the first that is there",
        examples=["uv|virtualenv"],
    )
    installer: Literal["auto", "uv", "pip"] = Field(
        default="auto", description="what installs packages: uv, pip, or auto: uv where found, else pip"
    )
    include: list[Pattern] = _list(
        "more manifests, globs allowed, relative to this file's directory as opened; no name twice", "envs.d/*.toml"
    )
    bin_dir: Path = _optional("where exposed commands go; default: ~/.local/bin", "~/.local/bin")
    defaults: DefaultsTable = Field(default_factory=DefaultsTable)
    pythons: dict[Annotated[str, AfterValidator(checks.python_name), VISIBLE], Interpreter] = _named(
        "names for interpreter links, or for version requests", fast="pypy3.10"
    )
    envs: dict[Annotated[str, AfterValidator(checks.environment_name), ENVIRONMENT], EnvironmentTable] = _named(
        "the environments by name", blog={"path": "~/src/blog/.venv"}
    )


_DRAFT = "http://json-schema.org/draft-04/schema#"


class _Generator(GenerateJsonSchema):
    """Gives no titles, which would repeat the keys, and no null, which TOML has not."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic calls it
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def manifest_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 4) of a manifest; whatever ``load`` accepts is valid by it."""
    schema = ManifestTable.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Generator)
    definitions = schema.pop("$defs")
    return {"$schema": _DRAFT, **schema, "definitions": definitions}
