"""The JSON contract as JSON Schemas and as a page, made from ``envsync.model.contract``.

``PYTHONPATH=tests python -m harness.contract`` writes docs/json.md and docs/schemas/.
"""

import ast
import inspect
import json
import re
import types
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from envsync.model.contract import documents, entries, environments, events
from envsync.model.contract.values import Codes, Values
from harness.emitted import documented

__all__ = ["assert_document", "assert_event", "kinds", "pages", "schema_of"]

_DOCS = Path(__file__).parents[2] / "docs"
_MODULES = {"document": documents, "event": events}
_BASES: dict[str, Any] = {"document": documents.Document, "event": events.Event}
_KEYS = {"document": "command", "event": "event"}
"""The key that says which of the documents or events it is."""
_OPEN = {"DeclarationEntry"}
"""Whose further keys are the manifest's."""
_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
Schema = dict[str, Any]


@cache
def kinds(which: str) -> dict[str, Any]:
    """Return the class of each command's document, or of each event."""
    suffix = which.title()
    found = [one for one in vars(_MODULES[which]).values() if is_typeddict(one) and one.__name__.endswith(suffix)]
    return {_kebab(one.__name__.removesuffix(suffix)): one for one in found if one is not _BASES[which]}


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def schema_of(which: str, *, closed: bool = False) -> Schema:
    """Return the JSON Schema of all documents, or of all events; ``closed`` ones allow no further keys."""
    making = _Making(closed=closed)
    base, key = making.reference(_BASES[which]), _KEYS[which]
    cases = []
    for name, one in kinds(which).items():
        when: Schema = {"properties": {key: {"const": name}}}
        if which == "document":
            when["properties"]["status"] = {"not": {"const": "error"}}
        cases.append({"if": when, "then": making.reference(one)})
    text = "Made from envsync.model.contract. Keys may be added; those that are here stay."
    title = f"What envsync prints with --json: {'a document' if which == 'document' else 'an event of watch'}"
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "description": text}
    closing = {"unevaluatedProperties": False} if closed else {}
    return {**head, **base, "allOf": cases, **closing, "$defs": making.definitions}


class _Making:
    """Makes the schemas of classes and enumerations, each once."""

    def __init__(self, *, closed: bool) -> None:
        self.definitions: dict[str, Schema] = {}
        self._closed = closed

    def reference(self, one: Any) -> Schema:
        """Return a reference to the schema of a class."""
        return self._defined(one.__name__, lambda: self._object(one))

    def _defined(self, name: str, schema: Callable[[], Schema]) -> Schema:
        if name not in self.definitions:
            self.definitions[name] = {}  # so that a class may be part of itself
            self.definitions[name] = schema()
        return {"$ref": f"#/$defs/{name}"}

    def _object(self, one: Any) -> Schema:
        """Return the schema of a class: of what it extends, and its own keys."""
        base = base_of(one)
        known = fields_of(base) if base is not None else {}
        own = {key: field for key, field in fields_of(one).items() if key not in known}
        schema: Schema = {"description": about(one), "type": "object"}
        if base is not None:
            schema["allOf"] = [self.reference(base)]
        schema["properties"] = {key: self._of(kind) | {"description": text} for key, (kind, text) in own.items()}
        schema["required"] = [key for key in own if key in one.__required_keys__]
        return schema

    def _closed_reference(self, one: Any) -> Schema:
        closing = {"unevaluatedProperties": False} if self._closed and one.__name__ not in _OPEN else {}
        return self.reference(one) | closing

    def _of(self, kind: Any) -> Schema:  # noqa: PLR0911  # a case for each kind
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            what = arguments[1]
            return self._defined(what.name, lambda: {"type": "string", "enum": values_of(what)})
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin is list:
            return {"type": "array", "items": self._of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self._of(arguments[1])}
        if origin in {types.UnionType, Union}:
            return _union([self._of(one) for one in arguments])
        if is_typeddict(kind):
            return self._closed_reference(kind)
        return {"type": _SIMPLE[kind]} if kind is not object else {}


def _union(parts: list[Schema]) -> Schema:
    if all({*part} == {"type"} for part in parts):
        return {"type": [part["type"] for part in parts]}
    return {"anyOf": parts}


def base_of(one: Any) -> Any:
    """Return the next class that a class extends, if any, which is not only a part of others."""
    base = _parent(one)
    while base is not None and not base.__name__.endswith(("Entry", "Document", "Event")):
        base = _parent(base)
    return base


def _parent(one: Any) -> Any:
    """Return the class that a class extends, if any: at run time it does not know."""
    (name,) = map(ast.unparse, _classes()[one.__name__].bases)
    return None if name == "TypedDict" else getattr(import_module(one.__module__), name)


def fields_of(one: Any) -> dict[str, tuple[Any, str]]:
    """Return the type of each key of a class, and what it says."""
    hints = get_type_hints(one, include_extras=True)
    texts = _texts(one)
    return {key: (_needed(hint), texts[key]) for key, hint in hints.items()}


def _needed(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is NotRequired else hint


def _texts(one: Any) -> dict[str, str]:
    """Return what stands after the keys of a class, and of what it extends."""
    base = _parent(one)
    texts = _texts(base) if base is not None else {}
    for field, text in pairwise(_classes()[one.__name__].body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(key)), ast.Expr(ast.Constant(str(says))):
                texts[key] = says
            case _:
                pass
    return texts


@cache
def _classes() -> dict[str, ast.ClassDef]:
    trees = [ast.parse(inspect.getsource(module)) for module in (environments, entries, documents, events)]
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def about(one: Any) -> str:
    """Return what a class says of itself."""
    return inspect.cleandoc(one.__doc__ or "")


def values_of(what: Codes | Values) -> list[str]:
    """Return all that a text can be."""
    if isinstance(what, Codes):
        return sorted(set().union(*map(documented, what.sections)))
    module, name = what.enumeration.split(":")
    return [one.value for one in getattr(import_module(module), name)]


@cache
def _validator(which: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(which, closed=True))


def assert_document(document: Any) -> None:
    """Assert that a document is as declared, without a key that is not."""
    _assert_valid("document", document)


def assert_event(event: Any) -> None:
    """Assert that an event is as declared, without a key that is not."""
    _assert_valid("event", event)


def _assert_valid(which: str, value: Any) -> None:
    # A failure below has the keys of the same object count as unknown: it comes first.
    errors = sorted(_validator(which).iter_errors(value), key=lambda one: one.validator == "unevaluatedProperties")
    error = best_match(errors[:1])
    assert error is None, f"{which} {error.json_path}: {error.message}"


_HEAD = """\
# JSON documents

Made from the code by `tests/harness/contract.py`; the tests check every document that they see against it.

With `--json` every command prints one document to standard output, also when it fails; `watch --json` prints one event
a line. Keys may be added; those that are here stay. JSON Schemas (draft 2020-12), which allow further keys:
[document.json](schemas/document.json), [event.json](schemas/event.json). They list the codes and states of this
version: a later one may add some. Codes: [codes.md](codes.md).
"""


def pages() -> dict[str, str]:
    """Return the files that are made from the contract, by their path in docs."""
    schemas = {f"schemas/{which}.json": json.dumps(schema_of(which), indent=2) + "\n" for which in _MODULES}
    return {"json.md": "\n".join(_page()) + "\n", **schemas}


def _page() -> Iterator[str]:
    yield from (_HEAD, "## Every document", "", *_table(_BASES["document"]), "")
    yield from ("## What single commands add", "", "These are there unless `status` is `error`.")
    for command, one in kinds("document").items():
        own = _table(one, besides=_BASES["document"])
        yield from (
            "",
            f"### `envsync {command}`",
            "",
            f"{about(one)}{'' if own else ' Nothing is added.'}",
            *_spaced(own),
        )
    yield from ("", "## Events of `watch`", "", "Each has:", *_spaced(_table(_BASES["event"])))
    for event, one in kinds("event").items():
        yield from ("", f"### Event `{event}`", "", about(one), *_spaced(_table(one, besides=_BASES["event"])))
    yield from ("", "## Entries", "", "What stands in documents and events. In JSON, keys have no order.")
    for one in (*_entries(environments), *_entries(entries)):
        base = base_of(one)
        more = f" As of [{_heading(base).lower()}](#{_anchor(base)}), and:" if base is not None else ""
        yield from ("", f"### {_heading(one)}", "", f"{about(one)}{more}", *_spaced(_table(one, besides=base)))


def _entries(module: types.ModuleType) -> Iterator[Any]:
    for one in vars(module).values():
        if is_typeddict(one) and one.__module__ == module.__name__ and one.__name__.endswith("Entry"):
            yield one


def _heading(one: Any) -> str:
    return _kebab(one.__name__.removesuffix("Entry")).replace("-", " ").capitalize()


def _anchor(one: Any) -> str:
    return _heading(one).lower().replace(" ", "-")


def _spaced(table: list[str]) -> list[str]:
    return ["", *table] if table else []


def _table(one: Any, besides: Any = None) -> list[str]:
    known = fields_of(besides) if besides is not None else {}
    rows = []
    for key, (kind, text) in fields_of(one).items():
        if key not in known:
            optional = "" if key in one.__required_keys__ else "optional; "
            rows.append(f"| `{key}` | {optional}{_shown(kind)} | {text[0].lower()}{text[1:]} |")
    return ["| key | type | what it says |", "|---|---|---|", *rows] if rows else []


def _shown(kind: Any) -> str:  # noqa: PLR0911  # a case for each kind
    """Return a type as the page has it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        what = arguments[1]
        return "a [code](codes.md)" if isinstance(what, Codes) else _choice(values_of(what))
    if origin is Literal:
        return _choice(arguments)
    if origin is list:
        return f"list of {_shown(arguments[0])}"
    if origin is dict:
        return f"object of {_shown(arguments[1])}"
    if origin in {types.UnionType, Union}:
        return " or ".join(map(_shown, arguments))
    if is_typeddict(kind):
        return f"[{_heading(kind).lower()}](#{_anchor(kind)})"
    return _SIMPLE[kind] if kind is not object else "anything"


def _choice(values: Iterable[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


if __name__ == "__main__":
    for path, text in pages().items():
        (_DOCS / path).parent.mkdir(exist_ok=True)
        (_DOCS / path).write_text(text, encoding="utf-8")
