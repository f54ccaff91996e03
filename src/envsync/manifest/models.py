"""The manifest's tables, one class each: which keys there are and what each may hold.

Validators need a :class:`envsync.manifest.scope.Scope` as context. A key that is not
written stays out of ``model_fields_set``; defaults here are for the schema's readers.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from envsync.desired import DefaultPython, PythonRequest
from envsync.manifest import checks
from envsync.manifest.paths import expand
from envsync.manifest.scope import Scope
from envsync.manifest.wording import Unfit

__all__ = ["DefaultsTable", "EnvironmentTable", "ManifestTable"]


def _scope(info: ValidationInfo) -> Scope:
    scope = info.context
    if not isinstance(scope, Scope):
        raise TypeError("manifest tables are validated in a Scope")
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
        raise Unfit("is the environment's path itself", "leave target out: the environment is then a folder at path")
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


Path = Annotated[str, AfterValidator(_path)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Place = Annotated[str, AfterValidator(_place)]
# Text for the schema and the type check before it; a PythonRequest afterwards.
Python = Annotated[str, AfterValidator(_python)]
Interpreter = Annotated[str, AfterValidator(_interpreter)]
PackageName = Annotated[str, AfterValidator(checks.package_name)]


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _optional(description: str, **more: Any) -> Any:
    return Field(default=None, description=description, json_schema_extra=_without_default, **more)


def _list(description: str) -> Any:
    return Field(default_factory=list, description=description)


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=_kebab, title=None)


class _Settings(_Table):
    """What an environment and ``[defaults]`` can both say."""

    python: Python = _optional("a name from [pythons], a path, or a version request")
    requires_python: Annotated[str, AfterValidator(checks.specifier)] = _optional(
        "versions of Python outside of which the environment is left as it is (PEP 440)"
    )
    requirements: list[Path] = _list("requirements files to install")
    packages: list[Annotated[str, AfterValidator(checks.package)]] = _list("packages to install (PEP 508)")
    constraints: list[Path] = _list("constraints files for the installer")
    project: Path = _optional("folder of a project to install")
    groups: list[PackageName] = _list("the project's dependency groups (PEP 735)")
    extras: list[PackageName] = _list("the project's extras")
    editable: bool = Field(default=True, description="install the project as editable")
    exact: bool = Field(default=False, description="remove packages that nothing declares")
    on_missing: Literal["fail", "relax"] = Field(
        default="fail", description="what a rebuild does about a version that the new Python lacks"
    )
    system_site_packages: bool = Field(default=False, description="let the environment see its base's packages")
    prompt: Annotated[str, AfterValidator(checks.prompt)] = _optional("what activation shows")
    expose: list[Annotated[str, AfterValidator(checks.exposing)]] = _list(
        "commands to link into bin-dir, `command` or `command:name`"
    )
    wait_for: Path = _optional("wait until this folder is there; default: project")
    hosts: list[Annotated[str, AfterValidator(checks.host_pattern)]] = _optional(
        "patterns of the hosts where this applies; default: everywhere", min_length=1
    )
    platforms: list[Literal["linux", "darwin"]] = _optional(
        "the platforms where this applies; default: everywhere", min_length=1
    )


class DefaultsTable(_Settings):
    """``[defaults]``: what environments have that say nothing else."""


class EnvironmentTable(_Settings):
    """``[envs.NAME]``: one environment."""

    path: Place = Field(description="where people and tools find the environment")
    target: Annotated[str, AfterValidator(_target)] = _optional(
        "the folder that a symlink at path leads to; relative: in state-dir"
    )
    aliases: Annotated[list[Place], AfterValidator(_aliases)] = _list("further symlinks to the environment")


class ManifestTable(_Table):
    """A whole manifest."""

    version: Annotated[Literal[1], BeforeValidator(checks.version)] = Field(description="the manifest's format")
    state_dir: Path = _optional("where relative targets lie")
    keep: Annotated[int, Field(ge=0)] = Field(default=1, description="generations kept per environment")
    builder: Annotated[str, AfterValidator(checks.builder)] = Field(
        default="virtualenv", description="virtualenv, uv or venv, or a preference list such as uv|virtualenv"
    )
    installer: Literal["auto", "uv", "pip"] = Field(default="auto", description="auto: uv where found, else pip")
    include: list[Pattern] = _list("more manifests, globs allowed")
    bin_dir: Path = _optional("where exposed commands go; default: ~/.local/bin")
    defaults: DefaultsTable = Field(default_factory=DefaultsTable, description="what environments have in common")
    pythons: dict[Annotated[str, AfterValidator(checks.python_name)], Interpreter] = Field(
        default_factory=dict, description="names for interpreter links"
    )
    envs: dict[Annotated[str, AfterValidator(checks.environment_name)], EnvironmentTable] = Field(
        default_factory=dict, description="the environments"
    )
