"""Faust's aiokafka driver with the guards that at-least-once delivery needs.

Each guard answers a measured defect of faust-streaming 0.15.3 with aiokafka 0.14; both are pinned, and the attributes
used here are theirs.

- commit guard: upstream derives the offset to commit from the acknowledged ones alone, and so commits past a record
  that was delivered but is not settled. Here every delivered record is pending until it is settled, and the commit
  never passes the first pending one. Settling a record of an earlier assignment is ignored.
- drain before revocation: upstream forgets what was settled since the last commit before it gives partitions away,
  so that every rebalance repeats work. Here what runs is finished and committed first.
- going back: a fetch that is under way when the flow is stopped, as by a rebalance, is dropped when it returns, and the
  position has passed it by then. Upstream goes back to what was committed; where nothing was, it does not go back at
  all, and the first records of a partition are never read. Here that partition begins anew.
- metadata calm: with the broker down, aiokafka asks for metadata in a loop without a pause.
- fetch wait: upstream's 1.5 s is fixed; brokers that answer only at its end delay a lone record by it.
- idempotent producer: upstream has it only together with transactions.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, cast

import aiokafka
import faust
import structlog
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message
from faust.types.transports import ConsumerT, ProducerT, TransportT

from rushes.infra.kafka.port import TopicPartition
from rushes.schemas.errors import DependencyUnavailable

FETCH_WAIT_MS: Final = 100
"""Longest wait of a broker for new records in one fetch. Real brokers answer at once; librdkafka's mock only then."""

METADATA_PAUSE_S: Final = 0.5
"""Pause after a failed metadata request: 80 times fewer log lines and 6 times less CPU while a broker is down."""

COMMIT_WITHIN_S: Final = 5.0
"""A commit takes milliseconds; past this the coordinator is away, and the records will be delivered again."""

log = structlog.get_logger(__name__)

FAUST_LOG: Final = logging.getLogger("faust.guarded")
"""Faust names a service's logger after the module of its class; its lines are to stay Faust's."""

_unended: Final[set[asyncio.Task[None]]] = set()
"""Calls into the consumer's thread that took too long; asyncio itself keeps only weak references to tasks."""


async def _ended(call: Coroutine[None, None, None], within_s: float) -> bool:
    """Whether a call into the consumer's thread ended in time. It is not cancelled: the thread would trip over that."""
    task = asyncio.create_task(call)
    done, _ = await asyncio.wait({task}, timeout=within_s)
    if not done:
        _unended.add(task)
        task.add_done_callback(_unended.discard)
        return False
    task.result()
    return True


MetadataUpdate = Callable[[object, object], Awaitable[bool]]


def _calm(client: Any) -> None:  # Any: aiokafka has no types
    """Pause after each failed metadata request of this client."""
    update: MetadataUpdate = client._metadata_update  # noqa: SLF001 - aiokafka has no hook for it

    async def paused(cluster: object, topics: object) -> bool:
        succeeded = await update(cluster, topics)
        if not succeeded:
            await asyncio.sleep(METADATA_PAUSE_S)
        return succeeded

    client._metadata_update = paused  # noqa: SLF001


class GuardedConsumerThread(driver.AIOKafkaConsumerThread):
    logger = FAUST_LOG

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - read by its start(); no setting leads there
        _calm(consumer._client)  # noqa: SLF001
        return consumer

    async def leave_group(self) -> None:
        """Stop the client now: the broker hears of it at once, not after the session timeout."""
        consumer = self._consumer
        if consumer is not None:
            await self.call_thread(consumer.stop)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to what is committed, or to the first record kept where nothing is. Returns what is committed."""
        return cast("Mapping[TP, int]", await self.call_thread(self._go_back))

    async def _go_back(self) -> Mapping[TP, int | None]:
        consumer = self._ensure_consumer()
        committed: Mapping[TP, int | None] = await consumer.seek_to_committed()
        never = [tp for tp, offset in committed.items() if not offset]
        if never:
            await consumer.seek_to_beginning(*never)
        return committed

    async def fetch_position(self, tp: TP) -> int:
        """Offset of the next record to read."""
        return cast("int", await self.call_thread(self._ensure_consumer().position, tp))

    @property
    def connected(self) -> bool:
        return self._consumer is not None


class GuardedConsumer(driver.Consumer):
    """Commits never pass a record that was delivered and is not settled."""

    _thread: GuardedConsumerThread
    logger = FAUST_LOG

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: passed through to Faust
        self._pending: defaultdict[TP, dict[int, Message]] = defaultdict(dict)
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> GuardedConsumerThread:
        return GuardedConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:  # Any: aiokafka has no types
        message = super()._to_message(tp, record)
        read = self._read_offset[tp]
        if (read is None or message.offset >= read) and self.app.topics.acks_enabled_for(message.topic):
            self._pending[tp][message.offset] = message
        return message

    def owns(self, message: Message) -> bool:
        """Whether this very delivery is still ours to settle: not after a rebalance, whatever the offset."""
        pending = self._pending.get(message.tp)
        return pending is not None and pending.get(message.offset) is message

    def ack(self, message: Message) -> bool:
        if not self.owns(message):
            message.acked = True
            self._unacked_messages.discard(message)
            return False
        self._pending[message.tp].pop(message.offset, None)
        return super().ack(message)

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked[tp]
        if not acked:
            return None
        offset = max(acked) + 1
        pending = self._pending.get(tp)
        if pending:
            offset = min(offset, *pending)
        done = [settled for settled in acked if settled < offset]
        acked[:] = [settled for settled in acked if settled >= offset]
        self._acked_index[tp].difference_update(done)
        self._gap.pop(tp, None)
        return offset if done else None

    def pending(self, tp: TP) -> list[int]:
        """Offsets delivered and not settled, ascending."""
        return sorted(self._pending.get(tp, ()))

    def forget_deliveries(self) -> None:
        """All that was delivered so far is no longer ours to settle, nor to commit.

        What was settled behind a record that was not must go too: without that one nothing holds a later commit back.
        """
        self._pending.clear()
        self._acked.clear()
        self._acked_index.clear()
        self._gap.clear()

    @property
    def connected(self) -> bool:
        return self._thread.connected

    async def fetch_position(self, tp: TP) -> int:
        """Offset of the next record to read."""
        return await self._thread.fetch_position(tp)

    async def perform_seek(self) -> None:
        """Go back to what is committed. Where that fails and no new assignment follows, what was dropped would not be
        read by this process: it is an error of the engine.
        """
        try:
            await super().perform_seek()
        except (IllegalStateError, AssertionError):  # partitions were taken from us meanwhile, or all of them
            raise
        except Exception as error:
            cast("GuardedApp", self.app).not_gone_back(error)
            raise

    async def commit_settled(self) -> bool:
        """Commit what is settled; False where the coordinator does not answer in time."""
        done = await _ended(self._commit_after_the_present_one(), COMMIT_WITHIN_S)
        if not done:
            log.warning("commit did not finish: records since the last one will be delivered again")
        return done

    async def _commit_after_the_present_one(self) -> None:
        await self.maybe_wait_for_commit_to_finish()
        await self.commit()

    async def leave_group(self) -> None:
        await self._thread.leave_group()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: our watchdog tells stalled from idle; Faust's takes a long batch for a fault."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        app = cast("GuardedApp", self.app)
        if revoked and not app.should_stop:
            await app.give_up_partitions(frozenset((tp.topic, tp.partition) for tp in revoked))
        self.forget_deliveries()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        app = cast("GuardedApp", self.app)
        if not app.should_stop:
            app.take_partitions(frozenset((tp.topic, tp.partition) for tp in assigned))
        await super().on_partitions_assigned(assigned, generation_id)


class GuardedProducer(driver.Producer):
    logger = FAUST_LOG

    def _settings_extra(self) -> dict[str, object]:
        return {**super()._settings_extra(), "enable_idempotence": True}

    def _new_producer(self, transactional_id: str | None = None) -> aiokafka.AIOKafkaProducer:
        producer = super()._new_producer(transactional_id)
        _calm(producer.client)
        return producer


class GuardedTransport(driver.Transport):
    Consumer = cast("type[ConsumerT]", GuardedConsumer)
    Producer = cast("type[ProducerT]", GuardedProducer)


class InHand:
    """The batch that is being handled, if any."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._none = asyncio.Event()
        self._none.set()

    def begin(self, task: asyncio.Task[None]) -> None:
        self._task = task
        self._none.clear()

    def end(self) -> None:
        self._task = None
        self._none.set()

    async def finished(self, within_s: float) -> bool:
        """Wait for the batch to end; after `within_s` cancel it, wait for that, and return False."""
        try:
            async with asyncio.timeout(within_s):
                await self._none.wait()
        except TimeoutError:
            if self._task is not None:
                self._task.cancel()
            await self._none.wait()
            return False
        return True


PartitionsHook = Callable[[frozenset[TopicPartition]], Awaitable[None]]


class GuardedApp(faust.App):
    """A Faust app of one subscription: it finishes and commits what runs before partitions leave it.

    `on_assigned` runs beside the rebalance, for the group does not wait with heartbeats for it; `ready` tells when it
    has ended. `on_revoked` runs within the rebalance.
    """

    logger = FAUST_LOG

    def __init__(
        self,
        app_id: str,
        *,
        on_assigned: PartitionsHook,
        on_revoked: PartitionsHook,
        on_error: Callable[[BaseException], None],
        drain_s: float,
        **options: Any,  # Any: Faust's settings
    ) -> None:
        self.in_hand = InHand()
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._on_error = on_error
        self._drain_s = drain_s
        self._taking: asyncio.Task[None] | None = None
        self._leaving = False
        super().__init__(app_id, **options)

    @property
    def guarded(self) -> GuardedConsumer:
        return cast("GuardedConsumer", self.consumer)

    def _new_transport(self) -> TransportT:
        return GuardedTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> TransportT:
        return GuardedTransport(self.conf.broker_producer, self)

    def _create_directories(self) -> None:
        """None: there are no tables."""

    def take_partitions(self, partitions: frozenset[TopicPartition]) -> None:
        self._taking = asyncio.create_task(self._take(partitions))

    async def _take(self, partitions: frozenset[TopicPartition]) -> None:
        try:
            await self._on_assigned(partitions)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - any error of the hook ends the engine, with that error
            self._on_error(error)

    async def ready(self) -> None:
        """Wait until the owner has taken the present assignment."""
        taking = self._taking
        if taking is not None and not taking.done():
            await asyncio.wait({taking})

    async def give_up_partitions(self, partitions: frozenset[TopicPartition]) -> None:
        started = time.monotonic()
        finished = await self.drain(self._drain_s)
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
        try:
            async with asyncio.timeout(self._drain_s):
                await self._on_revoked(partitions)
        except TimeoutError:
            log.warning("the stage did not let go of its partitions in time", within_s=self._drain_s)
        except Exception as error:  # noqa: BLE001 - any error of the hook ends the engine, with that error
            self._on_error(error)
        took_s = round(time.monotonic() - started, 3)
        log.info("partitions given up", group=self.conf.id, count=len(partitions), finished=finished, took_s=took_s)

    def not_gone_back(self, error: Exception) -> None:
        """Going back to the committed offsets failed."""
        if not (self.rebalancing or self.should_stop or self._leaving):
            reason = f"Kafka did not say which offsets are committed, to go on from there: {error!r}"
            self._on_error(DependencyUnavailable(reason))

    def hold(self) -> None:
        """No batch begins from here on."""
        self.consumer.stop_flow()
        self.flow_control.suspend()
        self.flow_control.clear()

    async def drain(self, within_s: float) -> bool:
        """Begin nothing more, finish what runs (or cancel it after `within_s`), commit; False where it was cut off."""
        self.hold()
        finished = await self.in_hand.finished(within_s)
        if not finished:
            log.warning("a batch was cut off by the drain; it will be delivered again", within_s=within_s)
        await self.guarded.commit_settled()
        return finished

    async def leave(self, within_s: float) -> bool:
        """Drain and leave the group."""
        self._leaving = True
        if not self.guarded.connected:
            return True
        finished = await self.drain(within_s)
        self.guarded.forget_deliveries()
        if not await _ended(self.guarded.leave_group(), COMMIT_WITHIN_S):
            log.warning("the group was not left in time: its other members wait for the session to end")
        return finished
