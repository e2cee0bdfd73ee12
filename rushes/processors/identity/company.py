"""What a body says of whose a face is: the faces seen on bodies like it, in one place and on one day.

It is evidence to be weighed, in odds. How often faces that a body cluster brings together are one character is counted
in the library itself, on faces that were decided without it; how surely a body is of its cluster is told by what it
scores with the others around; and what the face itself scores weighs against both, though a turned face may look like
nobody. Nothing here founds, and who is decided by likeness is left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.grid import linkage
from rushes.processors.identity.partition import Partition

JOIN: Final = 0.9
"""Probability from which a face is put with its body's company."""

STAY: Final = 0.5
"""Probability down to which it stays there: evidence that wavers moves nobody to and fro."""

OWN_CELL: Final = 4.0
"""Units of the cell itself that the library's agreement counts as."""

SLIPS_GOOD: Final = 0.05
SLIPS_POOR: Final = 0.4
"""Share of good and of poor faces that score with their own as a stranger's would."""

CONTRARY: Final = 0.1
"""Prior, beside the body's, of a character that the face is more like."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Faces that one body cluster brings together, and whether they are one character: each cell's largest character
    agrees, its first face left out, the other characters do not.
    """

    agree: int = 0
    apart: int = 0

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(self.agree + other.agree, self.apart + other.apart)

    def __sub__(self, other: "Agreement") -> "Agreement":
        return Agreement(self.agree - other.agree, self.apart - other.apart)

    @property
    def share(self) -> float:
        """Expected share that agrees; even odds where nothing was seen (Laplace's rule of succession)."""
        return (self.agree + 1) / (self.agree + self.apart + 2)


def agreement(counts: Sequence[int]) -> Agreement:
    """Of a cell with so many units of each character."""
    return Agreement(max(counts, default=1) - 1, sum(counts) - max(counts, default=0))


@dataclass(frozen=True, slots=True)
class Support:
    """What speaks for a face's being of a cluster, and how likely it is all in all."""

    cluster: int
    agreement: float
    """Probability that faces of this body cluster, here and on this day, are one character."""
    body: float
    """Probability that the body is of its cluster rather than of another that is around."""
    score: float
    """Average linkage of the face to the cluster."""
    probability: float


def support(
    library: Agreement,
    here: dict[int, int],
    body: float,
    scores: dict[int, float],
    calibration: Calibration,
    *,
    poor: bool,
) -> Support | None:
    """Weigh a face against the character that its body keeps company with; None where there is none, or two are as
    often there.

    here: units of each cluster in the cell, decided without bodies; scores: of the face to these, and to the nearest.
    """  # fmt: skip
    ranked = sorted(here, key=lambda cluster: (-here[cluster], cluster))
    if not ranked or (len(ranked) > 1 and here[ranked[0]] == here[ranked[1]]):
        return None
    best = ranked[0]
    total = sum(here.values())
    share = (OWN_CELL * library.share + here[best] - 1) / (OWN_CELL + total - 1)
    prior = share * body
    slips = SLIPS_POOR if poor else SLIPS_GOOD
    mine = slips + (1.0 - slips) * _odds(calibration, scores[best])
    contrary = max((_odds(calibration, score) for cluster, score in scores.items() if cluster != best), default=0.0)
    against = (1.0 - prior) + CONTRARY * contrary
    return Support(best, share, body, scores[best], prior * mine / (prior * mine + against))


def certainty(own: float, others: Sequence[float], calibration: Calibration) -> float:
    """Probability that a body is of its cluster rather than of the others around. Scores: average linkages."""
    mine = _odds(calibration, own)
    return mine / (mine + sum(_odds(calibration, score) for score in others) + 1e-9)


def without_itself(partition: Partition, item: int) -> float | None:
    """Average linkage of an item to the rest of its cluster; None where there is no rest."""
    entry = partition.entry(item)
    if entry.cluster is None:
        return None
    rest = partition.clusters.weight(entry.cluster) - entry.weight
    if rest <= 0.0:
        return None
    vector = entry.vector()
    return linkage(partition.clusters.total(entry.cluster) - entry.weight * vector, vector, rest, 1.0)


def _odds(calibration: Calibration, score: float) -> float:
    probability = calibration.probability(score)
    return probability / max(1.0 - probability, 1e-9)
