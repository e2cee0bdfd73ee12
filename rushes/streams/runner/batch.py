"""The way of one batch: decode, process, deliver, settle; and what happens where one of these fails."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from pydantic import BaseModel

from rushes.infra.kafka.port import Settle
from rushes.infra.metrics import Metrics
from rushes.schemas.envelope import AnyEvent, Envelope, Record, decode, open_envelope
from rushes.schemas.errors import (
    AttemptsExhausted,
    ConfigurationError,
    DependencyUnavailable,
    InvalidEvent,
    PermanentError,
    TransientError,
)
from rushes.schemas.status import DeadLetter
from rushes.streams.runner.backoff import Backoff
from rushes.streams.runner.dead_letters import DeadLetters, Failure
from rushes.streams.runner.errors import Fatal, LetterUndeliverable, RunnerBroken, StageContractBroken
from rushes.streams.runner.observer import RunnerObserver
from rushes.streams.runner.outlet import Delivery, Outlet
from rushes.streams.runner.patience import Patience
from rushes.streams.runner.progress import Progress
from rushes.streams.runner.stage_thread import StageThread
from rushes.streams.stage import Incoming, Outcome, Output

E = TypeVar("E", bound=BaseModel)

UNEXPECTED = "unexpected"
"""Code of letters about defects: an exception that is not of our error tree."""

FATAL = (Fatal, MemoryError, ConfigurationError)
"""What ends the process: another attempt in it would not help, and no event is to blame."""

log = structlog.get_logger(__name__)

Place = tuple[str, int, int]
Lane = tuple[str, int, bytes | None]
"""What stays in order: a key within a partition; records without a key are one lane."""


@dataclass(frozen=True, slots=True)
class Means(Generic[E]):
    """What a runner lends to its batches."""

    stage: str
    failed: Callable[[Incoming[E], DeadLetter], tuple[Output, ...]]
    thread: StageThread[E]
    accepts: tuple[type[BaseModel], ...]
    outlet: Outlet
    letters: DeadLetters
    attempts: int
    backoff: Backoff
    patience: Patience
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    observer: RunnerObserver
    metrics: Metrics
    progress: Progress


@dataclass(slots=True, eq=False)
class _Work(Generic[E]):
    """An event on its way. `ended`: the stage gave its last outcome in this attempt."""

    incoming: Incoming[E]
    attempts: int = 0
    not_before: float = 0.0
    ended: bool = False
    settled: bool = False

    @property
    def lane(self) -> Lane:
        record = self.incoming.record
        return record.topic, record.partition, record.key


@dataclass(slots=True)
class _Attempt(Generic[E]):
    """One call of the stage. `waiting`: lanes of which an event failed and will be tried again."""

    works: dict[Place, _Work[E]]
    waiting: set[Lane] = field(default_factory=set)
    dependency: DependencyUnavailable | None = None


@dataclass(frozen=True, slots=True)
class _Step(Generic[E]):
    """One outcome, its deliveries, and the letter where it is a failure for good."""

    work: _Work[E]
    outcome: Outcome[E]
    deliveries: tuple[Delivery, ...]
    letter: DeadLetter | None = None

    @property
    def retry(self) -> Exception | None:
        """The failure that another attempt may cure; a defect that a stage caught and passed on counts as one."""
        return None if self.letter is not None else self.outcome.error


class Batch(Generic[E]):
    """One batch; used once."""

    def __init__(self, means: Means[E], settle: Settle) -> None:
        self._means = means
        self._settle = settle
        self._patience = means.patience.renewed()

    async def run(self, records: Sequence[Record]) -> None:
        """Settle every record. Raises DependencyStayedAway and what is fatal."""
        pending = await self._decode(records)
        alone = False
        while pending:
            works = [await self._next_alone(pending)] if alone else pending
            failure = await self._attempt(works)
            if isinstance(failure, DependencyUnavailable):
                await self._patience.wait(failure)
            else:
                alone = True
                if failure is not None and len(works) == 1:
                    await self._blame(works[0], failure)
                elif failure is not None:
                    log.warning(
                        "a batch failed as a whole; its events are processed alone",
                        stage=self._means.stage, events=len(works), error=repr(failure),
                    )  # fmt: skip
            pending = [work for work in pending if not work.settled]

    async def _decode(self, records: Sequence[Record]) -> list[_Work[E]]:
        works: list[_Work[E]] = []
        found = await self._means.thread.call(lambda: [_decoded(record) for record in records])
        for record, event in zip(records, found, strict=True):
            envelope = open_envelope(record.headers, record.value)
            if isinstance(event, InvalidEvent):
                await self._bury(record, envelope, Failure(event.code, str(event)))
            elif isinstance(event, Exception):
                await self._bury(record, envelope, _unexpected(event, attempts=1))
            elif not isinstance(event, self._means.accepts):
                expected = " or ".join(accepted.__name__ for accepted in self._means.accepts)
                reason = f"the stage {self._means.stage} takes {expected} from {record.topic}, found {event.type}"
                await self._bury(record, envelope, Failure(InvalidEvent.code, reason))
            else:
                works.append(_Work(Incoming(record, event, envelope)))  # type: ignore[arg-type]  # `accepts` is E
        return works

    async def _next_alone(self, pending: Sequence[_Work[E]]) -> _Work[E]:
        """The first event that may be tried now; later events of its key wait behind it."""
        heads = list({work.lane: work for work in reversed(pending)}.values())[::-1]
        while True:
            now = self._means.monotonic()
            ready = next((work for work in heads if work.not_before <= now), None)
            if ready is not None:
                return ready
            await self._means.sleep(min(work.not_before for work in heads) - now)

    async def _attempt(self, works: Sequence[_Work[E]]) -> Exception | None:
        """Let the stage process these once. Returns why it failed as a whole, or what dependency was away."""
        attempt = _Attempt({_place(work.incoming.record): work for work in works})
        for work in works:
            work.ended = False
        outcomes = self._means.thread.outcomes([work.incoming for work in works])
        try:
            async with contextlib.aclosing(outcomes) as chunks:
                async for chunk in chunks:
                    await self._checked_take(attempt, chunk)
        except FATAL:
            raise
        except Exception as error:  # noqa: BLE001 - a stage may raise anything; the event to blame gets a letter
            return error
        if attempt.dependency is not None:
            return attempt.dependency
        forgotten = [w for w in works if not (w.ended or w.settled or w.lane in attempt.waiting)]
        if forgotten:
            return StageContractBroken(
                f"the stage {self._means.stage} gave no last outcome for {len(forgotten)} of {len(works)} events"
            )
        return None

    async def _checked_take(self, attempt: _Attempt[E], chunk: Sequence[Outcome[E]]) -> None:
        """Take outcomes; an error in that is no event's fault, unless the stage broke its contract."""
        try:
            await self._take(attempt, chunk)
        except (*FATAL, StageContractBroken):
            raise
        except Exception as error:
            raise RunnerBroken(f"the runner failed with outcomes of {self._means.stage}: {error!r}") from error

    async def _take(self, attempt: _Attempt[E], chunk: Sequence[Outcome[E]]) -> None:
        steps: list[_Step[E]] = []
        for outcome in chunk:
            self._means.progress.mark()
            work = attempt.works.get(_place(outcome.source.record))
            if work is None:
                raise StageContractBroken(f"the stage {self._means.stage} gave an outcome of an event it was not given")
            if work.ended:
                self._means.metrics.surplus.labels(self._means.stage).inc()
                log.error("the stage gave an outcome after the last one; it is dropped", stage=self._means.stage)
                continue
            work.ended = outcome.done or outcome.error is not None
            steps.append(self._step(work, outcome))
        await self._publish(attempt, steps)

    def _step(self, work: _Work[E], outcome: Outcome[E]) -> _Step[E]:
        source = work.incoming
        letter = None
        outputs = outcome.outputs
        if isinstance(outcome.error, PermanentError):
            failure = Failure(outcome.error.code, str(outcome.error), max(work.attempts + 1, outcome.attempts))
            letter = self._means.letters.letter(source.record, source.envelope, failure)
            outputs += self._means.failed(source, letter)
            outputs += self._means.letters.outputs(source.record, source.envelope, letter)
        return _Step(work, outcome, tuple(Delivery(output, source.envelope) for output in outputs), letter)

    async def _publish(self, attempt: _Attempt[E], steps: Sequence[_Step[E]]) -> None:
        """Deliver outcomes together, in order. What is behind a failed event of its key is dropped: both come again."""
        open_steps = [step for step in steps if not (step.work.settled or step.work.lane in attempt.waiting)]
        if any(step.retry is not None for step in open_steps[:-1]):
            for step in open_steps:
                await self._publish(attempt, [step])
            return
        try:
            await self._deliver([delivery for step in open_steps for delivery in step.deliveries])
        except FATAL:
            raise
        except Exception as error:  # noqa: BLE001 - the outputs can't be published: found out which, and blamed
            if len(open_steps) > 1:
                for step in open_steps:
                    await self._publish(attempt, [step])
            else:
                await self._try_again(attempt, open_steps[0].work, error)
            return
        for step in open_steps:
            if step.retry is not None:
                await self._try_again(attempt, step.work, step.retry)
            elif step.outcome.done or step.letter is not None:
                step.work.settled = True
                self._end(step.work.incoming.record, step.letter or step.outcome)

    async def _try_again(self, attempt: _Attempt[E], work: _Work[E], error: Exception) -> None:
        if isinstance(error, DependencyUnavailable):
            attempt.dependency = error
            attempt.waiting.add(work.lane)
            return
        await self._blame(work, error)
        if not work.settled:
            attempt.waiting.add(work.lane)

    async def _blame(self, work: _Work[E], error: Exception) -> None:
        """Count a failure against an event: it waits for its next attempt, or it becomes a letter."""
        work.attempts += 1
        stage, record = self._means.stage, work.incoming.record
        failure: Failure | None = None
        if isinstance(error, PermanentError):
            failure = Failure(error.code, str(error), work.attempts)
        elif work.attempts >= self._means.attempts:
            if isinstance(error, TransientError):
                failure = Failure(AttemptsExhausted.code, f"{error.code}: {error}", work.attempts)
            else:
                log.error("an event fails without being understood", stage=stage, exc_info=error, **_where(record))
                failure = _unexpected(error, work.attempts)
        if failure is not None:
            await self._bury(record, work.incoming.envelope, failure, work.incoming)
            work.settled = True
            return
        code, retry_after_s = UNEXPECTED, 0.0
        if isinstance(error, TransientError):
            code, retry_after_s = error.code, error.retry_after_s
        delay_s = self._means.backoff.delay_s(work.attempts, retry_after_s)
        work.not_before = self._means.monotonic() + delay_s
        self._means.metrics.retries.labels(stage, code).inc()
        log.warning(
            "an event failed and is tried again",
            stage=stage, code=code, error=repr(error), attempt=work.attempts, retry_in_s=round(delay_s, 2),
            **_where(record),
        )  # fmt: skip

    async def _bury(
        self, record: Record, envelope: Envelope, failure: Failure, incoming: Incoming[E] | None = None
    ) -> None:
        """Deliver the letter of a record, with what follows from it, and settle it."""
        letter = self._means.letters.letter(record, envelope, failure)
        outputs = self._means.letters.outputs(record, envelope, letter)
        if incoming is not None:
            outputs = self._means.failed(incoming, letter) + outputs
        try:
            await self._deliver([Delivery(output, envelope) for output in outputs])
        except FATAL:
            raise
        except Exception as error:
            raise LetterUndeliverable(f"the dead letter {letter.letter_id} can't be delivered: {error!r}") from error
        self._end(record, letter)

    async def _deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver, again and again while Kafka is away. Raises DependencyStayedAway, or what is wrong with them."""
        if not deliveries:
            return
        patience = self._means.patience.renewed()
        while True:
            try:
                await self._means.outlet.deliver(deliveries)
            except DependencyUnavailable as error:
                await patience.wait(error)
            else:
                break
        self._means.progress.mark()
        self._means.observer.delivered([delivery.output for delivery in deliveries])

    def _end(self, record: Record, result: "Outcome[E] | DeadLetter") -> None:
        stage, metrics = self._means.stage, self._means.metrics
        if isinstance(result, DeadLetter):
            metrics.dead_letters.labels(stage, result.code).inc()
            log.warning("dead letter", stage=stage, code=result.code, reason=result.reason, **_where(record))
        metrics.events.labels(stage, "dead_letter" if isinstance(result, DeadLetter) else "done").inc()
        self._patience.reset()
        self._means.progress.settle(record)
        self._settle(record)
        self._means.observer.settled(stage, record, result)


def _decoded(record: Record) -> AnyEvent | Exception:
    try:
        return decode(record.value)
    except Exception as error:  # noqa: BLE001 - whatever these bytes provoke, it is about these bytes alone
        return error


def _unexpected(error: Exception, attempts: int) -> Failure:
    return Failure(UNEXPECTED, f"{type(error).__name__}: {error}", attempts)


def _place(record: Record) -> Place:
    return record.topic, record.partition, record.offset


def _where(record: Record) -> dict[str, str | int]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}
