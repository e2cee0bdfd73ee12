"""What a stage is: a function from a batch of events to outcomes. It knows no Kafka.

A stage yields outcomes as it goes: the runner delivers each before it asks for the next, so shots go out while a
film is still being decoded. Every event of the batch gets exactly one *last* outcome (`done=True`), in any order.
The effects of a stage (rows, blobs, cache) are idempotent and happen before it yields the outcome that tells of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from rushes.schemas.channels import Channel
from rushes.schemas.envelope import Envelope, Record
from rushes.schemas.errors import PermanentError, TransientError
from rushes.schemas.ids import EventId
from rushes.schemas.status import DeadLetter

E = TypeVar("E", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Incoming(Generic[E]):
    """A decoded event with the record it came in."""

    record: Record
    event: E
    envelope: Envelope

    @property
    def event_id(self) -> EventId:
        return self.envelope.event_id


@dataclass(frozen=True, slots=True)
class Output:
    """An event to publish. `event_id` is derived from the work, so that the same work redone sends the same id."""

    channel: Channel
    event: BaseModel
    key: str
    event_id: EventId


@dataclass(frozen=True, slots=True)
class Outcome(Generic[E]):
    """What became of one event: outputs to deliver, then an acknowledgement (`done`) or a failure (`error`).

    `done=False` means more of the same event follows (an outcome with an error is always the last). `heartbeat`
    outcomes without outputs tell the watchdog that long work goes on.
    """

    source: Incoming[E]
    outputs: tuple[Output, ...] = ()
    done: bool = True
    error: PermanentError | TransientError | None = None
    attempts: int = field(default=1)


class Stage(Protocol[E]):
    """One step of the pipeline. Instances may hold models and connections; `process` runs in one worker thread."""

    name: str

    def process(self, batch: Sequence[Incoming[E]]) -> Iterator[Outcome[E]]:
        """Outcomes of the batch. May raise TransientError or PermanentError for the batch as a whole: the runner
        then retries its events alone, to find the one to blame."""
        ...

    def failed(self, incoming: Incoming[E], letter: DeadLetter) -> tuple[Output, ...]:
        """What the stages behind must hear when an event ends as this letter, such as that its shot will not come.
        Delivered with the letter; a function of its arguments, for it may be asked again.
        """
        ...

    def idle(self) -> tuple[Output, ...]:
        """Asked for now and then while no batch is in hand: what the stage has to say of its own accord. It may be
        asked again before that is delivered."""
        ...

    def on_assigned(self, partitions: frozenset[tuple[str, int]]) -> None:
        """These (topic, partition) pairs are ours now (the whole set). Before the first batch of a new one."""
        ...

    def on_revoked(self, partitions: frozenset[tuple[str, int]]) -> None:
        """These are no longer ours; what ran is finished and committed. Drop what is kept for them."""
        ...

    def close(self) -> None:
        """End child processes and connections."""
        ...


class NoHooks:
    """The hooks of a stage that keeps nothing by partition, holds nothing open, and whose failures concern nobody."""

    def failed(self, incoming: Incoming[Any], letter: DeadLetter) -> tuple[Output, ...]:  # noqa: ARG002 - a hook
        return ()

    def idle(self) -> tuple[Output, ...]:
        return ()

    def on_assigned(self, partitions: frozenset[tuple[str, int]]) -> None:
        pass

    def on_revoked(self, partitions: frozenset[tuple[str, int]]) -> None:
        pass

    def close(self) -> None:
        pass
