"""The manifest's JSON Schema, for editors: made from the models, in the draft that Taplo reads."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from envsync.manifest.models import ManifestTable

__all__ = ["manifest_schema"]

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
