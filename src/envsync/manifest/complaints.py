"""What pydantic objects to, as problems in a file: what was found, what is allowed, what to do."""

import difflib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from envsync.errors import Problem
from envsync.manifest.document import Document
from envsync.manifest.models import DefaultsTable, EnvironmentTable, ManifestTable
from envsync.manifest.wording import Unfit, listing, quoted, shown

__all__ = ["MOST_PROBLEMS", "complaints", "known_keys"]

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


def known_keys(model: type[BaseModel]) -> list[str]:
    """Return the keys of a table, as the manifest spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]


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
    known = known_keys(model)
    meant = name[:_LONGEST_KEY].lower().replace("_", "-")
    near = difflib.get_close_matches(meant, known, 1, 0.7)
    if near:
        return f"did you mean `{near[0]}`?"
    if model is DefaultsTable and meant in known_keys(EnvironmentTable):
        return f"`{meant}` is each environment's own: write it in [envs.NAME]"
    if model is ManifestTable and meant in known_keys(EnvironmentTable):
        return f"`{meant}` belongs in [envs.NAME]"
    if meant in known_keys(ManifestTable):
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
