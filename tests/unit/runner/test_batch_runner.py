"""What becomes of events whose processing fails, in every way it can."""

import asyncio
import base64
import threading
from collections.abc import Iterator, Sequence

import pytest

from rushes.schemas.channels import Channel
from rushes.schemas.envelope import encode
from rushes.schemas.errors import (
    ConfigurationError,
    DamagedMedia,
    DependencyUnavailable,
    InputUnavailable,
    LimitExceeded,
)
from rushes.schemas.feedback import FeedbackGiven, Undo
from rushes.streams.runner.errors import Fatal, StageExited
from rushes.streams.stage import Incoming, Outcome
from tests.runner_fakes import FakeTime, MemoryOutlet, StageBy, echo, failing, record, running

AWAY = DependencyUnavailable("the store is away", retry_after_s=0.1)
SILENT = InputUnavailable("the host is silent", retry_after_s=0.1)


async def handled(stage: StageBy, records, outlet: MemoryOutlet | None = None, **options) -> tuple[MemoryOutlet, list]:
    """Outputs, and offsets in the order in which they were settled."""
    outlet = outlet or MemoryOutlet()
    settled: list[int] = []
    with running(stage, outlet, **options) as runner:
        await runner.handle(records, lambda r: settled.append(r.offset))
    return outlet, settled


async def test_every_event_of_a_good_batch_is_delivered_and_settled_once_in_order() -> None:
    outlet, settled = await handled(failing({}), [record(i) for i in range(5)])
    assert outlet.echoed == [f"m{i}/{i}/0" for i in range(5)]
    assert settled == [0, 1, 2, 3, 4]


async def test_bytes_that_are_no_event_become_a_letter_and_leave_their_neighbours_alone() -> None:
    stage = failing({})
    outlet, settled = await handled(stage, [record(0), record(1, value=b"\xff{no json"), record(2)])
    assert outlet.echoed == ["m0/0/0", "m2/2/0"]
    assert [letter.code for letter in outlet.letters] == ["invalid-event"]
    assert sorted(settled) == [0, 1, 2]
    assert stage.batches == [[0, 2]]


async def test_an_event_of_a_type_that_the_stage_does_not_take_becomes_a_letter_that_names_both() -> None:
    feedback = FeedbackGiven(
        library_id="lib", feedback_id="f", actor="a", change=Undo(feedback_id="e")
    )  # fmt: skip
    outlet, _ = await handled(failing({}), [record(0, value=encode(feedback))])
    assert "FeedbackGiven" in outlet.letters[0].reason
    assert "MediaDeleted" in outlet.letters[0].reason


async def test_a_letter_holds_the_original_bytes_headers_key_and_place() -> None:
    original = record(7, value=b"\x00\xfe not json", key=b"lib/x", partition=3)
    original = type(original)(
        original.topic, 3, 7, original.key, original.value, (("a", b"\x01"), ("a", None), ("ce_id", b"e-1")), 12
    )
    outlet, _ = await handled(failing({}), [original])
    letter = outlet.letters[0]
    assert base64.b64decode(letter.value_base64) == original.value
    assert base64.b64decode(letter.key_base64) == b"lib/x"
    assert [(h.name, h.value_base64 and base64.b64decode(h.value_base64)) for h in letter.headers] == [
        ("a", b"\x01"),
        ("a", None),
        ("ce_id", b"e-1"),
    ]
    assert (letter.topic, letter.partition, letter.offset, letter.timestamp_ms) == ("media-uploaded", 3, 7, 12)
    assert (letter.event_id, letter.library_id, letter.media_id) == ("e-1", "lib", "x")


@pytest.mark.expects_errors
async def test_poison_in_a_batch_is_isolated_and_all_others_are_delivered_once() -> None:
    stage = failing({"m2": [ValueError("poison")] * 9}, raised=True)
    outlet, settled = await handled(stage, [record(i) for i in range(5)])
    assert sorted(outlet.echoed) == ["m0/0/0", "m1/1/0", "m3/3/0", "m4/4/0"]
    assert [(letter.code, letter.reason, letter.attempts) for letter in outlet.letters] == [
        ("unexpected", "ValueError: poison", 4)
    ]
    assert sorted(settled) == [0, 1, 2, 3, 4]


async def test_a_permanent_error_is_a_letter_at_the_first_attempt() -> None:
    stage = failing({"m1": [DamagedMedia("no frame decodes")]})
    outlet, settled = await handled(stage, [record(0), record(1), record(2)])
    assert [(letter.code, letter.attempts) for letter in outlet.letters] == [("damaged-media", 1)]
    assert stage.batches == [[0, 1, 2]]
    assert settled == [0, 1, 2]


@pytest.mark.expects_errors
@pytest.mark.parametrize("errors", [[DamagedMedia("no frame decodes")], [ValueError("poison")] * 9])
async def test_what_must_follow_a_failure_goes_out_with_its_letter(errors: list[Exception]) -> None:
    stage = failing({"m1": errors}, raised=isinstance(errors[0], ValueError))
    stage.tells_of_failures = True
    outlet, settled = await handled(stage, [record(0), record(1), record(2)])
    assert sorted(outlet.echoed) == ["m0/0/0", "m1/1/0", "m2/2/0"]
    assert [letter.media_id for letter in outlet.letters] == ["m1"]
    assert sorted(settled) == [0, 1, 2]


async def test_a_permanent_error_of_the_whole_batch_is_blamed_on_nobody_before_they_are_alone() -> None:
    stage = failing({"m1": [DamagedMedia("x"), DamagedMedia("x")]}, raised=True)
    outlet, _ = await handled(stage, [record(0), record(1), record(2)])
    assert [letter.media_id for letter in outlet.letters] == ["m1"]
    assert sorted(outlet.echoed) == ["m0/0/0", "m2/2/0"]


async def test_a_transient_failure_is_tried_again_after_what_it_asks_for_and_jitter_within_bounds() -> None:
    time = FakeTime()
    stage = failing({"m0": [InputUnavailable("x", retry_after_s=0.5)] * 3})
    outlet, _ = await handled(stage, [record(0)], time=time)
    assert outlet.echoed == ["m0/0/0"]
    assert len(time.slept) == 3
    for slept_s, widest_s in zip(time.slept, (0.2, 0.4, 0.8), strict=True):
        assert 0.5 <= slept_s <= 0.5 + widest_s


async def test_a_source_that_never_answers_becomes_a_letter_and_the_others_do_not_wait_for_it() -> None:
    stage = failing({"m0": [SILENT] * 9})
    outlet, settled = await handled(stage, [record(0), record(1)])
    assert [(letter.code, letter.attempts) for letter in outlet.letters] == [("attempts-exhausted", 4)]
    assert settled == [1, 0]


async def test_a_later_event_of_a_key_does_not_overtake_the_retry_of_an_earlier_one() -> None:
    left = [SILENT, SILENT]

    def process(batch: Sequence[Incoming]) -> Iterator[Outcome]:
        for incoming in batch:
            if incoming.record.offset == 0 and left:
                yield Outcome(incoming, error=left.pop())
            else:
                yield Outcome(incoming, outputs=(echo(incoming),))

    records = [record(0, "a"), record(1, "b"), record(2, "a"), record(3, "a")]
    outlet, settled = await handled(StageBy(process), records, in_flight=8)
    assert [e for e in outlet.echoed if e.startswith("a")] == ["a/0/0", "a/2/0", "a/3/0"]
    assert settled == [1, 0, 2, 3]


async def test_a_dependency_that_is_back_in_time_costs_no_event() -> None:
    stage = failing({"m1": [AWAY, AWAY]}, raised=True)
    outlet, settled = await handled(stage, [record(i) for i in range(3)])
    assert sorted(outlet.echoed) == ["m0/0/0", "m1/1/0", "m2/2/0"]
    assert not outlet.letters
    assert stage.batches == [[0, 1, 2], [1, 2], [1, 2]]
    assert sorted(settled) == [0, 1, 2]


async def test_a_dependency_that_stays_away_ends_the_batch_and_neither_blames_nor_settles_its_events() -> None:
    outlet, settled = MemoryOutlet(), []
    with running(failing({"m0": [AWAY] * 99}, raised=True), outlet) as runner, pytest.raises(DependencyUnavailable):
        await runner.handle([record(0), record(1)], settled.append)
    assert not outlet.outputs
    assert not settled


async def test_a_delivery_is_repeated_without_asking_the_stage_again() -> None:
    failures = [AWAY, AWAY]

    def before(_) -> None:
        if failures:
            raise failures.pop()

    stage = failing({})
    outlet, settled = await handled(stage, [record(0), record(1)], MemoryOutlet(before))
    assert outlet.echoed == ["m0/0/0", "m1/1/0"]
    assert stage.batches == [[0, 1]]
    assert settled == [0, 1]


async def test_outputs_that_cannot_be_published_are_blamed_on_their_event_alone() -> None:
    def before(deliveries) -> None:
        if any(d.output.event_id.startswith("m1/") for d in deliveries):
            raise LimitExceeded("too large")

    outlet, settled = await handled(failing({}), [record(i) for i in range(3)], MemoryOutlet(before), in_flight=8)
    assert set(outlet.echoed) == {"m0/0/0", "m2/2/0"}
    assert [letter.code for letter in outlet.letters] == ["limit-exceeded"]
    assert sorted(settled) == [0, 1, 2]


async def test_an_outcome_is_delivered_before_the_stage_is_asked_for_the_next() -> None:
    outlet = MemoryOutlet()
    seen: list[int] = []

    def process(batch: Sequence[Incoming]) -> Iterator[Outcome]:
        for part in range(4):
            yield Outcome(batch[0], outputs=(echo(batch[0], part),), done=part == 3)
            seen.append(len(outlet.outputs))

    await handled(StageBy(process), [record(0)], outlet)
    assert seen == [1, 2, 3, 4]


async def test_a_stage_may_be_ahead_of_delivery_by_the_agreed_number_only() -> None:
    outlet = MemoryOutlet()
    ahead: list[int] = []

    def process(batch: Sequence[Incoming]) -> Iterator[Outcome]:
        for number, incoming in enumerate(batch, start=1):
            yield Outcome(incoming, outputs=(echo(incoming),))
            ahead.append(number - len(outlet.outputs))

    _, settled = await handled(StageBy(process), [record(i) for i in range(50)], outlet, in_flight=4)
    assert max(ahead) <= 3
    assert settled == list(range(50))


@pytest.mark.expects_errors
async def test_events_without_a_last_outcome_are_not_lost() -> None:
    def process(batch: Sequence[Incoming]) -> Iterator[Outcome]:
        for incoming in batch:
            if incoming.event.media_id != "m1":
                yield Outcome(incoming, outputs=(echo(incoming),))

    outlet, settled = await handled(StageBy(process), [record(i) for i in range(3)])
    assert [(letter.media_id, letter.code) for letter in outlet.letters] == [("m1", "unexpected")]
    assert sorted(settled) == [0, 1, 2]


@pytest.mark.expects_errors
async def test_a_second_last_outcome_is_dropped() -> None:
    def process(batch: Sequence[Incoming]) -> Iterator[Outcome]:
        yield Outcome(batch[0], outputs=(echo(batch[0]),))
        yield Outcome(batch[0], outputs=(echo(batch[0], 1),))

    outlet, settled = await handled(StageBy(process), [record(0)])
    assert outlet.echoed == ["m0/0/0"]
    assert settled == [0]


@pytest.mark.parametrize("error", [MemoryError(), ConfigurationError("no such model"), SystemExit(3)])
async def test_what_no_attempt_would_cure_is_raised_and_settles_nothing(error: BaseException) -> None:
    def process(batch: Sequence[Incoming]) -> Iterator[Outcome]:
        raise error
        yield

    outlet, settled = MemoryOutlet(), []
    with running(StageBy(process), outlet) as runner, pytest.raises((type(error), StageExited)):
        await runner.handle([record(0)], settled.append)
    assert not outlet.outputs
    assert not settled


async def test_a_letter_that_cannot_be_delivered_ends_the_process_rather_than_the_event() -> None:
    def before(_) -> None:
        raise LimitExceeded("too large")

    settled: list = []
    with running(failing({}), MemoryOutlet(before)) as runner, pytest.raises(Fatal, match="dead letter"):
        await runner.handle([record(0, value=b"?")], settled.append)
    assert not settled


async def test_a_cancelled_batch_stops_the_stage_at_its_next_outcome_and_settles_nothing_more() -> None:
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def process(batch: Sequence[Incoming]) -> Iterator[Outcome]:
        try:
            yield Outcome(batch[0], outputs=(echo(batch[0]),))
            begun.set()
            go_on.wait(10)
            yield Outcome(batch[1], outputs=(echo(batch[1]),))
            pytest.fail("the stage was asked for more")
        finally:
            closed.set()

    outlet, settled = MemoryOutlet(), []
    with running(StageBy(process), outlet) as runner:
        batch = asyncio.create_task(runner.handle([record(0), record(1)], lambda r: settled.append(r.offset)))
        await asyncio.to_thread(begun.wait, 10)
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await batch
        go_on.set()
        assert await asyncio.to_thread(closed.wait, 10)
    assert settled == [0]
    assert outlet.echoed == ["m0/0/0"]


async def test_the_hooks_run_in_the_stages_thread_and_outlast_a_dependency() -> None:
    stage = failing({})
    threads: list[str] = []
    failures = [AWAY]

    def on_assigned(partitions: frozenset) -> None:
        threads.append(threading.current_thread().name)
        if failures:
            raise failures.pop()
        stage.calls.append(("assigned", partitions))

    stage.on_assigned = on_assigned
    with running(stage, MemoryOutlet()) as runner:
        await runner.on_assigned(frozenset({("t", 0)}))
        await runner.on_revoked(frozenset({("t", 0)}))
    assert stage.calls == [("assigned", {("t", 0)}), ("revoked", {("t", 0)})]
    assert threading.current_thread().name not in threads


async def test_observers_see_what_was_delivered_and_what_became_of_each_record() -> None:
    class Watching:
        def __init__(self) -> None:
            self.results: list[tuple[int, str]] = []
            self.count = 0

        def settled(self, stage: str, record, result) -> None:
            self.results.append((record.offset, type(result).__name__))

        def delivered(self, outputs) -> None:
            self.count += len(outputs)

    watching = Watching()
    stage = failing({"m1": [DamagedMedia("x")]})
    outlet, _ = await handled(stage, [record(0), record(1)], observer=watching)
    assert watching.results == [(0, "Outcome"), (1, "DeadLetter")]
    assert watching.count == len(outlet.outputs)


async def test_metrics_count_results_letters_and_retries() -> None:
    stage = failing({"m0": [SILENT], "m1": [DamagedMedia("x")]})
    with running(stage, MemoryOutlet()) as runner:
        await runner.handle([record(0), record(1)])
        registry = runner.metrics.registry
    assert registry.get_sample_value("rushes_events_total", {"stage": "split", "result": "done"}) == 1
    assert registry.get_sample_value("rushes_dead_letters_total", {"stage": "split", "code": "damaged-media"}) == 1
    assert registry.get_sample_value("rushes_retries_total", {"stage": "split", "code": "input-unavailable"}) == 1
    assert registry.get_sample_value("rushes_batch_seconds_count", {"stage": "split"}) == 1


async def test_a_failed_upload_tells_its_producer_on_media_status() -> None:
    raw = b'{"type":"MediaUploaded","schema_version":1,"library_id":"lib","media_id":"m","version":4}'
    outlet, _ = await handled(failing({}), [record(0, value=raw)])
    status = next(o for o in outlet.outputs if o.channel is Channel.MEDIA_STATUS).event
    assert (status.stage, status.state, status.media_id, status.version) == ("split", "failed", "m", 4)
    assert status.letter_id == outlet.letters[0].letter_id
    assert "uri" in status.reason
