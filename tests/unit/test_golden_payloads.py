"""Golden payloads: what was ever sent can be read for ever. The files are only added to, never rewritten."""

import json
from pathlib import Path

import jsonschema
import pytest

from rushes.schemas.envelope import decode, encode
from rushes.schemas.errors import InvalidEvent
from rushes.streams.contracts.json_schema import event_types, schema_of, version_of

GOLDEN = Path(__file__).parents[1] / "golden"
EVENTS = event_types()


def payloads(which: str) -> list:
    cases = []
    for file in sorted(GOLDEN.glob("v*/*.json")):
        for number, payload in enumerate(json.loads(file.read_text("utf-8"))[which]):
            cases.append(pytest.param(payload, id=f"{file.parent.name}-{file.stem}-{number}"))
    return cases


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_every_event_and_version_has_a_golden_payload(event) -> None:
    file = GOLDEN / f"v{version_of(event)}" / f"{event.__name__}.json"
    assert file.is_file(), f"add {file.name} with full and minimal payloads of {event.__name__}"
    found = json.loads(file.read_text("utf-8"))
    assert found["full"]
    assert all(payload["type"] == event.__name__ for payload in found["full"] + found["minimal"])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_an_event_with_optional_fields_has_a_minimal_payload(event) -> None:
    optional = {name for name, field in event.model_fields.items() if not field.is_required()}
    found = json.loads((GOLDEN / f"v{version_of(event)}" / f"{event.__name__}.json").read_text("utf-8"))
    assert found["minimal"] or not optional - {"type", "schema_version"}


@pytest.mark.parametrize("payload", payloads("full"))
def test_a_full_payload_survives_a_round_trip_and_gains_only_fields_that_came_later(payload) -> None:
    event = decode(json.dumps(payload).encode())
    assert without_additions(json.loads(encode(event)), payload) == payload


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_the_newest_full_payload_names_every_field(event) -> None:
    """A field that is added comes with a payload added at the end of the list."""
    payload = json.loads((GOLDEN / f"v{version_of(event)}" / f"{event.__name__}.json").read_text("utf-8"))["full"][-1]
    assert json.loads(encode(decode(json.dumps(payload).encode()))) == payload


@pytest.mark.parametrize("payload", payloads("minimal"))
def test_a_minimal_payload_keeps_its_values_and_gains_defaults(payload) -> None:
    event = decode(json.dumps(payload).encode())
    again = json.loads(encode(event))
    assert decode(encode(event)) == event
    assert without_additions(again, payload) == payload


@pytest.mark.parametrize("payload", payloads("minimal"))
def test_a_minimal_payload_has_nothing_to_spare(payload) -> None:
    for name in set(payload) - {"schema_version"}:
        less = {key: value for key, value in payload.items() if key != name}
        with pytest.raises(InvalidEvent):
            decode(json.dumps(less).encode())


@pytest.mark.parametrize("payload", payloads("full") + payloads("minimal"))
def test_unknown_fields_are_ignored_at_every_depth(payload) -> None:
    assert decode(json.dumps(with_unknown_fields(payload)).encode()) == decode(json.dumps(payload).encode())


@pytest.mark.parametrize("payload", payloads("full") + payloads("minimal"))
def test_the_published_schema_accepts_what_decode_accepts(payload) -> None:
    schemas = {event.__name__: schema_of(event) for event in EVENTS}
    check = jsonschema.Draft202012Validator(schemas[payload["type"]])
    check.validate(payload)
    check.validate(json.loads(encode(decode(json.dumps(payload).encode()))))


def without_additions(found, wanted):
    """`found` cut down to what `wanted` names."""
    if isinstance(wanted, dict):
        return {key: without_additions(found[key], value) for key, value in wanted.items()}
    if isinstance(wanted, list):
        return [without_additions(f, w) for f, w in zip(found, wanted, strict=True)]
    return found


OPEN_MAPS = {"quality_parts", "attributes", "parameters", "metrics", "secondary"}
"""Fields whose names are data."""


def with_unknown_fields(node):
    if isinstance(node, dict):
        known = {k: v if k in OPEN_MAPS else with_unknown_fields(v) for k, v in node.items()}
        return known | {"from_the_future": {"a": [1]}}
    if isinstance(node, list):
        return [with_unknown_fields(part) for part in node]
    return node
