"""The envelope: whatever bytes arrive, either an event comes out or an InvalidEvent that says why."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rushes.schemas.envelope import AnyEvent, decode, encode, headers_of, open_envelope
from rushes.schemas.errors import InvalidEvent, PermanentError
from rushes.schemas.event import MAX_EVENT_BYTES
from rushes.schemas.ids import EventId, event_id_of_bytes
from rushes.schemas.media import MediaUploaded
from rushes.schemas.status import DeadLetter
from rushes.streams.contracts.json_schema import event_types

UPLOAD = {"type": "MediaUploaded", "library_id": "a", "media_id": "m", "uri": "file:///m.jpg"}

TYPES = st.sampled_from([event.__name__ for event in event_types()])
FIELDS = st.sampled_from(sorted({name for event in event_types() for name in event.model_fields}))
ODD_TEXT = st.text(max_size=8) | st.sampled_from(["NaN", "-1", "é" * 300, "../..", "\x00"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats() | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | ODD_TEXT, inner, max_size=3),
    max_leaves=8,
)


def decoded_or_explained(value: bytes | None) -> AnyEvent | None:
    """Any other exception than InvalidEvent fails the test."""
    try:
        return decode(value)
    except InvalidEvent:
        return None


@given(st.binary(max_size=300))
@example(b"")
@example(b"\xff\xfe{}")
@example(b"[" * 200_000)
@example(b'{"a":' * 200_000)
@example(b'{"type":"MediaUploaded","library_id":"\\ud800"}')
@example(b"\xef\xbb\xbf{}")
@example(b"1" * 10_000)
def test_garbage_is_an_invalid_event_and_nothing_else(value) -> None:
    assert decoded_or_explained(value) is None


@given(TYPES, st.dictionaries(FIELDS, VALUES, max_size=8))
def test_json_that_almost_is_an_event_never_raises_anything_else(name, fields) -> None:
    event = decoded_or_explained(json.dumps({**fields, "type": name}).encode())
    if event is not None:
        assert encode(decode(encode(event))) == encode(event)


@given(FIELDS, VALUES)
def test_one_wrong_field_never_raises_anything_else(field, value) -> None:
    event = decoded_or_explained(json.dumps({**UPLOAD, field: value}).encode())
    if event is not None:
        assert encode(decode(encode(event))) == encode(event)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_an_attribute_that_is_no_number_of_json_goes_on_as_null(number) -> None:
    value = json.dumps(UPLOAD)[:-1] + f', "attributes": {{"a": {number}}}}}'
    assert json.loads(encode(decode(value.encode())))["attributes"] == {"a": None}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "empty value"),
        (b"", "empty value"),
        (b"{", "JSON"),
        (b"not json", "JSON"),
        (b"{}", "type"),
        (b"[]", "dictionary|object"),
        (b'{"type": "MediaUplaoded"}', "MediaUplaoded"),
        (json.dumps(UPLOAD | {"schema_version": 9}).encode(), "schema_version"),
        (json.dumps(UPLOAD | {"library_id": "a/b"}).encode(), "library_id"),
        (json.dumps({k: v for k, v in UPLOAD.items() if k != "uri"}).encode(), "uri: Field required"),
        (json.dumps(UPLOAD | {"boxes": [{"box": [0.5, 0, 0.5, 1]}]}).encode(), "x0 < x1"),
        (json.dumps(UPLOAD | {"version": "yesterday"}).encode(), "version"),
    ],
    ids=str,
)
def test_the_reason_names_what_was_found(value, said) -> None:
    with pytest.raises(InvalidEvent, match=said) as caught:
        decode(value)
    assert isinstance(caught.value, PermanentError)
    assert caught.value.code == "invalid-event"


def test_a_reason_stays_short_however_much_is_wrong() -> None:
    boxes = [{"box": [9, 9, 9, 9]}] * 5_000
    with pytest.raises(InvalidEvent, match="more") as caught:
        decode(json.dumps(UPLOAD | {"boxes": boxes}).encode())
    assert len(str(caught.value)) < 2_000


def test_the_smallest_upload_in_any_encoder_is_accepted() -> None:
    event = decode(json.dumps(UPLOAD, indent=2).encode())
    assert event == MediaUploaded(library_id="a", media_id="m", uri="file:///m.jpg")


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.integers() | st.text(max_size=9), max_size=4))
def test_attributes_of_the_producers_own_come_through(attributes) -> None:
    event = decode(json.dumps(UPLOAD | {"attributes": attributes}).encode())
    assert isinstance(event, MediaUploaded)
    assert json.loads(encode(event))["attributes"] == attributes


def test_an_event_over_the_limit_is_the_stages_mistake() -> None:
    event = MediaUploaded(library_id="a", media_id="m", uri="file:///m", attributes={"note": "x" * MAX_EVENT_BYTES})
    with pytest.raises(ValueError, match=r"MediaUploaded has .* bytes, at most"):
        encode(event)


def test_a_dead_letter_holds_a_foreign_record_of_any_size() -> None:
    letter = DeadLetter(
        letter_id="l", stage="split", topic="t", partition=0, offset=0, key_base64=None,
        value_base64="A" * (2 * MAX_EVENT_BYTES), event_id="e", code="invalid-event", reason="r", attempts=1,
    )  # fmt: skip
    assert decode(encode(letter)) == letter


def test_headers_of_ours_come_back_as_they_went() -> None:
    headers = headers_of(EventId("e-1"), "ShotSplit", "split-0", "2026-01-09T09:00:10Z", traceparent="00-a-b-01")
    envelope = open_envelope(headers, b"{}")
    assert (envelope.event_id, envelope.source, envelope.time, envelope.traceparent) == (
        "e-1",
        "split-0",
        "2026-01-09T09:00:10Z",
        "00-a-b-01",
    )
    assert dict(headers)["ce_type"] == b"rushes.ShotSplit"
    assert dict(headers)["ce_specversion"] == b"1.0"


HEADERS = st.lists(
    st.tuples(st.text(max_size=9) | st.sampled_from(["ce_id", "ce_time"]), st.none() | st.binary(max_size=9)),
    max_size=5,
)


@given(HEADERS, st.none() | st.binary(max_size=20))
def test_no_header_can_lose_an_event(headers, value) -> None:
    assert open_envelope(headers, value).event_id


@given(st.binary(max_size=20))
@example(b"")
def test_without_headers_the_id_is_made_from_the_bytes(value) -> None:
    for headers in ([], [("ce_id", None)], [("ce_id", b"")]):
        assert open_envelope(headers, value).event_id == event_id_of_bytes(value)
