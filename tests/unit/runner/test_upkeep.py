"""An idle stage speaks of its own accord; a busy one is not asked."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from rushes.schemas.channels import Channel
from rushes.schemas.errors import DependencyUnavailable
from rushes.schemas.ids import EventId
from rushes.schemas.log import ConsolidationRequested
from rushes.streams.runner.progress import Progress
from rushes.streams.runner.stage_thread import StageThread
from rushes.streams.runner.upkeep import SOON_S, SOON_TIMES, Upkeep
from rushes.streams.stage import NoHooks, Output
from tests.runner_fakes import record

SAID = Output(
    Channel.LIBRARY_LOG,
    ConsolidationRequested(library_id="lib", entry_id="54c24e17-9522-51e3-872f-3caecf7017f0", reason="idle"),
    "lib",
    EventId("54c24e17-9522-51e3-872f-3caecf7017f0"),
)


class Speaking(NoHooks):
    name = "speaking"

    def idle(self):
        return (SAID,)

    def process(self, batch):
        return iter(())


class Collecting:
    def __init__(self, away: int = 0) -> None:
        self.delivered: list = []
        self.away = away

    async def deliver(self, deliveries):
        if self.away:
            self.away -= 1
            raise DependencyUnavailable("the log is away")
        self.delivered += [delivery.output for delivery in deliveries]


async def asked(outlet: Collecting, progress: Progress, times: int) -> list[int]:
    with ThreadPoolExecutor(1) as executor:
        upkeep = Upkeep(StageThread(Speaking(), executor), outlet, progress, period_s=1.0, sleep=asyncio.sleep)
        return [await upkeep.ask() for _ in range(times)]


async def test_what_an_idle_stage_says_is_delivered_and_said_again_where_that_failed():
    outlet = Collecting(away=1)
    assert await asked(outlet, Progress(lambda: 0.0), 2) == [0, 1]
    assert outlet.delivered == [SAID]


async def test_a_stage_with_a_batch_in_hand_is_not_asked():
    outlet, progress = Collecting(), Progress(lambda: 0.0)
    progress.begin([record(0)])
    assert await asked(outlet, progress, 1) == [0]
    progress.end()
    assert await asked(outlet, progress, 1) == [1]


async def test_who_said_something_is_asked_again_soon_and_then_as_seldom_as_before():
    slept: list[float] = []
    answers = iter([(SAID,), ()])

    class Once(Speaking):
        def idle(self):
            return next(answers, ())

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == SOON_TIMES + 4:
            raise asyncio.CancelledError

    with ThreadPoolExecutor(1) as executor:
        upkeep = Upkeep(StageThread(Once(), executor), Collecting(), Progress(lambda: 0.0), period_s=5.0, sleep=sleep)
        with pytest.raises(asyncio.CancelledError):
            await upkeep.run()
    assert slept == [5.0, *[SOON_S] * SOON_TIMES, 5.0, 5.0, 5.0]
