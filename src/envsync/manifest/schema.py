"""What follows from the tables: their keys as whoever writes one sees them, and the manifest's JSON Schema."""

import glob
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from envsync.manifest.find import absolute
from envsync.manifest.tables import EnvironmentTable, ManifestTable, Mark


class Key(NamedTuple):
    """A key of a table, as whoever writes one sees it."""

    name: str
    """As the manifest spells it."""
    description: str
    is_list: bool
    is_flag: bool
    choices: tuple[str, ...]
    """All that it can hold; empty where that is not a choice."""
    default: Any
    marks: frozenset[Mark]

    def is_relative(self, value: str) -> bool:
        """Check whether a value on a command line is a path, relative to the current directory unless absolute."""
        return Mark.RELATIVE in self.marks or (Mark.RELATIVE_WITH_SLASH in self.marks and "/" in value)

    def is_path(self, value: str) -> bool:
        """Check whether an absolute value is a path of the file system."""
        return self.is_relative(value) or Mark.IN_STATE_DIR in self.marks

    def beside(self, directory: str, value: str) -> str:
        """Return a relative value as it means a path in ``directory``: where patterns are, that is none."""
        return absolute(value, glob.escape(directory) if Mark.PATTERN in self.marks else directory)


def keys_of(table: type[BaseModel]) -> tuple[Key, ...]:
    """Return the keys of a table, in the order in which they are written."""
    return tuple(_key(field.alias or name, field) for name, field in table.model_fields.items())


def environment_keys() -> tuple[Key, ...]:
    """Return the keys of an environment, in the order in which they are written."""
    return keys_of(EnvironmentTable)


def _key(name: str, field: FieldInfo) -> Key:
    is_list = get_origin(field.annotation) is list
    (item,) = get_args(field.annotation) if is_list else (field.annotation,)
    kind, *metadata = get_args(item) if get_origin(item) is Annotated else (item, *field.metadata)
    return Key(
        name=name,
        description=field.description or "",
        is_list=is_list,
        is_flag=kind is bool,
        choices=get_args(kind) if get_origin(kind) is Literal else (),
        default=field.default,
        marks=frozenset(one for one in (*metadata, *field.metadata) if isinstance(one, Mark)),
    )


_DRAFT = "http://json-schema.org/draft-04/schema#"


class _Generator(GenerateJsonSchema):
    """Leaves out titles, which would repeat the keys, and null, which TOML does not have."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic calls it
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 4) of a manifest; whatever ``load`` accepts is valid by it."""
    schema = ManifestTable.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Generator)
    definitions = schema.pop("$defs")
    return {"$schema": _DRAFT, **schema, "definitions": definitions}
