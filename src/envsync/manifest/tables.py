"""The manifest's tables, one class each, in which every key is declared: once, and nowhere else.

A key has its type, check, default, description and examples here. Validation, the JSON Schema, the hints about unknown
keys, docs/reference.md and the options of ``envsync add`` follow from that. Its value goes to the field of the same
name of :class:`envsync.model.desired.Environment` or :class:`envsync.model.desired.Packages`.

Validators need a :class:`envsync.manifest.pythons.PathContext` as context. A key that is not written stays out of
``model_fields_set``; its default is that of the field that it goes to, and the one here is for the schema's readers.
"""

from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from envsync.manifest import checks
from envsync.manifest.aliases import AliasPattern, pattern_of, unescaped
from envsync.manifest.paths import check_template, expand
from envsync.manifest.patterns import (
    ANY_LINE,
    BUILDER,
    COMMAND,
    ENVIRONMENT,
    EVENT_WORD,
    INTERPRETER,
    LINE,
    NAMED,
    PACKAGE,
    PACKAGE_NAME,
    SPECIFIER,
    VERSION,
    VISIBLE,
)
from envsync.manifest.pythons import PathContext, Template
from envsync.model.desired import DefaultPython, Exposed, PythonRequest


class Mark(Enum):
    """What is true of a key besides its type and check."""

    RELATIVE = "a relative path, on a command line relative to the current directory"
    RELATIVE_WITH_SLASH = "the same where there is a slash in it"
    IN_STATE_DIR = "a relative path in `state-dir`, on a command line too"
    PATTERN = "globs match directories that are there"
    MAIN_ONLY = "an included file cannot have it"


def _scope(info: ValidationInfo) -> PathContext:
    scope = info.context
    if not isinstance(scope, PathContext):
        raise TypeError("manifest tables are validated in a PathContext")
    return scope


def _path(text: str, info: ValidationInfo) -> str:
    return _scope(info).path(text)


def _awaited(text: str, info: ValidationInfo) -> str:
    return text and _path(text, info)


def _pattern(text: str, info: ValidationInfo) -> str:
    return expand(text, _scope(info).recorder)


def _place(text: str, info: ValidationInfo) -> str:
    return _scope(info).place(checks.without_field(text))


def _named_path(text: str, info: ValidationInfo) -> Template:
    return _template(Template(text, _scope(info), is_target=False))


def _named_target(text: str, info: ValidationInfo) -> Template:
    return _template(Template(text, _scope(info), is_target=True))


def _template(template: Template) -> Template:
    check_template(template.text)
    template.path_for("name")
    return template


def _alias(text: str, info: ValidationInfo) -> str | AliasPattern:
    path, scope = unescaped(text), _scope(info)
    if path is not None:
        return _place(path, info)
    return pattern_of(checks.without_field(text), scope.directory, scope.recorder)


def _target(text: str, info: ValidationInfo) -> str:
    return text and _scope(info).target(checks.without_field(text))


def _bundle(name: str, info: ValidationInfo) -> str:
    return _scope(info).bundles.check(name)


def _interpreter(text: str, info: ValidationInfo) -> PythonRequest:
    return _scope(info).pythons.value(text)


def _python(text: str, info: ValidationInfo) -> PythonRequest:
    return _scope(info).pythons.request(text) or DefaultPython(text)


def _exposed(text: str, info: ValidationInfo) -> Exposed:
    command, link = checks.exposing(text)
    return Exposed(command, f"{_scope(info).bin_dir.rstrip('/')}/{link}")


Path = Annotated[str, AfterValidator(_path), LINE, Mark.RELATIVE]
Pattern = Annotated[str, AfterValidator(_pattern), LINE]
Place = Annotated[str, AfterValidator(_place), LINE, Mark.RELATIVE]
Awaited = Annotated[str, AfterValidator(_awaited), ANY_LINE, Mark.RELATIVE]
# Text for the schema and the type check before it; an AliasPattern afterwards where there is a glob in it.
Alias = Annotated[str, AfterValidator(_alias), LINE, Mark.RELATIVE, Mark.PATTERN]
Line = Annotated[str, AfterValidator(checks.line), LINE]
# Text for the schema and the type check before it; a PythonRequest or an Exposed afterwards.
Python = Annotated[str, AfterValidator(_python), VISIBLE, Mark.RELATIVE_WITH_SLASH]
Command = Annotated[str, AfterValidator(_exposed), COMMAND]
Interpreter = Annotated[str, AfterValidator(_interpreter), INTERPRETER]
EventWord = Annotated[str, AfterValidator(checks.event_word), EVENT_WORD]
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
    bundles: list[Annotated[str, AfterValidator(_bundle), VISIBLE]] = _list(
        "names of lists in [bundles], whose packages are installed as well", "tools"
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
    prompt: Line = _optional(
        "what activation shows; default: the name of the environment, where envsync creates it", "blog"
    )
    expose: list[Command] = _list(
        "its commands as symlinks in bin-dir, `command` or `command:name`, `*` for all those of declared packages; "
        "its Python as a script",
        "ruff",
        "flask:flask-app",
    )
    wait_for: Awaited = _optional(
        'do nothing until this directory exists; "": wait for nothing; default: `project`, else the directory that '
        "holds a `path` called .venv, venv, .env or env",
        "~/src/blog",
    )
    hosts: list[Annotated[str, AfterValidator(checks.host_pattern), VISIBLE]] = _optional(
        "patterns of the hosts where the environment applies; default: everywhere", ["laptop*"], min_length=1
    )
    platforms: list[Literal["linux", "darwin"]] = _optional(
        "the platforms where the environment applies; default: everywhere", ["linux", "darwin"], min_length=1
    )


class DefaultsTable(_Settings):
    """Settings for every environment that does not have its own."""

    model_config = ConfigDict(title="[defaults]")

    # Text for the schema and the type check before it; a Template afterwards.
    path: Annotated[str, AfterValidator(_named_path), NAMED] = _optional(
        "where people and tools find each environment, with {name} for its name", "~/src/{name}/.venv"
    )
    target: Annotated[str, AfterValidator(_named_target), NAMED] = _optional(
        "the directory that the symlink at each path leads to, with {name} for the environment's name", "{name}"
    )


class _Own(_Table):
    """What an environment says for itself: of this, ``[defaults]`` has only paths with ``{name}``."""

    path: Place = _optional(
        "where people and tools find the environment: a directory, or with `target` a symlink; in [defaults] with "
        "{name} for the name of each",
        "~/src/blog/.venv",
    )
    target: Annotated[str, AfterValidator(_target), ANY_LINE, Mark.IN_STATE_DIR] = _optional(
        "the directory that a symlink at path leads to; relative: in state-dir; in [defaults] with {name}; empty or "
        "left out: no symlink",
        "blog",
    )
    aliases: Annotated[list[Alias], AfterValidator(checks.distinct)] = _list(
        "further symlinks to the same environment, for worktrees; a glob makes one in each directory that is there",
        "~/wt/feature/.venv",
        "~/wt/*/.venv",
    )
    description: Line = _optional("what the environment is for, in a line; `status` shows it", "the blog")


class EnvironmentTable(_Settings, _Own):
    """A virtual environment; what it leaves out is as ``[defaults]`` says."""

    model_config = ConfigDict(title="[envs.NAME]")


class ManifestTable(_Table):
    """The virtual environments of a machine; ``envsync apply`` makes them so."""

    model_config = ConfigDict(title="envs.toml")

    version: Annotated[Literal[1], BeforeValidator(checks.version), VERSION] = Field(
        description="the format of this file, always 1; an included file may leave it out"
    )
    state_dir: Annotated[Path, Mark.MAIN_ONLY] = _optional(
        "where relative targets lie; default: ~/.local/state/envsync/envs, on macOS in ~/Library/Application Support",
        "~/.local/state/envsync/envs",
    )
    keep: Annotated[int, Field(ge=0), Mark.MAIN_ONLY] = Field(
        default=1, description="generations kept per environment for `rollback`, 0 for none"
    )
    builder: Annotated[str, AfterValidator(checks.builder), BUILDER, Mark.MAIN_ONLY] = Field(
        default="virtualenv",
        description="what makes environments: virtualenv, uv or venv, or a preference list: the first that is there",
        examples=["uv|virtualenv"],
    )
    installer: Annotated[Literal["auto", "uv", "pip"], Mark.MAIN_ONLY] = Field(
        default="auto", description="what installs packages: uv, pip, or auto: uv where found, else pip"
    )
    include: list[Pattern] = _list(
        "more manifests, globs allowed, relative to this file's directory as opened; no name twice", "envs.d/*.toml"
    )
    bin_dir: Annotated[Path, Mark.MAIN_ONLY] = _optional(
        "where exposed commands go; default: ~/.local/bin", "~/.local/bin"
    )
    on_event: Annotated[list[EventWord], AfterValidator(checks.event_command), Mark.MAIN_ONLY] = _list(
        "command that `watch` runs for what changed, failed or is in conflict: no shell; it replaces {name}, {path}, "
        "{event}, {message}, {code}, {python}, {manifest}",
        "notify-send",
        "envsync",
        "{name}: {message}",
    )
    defaults: DefaultsTable = Field(default_factory=DefaultsTable)
    pythons: dict[Annotated[str, AfterValidator(checks.python_name), VISIBLE], Interpreter] = _named(
        "names for interpreter links, or for version requests", fast="pypy3.10"
    )
    bundles: dict[
        Annotated[str, AfterValidator(checks.bundle_name), VISIBLE],
        list[Annotated[str, AfterValidator(checks.package), PACKAGE]],
    ] = _named("lists of packages by name, for `bundles` of environments", tools=["ruff>=0.5", "pytest"])
    envs: dict[Annotated[str, AfterValidator(checks.environment_name), ENVIRONMENT], EnvironmentTable] = _named(
        "the environments by name", blog={"path": "~/src/blog/.venv"}
    )
