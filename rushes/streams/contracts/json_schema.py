"""JSON Schema (2020-12) of every event, as a producer or a consumer in any language needs it."""

from typing import get_args

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema
from pydantic.json_schema import JsonSchemaMode as Mode

from rushes.schemas.envelope import AnyEvent
from rushes.schemas.topics import PRODUCER_EVENTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DISCRIMINATORS = ("type", "action")
"""Fields that tell the members of a union apart. They have defaults in Python; on the wire they must be there."""

JsonObject = dict[str, JsonValue]


def event_types() -> tuple[type[BaseModel], ...]:
    """Every event that can stand on a topic, in the order of `AnyEvent`."""
    union, *_ = get_args(AnyEvent)
    return get_args(union)


def version_of(event: type[BaseModel]) -> int:
    """The schema version that the event's body carries."""
    version = event.model_fields["schema_version"].default
    assert isinstance(version, int)
    return version


def schema_name(event: type[BaseModel]) -> str:
    """File name of an event's schema.

    >>> from rushes.schemas.media import MediaUploaded
    >>> schema_name(MediaUploaded)
    'MediaUploaded.v1.json'
    """
    return f"{event.__name__}.v{version_of(event)}.json"


def schema_of(event: type[BaseModel]) -> JsonObject:
    """The event's schema. What producers send is closed: a field that nobody knows is a mistake better seen early.

    What we send is open: a consumer ignores fields it doesn't know, so that we may add some.
    """
    from_producers = event in PRODUCER_EVENTS
    mode: Mode = "validation" if from_producers else "serialization"
    body: JsonObject = event.model_json_schema(mode=mode, schema_generator=_Generator)
    _finish(body, closed=from_producers)
    if not from_producers:
        _require(body, "schema_version")
    head: JsonObject = {"$schema": DIALECT, "$id": f"urn:rushes:event:{event.__name__}:v{version_of(event)}"}
    return head | body


class _Generator(GenerateJsonSchema):
    """Without a title beside every field: it only repeats the field's name."""

    def field_title_should_be_set(self, schema: object) -> bool:
        _ = schema
        return False


def _finish(node: JsonValue, *, closed: bool) -> None:
    """Require the discriminators, and close the objects, in a schema and all its parts."""
    if isinstance(node, list):
        for part in node:
            _finish(part, closed=closed)
    elif isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            for name in _DISCRIMINATORS:
                field = properties.get(name)
                if isinstance(field, dict) and "const" in field:
                    field.pop("default", None)
                    _require(node, name)
            if closed and node.get("type") == "object":
                node["additionalProperties"] = False
        for part in node.values():
            _finish(part, closed=closed)


def _require(schema: JsonObject, name: str) -> None:
    required = schema.setdefault("required", [])
    assert isinstance(required, list)
    if name not in required:
        required.append(name)
