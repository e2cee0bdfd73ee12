"""Fakes for tests of the runner: a time that passes only in sleeps, stages by script, an outlet that remembers."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from rushes.infra.settings import RunnerSettings
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import Record, encode
from rushes.schemas.ids import EventId
from rushes.schemas.media import MediaDeleted
from rushes.schemas.status import DeadLetter
from rushes.streams.runner.batch_runner import BatchRunner, Surroundings
from rushes.streams.runner.outlet import Delivery
from rushes.streams.stage import Incoming, Outcome, Output

SETTINGS = RunnerSettings(attempts=4, backoff_first_s=0.2, backoff_max_s=2.0)


def event(media: str, library: str = "lib") -> MediaDeleted:
    return MediaDeleted(library_id=library, media_id=media, version=1)


def record(
    offset: int, media: str | None = None, *, value: bytes | None = None, key: bytes | None = b"", partition: int = 0
) -> Record:
    """A record of a deletion, or of any bytes. Its key is the media's, where none is given."""
    name = media or f"m{offset}"
    return Record(
        topic="media-uploaded",
        partition=partition,
        offset=offset,
        key=f"lib/{name}".encode() if key == b"" else key,
        value=encode(event(name)) if value is None else value,
        timestamp_ms=1_700_000_000_000,
    )


def echo(incoming: Incoming, part: int = 0) -> Output:
    """An output that tells which event it came from."""
    return Output(
        channel=Channel.MEDIA_STATUS,
        event=incoming.event,
        key=incoming.event.key,
        event_id=EventId(f"{incoming.event.media_id}/{incoming.record.offset}/{part}"),
    )


class FakeTime:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def clock(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class MemoryOutlet:
    """Remembers what was delivered; `before` may raise first."""

    def __init__(self, before: Callable[[Sequence[Delivery]], None] = lambda _: None) -> None:
        self.outputs: list[Output] = []
        self.deliveries: list[Delivery] = []
        self._before = before

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        await asyncio.sleep(0)
        self._before(deliveries)
        self.deliveries.extend(deliveries)
        self.outputs.extend(delivery.output for delivery in deliveries)

    @property
    def letters(self) -> list[DeadLetter]:
        return [output.event for output in self.outputs if output.channel is Channel.DEAD_LETTERS]

    @property
    def echoed(self) -> list[str]:
        """Event ids of the outputs that stages made."""
        return [o.event_id for o in self.outputs if isinstance(o.event, MediaDeleted)]


class StageBy:
    """A stage from a generator function."""

    name = "split"
    tells_of_failures = False

    def __init__(self, process: Callable[[Sequence[Incoming]], Iterator[Outcome]]) -> None:
        self._process = process
        self.batches: list[list[int]] = []
        self.calls: list[tuple[str, frozenset]] = []

    def process(self, batch: Sequence[Incoming]) -> Iterator[Outcome]:
        self.batches.append([incoming.record.offset for incoming in batch])
        return self._process(batch)

    def failed(self, incoming: Incoming, letter: DeadLetter) -> tuple[Output, ...]:
        return (echo(incoming),) if self.tells_of_failures else ()

    def on_assigned(self, partitions: frozenset) -> None:
        self.calls.append(("assigned", partitions))

    def on_revoked(self, partitions: frozenset) -> None:
        self.calls.append(("revoked", partitions))

    def close(self) -> None:
        self.calls.append(("closed", frozenset()))


def failing(failures: dict[str, list[Exception]], *, raised: bool = False) -> StageBy:
    """A stage that echoes each event, after failing it with its listed errors, one at an attempt: as the event's
    outcome, or `raised` for the batch as a whole."""
    left = defaultdict(list, {media: list(errors) for media, errors in failures.items()})

    def process(batch: Sequence[Incoming]) -> Iterator[Outcome]:
        for incoming in batch:
            errors = left[incoming.event.media_id]
            if errors and raised:
                raise errors.pop(0)
            if errors:
                yield Outcome(incoming, error=errors.pop(0))
            else:
                yield Outcome(incoming, outputs=(echo(incoming),))

    return StageBy(process)


@contextmanager
def running(
    stage: StageBy,
    outlet: MemoryOutlet,
    time: FakeTime | None = None,
    *,
    settings: RunnerSettings = SETTINGS,
    in_flight: int = 1,
    **surroundings: object,
) -> Iterator[BatchRunner]:
    """A runner on fakes."""
    passing = time or FakeTime()
    with ThreadPoolExecutor(1) as executor:
        yield BatchRunner(
            stage,
            accepts=(MediaDeleted,),
            outlet=outlet,
            settings=settings,
            executor=executor,
            surroundings=Surroundings(
                clock=passing.clock,
                monotonic=passing.monotonic,
                random=random.Random(7),
                sleep=passing.sleep,
                **surroundings,
            ),
            in_flight=in_flight,
            worker="test",
        )
