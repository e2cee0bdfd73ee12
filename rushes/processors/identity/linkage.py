"""Average linkage from sums (Murtagh 1983; the recurrence of UPGMA on sums instead of distances).

The mean similarity of two groups is <sum, sum'> / (w w'), so a merge adds two rows. Groups that cannot be one are
infinitely far, and so are all that contain them. Work is handed out in slices: the generators yield what a step cost,
in elements touched.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.grid import EXACT, STEPS

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]

ROWS: Final = 128
"""Rows of a product done at once."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Group `gone` becomes part of group `kept`; kept < gone."""

    kept: int
    gone: int
    height: float


def products(sums: Matrix, weights: Matrix) -> Generator[int, None, Matrix]:
    """(m, m) products of (m, d) sums of grid vectors, exact in any order of summation, in units of similarity."""
    count = len(sums)
    found = np.empty((count, count))
    for start in range(0, count, ROWS):
        found[start : start + ROWS] = sums[start : start + ROWS] @ sums.T
        yield min(ROWS, count - start) * count * sums.shape[1] // 8
    heavy = np.argwhere(np.triu(np.multiply.outer(weights, weights) > EXACT))
    for one, other in heavy.tolist():
        found[one, other] = found[other, one] = math.fsum((sums[one] * sums[other]).tolist())
        yield sums.shape[1] * 8
    return found / (STEPS * STEPS)


def agglomerate(
    gram: Matrix, weights: Matrix, apart: Flags | None = None, stop: float = -math.inf
) -> Generator[int, None, list[Merge]]:
    """All merges by average linkage, best first, down to `stop`; ties to the lower index.

    gram: (m, m) products of sums; weights: (m,); apart: (m, m), pairs that cannot be one.
    """
    count = len(weights)
    gram, weights = gram.copy(), weights.copy()
    mean = gram / np.multiply.outer(weights, weights)
    np.fill_diagonal(mean, -np.inf)
    if apart is not None:
        apart = apart.copy()
        mean[apart] = -np.inf
    best = mean.argmax(1) if count else np.zeros(0, np.int64)
    value = mean[np.arange(count), best]
    alive = np.ones(count, np.bool_)
    merges: list[Merge] = []
    yield 12 * count * count
    for _ in range(count - 1):
        one = int(value.argmax())
        height = float(value[one])
        if not height > max(stop, -math.inf):
            break
        kept, gone = sorted((one, int(best[one])))
        gram[kept] += gram[gone]
        gram[:, kept] += gram[:, gone]
        weights[kept] += weights[gone]
        alive[gone] = False
        row = gram[kept] / (weights[kept] * weights)
        row[~alive] = -np.inf
        row[kept] = -np.inf
        if apart is not None:
            apart[kept] |= apart[gone]
            apart[:, kept] |= apart[:, gone]
            row[apart[kept]] = -np.inf
        mean[kept] = row
        mean[:, kept] = row
        mean[gone] = -np.inf
        mean[:, gone] = -np.inf
        value[gone] = -np.inf
        stale = alive & ((best == kept) | (best == gone))
        stale[kept] = True
        rows = np.flatnonzero(stale)
        best[rows] = mean[rows].argmax(1)
        value[rows] = mean[rows, best[rows]]
        nearer = alive & ~stale & (row > value)
        best[nearer] = kept
        value[nearer] = row[nearer]
        merges.append(Merge(kept, gone, height))
        yield (10 + len(rows)) * count
    return merges


def cut(merges: Sequence[Merge], count: int, threshold: float) -> NDArray[np.int64]:
    """Group of each of `count` leaves, (count,), after the merges down to the threshold; a group is its lowest leaf."""
    group: NDArray[np.int64] = np.arange(count)
    for merge in merges:
        if merge.height < threshold:
            break
        group[merge.gone] = merge.kept
    for leaf in range(count):
        group[leaf] = group[group[leaf]]
    return group
