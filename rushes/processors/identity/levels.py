"""What each level of a dendrogram has to say for itself: figures that a weighing can be learnt on.

A level is a cut between two merges. Heights are seen relative to the background, the typical score of things that
differ: (height - background) / (1 - background). The figures: a leave-one-out silhouette on similarities (Rousseeuw
1987) by items and by groups; whether the last merge is what the background would give by chance, and the next one
refused is not (extreme value of the best of all pairs); how wide the gap is; how far groups fall apart at their own
last merge (families of look-alikes do, one identity does not); how many groups there are, and how large.
"""

from collections.abc import Generator, Sequence
from typing import Final

import numpy as np

from rushes.processors.identity.figures import Level, Look
from rushes.processors.identity.forest import Forest
from rushes.processors.identity.linkage import Matrix, Merge
from rushes.processors.identity.pairs import SAMPLE_COST, Sample
from rushes.processors.identity.slices import STEP_COST, Values

MOST_LEVELS: Final = 60


def levels(similarity: Matrix, merges: Sequence[Merge], different: Values) -> Generator[int, None, list[Level]]:
    """The levels worth looking at, finest first.

    similarity: (n, n), ones on the diagonal; merges: its dendrogram; different: scores of pairs known to differ.
    """
    count = len(similarity)
    heights = np.minimum.accumulate([merge.height for merge in merges]) if merges else np.zeros(0)
    high = np.concatenate([[1.0], heights])
    last = (heights[-1] - 0.15 if len(heights) else 0.85) if len(heights) == count - 1 else -1.0
    low = np.maximum(np.concatenate([heights, [last]]), -1.0)
    chosen = _chosen(high - low, heights)
    sample = Sample(similarity, different)
    yield SAMPLE_COST
    forest = yield from Forest.of(similarity)
    found = []
    for place in range(len(heights) + 1):
        if place:
            forest.merge(merges[place - 1])
        yield STEP_COST + 6 * count
        if place in chosen:
            found.append((yield from Look(forest, sample, float(high[place]), float(low[place])).look()))
    return found


def _chosen(gaps: Values, heights: Values) -> set[int]:
    """Levels in the widest gaps, and some spread evenly over the heights."""
    last = len(heights)
    found = set(np.argsort(-gaps, kind="stable")[: MOST_LEVELS // 2].tolist()) | {0, last}
    if last:
        even = np.linspace(heights[0], heights[-1], MOST_LEVELS // 2)
        found |= set(np.searchsorted(-heights, -even).tolist())
    return {place for place in found if gaps[place] > 1e-6 or place in {0, last}}
