"""Stalled is not idle."""

import pytest

from rushes.infra.kafka.port import Lag
from rushes.infra.metrics import Metrics
from rushes.schemas.errors import DependencyUnavailable
from rushes.streams.runner.errors import Stalled
from rushes.streams.runner.progress import Progress
from rushes.streams.runner.watchdog import Watchdog
from tests.runner_fakes import FakeTime, record


class Watched:
    """A watchdog over a stage whose lag and progress the test sets."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.progress = Progress(self.time.monotonic)
        self.lags: dict | Exception = {("t", 0): Lag(0, 0, 5)}
        self.failures: list[BaseException] = []
        self.metrics = Metrics()
        self.watchdog = Watchdog(
            "split",
            progress=self.progress,
            lag=self._lag,
            fail=self.failures.append,
            stalled_after_s=60.0,
            monotonic=self.time.monotonic,
            metrics=self.metrics,
            sleep=self.time.sleep,
        )

    async def _lag(self) -> dict:
        if isinstance(self.lags, Exception):
            raise self.lags
        return self.lags

    async def after(self, seconds: float) -> str:
        self.time.now += seconds
        return await self.watchdog.check()


async def test_a_worker_with_nothing_to_do_is_idle_however_long() -> None:
    watched = Watched()
    assert await watched.after(10_000) == "idle"
    assert not watched.failures


@pytest.mark.expects_errors
async def test_a_record_in_hand_that_does_not_move_is_a_stall_that_names_it() -> None:
    watched = Watched()
    watched.progress.begin([record(17, partition=3)])
    assert await watched.after(59) == "working"
    assert await watched.after(1) == "stalled"
    assert isinstance(watched.failures[0], Stalled)
    assert "media-uploaded/3/17" in str(watched.failures[0])


async def test_a_heartbeat_keeps_long_work_alive() -> None:
    watched = Watched()
    watched.progress.begin([record(17)])
    for _ in range(10):
        assert await watched.after(50) == "working"
        watched.progress.mark()
    assert not watched.failures


@pytest.mark.expects_errors
async def test_lag_that_nobody_reads_is_a_stall() -> None:
    watched = Watched()
    watched.lags = {("t", 1): Lag(in_hand=0, unread=4, next_offset=9)}
    assert await watched.after(60) == "stalled"
    assert "t/1/9" in str(watched.failures[0])


async def test_work_that_comes_after_a_long_idle_time_has_the_whole_time() -> None:
    watched = Watched()
    assert await watched.after(10_000) == "idle"
    watched.lags = {("t", 1): Lag(0, 4, 9)}
    assert await watched.after(59) == "working"
    assert not watched.failures


async def test_a_broker_that_does_not_answer_is_no_stall_of_an_idle_stage() -> None:
    watched = Watched()
    watched.lags = DependencyUnavailable("away")
    assert await watched.after(10_000) == "idle"


async def test_state_lag_and_age_are_metrics_and_a_lost_partition_leaves_them() -> None:
    watched = Watched()
    read = watched.metrics.registry.get_sample_value
    watched.lags = {("t", 1): Lag(1, 4, 9)}
    await watched.after(10)
    assert read("rushes_consumer_lag", {"stage": "split", "topic": "t", "partition": "1"}) == 5
    assert read("rushes_stage_state", {"stage": "split", "state": "working"}) == 1
    assert read("rushes_progress_age_seconds", {"stage": "split"}) == 10
    watched.lags = {}
    await watched.after(10)
    assert read("rushes_consumer_lag", {"stage": "split", "topic": "t", "partition": "1"}) is None
    assert read("rushes_stage_state", {"stage": "split", "state": "idle"}) == 1
