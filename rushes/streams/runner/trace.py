"""W3C trace context: the incoming event's trace goes on in what it caused.

Span ids are hashes of their origin, so that the same work redone sends the same headers.
Source: https://www.w3.org/TR/trace-context/ (version 00).
"""

import hashlib
import re
from typing import Final

from rushes.schemas.envelope import Envelope
from rushes.schemas.ids import EventId

_TRACEPARENT: Final = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


def child_traceparent(cause: Envelope, event_id: EventId) -> str:
    """Trace of an event that `cause` led to. A cause without a (valid) trace begins one of its own.

    >>> child_traceparent(Envelope(EventId("e"), traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"), EventId("o"))
    '00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-31952235cdab262e-01'
    """
    found = _TRACEPARENT.match(cause.traceparent or "")
    if found and found[1] != _NO_TRACE and found[2] != _NO_SPAN:
        trace_id, parent, flags = found.groups()
    else:
        trace_id, parent, flags = _hash(f"trace:{cause.event_id}", 32), "", "01"
    return f"00-{trace_id}-{_hash(f'{trace_id}:{parent}:{event_id}', 16)}-{flags}"


def _hash(origin: str, digits: int) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()[:digits]
