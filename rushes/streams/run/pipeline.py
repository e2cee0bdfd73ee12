"""The agents of production in one process: media in, journal entries and decisions out.

split and embed run as agents on librdkafka's in-process broker, cluster on the journal. The broker is only transport:
what was in it is lost with the process, and made again by the next run from what the journal lacks.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from rushes.infra.inventory import SeenMedia
from rushes.infra.kafka.engine import FaustEngine
from rushes.infra.kafka.in_process import InProcessBroker
from rushes.infra.kafka.port import Message
from rushes.infra.library_log.port import LibraryLog
from rushes.infra.settings import KafkaSettings, Settings
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import Record, encode, headers_of
from rushes.schemas.ids import EventId, LibraryId, MediaId, derive
from rushes.schemas.log import ItemsEmbedded
from rushes.schemas.media import MediaUploaded
from rushes.schemas.shots import ShotSplit
from rushes.schemas.status import DeadLetter, MediaStatus
from rushes.streams.composition import embed_role
from rushes.streams.run.canonical_log import CanonicalLog
from rushes.streams.run.in_flight import InFlight
from rushes.streams.runner.batch_runner import BatchRunner, Surroundings
from rushes.streams.runner.outlet import KafkaOutlet
from rushes.streams.runner.worker import Role, Worker, system_surroundings
from rushes.streams.stage import Outcome, Output, Stage
from rushes.streams.stages.cluster import ClusterStage

WINDOW: Final = 48
"""Media between announced and complete. Wide enough that photos fill the batches of every stage, narrow enough that
the entries which wait for an earlier film stay few."""

JOURNAL_BATCH: Final = 64
"""Entries decided at once; their rows are written together."""

VERSION: Final = 1
"""Of every media: its id is its content, so there is never another version of it."""

LEAVE_S: Final = 15.0
"""For the batches in hand at the end."""

ASKED_LEAVE_S: Final = 1.0
"""The same on Ctrl-C: a batch may be a film of an hour, and what is given up is only sent again."""


class Watcher(Protocol):
    """Who shows how far the run is. Called on the event loop; must return at once."""

    def split_progress(self, media_id: str, share: float) -> None: ...

    def frames_found(self, media_id: str, count: int) -> None: ...

    def frames_embedded(self, media_id: str, count: int) -> None: ...

    def frames_sorted(self, media_id: str, count: int) -> None: ...

    def items_sorted(self, count: int) -> None: ...

    def media_finished(self, media_id: str, *, failed: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Stages:
    """The three stages of the pipeline. `load` takes the models into memory, while the engine starts."""

    split: Stage[Any]
    embed: Stage[Any]
    cluster: ClusterStage
    load: Callable[[], None]


class BoundedEngine(FaustEngine):
    """Engine on the in-process broker, which holds senders back before the broker drops anything."""

    def __init__(self, settings: KafkaSettings, in_flight: InFlight, drain_s: float) -> None:
        super().__init__(settings, drain_s)
        self._in_flight = in_flight

    async def send(self, messages: Sequence[Message]) -> None:
        await self._in_flight.send(messages, super().send)


class Pipeline:
    """One run over a list of media that the journal does not hold complete."""

    def __init__(
        self,
        stages: Stages,
        journal: LibraryLog,
        *,
        library_id: LibraryId,
        journaled: Sequence[str],
        next_offset: int,
        settings: Settings,
        watcher: Watcher,
    ) -> None:
        self._stages = stages
        self._journal = journal
        self._library_id = library_id
        self._settings = settings
        self._watcher = watcher
        self._written = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._log = CanonicalLog(journal, journaled, self._on_written)
        self._window = asyncio.Semaphore(WINDOW)
        self._unfinished: set[str] = set()
        self._all_finished = asyncio.Event()
        self._next_offset = next_offset
        self._in_flight = InFlight(frozenset({Channel.FRAMES.value}))
        self.letters: dict[MediaId, DeadLetter] = {}

    async def run(self, media: Sequence[SeenMedia], stop: asyncio.Event) -> None:
        """Returns when every media is sorted or failed, or when `stop` is set. Raises what the engine fails with."""
        self._unfinished = {one.media_id for one in media}
        self._log.announce(one.media_id for one in media)
        if not media:
            return
        with InProcessBroker() as broker, ThreadPoolExecutor(1, "cluster") as thread:
            await asyncio.to_thread(broker.create_topics, [channel.value for channel in Channel])
            settings = self._settings.model_copy(update={"kafka": broker.settings()})
            engine = BoundedEngine(settings.kafka, self._in_flight, LEAVE_S)
            surroundings = system_surroundings(self)
            worker = Worker(settings, self._roles(), engine=engine, library_log=self._log, surroundings=surroundings)
            owner = self._owner(engine, thread, surroundings)
            loading = asyncio.create_task(asyncio.to_thread(self._stages.load))
            try:
                await worker.start()
                await loading
                await self._until_done(worker, engine, owner, media, stop)
                if stop.is_set():
                    await worker.leave(ASKED_LEAVE_S)
                while await self._decide_fresh(owner):
                    pass  # what is in the journal shows in the results, also where somebody asked to stop
            finally:
                if stop.is_set():
                    await worker.leave(ASKED_LEAVE_S)
                await worker.stop()

    def _roles(self) -> list[Role[Any]]:
        return [
            Role(self._stages.split, (Channel.MEDIA_UPLOADED,), (MediaUploaded,)),
            embed_role(self._settings, self._stages.embed),
        ]

    def _owner(self, engine: FaustEngine, thread: ThreadPoolExecutor, surroundings: Surroundings) -> BatchRunner[Any]:
        cluster = self._stages.cluster
        outlet = KafkaOutlet(
            engine.send, stage=cluster.name, topic_prefix="", library_log=self._log, clock=surroundings.clock
        )
        return BatchRunner(
            cluster,
            accepts=cluster.accepts,
            outlet=outlet,
            settings=self._settings.runner,
            executor=thread,
            surroundings=surroundings,
            worker="run",
        )

    async def _until_done(
        self,
        worker: Worker,
        engine: FaustEngine,
        owner: BatchRunner[Any],
        media: Sequence[SeenMedia],
        stop: asyncio.Event,
    ) -> None:
        work = {
            asyncio.create_task(self._feed(engine, media), name="feed"),
            asyncio.create_task(self._decide(owner), name="decide"),
            asyncio.create_task(worker.join(), name="worker"),
        }
        ends = {
            asyncio.create_task(self._all_finished.wait(), name="finished"),
            asyncio.create_task(stop.wait(), name="stop"),
        }
        try:
            while not any(task.done() for task in ends):
                done, _ = await asyncio.wait(work | ends, return_when=asyncio.FIRST_COMPLETED)
                for task in done & work:
                    work.discard(task)
                    task.result()
        finally:
            for task in work | ends:
                task.cancel()
            await asyncio.gather(*work, *ends, return_exceptions=True)

    async def _feed(self, engine: FaustEngine, media: Sequence[SeenMedia]) -> None:
        for one in media:
            await self._window.acquire()
            await engine.send([self._announcement(one)])

    def _announcement(self, one: SeenMedia) -> Message:
        event = MediaUploaded(
            library_id=self._library_id,
            media_id=one.media_id,
            version=VERSION,
            uri=Path(one.paths[0]).absolute().as_uri(),
            sha256=one.media_id,
            attributes={"paths": one.told_paths()},
        )
        event_id = EventId(derive("upload", self._library_id, one.media_id))
        headers = headers_of(event_id, event.type, "rushes/run", _now().isoformat())
        return Message(Channel.MEDIA_UPLOADED.value, event.key.encode(), encode(event), headers)

    async def _decide(self, runner: BatchRunner[Any]) -> None:
        """The cluster agent: entries of the journal as they are written."""
        while True:
            self._written.clear()
            if not await self._decide_fresh(runner):
                await self._written.wait()

    async def _decide_fresh(self, runner: BatchRunner[Any]) -> bool:
        """Decide what is in the journal and not decided; False where that is nothing."""
        records = await asyncio.to_thread(self._fresh_records, self._journal.partition_of(self._library_id))
        for first in range(0, len(records), JOURNAL_BATCH):
            batch = records[first : first + JOURNAL_BATCH]
            await runner.handle(batch)
            self._next_offset = batch[-1].offset + 1
        return bool(records)

    def _fresh_records(self, partition: int) -> list[Record]:
        return [
            Record("journal", partition, record.position.offset, record.entry.key.encode(), encode(record.entry))
            for record in self._journal.read(partition, self._next_offset)
            if record.entry is not None
        ]

    def _on_written(self) -> None:
        self._loop.call_soon_threadsafe(self._written.set)

    # -- RunnerObserver

    def settled(self, stage: str, record: Record, result: Outcome[Any] | DeadLetter) -> None:
        """Free its room; count what was sorted; note what failed."""
        self._in_flight.settled(record)
        if isinstance(result, Outcome) and stage == self._stages.cluster.name:
            entry = result.source.event
            if isinstance(entry, ItemsEmbedded):
                self._watcher.frames_sorted(entry.media_id, len(entry.frames))
        if not isinstance(result, DeadLetter) or result.media_id is None:
            return
        media_id = MediaId(result.media_id)
        self.letters.setdefault(media_id, result)
        if stage == "split" or result.event_type == "MediaSplit":
            # No totals will come. A lost shot is told to the log instead, and its media becomes complete without it.
            self._loop.run_in_executor(None, self._log.end, media_id)
            self._finish(media_id)

    def delivered(self, outputs: Sequence[Output]) -> None:
        """Count what went by."""
        for output in outputs:
            match output.event:
                case ShotSplit() as shot:
                    self._watcher.frames_found(shot.media_id, len(shot.frames))
                case ItemsEmbedded() as entry:
                    self._watcher.frames_embedded(entry.media_id, len(entry.frames))
                case MediaStatus() as status:
                    self._status(status)
                case _:
                    pass
        sorted_items = sum(output.channel is Channel.CLUSTER_ASSIGNED for output in outputs)
        if sorted_items:
            self._watcher.items_sorted(sorted_items)

    def _status(self, status: MediaStatus) -> None:
        if status.stage == "split" and status.progress is not None:
            self._watcher.split_progress(status.media_id, status.progress)
        if status.stage == "cluster" and status.state in {"complete", "partial"}:
            self._finish(status.media_id)

    def _finish(self, media_id: str) -> None:
        if media_id in self._unfinished:
            self._unfinished.discard(media_id)
            self._window.release()
            self._watcher.media_finished(media_id, failed=media_id in self.letters)
            if not self._unfinished:
                self._all_finished.set()


def _now() -> datetime:
    return datetime.now(UTC)
