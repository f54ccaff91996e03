"""Check one document's tables against the models and build desired values; faulty tables are reported and skipped."""

import difflib
import fnmatch
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from envsync.manifest import checks
from envsync.manifest.document import Document
from envsync.manifest.paths import NAME_FIELD
from envsync.manifest.pythons import Bundles, PathContext, Template
from envsync.manifest.schema import keys_of
from envsync.manifest.tables import DefaultsTable, EnvironmentTable, ManifestTable, Mark
from envsync.manifest.wording import Unfit, listing, quoted, shown
from envsync.model.desired import Environment, Packages
from envsync.model.problems import Problem

_TYPES = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "greater_than_equal": "a whole number, 0 or more",
    "int_type": "a whole number, 0 or more",
    "list_type": "a list of strings",
    "model_type": "a table",
    "string_type": "a string",
}
_LONGEST_KEY = 60

MOST_PROBLEMS = 1000
"""Nobody reads more at once, and hostile text could cause millions."""

Key = tuple[str, ...]


def complaints(error: ValidationError, document: Document, prefix: Key = ()) -> Iterator[Problem]:
    """Each thing that ``error`` tells of the table at ``prefix``."""
    for detail in error.errors(include_url=False)[: MOST_PROBLEMS + 1]:
        yield _problem(detail, document, prefix)


def _problem(detail: ErrorDetails, document: Document, prefix: Key) -> Problem:
    loc = detail["loc"]
    in_list = bool(loc) and isinstance(loc[-1], int)
    # Positions in lists are left out: the message shows the item; "[key]" is pydantic's word for a key itself.
    key = prefix + tuple(part for part in loc if isinstance(part, str) and part != "[key]")
    match detail["type"]:
        case "extra_forbidden":
            message = f"unknown key {quoted(key[-1])}"
            return document.problem("manifest-key", message, key, _hint_for_unknown(key))
        case "missing":
            hint = "a manifest begins with `version = 1`" if key == ("version",) else f'write {key[-1]} = "…"'
            return document.problem("manifest-value", f"`{key[-1]}` is missing", key, hint)
        case "value_error":
            unfit = detail["ctx"]["error"]
            hint = unfit.hint if isinstance(unfit, Unfit) else ""
            return document.problem("manifest-value", str(unfit), key, hint)
        case "too_short":
            return document.problem("manifest-value", "is an empty list", key, "leave the key out to mean everywhere")
        case _:
            hint = _hint_for_type(detail, key, in_list=in_list)
            return document.problem("manifest-value", _message(detail, in_list=in_list), key, hint)


def _message(detail: ErrorDetails, *, in_list: bool) -> str:
    found = shown(detail["input"])
    if detail["type"] == "literal_error":
        # Such as "'auto', 'uv' or 'pip'".
        choices = detail["ctx"]["expected"].replace("'", '"')
        if in_list:
            return f"must be a list of {choices}, not with {found} in it"
        return f"must be one of {choices}, not {found}"
    if in_list:
        return f"must be a list of strings, not with {found} in it"
    return f"must be {_TYPES.get(detail['type'], detail['msg'])}, not {found}"


def _hint_for_type(detail: ErrorDetails, key: Key, *, in_list: bool) -> str:
    found: Any = detail["input"]
    if detail["type"] == "list_type" and isinstance(found, str):
        return f"write {key[-1]} = [{quoted(found)}]"
    if detail["type"] == "string_type" and isinstance(found, int | float) and not isinstance(found, bool):
        return "put it in quotes"
    if detail["type"] == "string_type" and isinstance(found, list) and not in_list:
        return "only one is possible here"
    if detail["type"] == "bool_type" and found in ("true", "false"):
        return "without quotes"
    return ""


def _hint_for_unknown(key: Key) -> str:
    """Return the nearest known key, or where the key belongs, or all there are."""
    *table, name = key
    model = _table(tuple(table))
    tables = (model, EnvironmentTable, ManifestTable, DefaultsTable)
    known, own, top, defaults = ([key.name for key in keys_of(one)] for one in tables)
    meant = name[:_LONGEST_KEY].lower().replace("_", "-")
    if model is ManifestTable and meant in own and meant not in top:
        return f"`{meant}` belongs in [envs.NAME]" + (", or for all in [defaults]" if meant in defaults else "")
    near = difflib.get_close_matches(meant, known, 1, 0.7)
    if near:
        return f"did you mean `{near[0]}`?"
    if model is DefaultsTable and meant in own:
        return f"`{meant}` is each environment's own: write it in [envs.NAME]"
    if meant in top:
        return f"`{meant}` belongs at the top, before the first table"
    return f"known keys: {listing(known, 'and')}"


def _table(key: Key) -> type[BaseModel]:
    match key:
        case ():
            return ManifestTable
        case ("defaults",):
            return DefaultsTable
        case _:
            return EnvironmentTable


Values = Mapping[str, Any]
"""The keys that an environment or its defaults set, snake_case, with validated values."""

_PACKAGES = tuple(field.name for field in fields(Packages))
_ENVIRONMENT = frozenset(field.name for field in fields(Environment)) - {"packages"}
_NO_PACKAGES = Packages()
_IN_PROJECTS = frozenset({".venv", "venv", ".env", "env"})


def resolved(document: Document, name: str, values: Values, problems: list[Problem]) -> Values | None:
    """Return an environment's values with the paths that ``[defaults]`` means for it; ``None`` if one is faulty."""
    try:
        paths = {
            key: value.path_for(name) if isinstance(value := values.get(key), Template) else value
            for key in ("path", "target")
        }
    except Unfit as unfit:
        message = f"with the path of [defaults], {unfit.message}"
        problems.append(document.problem("manifest-value", message, ("envs", name), "write its `path` and `target`"))
        return None
    if not paths["path"]:
        hint = f'write path = "…", or in [defaults] one with {NAME_FIELD} for all'
        problems.append(document.problem("manifest-value", "`path` is missing", ("envs", name, "path"), hint))
        return None
    faults = list(_faults_of_places(document, name, paths["path"], paths["target"], values.get("aliases", ())))
    problems.extend(faults)
    return None if faults else {**values, **paths}


def _faults_of_places(
    document: Document, name: str, path: str, target: str | None, aliases: Collection[str]
) -> Iterator[Problem]:
    """Yield of the places of an environment that are one."""
    if target == path:
        hint = "leave target out: the environment is then a directory at path"
        yield document.problem("manifest-value", "is the environment's path itself", ("envs", name, "target"), hint)
    for key, place in (("path", path), ("target", target)):
        if place in aliases:
            message, hint = f"has the environment's {key} in it", "aliases are further symlinks beside `path`"
            yield document.problem("manifest-value", message, ("envs", name, "aliases"), hint)


def environment(name: str, values: Values, bundles: Bundles) -> Environment:
    """Return the environment that ``values``, with the defaults in them, describe: each key in the field of its name.

    What is not declared keeps the default of its field.
    """
    own = {key: _frozen(value) for key, value in values.items() if key in _ENVIRONMENT}
    own["aliases"] = tuple(one for one in own.get("aliases", ()) if isinstance(one, str))
    own["target"] = own.get("target") or None
    own["wait_for"] = values.get("wait_for", values.get("project") or _project_around(own["path"])) or None
    return Environment(name=name, packages=_packages(values, bundles), **own)


def _project_around(path: str) -> str | None:
    """Return the directory that holds an environment with one of the names that they have in projects."""
    directory, _, name = path.rpartition("/")
    return directory if name in _IN_PROJECTS else None


def applies(values: Values, hostname: str, platform: str) -> bool:
    """Whether an environment is meant for this host and platform."""
    names = {hostname.lower(), hostname.lower().partition(".")[0]}
    hosts = values.get("hosts")
    if hosts is not None and not any(fnmatch.fnmatchcase(name, host.lower()) for host in hosts for name in names):
        return False
    platforms = values.get("platforms")
    return platforms is None or platform in platforms


def _packages(values: Values, bundles: Bundles) -> Packages:
    own = {key: _frozen(values[key]) for key in _PACKAGES if key in values}
    if "bundles" in values:
        own["packages"] = tuple(dict.fromkeys((*own.get("packages", ()), *bundles.packages(values["bundles"]))))
    return Packages(**own, declared=tuple(key.replace("_", "-") for key in own)) if own else _NO_PACKAGES


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def written(table: BaseModel) -> dict[str, Any]:
    """Return the validated values of the keys that a table really has."""
    values = table.__dict__
    return {name: values[name] for name in table.model_fields_set}


def settings(document: Document, scope: PathContext, problems: list[Problem]) -> ManifestTable | None:
    """Return everything in ``document`` except its environments; ``None`` where any of that is faulty."""
    table = dict(document.table)
    if isinstance(table.get("envs"), dict):
        del table["envs"]
    if document.parent is not None:
        table.setdefault("version", 1)
        for key in (key.name for key in keys_of(ManifestTable) if Mark.MAIN_ONLY in key.marks):
            if table.pop(key, None) is not None:
                message = f"`{key}` belongs in the main manifest, not in an included one"
                problems.append(document.problem("manifest-key", message, (key,), _main(document)))
    try:
        return ManifestTable.model_validate(table, context=scope)
    except ValidationError as error:
        problems.extend(complaints(error, document))
        return None


def environment_values(document: Document, scope: PathContext, problems: list[Problem]) -> Iterator[tuple[str, Values]]:
    """Name and values of each sound environment in ``document``, without defaults; takes them out of its table."""
    tables = document.table.pop("envs", None)
    for name in list(tables) if isinstance(tables, dict) else ():
        table = tables.pop(name)
        if len(problems) > MOST_PROBLEMS:
            return
        try:
            checks.environment_name(name)
        except Unfit as unfit:
            problems.append(document.problem("manifest-value", unfit.message, ("envs", name), unfit.hint))
        try:
            values = written(EnvironmentTable.model_validate(table, context=scope))
        except ValidationError as error:
            problems.extend(complaints(error, document, ("envs", name)))
        else:
            yield name, values


def _main(document: Document) -> str:
    while document.parent is not None:
        document = document.parent
    return f"write it in {document.file}"
