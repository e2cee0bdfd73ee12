"""Entries as bytes: one line of JSON each, the same in the journal and on Kafka."""

from typing import Final

import structlog
from pydantic import ValidationError

from rushes.infra.library_log.port import LogPosition, LogRecord
from rushes.schemas.envelope import encode
from rushes.schemas.log import LOG_ENTRY, LogEntry

_log = structlog.get_logger(__name__)

_SHOWN_BYTES: Final = 80
"""Of undecodable bytes, in the warning: enough to recognise whose they are."""


def encode_entry(entry: LogEntry) -> bytes:
    """JSON bytes without a line break. Raises ValueError when over the limit of an event."""
    return encode(entry)


def decode_record(place: str, position: LogPosition, value: bytes | None) -> LogRecord:
    """The record of these bytes; with entry None, and a warning, where they are no entry of a known schema.

    `place` names the log in the warning.
    """
    try:
        entry = LOG_ENTRY.validate_json(value or b"")
    except ValidationError as error:
        _log.warning(
            "library log: skipping bytes that are no entry",
            log=place,
            partition=position.partition,
            offset=position.offset,
            found=(value or b"")[:_SHOWN_BYTES],
            reason=str(error.errors(include_url=False, include_input=False)[:1]),
        )
        return LogRecord(position, None)
    return LogRecord(position, entry)
