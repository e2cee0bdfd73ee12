"""Who watches a runner: a progress bar, or a bound on what is in flight."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from pydantic import BaseModel

from rushes.schemas.envelope import Record
from rushes.schemas.status import DeadLetter
from rushes.streams.stage import Outcome, Output

E = TypeVar("E", bound=BaseModel)


class RunnerObserver(Protocol):
    """Called on the event loop; must return at once and raise nothing."""

    def settled(self, stage: str, record: Record, result: Outcome[E] | DeadLetter) -> None:
        """A record is done: by its last outcome, or by a letter."""
        ...

    def delivered(self, outputs: Sequence[Output]) -> None:
        """These outputs are durable."""
        ...


class NoObserver:
    """Watches nothing."""

    def settled(self, stage: str, record: Record, result: Outcome[E] | DeadLetter) -> None:
        pass

    def delivered(self, outputs: Sequence[Output]) -> None:
        pass
