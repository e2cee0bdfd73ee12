"""Where outcomes go: the outputs of stages become Kafka records and entries of the library's log."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pydantic import ValidationError

from rushes.infra.kafka.port import Message
from rushes.infra.library_log.port import LibraryLog
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import Envelope, encode, headers_of
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.log import LOG_ENTRY, LogEntry
from rushes.streams.runner.trace import child_traceparent
from rushes.streams.stage import Output


@dataclass(frozen=True, slots=True)
class Delivery:
    """An output, and the envelope of the event that led to it."""

    output: Output
    cause: Envelope


class Outlet(Protocol):
    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Returns when all are durable, in this order per channel and key. Raises DependencyUnavailable where that
        can't be said of all: a retry sends them again, under the same ids. Another error is of the outputs."""
        ...


class KafkaOutlet:
    """Outlet to topics and the library's log.

    Entries of the log are appended first: it is the truth, and a status that travels with them must not claim more.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Message]], Awaitable[None]],
        *,
        stage: str,
        topic_prefix: str,
        library_log: LibraryLog | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._send = send
        self._source = f"rushes/{stage}"
        self._topic_prefix = topic_prefix
        self._library_log = library_log
        self._clock = clock

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        entries = [d.output for d in deliveries if d.output.channel is Channel.LIBRARY_LOG]
        messages = [self._message(d) for d in deliveries if d.output.channel is not Channel.LIBRARY_LOG]
        if entries:
            log = self._library_log
            if log is None:
                raise ConfigurationError("the stage appends to the library's log, but was given none: pass one")
            await asyncio.to_thread(log.append, [_entry(output) for output in entries])
        if messages:
            await self._send(messages)

    def _message(self, delivery: Delivery) -> Message:
        output = delivery.output
        event_type = getattr(output.event, "type", type(output.event).__name__)
        return Message(
            topic=self._topic_prefix + output.channel.value,
            key=output.key.encode(),
            value=encode(output.event),
            headers=headers_of(
                output.event_id,
                event_type,
                self._source,
                self._clock().astimezone(UTC).isoformat(),
                child_traceparent(delivery.cause, output.event_id),
            ),
        )


def _entry(output: Output) -> LogEntry:
    try:
        entry = LOG_ENTRY.validate_python(output.event)
    except ValidationError as error:
        raise TypeError(f"expected an entry of the library's log, found {type(output.event).__name__}") from error
    encode(entry)  # the limit on size holds for every adapter of the log
    return entry
