"""Items as they arrive and as they are kept."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.grid import Grid, Vec64

GOOD_WEIGHT: Final = 1.0
POOR_WEIGHT: Final = 1.0 / 16
"""Weight of a poor item in its cluster's mean: a binary fraction, so that sums stay exact."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One item as it arrives. Frames, tracklets, shots, media and scenes are the caller's integers."""

    vector: NDArray[np.float16]
    """(d,), as stored in the log; normalised here."""
    frame: int
    quality: float = 1.0
    may_found: bool = True
    """False where the frame is flagged or the detection poor by another measure."""
    tracklet: int | None = None
    shot: int | None = None
    """Of a kind that fills its frame: the items of a shot mostly show one thing. None for all other kinds."""
    media: int | None = None
    scene: int | None = None

    def without_vector(self) -> "Observation":
        """All else, where the vector is kept in another form."""
        return replace(self, vector=np.zeros(0, np.float16))


@dataclass(slots=True)
class Entry:
    """What is kept of an item."""

    grid: Grid
    observation: Observation
    good: bool
    cluster: int | None = None

    @property
    def weight(self) -> float:
        return GOOD_WEIGHT if self.good else POOR_WEIGHT

    def vector(self) -> Vec64:
        """(d,) float64 in grid steps."""
        return self.grid.astype(np.float64)
