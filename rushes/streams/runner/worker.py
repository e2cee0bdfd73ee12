"""Stages at work on an engine: the composition of engine, runner and watchdog. An agent is a `Role` and a call."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Generic, NoReturn, TypeVar

import structlog
from pydantic import BaseModel

from rushes.infra.kafka.port import Engine, Lag, Subscription, TopicPartition
from rushes.infra.kafka.process import run_process
from rushes.infra.library_log.port import LibraryLog
from rushes.infra.settings import RunnerSettings, Settings
from rushes.schemas.channels import Channel
from rushes.streams.runner.batch_runner import BatchRunner, Surroundings
from rushes.streams.runner.observer import NoObserver, RunnerObserver
from rushes.streams.runner.outlet import KafkaOutlet
from rushes.streams.runner.upkeep import Upkeep
from rushes.streams.runner.watchdog import Watchdog
from rushes.streams.stage import Stage

E = TypeVar("E", bound=BaseModel)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Role(Generic[E]):
    """A stage and what it reads. `in_flight`: see BatchRunner; `runner`: settings of its own."""

    stage: Stage[E]
    inputs: tuple[Channel, ...]
    accepts: tuple[type[BaseModel], ...]
    in_flight: int = 1
    runner: RunnerSettings | None = None


def system_surroundings(observer: RunnerObserver | None = None) -> Surroundings:
    """The system's clocks and chance, for entries; tests bring their own."""
    return Surroundings(
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        random=Random(),  # noqa: S311 - jitter needs no secret
        observer=observer or NoObserver(),
    )


class Worker:
    """Roles on one engine. In a process of its own through `run_worker`; in another's event loop by `start`, `join`
    and `stop`. Each stage runs in a thread of its own.
    """

    def __init__(
        self,
        settings: Settings,
        roles: Sequence[Role[BaseModel]],
        *,
        engine: Engine,
        library_log: LibraryLog | None,
        surroundings: Surroundings,
    ) -> None:
        self._settings = settings
        self._roles = roles
        self._engine = engine
        self._library_log = library_log
        self._surroundings = surroundings
        self._executors = [ThreadPoolExecutor(1, thread_name_prefix=role.stage.name) for role in roles]
        self._watches: list[asyncio.Task[None]] = []
        self._upkeeps: list[Upkeep[BaseModel]] = []
        self._watchdogs = [self._compose(role, executor) for role, executor in zip(roles, self._executors, strict=True)]

    async def start(self) -> None:
        """Returns when records may come."""
        await self._engine.start()
        work = [*(watchdog.run() for watchdog in self._watchdogs), *(upkeep.run() for upkeep in self._upkeeps)]
        self._watches = [asyncio.create_task(each) for each in work]
        log.info("started", stages=[role.stage.name for role in self._roles])

    async def join(self) -> None:
        """Returns when the worker has left its groups; raises what it failed with."""
        await self._engine.join()

    async def leave(self, within_s: float) -> bool:
        """Finish the batches in hand, commit, leave the groups; True where all were finished in time."""
        for watch in self._watches:
            watch.cancel()
        return await self._engine.leave(within_s)

    async def stop(self) -> None:
        """Leave, release threads and connections, close the stages."""
        await self.leave(self._settings.runner.drain_s)
        await self._engine.stop()
        await asyncio.to_thread(self.close)
        for executor in self._executors:
            executor.shutdown(wait=False)

    def close(self) -> None:
        """Close the stages."""
        for role in self._roles:
            role.stage.close()

    def _compose(self, role: Role[BaseModel], executor: ThreadPoolExecutor) -> Watchdog:
        stage = role.stage
        settings = role.runner or self._settings.runner
        kafka = self._settings.kafka
        outlet = KafkaOutlet(
            self._engine.send,
            stage=stage.name,
            topic_prefix=kafka.topic_prefix,
            library_log=self._library_log,
            clock=self._surroundings.clock,
        )
        runner = BatchRunner(
            stage,
            accepts=role.accepts,
            outlet=outlet,
            settings=settings,
            executor=executor,
            surroundings=self._surroundings,
            in_flight=role.in_flight,
            worker=kafka.instance or socket.gethostname(),
        )
        self._upkeeps.append(runner.upkeep(settings.upkeep_s))
        self._engine.subscribe(
            Subscription(
                name=stage.name,
                topics=tuple(kafka.topic_prefix + channel.value for channel in role.inputs),
                handler=runner.handle,
                batch_max=settings.batch_max,
                batch_within_s=settings.batch_within_s,
                on_assigned=runner.on_assigned,
                on_revoked=runner.on_revoked,
            )
        )
        return Watchdog(
            stage.name,
            progress=runner.progress,
            lag=self._lag_of(stage.name),
            fail=self._engine.fail,
            stalled_after_s=settings.stalled_after_s,
            monotonic=self._surroundings.monotonic,
            metrics=self._surroundings.metrics,
        )

    def _lag_of(self, name: str) -> Callable[[], Awaitable[Mapping[TopicPartition, Lag]]]:
        return lambda: self._engine.consumer_lag(name)


def run_worker(
    settings: Settings,
    make_role: Callable[[], Role[BaseModel]],
    make_library_log: Callable[[], LibraryLog] | None,
    make_engine: Callable[[], Engine],
    surroundings: Surroundings,
) -> NoReturn:
    """Run one role in this process until SIGTERM or a failure; see `rushes.infra.kafka.process` for exit codes.

    All parts are made here, after the log is configured: models load and connections open in the worker alone.
    """

    def make() -> Worker:
        if settings.metrics.port is not None:
            surroundings.metrics.serve(settings.metrics.port)
        return Worker(
            settings,
            [make_role()],
            engine=make_engine(),
            library_log=None if make_library_log is None else make_library_log(),
            surroundings=surroundings,
        )

    run_process(make, settings.runner.drain_s)
