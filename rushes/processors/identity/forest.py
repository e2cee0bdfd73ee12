"""A partition while it is merged upwards, with what its groups score."""

from collections.abc import Generator

import numpy as np

from rushes.processors.identity.linkage import Matrix, Merge
from rushes.processors.identity.slices import STEP_COST, spans


class Forest:
    """A partition of the sample while it is merged upwards: what each item scores with each group in all, what groups
    score with each other, and what the items of a group score among themselves.
    """

    def __init__(self, count: int) -> None:
        self.to_group = np.empty((count, count))
        """(group, item): of each item its scores with the group's items, itself among them, summed."""
        self.between = np.empty((count, count))
        """(group, group): the same between the items of both."""
        self.label = np.arange(count)
        self.sizes = np.ones(count)
        self.within = np.zeros(count)
        """Sum over ordered pairs of different items of a group."""
        self.inner_gap = np.zeros(count)
        self.alive = np.ones(count, np.bool_)

    @classmethod
    def of(cls, similarity: Matrix) -> Generator[int, None, "Forest"]:
        """Every item alone."""
        count = len(similarity)
        forest = cls(count)
        for rows in spans(count, 4 * count):
            forest.to_group[rows] = forest.between[rows] = similarity[rows]
            yield STEP_COST + 4 * count * (rows.stop - rows.start)
        return forest

    def children(self, one: int, other: int) -> float | None:
        """Mean score within two groups; None for two items."""
        pairs = self._pairs(one) + self._pairs(other)
        return float(self.within[one] + self.within[other]) / pairs if pairs else None

    def merge(self, merge: Merge) -> None:
        kept, gone = merge.kept, merge.gone
        inside = self.children(kept, gone)
        drop = 0.0 if inside is None else (inside - merge.height) / (1.0 - merge.height + 1e-6)
        self.inner_gap[kept] = min(max(drop, 0.0), 1.0)
        self.within[kept] += self.within[gone] + 2.0 * float(self.between[kept, gone])
        self.to_group[kept] += self.to_group[gone]
        self.between[kept] += self.between[gone]
        self.between[:, kept] += self.between[:, gone]
        self.sizes[kept] += self.sizes[gone]
        self.alive[gone] = False
        self.label[self.label == gone] = kept

    def _pairs(self, group: int) -> float:
        return float(self.sizes[group] * (self.sizes[group] - 1))
