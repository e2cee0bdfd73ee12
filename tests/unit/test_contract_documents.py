"""The contract documents say what the code does, in the standards' own terms."""

import json
from pathlib import Path

import jsonschema
import pytest

from rushes.schemas.channels import Channel
from rushes.schemas.envelope import decode
from rushes.schemas.errors import InvalidEvent
from rushes.schemas.topics import PRODUCER_EVENTS, TOPICS, Role
from rushes.streams.contracts import check_documents, write_documents
from rushes.streams.contracts.json_schema import event_types, schema_of

CONTRACTS = Path(__file__).parents[2] / "docs" / "contracts"
ASYNCAPI = json.loads((CONTRACTS / "asyncapi.json").read_text("utf-8"))


def test_the_committed_documents_are_what_the_code_writes() -> None:
    assert check_documents(CONTRACTS) == [], "run `make contracts`"


def test_drift_is_found_whether_missing_changed_or_left_over(tmp_path: Path) -> None:
    missing, changed, *_ = write_documents(tmp_path)
    assert check_documents(tmp_path) == []
    missing.unlink()
    changed.write_text(changed.read_text("utf-8").replace("object", "array", 1), "utf-8")
    left_over = tmp_path / "schemas" / "Forgotten.v1.json"
    left_over.write_text("{}", "utf-8")
    assert {(d.path, d.problem) for d in check_documents(tmp_path)} == {
        (missing, "missing"),
        (changed, "differs"),
        (left_over, "unknown"),
    }


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in write_documents(tmp_path)}
    assert {path.name: path.read_bytes() for path in write_documents(tmp_path)} == first


@pytest.mark.parametrize("event", event_types(), ids=lambda event: event.__name__)
def test_every_schema_is_valid_json_schema(event) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(event))
    assert schema_of(event)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_schema_ids_are_unique() -> None:
    ids = [schema_of(event)["$id"] for event in event_types()]
    assert len(set(ids)) == len(ids)


def test_producers_schemas_are_closed_at_every_depth_and_ours_are_open() -> None:
    for event in event_types():
        for node in objects(schema_of(event)):
            assert (node.get("additionalProperties") is False) == (event in PRODUCER_EVENTS)


UPLOAD = {"type": "MediaUploaded", "library_id": "a", "media_id": "m", "uri": "file:///m.jpg"}
REF = {"item_id": "00000000-0000-5000-8000-000000000000"}
CONFIRM = {"type": "FeedbackGiven", "library_id": "a", "feedback_id": "f", "actor": "mia"}


@pytest.mark.parametrize(
    "payload",
    [
        {key: value for key, value in UPLOAD.items() if key != "type"},
        UPLOAD | {"library_id": "a/b"},
        UPLOAD | {"media_id": ""},
        UPLOAD | {"media_id": "line\nbreak"},
        UPLOAD | {"version": -1},
        UPLOAD | {"version": 2**63},
        UPLOAD | {"schema_version": 2},
        UPLOAD | {"sha256": "abc"},
        UPLOAD | {"boxes": [{"box": [0, 0, 2, 1]}]},
        UPLOAD | {"boxes": [{"box": [0, 0, 1]}]},
        UPLOAD | {"media_kind": "audio"},
        CONFIRM | {"change": {"action": "confirm", "items": []}},
        CONFIRM | {"change": {"action": "confirm", "items": [{}]}},
        CONFIRM | {"change": {"action": "confirm", "items": [{"item_id": None, "anchor": None}]}},
        CONFIRM | {"change": {"items": [REF]}},
        CONFIRM | {"change": {"action": "dance", "items": [REF]}},
    ],
    ids=str,
)
def test_what_decode_refuses_a_producer_sees_refused_by_the_schema(payload) -> None:
    schema = schema_of(next(event for event in event_types() if event.__name__ == payload.get("type", "MediaUploaded")))
    assert not jsonschema.Draft202012Validator(schema).is_valid(payload)
    with pytest.raises(InvalidEvent):
        decode(json.dumps(payload).encode())


def test_the_schema_refuses_a_misspelt_field_that_decode_would_ignore() -> None:
    schema = schema_of(PRODUCER_EVENTS[0])
    assert jsonschema.Draft202012Validator(schema).is_valid(UPLOAD)
    assert not jsonschema.Draft202012Validator(schema).is_valid(UPLOAD | {"captured_on": "2026-01-09T09:00:10Z"})


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    references = [node["$ref"] for node in walk(ASYNCAPI) if "$ref" in node]
    assert references
    for reference in references:
        file, _, pointer = reference.partition("#")
        target = ASYNCAPI if not file else json.loads((CONTRACTS / file).read_text("utf-8"))
        for part in pointer.strip("/").split("/") if pointer else []:
            target = target[part]
        assert isinstance(target, dict)


def test_every_channel_and_event_is_described_once() -> None:
    addresses = [channel["address"] for channel in ASYNCAPI["channels"].values()]
    assert sorted(addresses) == sorted(channel.value for channel in Channel)
    assert set(ASYNCAPI["components"]["messages"]) == {event.__name__ for event in event_types()}
    used = {name for channel in ASYNCAPI["channels"].values() for name in channel["messages"]}
    assert used == set(ASYNCAPI["components"]["messages"])


def test_operations_stay_within_their_channel_and_every_channel_has_a_sender_and_a_receiver() -> None:
    seen = set()
    for operation in ASYNCAPI["operations"].values():
        channel = operation["channel"]["$ref"]
        assert operation["action"] in {"send", "receive"}
        assert all(message["$ref"].startswith(channel + "/messages/") for message in operation["messages"])
        seen.add((channel.rsplit("/", 1)[1], operation["action"]))
    assert seen == {(name, action) for name in ASYNCAPI["channels"] for action in ("send", "receive")}


def test_only_our_own_roles_write_the_library_log() -> None:
    outside = {Role.PRODUCER, Role.CORRECTOR, Role.CONSUMER}
    assert not outside & set(TOPICS[Channel.LIBRARY_LOG].senders)


def test_the_asyncapi_document_has_what_its_standard_requires() -> None:
    """AsyncAPI 3.0.0: required fields of the root, info, operation and Kafka binding objects."""
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(ASYNCAPI["info"])
    assert set(ASYNCAPI) <= {
        *("asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components")
    }
    for channel in ASYNCAPI["channels"].values():
        kafka = channel["bindings"]["kafka"]
        assert set(kafka["topicConfiguration"]["cleanup.policy"]) <= {"compact", "delete"}
        assert kafka.get("partitions", 1) > 0


def test_topics_are_compacted_and_kept_as_documented() -> None:
    compacted = {channel for channel, topic in TOPICS.items() if topic.compacted}
    assert compacted == {
        *(Channel.CLUSTER_ASSIGNED, Channel.CLUSTERS, Channel.MEDIA_STATUS, Channel.MODEL_UPDATED, Channel.DEAD_LETTERS)
    }
    days = {channel: topic.retention_days for channel, topic in TOPICS.items() if topic.retention_days is not None}
    assert days == {
        Channel.MEDIA_UPLOADED: 30,
        Channel.MEDIA_UPLOADED_BULK: 30,
        Channel.FRAMES: 30,
        Channel.FRAMES_BULK: 30,
        Channel.DEAD_LETTERS: 90,
    }
    assert TOPICS[Channel.FEEDBACK].retention_ms == -1
    assert TOPICS[Channel.LIBRARY_LOG].retention_ms == -1
    assert TOPICS[Channel.PLACEMENTS].cleanup_policy == "delete"
    assert TOPICS[Channel.PLACEMENTS].retention_ms == -1
    assert TOPICS[Channel.DEAD_LETTERS].cleanup_policy == "compact,delete"


def walk(node):
    if isinstance(node, dict):
        yield node
        for part in node.values():
            yield from walk(part)
    elif isinstance(node, list):
        for part in node:
            yield from walk(part)


def objects(schema):
    """Schemas of models: objects with named properties, not maps."""
    return (node for node in walk(schema) if node.get("type") == "object" and isinstance(node.get("properties"), dict))
