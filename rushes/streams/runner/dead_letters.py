"""Letters of what failed: the original bytes, headers and place, why, and what the producer sees of it."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from rushes.schemas.channels import Channel
from rushes.schemas.envelope import Envelope, Record
from rushes.schemas.event import LibraryName, MediaName
from rushes.schemas.ids import EventId, LibraryId, derive, letter_id
from rushes.schemas.media import MediaVersion
from rushes.schemas.status import DeadLetter, LetterHeader, MediaStatus, StatusStage
from rushes.schemas.topics import LETTER_MAX_BYTES
from rushes.streams.event_time import event_time_us
from rushes.streams.stage import Output

T = TypeVar("T")

REASON_MAX_CHARACTERS: Final = 2000
"""A reason is read by people; what is longer is a dump of the input, which the letter holds anyway."""

ENVELOPE_BYTES: Final = 32 * 1024
"""Room in a letter for everything beside the original value and headers."""

_LIBRARY: Final[TypeAdapter[str]] = TypeAdapter(LibraryName)
_MEDIA: Final[TypeAdapter[str]] = TypeAdapter(MediaName)
_VERSION: Final[TypeAdapter[int]] = TypeAdapter(MediaVersion)
_STATUS_STAGES: Final[tuple[StatusStage, ...]] = get_args(StatusStage)
_EVENTS_OF_A_MEDIA: Final = frozenset({"MediaUploaded", "ShotSplit", "MediaSplit"})
"""Events whose failure ends a media. The failure of a `MediaDeleted` says nothing of how far the media is."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an event ended as a letter."""

    code: str
    reason: str
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class _Subject:
    """What could be read of an event, though it failed."""

    event_type: str | None = None
    library_id: str | None = None
    media_id: str | None = None
    version: int | None = None


class DeadLetters:
    """Makes letters for one stage. `worker` names the process in them."""

    def __init__(self, stage: str, *, worker: str | None, clock: Callable[[], datetime]) -> None:
        self._stage = stage
        self._worker = worker
        self._clock = clock

    def letter(self, record: Record, envelope: Envelope, failure: Failure) -> DeadLetter:
        """The letter of a record; always deliverable: of a record too large for one, only the place is kept."""
        subject = _subject(record)
        kept = _size(record) <= LETTER_MAX_BYTES - ENVELOPE_BYTES
        reason = failure.reason[:REASON_MAX_CHARACTERS]
        if not kept:
            reason += (
                f" [the record has {len(record.value or b'')} bytes, too many for a letter; "
                f"it lies at {record.topic}/{record.partition}/{record.offset}]"
            )
        return DeadLetter(
            letter_id=letter_id(self._stage, envelope.event_id),
            stage=self._stage,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp_ms,
            key_base64=_base64(record.key) if kept else None,
            value_base64=_base64(record.value) if kept else None,
            headers=tuple(LetterHeader(name=name, value_base64=_base64(value)) for name, value in record.headers)
            if kept
            else (),
            event_id=envelope.event_id,
            event_type=subject.event_type,
            library_id=subject.library_id,
            media_id=subject.media_id,
            code=failure.code,
            reason=reason,
            attempts=failure.attempts,
            worker=self._worker,
            failed_at=self._clock(),
        )

    def outputs(self, record: Record, envelope: Envelope, letter: DeadLetter) -> tuple[Output, ...]:
        """The letter, and the failed status of its media where stage, library, media and version are known."""
        written = Output(channel=Channel.DEAD_LETTERS, event=letter, key=letter.key, event_id=EventId(letter.letter_id))
        status = self._status(record, envelope, letter)
        if status is None:
            return (written,)
        event_id = EventId(derive("status", LibraryId(status.library_id), "failed", letter.letter_id))
        return (written, Output(channel=Channel.MEDIA_STATUS, event=status, key=status.key, event_id=event_id))

    def _status(self, record: Record, envelope: Envelope, letter: DeadLetter) -> MediaStatus | None:
        stage = next((known for known in _STATUS_STAGES if known == self._stage), None)
        subject = _subject(record)
        version = subject.version if subject.version is not None else event_time_us(record, envelope)
        if stage is None or subject.event_type not in _EVENTS_OF_A_MEDIA:
            return None
        if subject.library_id is None or subject.media_id is None or version is None:
            return None
        return MediaStatus(
            library_id=subject.library_id,
            media_id=subject.media_id,
            stage=stage,
            version=version,
            state="failed",
            code=letter.code,
            reason=letter.reason,
            letter_id=letter.letter_id,
        )


def _subject(record: Record) -> _Subject:
    """What the JSON says, and where it says nothing of library and media, the key."""
    try:
        found = json.loads(record.value or b"")
    except (ValueError, RecursionError):
        found = None
    fields = found if isinstance(found, dict) else {}
    event_type = fields.get("type")
    library, slash, media = (record.key or b"").decode("utf-8", "replace").partition("/")
    return _Subject(
        event_type=event_type[:64] if isinstance(event_type, str) else None,
        library_id=_valid(_LIBRARY, fields.get("library_id")) or _valid(_LIBRARY, library),
        media_id=_valid(_MEDIA, fields.get("media_id")) or (_valid(_MEDIA, media) if slash else None),
        version=_valid(_VERSION, fields.get("version")),
    )


def _valid(kind: TypeAdapter[T], value: object) -> T | None:
    try:
        return kind.validate_python(value, strict=True)
    except ValidationError:
        return None


def _size(record: Record) -> int:
    """Bytes of the record in a letter: base64 makes four of three."""
    headers = sum(len(name) + len(value or b"") + 64 for name, value in record.headers)
    return (len(record.value or b"") + len(record.key or b"") + headers) * 4 // 3


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode("ascii")
