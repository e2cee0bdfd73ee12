"""Events as Kafka records: JSON values, CloudEvents attributes in the headers (binary mode, `ce_*`), W3C traceparent.

Headers are optional on the way in: the body names its own type and version, and an event without `ce_id` gets its id
from its bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from rushes.schemas.decisions import ClusterAssigned, ClusterChanged, GenerationMark
from rushes.schemas.errors import InvalidEvent
from rushes.schemas.event import MAX_EVENT_BYTES
from rushes.schemas.feedback import FeedbackGiven
from rushes.schemas.ids import EventId, event_id_of_bytes
from rushes.schemas.log import (
    AdapterChanged,
    ConsolidationRequested,
    EntrySkipped,
    FeedbackSubmitted,
    GenerationPromoted,
    ItemsEmbedded,
    MediaRemoved,
    MediaTotals,
    PolicyChanged,
    ProfileImported,
)
from rushes.schemas.media import MediaDeleted, MediaUploaded
from rushes.schemas.models import LibraryPlaced, ModelUpdated
from rushes.schemas.shots import MediaErased, MediaSplit, ShotSplit
from rushes.schemas.status import DeadLetter, MediaStatus

AnyEvent = Annotated[
    MediaUploaded | MediaDeleted | ShotSplit | MediaSplit | MediaErased
    | ItemsEmbedded | MediaTotals | MediaRemoved | FeedbackSubmitted | PolicyChanged | ProfileImported
    | AdapterChanged | GenerationPromoted | ConsolidationRequested | EntrySkipped
    | FeedbackGiven | ClusterAssigned | ClusterChanged | GenerationMark | MediaStatus | DeadLetter
    | ModelUpdated | LibraryPlaced,
    Field(discriminator="type"),
]  # fmt: skip

Headers = tuple[tuple[str, bytes], ...]
"""Kafka headers in their order; a name may repeat."""

SPEC_VERSION: Final = b"1.0"
_ANY_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it came, byte for byte."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the headers say of an event."""

    event_id: EventId
    source: str | None = None
    time: str | None = None
    traceparent: str | None = None


def encode(event: BaseModel) -> bytes:
    """JSON bytes (UTF-8). Raises ValueError when over 512 KiB: the stage must cut the event into parts.

    A dead letter may be larger: it holds another event whole.
    """
    value = event.model_dump_json(exclude_none=False).encode()
    if len(value) > MAX_EVENT_BYTES and not isinstance(event, DeadLetter):
        raise ValueError(f"{type(event).__name__} has {len(value)} bytes, at most {MAX_EVENT_BYTES} are allowed")
    return value


def decode(value: bytes | None) -> AnyEvent:
    """The event in a record's value. Raises InvalidEvent, which says what was expected and found."""
    if not value:
        raise InvalidEvent("expected a JSON event, found an empty value")
    try:
        return _ANY_EVENT.validate_json(value)
    except ValidationError as error:
        raise InvalidEvent(_explain(error)) from error


def headers_of(event_id: EventId, event_type: str, source: str, time: str, traceparent: str | None = None) -> Headers:
    """CloudEvents attributes of an event of ours; `time` is RFC 3339."""
    attributes = [
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", event_id.encode()),
        ("ce_type", f"rushes.{event_type}".encode()),
        ("ce_source", source.encode()),
        ("ce_time", time.encode()),
        ("content-type", b"application/json"),
    ]
    if traceparent is not None:
        attributes.append(("traceparent", traceparent.encode()))
    return tuple(attributes)


def open_envelope(headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> Envelope:
    """What the headers say; the id falls back to the bytes. Never raises: a bad header must not lose an event."""
    found = {name: (raw or b"").decode("utf-8", "replace") for name, raw in headers}
    return Envelope(
        event_id=EventId(found["ce_id"]) if found.get("ce_id") else event_id_of_bytes(value or b""),
        source=found.get("ce_source"),
        time=found.get("ce_time"),
        traceparent=found.get("traceparent"),
    )


def _explain(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    lines = [f"{'.'.join(str(part) for part in p['loc']) or 'value'}: {p['msg']}" for p in problems[:5]]
    more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
    return "not an event of a known schema: " + "; ".join(lines) + more
