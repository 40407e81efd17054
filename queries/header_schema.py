"""The JSON Schema (2020-12) of a dataset's header, for editors and for the reference page; made from the models."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from queries.header import Header

ID = "urn:exporter:dataset-header"


def schema() -> dict[str, Any]:
    """Return the schema of the TOML document; dates and times count as strings, as TOML's tools pass them."""
    return Header.model_json_schema(schema_generator=_OfToml)


class _OfToml(GenerateJsonSchema):
    """Leaves out what TOML has not (null), and what Pydantic invents (a title for each key)."""

    def generate(self, schema: core_schema.CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        head = {"$schema": self.schema_dialect, "$id": ID, "title": "Dataset header"}
        return head | super().generate(schema, mode)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        made.pop("title", None)
        # What follows the first sentence of a docstring is for whoever reads the code.
        return made | {"description": made["description"].partition("\n\n")[0]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", ...) in (None, "", {}):
            del made["default"]
        return made

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        return made | {"additionalProperties": False} if "patternProperties" in made else made
