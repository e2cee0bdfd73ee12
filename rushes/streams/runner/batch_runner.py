"""The safe batch runner: from records to settled records, whatever the stage and the outlet do.

- Bytes that are no event, and events that the stage does not take, become dead letters and disturb nobody.
- The stage runs in its thread; its outcomes are delivered as they come, in its order.
- A transient failure is tried again with back-off. A failure of the batch as a whole is isolated: its events are then
  processed alone, in order, so that the one to blame is found; others of its key wait for it, the rest goes on.
- What fails for good becomes a dead letter. Only what is delivered, as outputs or as a letter, is settled.
- No event is blamed for a dependency that is away: after the last attempt the error is raised, nothing is settled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Generic, TypeVar

from pydantic import BaseModel

from rushes.infra.kafka.port import Settle, TopicPartition
from rushes.infra.metrics import Metrics
from rushes.infra.settings import RunnerSettings
from rushes.schemas.envelope import Record
from rushes.schemas.errors import DependencyUnavailable
from rushes.streams.runner.backoff import Backoff
from rushes.streams.runner.batch import Batch, Means
from rushes.streams.runner.dead_letters import DeadLetters
from rushes.streams.runner.errors import DependencyStayedAway
from rushes.streams.runner.observer import NoObserver, RunnerObserver
from rushes.streams.runner.outlet import Outlet
from rushes.streams.runner.patience import Patience
from rushes.streams.runner.progress import Progress
from rushes.streams.runner.stage_thread import StageThread
from rushes.streams.runner.upkeep import Upkeep
from rushes.streams.stage import Stage

E = TypeVar("E", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a runner takes from outside: time (`monotonic` in seconds), chance, and who is told."""

    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    random: Random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    observer: RunnerObserver = field(default_factory=NoObserver)
    metrics: Metrics = field(default_factory=Metrics)


class BatchRunner(Generic[E]):
    """Runs one stage, one batch at a time.

    `executor` must have one thread; it is the stage's. `in_flight` outcomes may wait for their delivery; 1 is the
    contract of `Stage`. `worker` names the process in dead letters.
    """

    def __init__(
        self,
        stage: Stage[E],
        *,
        accepts: tuple[type[BaseModel], ...],
        outlet: Outlet,
        settings: RunnerSettings,
        executor: Executor,
        surroundings: Surroundings,
        in_flight: int = 1,
        worker: str | None = None,
    ) -> None:
        metrics = surroundings.metrics
        backoff = Backoff(settings.backoff_first_s, settings.backoff_max_s, surroundings.random)
        self._stage = stage
        self._monotonic = surroundings.monotonic
        self._batch_s = metrics.batch_s.labels(stage.name)
        self._means = Means(
            stage=stage.name,
            failed=stage.failed,
            thread=StageThread(stage, executor, in_flight),
            accepts=accepts,
            outlet=outlet,
            letters=DeadLetters(stage.name, worker=worker, clock=surroundings.clock),
            attempts=settings.attempts,
            backoff=backoff,
            patience=Patience(stage.name, settings.attempts, backoff, surroundings.sleep, metrics),
            monotonic=surroundings.monotonic,
            sleep=surroundings.sleep,
            observer=surroundings.observer,
            metrics=metrics,
            progress=Progress(surroundings.monotonic),
        )

    @property
    def progress(self) -> Progress:
        return self._means.progress

    @property
    def metrics(self) -> Metrics:
        return self._means.metrics

    async def handle(self, records: Sequence[Record], settle: Settle = lambda _: None) -> None:
        """Returns when every record is settled; `settle` is called with each as it is.

        Raises DependencyUnavailable when one stayed away, and what is fatal; what was not settled by then must not be
        acknowledged. When cancelled it stops at once, and the stage at its next outcome.
        """
        started = self._monotonic()
        self.progress.begin(records)
        try:
            await Batch(self._means, settle).run(records)
        except DependencyStayedAway as stayed_away:
            raise stayed_away.error from stayed_away
        finally:
            self.progress.end()
        self._batch_s.observe(self._monotonic() - started)

    def upkeep(self, period_s: float) -> Upkeep[E]:
        """Lets the stage speak while nothing is in hand, every `period_s`."""
        means = self._means
        return Upkeep(means.thread, means.outlet, means.progress, period_s=period_s, sleep=means.sleep)

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Tell the stage, in its thread; a dependency that is away is tried again."""
        patience = self._means.patience.renewed()
        while True:
            self.progress.mark()
            try:
                await self._means.thread.call(lambda: self._stage.on_assigned(partitions))
            except DependencyUnavailable as error:
                try:
                    await patience.wait(error)
                except DependencyStayedAway as stayed_away:
                    raise stayed_away.error from stayed_away
            else:
                return

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Tell the stage, in its thread."""
        await self._means.thread.call(lambda: self._stage.on_revoked(partitions))
