"""What is to be told of an item, by its number, before the library has followed."""

from collections.abc import Iterable
from dataclasses import dataclass

from rushes.processors.identity.arrival import Verdict
from rushes.processors.identity.planning import Move
from rushes.schemas.decisions import Basis, Company, Decision


@dataclass(frozen=True, slots=True)
class Told:
    """The word of its record, and the figures behind it. `anyway`: also where it stays where it was.
    `company`: of its body, where that decided."""

    item: int
    word: Decision
    figures: Verdict | Move | None = None
    basis: Basis | None = None
    anyway: bool = False
    company: Company | None = None


def verdicts_told(verdicts: Iterable[Verdict]) -> list[Told]:
    """As the machine tells its own verdicts."""
    return [Told(one.item, one.decision, one, one.by) for one in verdicts]


def moves_told(moves: Iterable[Move]) -> list[Told]:
    """As consolidation tells what it changed."""
    return [Told(one.item, one.decision, one, "evidence") for one in moves]
