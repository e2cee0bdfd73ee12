"""The engine inside one process: real protocol, two stages on librdkafka's broker."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import KafkaConnectionError

from rushes.infra.kafka.engine import FaustEngine
from rushes.infra.kafka.in_process import PARTITIONS, InProcessBroker
from rushes.infra.kafka.port import Message, Subscription
from rushes.infra.settings import RunnerSettings, Settings
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import encode
from rushes.schemas.errors import ConfigurationError, DamagedMedia, DependencyUnavailable, LimitExceeded
from rushes.schemas.media import MediaDeleted
from rushes.schemas.status import DeadLetter
from rushes.schemas.topics import LETTER_MAX_BYTES
from rushes.streams.runner.worker import Role, Worker, system_surroundings
from rushes.streams.stage import Outcome, Output
from tests.runner_fakes import StageBy, echo


@pytest.fixture(scope="module")
def broker() -> Iterator[InProcessBroker]:
    with InProcessBroker() as running:
        yield running


async def until(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - the condition is of another thread or broker: no event tells of it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def engine(broker: InProcessBroker, prefix: str, *subscriptions: Subscription) -> AsyncIterator[FaustEngine]:
    made = FaustEngine(broker.settings(group_prefix=prefix), drain_s=5.0)
    for subscription in subscriptions:
        made.subscribe(subscription)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_two_stages_in_one_process_pass_every_event_on_and_keep_the_order_of_keys(
    broker: InProcessBroker,
) -> None:
    prefix = "two."
    broker.create_topics([prefix + name for name in ("media-uploaded", "frames", "media-status", "dead-letters")])
    arrived: list[tuple[str, int]] = []
    letters: list[DeadLetter] = []

    def pass_on(batch):
        for incoming in batch:
            if incoming.event.media_id.startswith("bad"):
                yield Outcome(incoming, error=DamagedMedia("no frame decodes"))
            else:
                out = echo(incoming)
                yield Outcome(incoming, outputs=(Output(Channel.FRAMES, out.event, out.key, out.event_id),))

    def arrive(batch):
        for incoming in batch:
            arrived.append((incoming.event.media_id, incoming.event.version))
            yield Outcome(incoming)

    class Watching:
        def settled(self, stage, record, result) -> None:
            if isinstance(result, DeadLetter):
                letters.append(result)

        def delivered(self, outputs) -> None:
            pass

    first, second = StageBy(pass_on), StageBy(arrive)
    second.name = "embed"
    settings = Settings(
        kafka=broker.settings(group_prefix="two", topic_prefix=prefix), runner=RunnerSettings(drain_s=5.0)
    )
    kafka = FaustEngine(settings.kafka, drain_s=5.0)
    worker = Worker(
        settings,
        [
            Role(first, (Channel.MEDIA_UPLOADED,), (MediaDeleted,), in_flight=8),
            Role(second, (Channel.FRAMES,), (MediaDeleted,)),
        ],
        engine=kafka,
        library_log=None,
        surroundings=system_surroundings(Watching()),
    )
    await worker.start()
    try:
        for version in range(40):
            names = [f"m{number}" for number in range(5)] + ([f"bad{version}"] if version % 10 == 0 else [])
            events = [MediaDeleted(library_id="lib", media_id=name, version=version) for name in names]
            await kafka.send([Message(prefix + "media-uploaded", e.key.encode(), encode(e)) for e in events])
        await until(lambda: len(arrived) >= 200 and len(letters) >= 4)
    finally:
        await worker.stop()
    assert Counter(arrived) == Counter((f"m{n}", v) for n in range(5) for v in range(40))
    for number in range(5):
        versions = [version for name, version in arrived if name == f"m{number}"]
        assert versions == sorted(versions)
    assert sorted(letter.media_id for letter in letters) == ["bad0", "bad10", "bad20", "bad30"]
    for stage in (first, second):
        assert [call for call, _ in stage.calls] == ["assigned", "closed"]
        assert len(stage.calls[0][1]) == PARTITIONS


async def test_lag_counts_all_that_is_not_settled_and_a_letter_of_full_size_comes_through(
    broker: InProcessBroker,
) -> None:
    broker.create_topics(["lag.in", "big.letters"])
    go_on, begun = asyncio.Event(), asyncio.Event()
    received: list[bytes] = []

    async def wait(_records, _settle) -> None:
        begun.set()
        await go_on.wait()

    async def take(records, _settle) -> None:
        received.extend(record.value for record in records)

    letter = b"x" * (LETTER_MAX_BYTES - 64 * 1024)
    async with engine(
        broker,
        "lag",
        Subscription("wait", ("lag.in",), wait, 4, 0.02),
        Subscription("take", ("big.letters",), take, 8, 0.02),
    ) as made:
        assert {lag.total for lag in (await made.consumer_lag("wait")).values()} == {0}
        await made.send([Message("lag.in", b"k", b"v", partition=2) for _ in range(300)])
        await begun.wait()
        lag = (await made.consumer_lag("wait"))["lag.in", 2]
        assert (lag.next_offset, lag.total) == (0, 300)
        assert lag.in_hand >= 4

        await made.send([Message("big.letters", None, letter)])  # the stuck neighbour holds nobody up
        await until(lambda: received == [letter])
        with pytest.raises(LimitExceeded):
            await made.send([Message("big.letters", None, b"x" * (LETTER_MAX_BYTES + 128 * 1024))])

        go_on.set()

        async def none_left() -> None:
            while any(left.total for left in (await made.consumer_lag("wait")).values()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

        await asyncio.wait_for(none_left(), 20)


async def test_what_was_settled_before_a_failure_or_a_cut_off_batch_is_committed_and_the_rest_comes_again(
    broker: InProcessBroker,
) -> None:
    broker.create_topics(["again.in", "cut.in"])
    cancelled, begun = asyncio.Event(), asyncio.Event()

    async def settle_two_and_fail(records, settle) -> None:
        for record in records[:2]:
            settle(record)
        raise ValueError("defect")

    async def settle_one_and_hang(records, settle) -> None:
        settle(records[0])
        begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    failing, hanging = (FaustEngine(broker.settings(group_prefix="again"), drain_s=0.2) for _ in range(2))
    failing.subscribe(Subscription("fail", ("again.in",), settle_two_and_fail, 8, 0.5))
    hanging.subscribe(Subscription("hang", ("cut.in",), settle_one_and_hang, 8, 0.5))
    await asyncio.gather(failing.start(), hanging.start())
    five = [b"%d" % number for number in range(5)]
    await hanging.send([Message("cut.in", None, value, partition=0) for value in five])
    await hanging.send([Message("again.in", None, value, partition=0) for value in five])
    with pytest.raises(ValueError, match="defect"):
        await asyncio.wait_for(failing.join(), 20)
    await asyncio.wait_for(begun.wait(), 20)
    assert not await hanging.leave(0.2)
    assert cancelled.is_set()
    await asyncio.gather(failing.stop(), hanging.stop())

    came: dict[str, list[bytes]] = {"again.in": [], "cut.in": []}

    async def take(records, _settle) -> None:
        for record in records:
            came[record.topic].append(record.value)

    async with engine(
        broker,
        "again",
        Subscription("fail", ("again.in",), take, 8, 0.02),
        Subscription("hang", ("cut.in",), take, 8, 0.02),
    ):
        await until(lambda: len(came["again.in"]) >= 3 and len(came["cut.in"]) >= 4)
    assert came == {"again.in": five[2:], "cut.in": five[1:]}


async def dropped_by_a_stop(made: FaustEngine, topic: str, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """As in a rebalance: a fetch under way returns while the flow stands still, and is dropped. Returns what was sent;
    the flow stands still, and the consumer is going back to what is committed.
    """
    (app,) = made._apps.values()
    consumer = app.guarded
    fetch = consumer._wait_next_records
    asked, dropped = asyncio.Event(), asyncio.Event()

    async def fetch_and_stop(*within):
        asked.set()
        records, active = await fetch(*within)
        if records and not dropped.is_set():
            dropped.set()
            consumer.stop_flow()
        return records, active

    monkeypatch.setattr(consumer, "_wait_next_records", fetch_and_stop)
    await asyncio.wait_for(asked.wait(), 20)
    sent = [b"%d" % number for number in range(5)]
    await made.send([Message(topic, None, value, partition=0) for value in sent])
    await asyncio.wait_for(dropped.wait(), 20)
    return sent


async def test_what_a_stop_of_the_flow_drops_comes_again_though_nothing_was_ever_committed(
    broker: InProcessBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.create_topics(["still.in"])
    came: list[bytes] = []
    gone_back = asyncio.Event()

    async def take(records, _settle) -> None:
        came.extend(record.value for record in records)

    async with engine(broker, "still", Subscription("take", ("still.in",), take, 8, 0.02)) as made:
        consumer = made._apps["take"].guarded
        go_back = consumer.perform_seek

        async def go_back_and_tell() -> None:
            await go_back()
            gone_back.set()

        monkeypatch.setattr(consumer, "perform_seek", go_back_and_tell)
        sent = await dropped_by_a_stop(made, "still.in", monkeypatch)
        await asyncio.wait_for(gone_back.wait(), 20)
        consumer.resume_flow()
        await made.send([Message("still.in", None, b"last", partition=0)])
        await until(lambda: b"last" in came)
    assert came == [*sent, b"last"]


async def test_where_the_consumer_cannot_go_back_the_engine_fails(
    broker: InProcessBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.create_topics(["lost.in"])

    async def take(_records, _settle) -> None: ...

    async def fail() -> None:
        raise KafkaConnectionError("no coordinator")

    async with engine(broker, "lost", Subscription("take", ("lost.in",), take, 8, 0.02)) as made:
        monkeypatch.setattr(made._apps["take"].guarded._thread, "seek_to_committed", fail)
        await dropped_by_a_stop(made, "lost.in", monkeypatch)
        with pytest.raises(DependencyUnavailable, match="which offsets are committed"):
            await asyncio.wait_for(made.join(), 20)


async def test_a_topic_that_does_not_exist_is_named_at_the_start(broker: InProcessBroker) -> None:
    async def take(_records, _settle) -> None: ...

    made = FaustEngine(broker.settings())
    made.subscribe(Subscription("s", ("no.such.topic",), take, 8, 0.02))
    with pytest.raises(ConfigurationError, match=r"no\.such\.topic"):
        await made.start()
    await made.stop()


@pytest.mark.expects_errors
async def test_a_broker_that_does_not_answer_is_a_dependency_away() -> None:
    with InProcessBroker() as gone:
        settings = gone.settings()
    made = FaustEngine(settings)
    made.subscribe(Subscription("s", ("t",), lambda *_: asyncio.sleep(0), 8, 0.02))
    with pytest.raises(DependencyUnavailable, match="no Kafka broker answers"):
        await made.start()
    await made.stop()


def test_two_subscriptions_cannot_share_a_topic() -> None:
    made = FaustEngine(Settings().kafka)
    made.subscribe(Subscription("a", ("t",), lambda *_: asyncio.sleep(0), 8, 0.02))
    with pytest.raises(ConfigurationError, match="'b'"):
        made.subscribe(Subscription("b", ("t",), lambda *_: asyncio.sleep(0), 8, 0.02))
