"""Tells stalled from idle: a worker with nothing to do is well, one that does nothing with work waiting is not."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import structlog

from rushes.infra.kafka.port import Lag, TopicPartition
from rushes.infra.metrics import Metrics
from rushes.schemas.errors import DependencyUnavailable
from rushes.streams.runner.errors import Stalled
from rushes.streams.runner.progress import Progress

State = Literal["idle", "working", "stalled"]

log = structlog.get_logger(__name__)


class Watchdog:
    """Watches one stage; ends the process through `fail` when nothing moved for `stalled_after_s` with work waiting.

    Work waiting is a record in hand, or lag on a partition that is ours. Moving is any outcome (heartbeats too),
    delivery or settled record. Where Kafka does not say the lag, only what is in hand counts.
    """

    def __init__(
        self,
        stage: str,
        *,
        progress: Progress,
        lag: Callable[[], Awaitable[Mapping[TopicPartition, Lag]]],
        fail: Callable[[BaseException], None],
        stalled_after_s: float,
        monotonic: Callable[[], float],
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._stage = stage
        self._progress = progress
        self._lag = lag
        self._fail = fail
        self._stalled_after_s = stalled_after_s
        self._monotonic = monotonic
        self._metrics = metrics
        self._sleep = sleep
        self._idle_at = monotonic()
        self._shown: set[TopicPartition] = set()

    async def run(self) -> None:
        """Check until stalled or cancelled."""
        period_s = min(10.0, self._stalled_after_s / 4)
        while await self.check() != "stalled":
            await self._sleep(period_s)

    async def check(self) -> State:
        """The state now. When stalled, it is logged and the process ends."""
        lags = await self._lags()
        waiting = {partition: lag for partition, lag in lags.items() if lag.total}
        if self._progress.oldest is None and not waiting:
            self._idle_at = self._monotonic()
            return self._show("idle", 0.0)
        age_s = self._monotonic() - max(self._progress.last_at, self._idle_at)
        if age_s < self._stalled_after_s:
            return self._show("working", age_s)
        self._bark(waiting, age_s)
        return self._show("stalled", age_s)

    def _bark(self, waiting: Mapping[TopicPartition, Lag], age_s: float) -> None:
        oldest = self._progress.oldest
        if oldest is not None:
            where = {"topic": oldest.topic, "partition": oldest.partition, "offset": oldest.offset}
        else:
            (topic, partition), lag = next(iter(waiting.items()))
            where = {"topic": topic, "partition": partition, "offset": lag.next_offset}
        in_hand = oldest is not None
        log.error("stalled: nothing moved", stage=self._stage, age_s=round(age_s, 1), in_hand=in_hand, **where)
        self._fail(
            Stalled(
                f"{self._stage}: nothing moved for {age_s:.0f} s at {where['topic']}/{where['partition']}/"
                f"{where['offset']} ({'in hand' if in_hand else 'not yet read'})"
            )
        )

    async def _lags(self) -> Mapping[TopicPartition, Lag]:
        try:
            lags = await self._lag()
        except DependencyUnavailable as error:
            log.warning("the lag is not known", stage=self._stage, reason=str(error))
            return {}
        for topic, partition in self._shown - lags.keys():
            self._metrics.lag.remove(self._stage, topic, str(partition))
        for (topic, partition), lag in lags.items():
            self._metrics.lag.labels(self._stage, topic, str(partition)).set(lag.total)
        self._shown = set(lags)
        return lags

    def _show(self, state: State, age_s: float) -> State:
        self._metrics.set_state(self._stage, state)
        self._metrics.progress_age_s.labels(self._stage).set(age_s)
        return state
