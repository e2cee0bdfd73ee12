"""What a decision was based on."""

from collections.abc import Sequence
from dataclasses import dataclass

from rushes.processors.clustering.scoring import Score
from rushes.schemas.decisions import Basis, Company, Decision, Thresholds


@dataclass(frozen=True, slots=True)
class Why:
    """What a decision was based on, for its record."""

    decision: Decision
    similarity: float | None = None
    margin: float | None = None
    scores: Sequence[Score] = ()
    thresholds: Thresholds | None = None
    basis: Basis | None = None
    poor: bool = False
    company: Company | None = None
