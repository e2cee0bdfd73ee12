"""What lies in the in-process broker stays under its bound."""

import asyncio

from rushes.infra.kafka.port import Message
from rushes.schemas.envelope import Record
from rushes.streams.run.in_flight import InFlight


def message(size: int, topic: str = "frames") -> Message:
    return Message(topic, b"", b"x" * size)


def settled(size: int) -> Record:
    return Record("frames", 0, 0, b"", b"x" * size)


async def test_a_sender_waits_until_a_reader_made_room():
    sent: list[Message] = []

    async def send(messages):
        sent.extend(messages)

    bound = InFlight(frozenset({"frames"}), bound_bytes=100)
    await bound.send([message(60)], send)
    waiting = asyncio.create_task(bound.send([message(60)], send))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(sent) == 1
    await bound.send([message(500, "media-status")], send)
    assert len(sent) == 2
    bound.settled(settled(60))
    await asyncio.wait_for(waiting, 5)
    assert len(sent) == 3
    assert bound.bytes == 60


async def test_a_message_over_the_bound_goes_alone():
    async def send(messages):
        pass

    bound = InFlight(frozenset({"frames"}), bound_bytes=100)
    await asyncio.wait_for(bound.send([message(5000)], send), 5)
    assert bound.bytes == 5000
