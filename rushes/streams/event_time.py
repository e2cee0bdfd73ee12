"""When an event happened: the version of an upload or deletion that states none."""

from datetime import UTC, datetime, timedelta
from typing import Final

from rushes.schemas.envelope import Envelope, Record

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def event_time_us(record: Record, envelope: Envelope) -> int | None:
    """Microseconds since 1970: the producer's `ce_time` (UTC where it names no zone), else the record's timestamp.

    >>> record = Record("t", 0, 0, None, b"", timestamp_ms=1_500)
    >>> event_time_us(record, Envelope(event_id="e")), event_time_us(record, Envelope("e", time="1970-01-01T00:00:02Z"))
    (1500000, 2000000)
    """
    if envelope.time:
        try:
            said = datetime.fromisoformat(envelope.time)
        except ValueError:
            said = None
        if said is not None:
            aware = said if said.tzinfo is not None else said.replace(tzinfo=UTC)
            return max((aware - _EPOCH) // timedelta(microseconds=1), 0)
    return None if record.timestamp_ms is None else record.timestamp_ms * 1000
