"""One document's tables checked against the models; what is at fault is left out and told of."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from envsync.errors import Problem
from envsync.manifest import checks
from envsync.manifest.build import Values
from envsync.manifest.complaints import MOST_PROBLEMS, complaints
from envsync.manifest.document import Document
from envsync.manifest.models import EnvironmentTable, ManifestTable
from envsync.manifest.scope import Scope
from envsync.manifest.wording import Unfit

__all__ = ["environment_values", "settings", "written"]

_MAIN_ONLY = ("state-dir", "keep", "builder", "installer", "bin-dir")


def written(table: BaseModel) -> dict[str, Any]:
    """Return the validated values of the keys that a table really has."""
    values = table.__dict__
    return {name: values[name] for name in table.model_fields_set}


def settings(document: Document, scope: Scope, problems: list[Problem]) -> ManifestTable | None:
    """Everything in ``document`` but its environments; None where any of that is at fault."""
    table = dict(document.table)
    if isinstance(table.get("envs"), dict):
        del table["envs"]
    if document.parent is not None:
        table.setdefault("version", 1)
        for key in _MAIN_ONLY:
            if table.pop(key, None) is not None:
                message = f"`{key}` belongs in the main manifest, not in an included one"
                problems.append(document.problem("manifest-key", message, (key,), _main(document)))
    try:
        return ManifestTable.model_validate(table, context=scope)
    except ValidationError as error:
        problems.extend(complaints(error, document))
        return None


def environment_values(document: Document, scope: Scope, problems: list[Problem]) -> Iterator[tuple[str, Values]]:
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
