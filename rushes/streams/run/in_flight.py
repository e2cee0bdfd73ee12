"""A bound on what lies in the in-process broker, which drops what lags by more than 5 MB a partition."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from rushes.infra.kafka.port import Message
from rushes.schemas.envelope import Record

BOUND_BYTES: Final = 1_500_000
"""Of values and keys on the bounded topics together; all of it may fall on one partition, whose limit is 5 MB less
framing, and one event of 512 KB may come on top."""

Send = Callable[[Sequence[Message]], Awaitable[None]]


class InFlight:
    """Holds senders back until readers have settled enough."""

    def __init__(self, topics: frozenset[str], bound_bytes: int = BOUND_BYTES) -> None:
        self._topics = topics
        self._bound = bound_bytes
        self._bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    @property
    def bytes(self) -> int:
        """Sent to the bounded topics and not settled."""
        return self._bytes

    async def send(self, messages: Sequence[Message], send: Send) -> None:
        """Send one after another, each when there is room for it; one that is larger than the bound goes alone."""
        for message in messages:
            if message.topic not in self._topics:
                continue
            size = _size(message.key, message.value)
            while self._bytes and self._bytes + size > self._bound:
                self._room.clear()
                await self._room.wait()
            self._bytes += size
            await send([message])
        rest = [message for message in messages if message.topic not in self._topics]
        if rest:
            await send(rest)

    def settled(self, record: Record) -> None:
        """A record was settled: its room is free again."""
        if record.topic in self._topics:
            self._bytes = max(0, self._bytes - _size(record.key, record.value))
            self._room.set()


def _size(key: bytes | None, value: bytes | None) -> int:
    return len(key or b"") + len(value or b"")
