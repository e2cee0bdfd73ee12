"""The engine on Faust: one guarded app, and so one consumer group and one consumer thread, for each subscription.

One app each, for in a shared one a subscription with a full buffer holds up the records of all others.
Importing this module loads Faust (about half a second): commands import it only when they start an engine.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Final, cast

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faust.exceptions import FaustError
from faust.streams import Stream
from faust.types import TP, EventT, StreamT

from rushes.infra.kafka.faust_driver import GuardedApp
from rushes.infra.kafka.port import Lag, Message, Subscription, TopicPartition
from rushes.infra.settings import KafkaSettings
from rushes.schemas.envelope import Record
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable, LimitExceeded
from rushes.schemas.topics import LETTER_MAX_BYTES

SEND_WITHIN_S: Final = 30.0
"""The idempotent producer retries for ever; past this the broker is taken for away."""

LAG_WITHIN_S: Final = 10.0
"""Asking for end offsets takes milliseconds; past this the broker is taken for away."""

START_WITHIN_S: Final = 120.0
"""A joining member waits for the others to finish their batches, at most the rebalance timeout (60 s)."""

EVICTION_S: Final = 86400.0
"""Faust's limit between polls; past it a worker is a zombie that looks alive. Our watchdog does this work."""

BUFFERED_RECORDS: Final = 64
"""Records between the fetcher and the batch: twice a full poll. More gave no gain (measured)."""

FETCH_BYTES: Final = 2 * 1024 * 1024
"""Per partition and fetch: twice the largest record of the topics that workers read."""

log = structlog.get_logger(__name__)


class FaustEngine:
    """Engine of the port on Faust. `drain_s` is the longest wait for a batch before partitions are given away."""

    def __init__(self, settings: KafkaSettings, drain_s: float = 20.0) -> None:
        self._settings = settings
        self._drain_s = drain_s
        self._subscriptions: list[Subscription] = []
        self._apps: dict[str, GuardedApp] = {}
        self._over: asyncio.Future[None] | None = None
        self._watches: set[asyncio.Task[None]] = set()
        self._left = False

    def subscribe(self, subscription: Subscription) -> None:
        if self._apps:
            raise RuntimeError("subscribe before the engine is started")
        taken = {topic for other in self._subscriptions for topic in other.topics}
        names = {other.name for other in self._subscriptions}
        if subscription.name in names or taken.intersection(subscription.topics):
            raise ConfigurationError(
                f"subscription {subscription.name!r} to {list(subscription.topics)}: expected a name and topics that "
                f"no other subscription of this engine has, found {sorted(names)} with {sorted(taken)}"
            )
        self._subscriptions.append(subscription)

    async def start(self) -> None:
        self._over = asyncio.get_running_loop().create_future()
        await self._check_topics()
        for subscription in self._subscriptions:
            self._apps[subscription.name] = self._app(subscription)
        for app in self._apps.values():
            self._watch(self._report_crash(app))
        starts = asyncio.ensure_future(self._start_apps())
        try:
            await asyncio.wait({starts, self._over}, timeout=START_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            if self._over.done():
                self._over.result()
            if not starts.done():
                raise DependencyUnavailable(
                    f"the consumer groups were not joined within {START_WITHIN_S:.0f} s: another member may hang"
                )
            starts.result()
        except (KafkaError, FaustError, OSError) as error:
            raise DependencyUnavailable(
                f"Kafka at {self._settings.bootstrap} went away at the start: {error!r}"
            ) from error
        finally:
            starts.cancel()

    async def _start_apps(self) -> None:
        await asyncio.gather(*(app.start() for app in self._apps.values()))

    async def join(self) -> None:
        await asyncio.shield(self._future())

    def fail(self, error: BaseException) -> None:
        for app in self._apps.values():
            app.hold()
        over = self._future()
        if not over.done():
            over.set_exception(error)
            over.exception()  # it may never be joined; the caller of `stop` knows already

    async def leave(self, within_s: float) -> bool:
        if self._over is None or self._left:
            return True
        self._left = True
        finished = await asyncio.gather(*(app.leave(within_s) for app in self._apps.values()))
        if not self._over.done():
            self._over.set_result(None)
        return all(finished)

    async def stop(self) -> None:
        if self._over is None:
            return
        await self.leave(self._drain_s)
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*(app.stop() for app in self._apps.values()))

    async def send(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                await self._publish(messages)
        except TimeoutError as error:
            raise DependencyUnavailable(
                f"{len(messages)} messages were not delivered to Kafka within {SEND_WITHIN_S:.0f} s"
            ) from error

    async def consumer_lag(self, name: str) -> Mapping[TopicPartition, Lag]:
        consumer = self._apps[name].guarded
        if not consumer.connected or self._left:
            return {}
        owned = consumer.assignment()
        if not owned:
            return {}
        try:
            async with asyncio.timeout(LAG_WITHIN_S):
                ends = await consumer.highwaters(*owned)
                return {(tp.topic, tp.partition): await self._lag_of(name, tp, end) for tp, end in ends.items()}
        except (TimeoutError, KafkaError) as error:
            raise DependencyUnavailable(f"Kafka did not say where the partitions end: {error!r}") from error

    async def _lag_of(self, name: str, tp: TP, end: int) -> Lag:
        consumer = self._apps[name].guarded
        position = await consumer.fetch_position(tp)
        pending = consumer.pending(tp)
        first = pending[0] if pending else position
        return Lag(in_hand=len(pending), unread=max(end - first - len(pending), 0), next_offset=first)

    async def _publish(self, messages: Sequence[Message]) -> None:
        producer = next(iter(self._apps.values())).producer
        deliveries: list[asyncio.Future[object]] = []
        failure: BaseException | None = None
        for message in messages:
            try:
                delivery = await producer.send(
                    message.topic, message.key, message.value, message.partition, None, list(message.headers)
                )
            except (FaustError, KafkaError, AssertionError) as error:  # aiokafka asserts that the partition exists
                failure = error
                break
            deliveries.append(asyncio.ensure_future(delivery))
        results = await asyncio.gather(*deliveries, return_exceptions=True)
        failure = failure or next((result for result in results if isinstance(result, BaseException)), None)
        if failure is None:
            return
        cause = failure.__cause__ or failure
        if isinstance(cause, MessageSizeTooLargeError):
            largest = max(len(message.value or b"") for message in messages)
            raise LimitExceeded(
                f"a message of {largest} bytes is over Kafka's limit: cut the event into parts, or raise the topic's "
                "max.message.bytes"
            ) from failure
        raise DependencyUnavailable(f"Kafka did not take {len(messages)} messages: {cause!r}") from failure

    async def _check_topics(self) -> None:
        """A topic missing now would stay unread, silently, until the next metadata refresh finds it."""
        client = AIOKafkaClient(bootstrap_servers=self._settings.bootstrap)
        try:
            await client.bootstrap()
            cluster = await client.fetch_all_metadata()
        except KafkaError as error:
            raise DependencyUnavailable(f"no Kafka broker answers at {self._settings.bootstrap}: {error!r}") from error
        finally:
            await client.close()
        wanted = {topic for subscription in self._subscriptions for topic in subscription.topics}
        missing = wanted - cluster.topics()
        if missing:
            raise ConfigurationError(
                f"expected the topics {sorted(wanted)}, not found: {sorted(missing)}; create them with "
                "`rushes topics create`"
            )

    def _app(self, subscription: Subscription) -> GuardedApp:
        settings = self._settings
        app = GuardedApp(
            f"{settings.group_prefix}-{subscription.name}",
            on_assigned=subscription.on_assigned,
            on_revoked=subscription.on_revoked,
            on_error=self.fail,
            drain_s=self._drain_s,
            loop=asyncio.get_running_loop(),
            broker=[f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")],
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            processing_guarantee="at_least_once",
            table_standby_replicas=0,  # with standbys Faust brings its own assignor, which must not meet another one
            value_serializer="raw",
            key_serializer="raw",
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,  # the drain does this work; with a long batch this one livelocks
            stream_buffer_maxsize=BUFFERED_RECORDS,
            stream_processing_timeout=EVICTION_S,
            broker_commit_livelock_soft_timeout=EVICTION_S,
            broker_max_poll_records=BUFFERED_RECORDS // 2,
            broker_max_poll_interval=EVICTION_S,
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=min(3.0, settings.session_timeout_s / 3),
            broker_rebalance_timeout=max(60.0, 3 * self._drain_s),
            broker_request_timeout=max(90.0, settings.session_timeout_s),
            broker_commit_interval=settings.commit_interval_s,
            consumer_auto_offset_reset="earliest",
            consumer_metadata_max_age_ms=int(settings.metadata_max_age_s * 1000),
            consumer_group_instance_id=settings.instance,
            consumer_max_fetch_size=FETCH_BYTES,
            producer_acks=-1,
            producer_request_timeout=SEND_WITHIN_S,
            producer_linger_ms=0,  # every send is awaited: lingering only delays it (6.5 against 0.7 ms a send)
            producer_max_batch_size=256 * 1024,
            producer_max_request_size=LETTER_MAX_BYTES + 64 * 1024,
        )
        topic = app.topic(*subscription.topics, key_serializer="raw", value_serializer="raw")
        app.agent(topic, name=subscription.name, concurrency=1)(self._agent(app, subscription))
        return app

    def _agent(
        self, app: GuardedApp, subscription: Subscription
    ) -> Callable[[StreamT[EventT[object]]], Coroutine[None, None, None]]:
        async def take_batches(stream: StreamT[EventT[object]]) -> None:
            batches = cast("Stream[EventT[object]]", stream)
            async for events in batches.noack_take(subscription.batch_max, within=subscription.batch_within_s):
                await app.ready()
                consumer = app.guarded
                if not consumer.flow_active:  # being revoked or stopped: the next owner gets these
                    continue
                owned = [event for event in events if consumer.owns(event.message)]
                if owned:
                    await self._handle(app, subscription, owned)

        return take_batches

    async def _handle(self, app: GuardedApp, subscription: Subscription, events: Sequence[EventT[object]]) -> None:
        """Handle one batch and acknowledge what it settles. Never raises: Faust would acknowledge the rest."""
        records = [_record(event) for event in events]
        unsettled = {(r.topic, r.partition, r.offset): event for r, event in zip(records, events, strict=True)}

        def settle(record: Record) -> None:
            event = unsettled.pop((record.topic, record.partition, record.offset), None)
            if event is not None:
                event.ack()

        async def work() -> None:
            await subscription.handler(records, settle)
            for record in records:
                settle(record)

        task = asyncio.create_task(work(), name=f"batch of {subscription.name}")
        app.in_hand.begin(task)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            app.in_hand.end()
        if task.cancelled():
            log.info("batch abandoned", subscription=subscription.name, unsettled=len(unsettled))
        elif (error := task.exception()) is not None:
            self.fail(error)

    async def _report_crash(self, app: GuardedApp) -> None:
        await app._crashed.wait()  # noqa: SLF001 - mode tells of a crash by this event alone
        reason = app.crash_reason
        if isinstance(reason, KafkaError | FaustError | OSError):
            self.fail(DependencyUnavailable(f"the connection to Kafka failed: {reason!r}"))
        else:
            self.fail(reason or RuntimeError("Faust crashed without saying why"))

    def _watch(self, coroutine: Coroutine[None, None, None]) -> None:
        self._watches.add(asyncio.create_task(coroutine))

    def _future(self) -> asyncio.Future[None]:
        if self._over is None:
            raise RuntimeError("start the engine first")
        return self._over


def _record(event: EventT[object]) -> Record:
    message = event.message
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple(pairs),
        timestamp_ms=None if message.timestamp is None else round(message.timestamp * 1000),
    )
