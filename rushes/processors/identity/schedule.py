"""When background work is due, and how much of a library it looks at at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """When background work is due, in counts."""

    exact_limit: int = 1500
    """Items up to which everything is linked at once: some 0.5 s of work, handed out in slices."""
    first: int = 8
    least_new: int = 16
    growth: float = 0.1
    """New items per item that make consolidation due."""
    most_new: int = 1000
    sample: int = 1000
    """Items that a calibration of a large library looks at."""
    recalibrate: float = 0.5
    moved: float = 0.01
    """Change of the threshold from which all that it may decide otherwise is looked at again."""
    margin: float = 0.1
    """Of the way from the threshold to 1: how far below the threshold a neighbour is looked for."""
