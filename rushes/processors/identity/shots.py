"""What shots tell of a kind that fills its frame: the frames of a shot mostly show one place.

They are a label that costs nothing, with two faults. A cut that nobody saw makes a shot of two places; and frames of
one shot are more alike than two shots of a place, so that a library falls into shots as well as into places. So a shot
counts once where a threshold is chosen, as far as it holds together, and what its frames score says roughly where the
threshold lies: two shots of a place are some times as far from each other as two frames of a shot.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.linkage import Matrix, agglomerate, cut
from rushes.processors.identity.neighbourhoods import Unit
from rushes.processors.identity.partition import Partition

LEAST_SHOTS: Final = 3
"""Shots of two frames that are no copies, below which nothing is concluded."""

FARTHER: Final = 3.5
"""Times as far (1 - cosine) as frames of a shot, where two shots are as likely of one place as not. On films, by
MobileNet: shots of one place are 2 to 3.3 times as far as keyframes and 2.7 to 4 times as frames taken evenly, shots of
different places 4.4 to 9 and 5.4 to 9 times. Keyframes are chosen for how they differ, so the lower range counts.
"""

FARTHER_LOG_STD: Final = 0.8
"""Of its logarithm: about half of the way from 2 to 9."""

SAME_FARTHER: Final = 2.7
"""Times as far as frames of a shot that shots of one place typically are."""

SAME: Final = 0.999
"""Likeness from which two frames are one still picture, and say nothing of how far frames are from each other."""


@dataclass(frozen=True, slots=True)
class Shots:
    """`group`: (n,) the row that each row counts with. `threshold`: roughly where it lies."""

    group: NDArray[np.int64]
    threshold: Calibration


def look_at_shots(
    partition: Partition, groups: Sequence[Sequence[Unit]], similarity: Matrix
) -> Generator[int, None, Shots | None]:
    """What the shots of these rows say; None where they are too few.

    groups: the units of each row; similarity: (n, n) of the rows.
    """
    in_shot: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        shot = partition.entry(group[0][0]).observation.shot
        if shot is not None and len(group) == len(group[0]) == 1:
            in_shot.setdefault(shot, []).append(row)
    several = [rows for rows in in_shot.values() if len(rows) > 1]
    apart: list[float] = []
    for rows in several:
        scores = similarity[np.ix_(rows, rows)][np.triu_indices(len(rows), 1)]
        scores = scores[scores < SAME]
        if len(scores):
            apart.append(1.0 - float(scores.mean()))
    yield 10 * sum(len(rows) ** 2 for rows in several)
    if len(apart) < LEAST_SHOTS:
        return None
    threshold = _threshold(np.array(apart), len(groups))
    group_of: NDArray[np.int64] = np.arange(len(groups))
    for rows in several:
        merges = yield from agglomerate(similarity[np.ix_(rows, rows)], np.ones(len(rows)), None, threshold.join)
        group_of[rows] = np.array(rows)[cut(merges, len(rows), threshold.join)]
    return Shots(group_of, threshold)


def _threshold(apart: Matrix, items: int) -> Calibration:
    """From how far the frames of each shot are from each other, (shots,); the median, for some shots hold a cut."""
    frames = float(np.median(apart))
    spread = 1.48 * float(np.median(np.abs(np.log(apart / frames))))
    unsure = float(np.hypot(FARTHER_LOG_STD, spread / np.sqrt(len(apart))))
    return Calibration(
        join=max(1.0 - FARTHER * frames, 0.0),
        different_mean=max(1.0 - FARTHER**2 / SAME_FARTHER * frames, 0.0),
        different_std=0.1,
        same_mean=max(1.0 - SAME_FARTHER * frames, 0.0),
        items=items,
        uncertainty=FARTHER * frames * unsure,
    )
