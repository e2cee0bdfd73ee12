"""Sums of clusters in a matrix, searched by average linkage: float32 means propose, exact sums decide."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.grid import STEPS, Vec64, linkage, proposal_error

FIRST_ROWS: Final = 64

Scored = tuple[int, float]
"""A key and its score; bigger is closer."""


class Gallery:
    """Rows of one space by integer key. A smaller key is older."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._means = np.zeros((FIRST_ROWS, dim), np.float32)
        self._sums = np.zeros((FIRST_ROWS, dim), np.float64)
        self._weights = np.zeros(FIRST_ROWS, np.float64)
        self._keys: NDArray[np.int64] = np.full(FIRST_ROWS, -1, np.int64)
        self._row: dict[int, int] = {}
        self._free: list[int] = []
        self._used = 0

    def __len__(self) -> int:
        return len(self._row)

    def __contains__(self, key: object) -> bool:
        return key in self._row

    def __iter__(self) -> Iterator[int]:
        """Keys, oldest first."""
        return iter(sorted(self._row))

    def add(self, key: int, vector: NDArray[np.int16], weight: float) -> None:
        """Weigh a grid vector into a row (negative weight takes it out); a row of no weight left is gone."""
        row = self._row[key] if key in self._row else self._take_row(key)
        self._sums[row] += weight * vector.astype(np.float64)
        self._weights[row] += weight
        if self._weights[row] > 0.0:
            self._means[row] = self._sums[row] / (self._weights[row] * STEPS)
        else:
            self._drop(key)

    def total(self, key: int) -> Vec64:
        """The row's sum in grid steps, (d,)."""
        total: Vec64 = self._sums[self._row[key]].copy()
        return total

    def weight(self, key: int) -> float:
        """The row's weight; 0 for none."""
        row = self._row.get(key)
        return 0.0 if row is None else float(self._weights[row])

    def score(self, key: int, probe: Vec64, weight: float) -> float:
        """Average linkage of a sum and one row."""
        row = self._row[key]
        return linkage(self._sums[row], probe, float(self._weights[row]), weight)

    def scores(self, probe: Vec64, weight: float, at_least: float, top: int) -> list[Scored]:
        """All rows of linkage >= `at_least` to a sum of grid vectors, and the `top` best whatever their score; best
        first, ties to the older.
        """
        if not self._row:
            return []
        proposed = self._means[: self._used] @ (probe / (weight * STEPS)).astype(np.float32)
        return self.decide(proposed, probe, weight, at_least, top)

    def propose(self, probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Float32 scores of many means, (m, d) -> (m, rows), for `decide`; they hold until a row changes."""
        proposed: NDArray[np.float32] = probes @ self._means[: self._used].T
        return proposed

    def decide(
        self, proposed: NDArray[np.float32], probe: Vec64, weight: float, at_least: float, top: int
    ) -> list[Scored]:
        """`scores` from one row of `propose`."""
        if not self._row:
            return []
        if self._free:
            proposed[self._free] = -2.0
        floor = at_least
        if top:
            place = min(top, len(self._row))
            floor = min(at_least, float(np.partition(proposed, -place)[-place]))
        likely = np.flatnonzero(proposed >= floor - 2 * proposal_error(self.dim))
        found = [
            (int(self._keys[row]), linkage(self._sums[row], probe, float(self._weights[row]), weight))
            for row in likely.tolist()
            if self._keys[row] >= 0
        ]
        found.sort(key=lambda scored: (-scored[1], scored[0]))
        sure = sum(score >= at_least for _, score in found)
        return found[: max(sure, top)]

    def _take_row(self, key: int) -> int:
        if self._free:
            row = self._free.pop()
        else:
            row = self._used
            self._used += 1
            if row >= len(self._keys):
                self._means = np.concatenate([self._means, np.zeros_like(self._means)])
                self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
                self._weights = np.concatenate([self._weights, np.zeros_like(self._weights)])
                self._keys = np.concatenate([self._keys, np.full_like(self._keys, -1)])
        self._row[key] = row
        self._keys[row] = key
        return row

    def _drop(self, key: int) -> None:
        row = self._row.pop(key)
        self._means[row] = 0.0
        self._sums[row] = 0.0
        self._weights[row] = 0.0
        self._keys[row] = -1
        self._free.append(row)
