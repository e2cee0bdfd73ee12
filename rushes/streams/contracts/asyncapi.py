"""The AsyncAPI 3.0 document: channels, their keys and retention, messages, and which role sends or receives what."""

from pydantic import BaseModel, JsonValue

from rushes.schemas.channels import Channel
from rushes.schemas.topics import TOPICS, Role, TopicContract
from rushes.streams.contracts.json_schema import JsonObject, event_types, schema_name, version_of

ASYNCAPI_VERSION = "3.0.0"
CONTRACT_VERSION = "1.0.0"
"""Of the contract, not of the package: the first number is the highest schema version of any event."""
KAFKA_BINDING = "0.5.0"
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"

_DESCRIPTION = """\
Media sorted as it arrives. Producers publish `MediaUploaded`; every decision goes out as `ClusterAssigned`; people's \
corrections come back as `FeedbackGiven`.

Values are JSON in UTF-8. The body names its own type and schema version, and headers are optional: a producer needs \
a Kafka client and a JSON encoder. Without the header `ce_id` an event's id is made from its bytes. Consumers ignore \
fields they do not know; producers send none that the schema does not name. Delivery is at least once. No event is \
larger than 512 KiB, except dead letters.

A box is [x0, y0, x1, y1] in 0..1 of the displayed picture, after rotation and pixel aspect. Times are microseconds \
from the first presented frame, null for a photo. Topic names are the defaults; a deployment may put a prefix before \
them. In the operations below *send* and *receive* are said from the side of the role in the operation's name."""


def asyncapi_document(schemas: str = "schemas") -> JsonObject:
    """The whole document; payloads refer to the JSON Schema files in the folder `schemas` beside it."""
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "id": "urn:rushes",
        "info": {
            "title": "Rushes",
            "version": CONTRACT_VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_channel_id(topic.channel): _channel(topic) for topic in TOPICS.values()},
        "operations": _operations(),
        "components": {
            "messages": {event.__name__: _message(event, schemas) for event in event_types()},
            "messageTraits": {"cloudEvent": _cloud_event()},
        },
    }


def _channel_id(channel: Channel) -> str:
    return channel.value.replace("-", "_").replace(".", "_")


def _channel(topic: TopicContract) -> JsonObject:
    configuration: JsonObject = {
        "cleanup.policy": list(topic.cleanup_policy.split(",")),
        "retention.ms": topic.retention_ms,
        "max.message.bytes": topic.max_record_bytes,
    }
    kafka: JsonObject = {"topic": topic.channel.value, "topicConfiguration": configuration}
    if topic.partitions is not None:
        kafka["partitions"] = topic.partitions
    kept = "for ever" if topic.retention_days is None else f"{topic.retention_days} days"
    if topic.compacted:
        kept = "compacted" if topic.retention_days is None else f"compacted, {kept}"
    return {
        "address": topic.channel.value,
        "summary": topic.summary,
        "description": f"Key: {topic.key}. Kept: {kept}.",
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"} for event in topic.messages},
        "bindings": {"kafka": {**kafka, "bindingVersion": KAFKA_BINDING}},
    }


def _operations() -> JsonObject:
    operations: JsonObject = {}
    for topic in TOPICS.values():
        for action, roles in (("send", topic.senders), ("receive", topic.receivers)):
            for role in roles:
                operations[f"{role.value}_{action}s_{_channel_id(topic.channel)}"] = _operation(action, role, topic)
    return operations


def _operation(action: str, role: Role, topic: TopicContract) -> JsonObject:
    channel = f"#/channels/{_channel_id(topic.channel)}"
    messages: list[JsonValue] = [{"$ref": f"{channel}/messages/{event.__name__}"} for event in topic.messages]
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": messages,
        "tags": [{"name": role.value}],
    }


def _message(event: type[BaseModel], schemas: str) -> JsonObject:
    keys = sorted({topic.key for topic in TOPICS.values() if event in topic.messages})
    return {
        "name": event.__name__,
        "title": f"{event.__name__} v{version_of(event)}",
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"{schemas}/{schema_name(event)}"}},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "; ".join(keys)},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _cloud_event() -> JsonObject:
    """Headers of our own events; of a producer's all are optional."""

    def header(description: str) -> JsonObject:
        return {"type": "string", "description": description}

    return {
        "description": "CloudEvents 1.0 attributes (binary mode) and W3C trace context. All optional on the way in.",
        "headers": {
            "type": "object",
            "properties": {
                "ce_specversion": {"type": "string", "const": "1.0"},
                "ce_id": header("The event's id: the same id is the same event. Absent: made from the bytes."),
                "ce_type": header("`rushes.` and the event's type."),
                "ce_source": header("Who sent it."),
                "ce_time": header("When it was sent, RFC 3339."),
                "content-type": header("application/json"),
                "traceparent": header("W3C trace context, handed on from event to event."),
            },
        },
    }
