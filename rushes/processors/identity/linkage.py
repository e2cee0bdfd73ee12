"""Average linkage from sums (Murtagh 1983; the recurrence of UPGMA on sums instead of distances).

The mean similarity of two groups is <sum, sum'> / (w w'), so a merge adds two rows. Groups that cannot be one are
infinitely far, and so are all that contain them. Work is handed out in slices: the generators yield what a step cost,
in elements touched.
"""

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.grid import EXACT, STEPS
from rushes.processors.identity.slices import STEP_COST, spans

NEAREST_COST: Final = 16
"""Operations of a first look, for each pair: two matrices are made, in memory that nothing was in before."""

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Merge:
    """Group `gone` becomes part of group `kept`; kept < gone."""

    kept: int
    gone: int
    height: float
    next: float = -math.inf
    """What the merged group scores with the best other group that it may still merge with; -inf where none is left."""


def products(sums: Matrix, weights: Matrix) -> Generator[int, None, Matrix]:
    """(m, m) products of (m, d) sums of grid vectors, exact in any order of summation, in units of similarity."""
    count, dim = sums.shape
    found = np.empty((count, count))
    for rows in spans(count, count * dim // 8):
        found[rows] = sums[rows] @ sums.T
        yield STEP_COST + (rows.stop - rows.start) * count * dim // 8
    if count and weights.max() ** 2 > EXACT:
        for one in range(count):
            heavy = one + np.flatnonzero(weights[one] * weights[one:] > EXACT)
            for other in heavy.tolist():
                found[one, other] = found[other, one] = math.fsum((sums[one] * sums[other]).tolist())
                yield dim * 16
            yield STEP_COST
    for rows in spans(count, count):
        found[rows] /= STEPS * STEPS
        yield STEP_COST + count * (rows.stop - rows.start)
    return found


def averages(gram: Matrix, weights: Matrix) -> Generator[int, None, Matrix]:
    """Mean similarities, (m, m), of groups whose sums have these products; ones on the diagonal."""
    count = len(weights)
    found = np.empty((count, count))
    for rows in spans(count, 3 * count):
        np.divide(gram[rows], np.multiply.outer(weights[rows], weights), out=found[rows])
        yield STEP_COST + 3 * count * (rows.stop - rows.start)
    np.fill_diagonal(found, 1.0)
    return found


def agglomerate(
    gram: Matrix, weights: Matrix, apart: Flags | None = None, stop: float = -math.inf
) -> Generator[int, None, list[Merge]]:
    """All merges by average linkage, best first, down to `stop`, and the first that was refused there; ties to the
    lower index.

    gram: (m, m) products of sums; weights: (m,); apart: (m, m), pairs that cannot be one.
    """
    count = len(weights)
    weights = weights.copy()
    apart = None if apart is None else apart.copy()
    gram, mean, best, value = yield from _nearest(gram, weights, apart)
    alive = np.ones(count, np.bool_)
    merges: list[Merge] = []
    for _ in range(count - 1):
        one = int(value.argmax())
        height = float(value[one])
        if height == -math.inf:
            break
        kept, gone = sorted((one, int(best[one])))
        if not height > stop:
            merges.append(Merge(kept, gone, height))
            break
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
        stale_rows = np.flatnonzero(stale)
        best[stale_rows] = mean[stale_rows].argmax(1)
        value[stale_rows] = mean[stale_rows, best[stale_rows]]
        nearer = alive & ~stale & (row > value)
        best[nearer] = kept
        value[nearer] = row[nearer]
        merges.append(Merge(kept, gone, height, float(value[kept])))
        yield STEP_COST + (12 + 2 * len(stale_rows)) * count
    return merges


def _nearest(
    given: Matrix, weights: Matrix, apart: Flags | None
) -> Generator[int, None, tuple[Matrix, Matrix, NDArray[np.int64], Matrix]]:
    """Copies of the products, (m, m), their means, and of each row the best other and its mean, (m,)."""
    count = len(weights)
    gram, mean = np.empty((count, count)), np.empty((count, count))
    best, value = np.zeros(count, np.int64), np.full(count, -np.inf)
    for rows in spans(count, NEAREST_COST * count):
        gram[rows] = given[rows]
        np.divide(gram[rows], np.multiply.outer(weights[rows], weights), out=mean[rows])
        if apart is not None:
            mean[rows][apart[rows]] = -np.inf
        places = np.arange(rows.start, rows.stop)
        mean[places, places] = -np.inf
        best[rows] = mean[rows].argmax(1)
        value[rows] = mean[places, best[rows]]
        yield STEP_COST + NEAREST_COST * count * len(places)
    return gram, mean, best, value


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


def heights_of(leaves: Iterable[int], merges: Sequence[Merge]) -> list[float]:
    """Heights of the merges that these leaves have a part in. A cut between two neighbouring ones of these leaves them
    in the same groups, wherever between, whatever becomes of the others.
    """
    among = set(leaves)
    heights = []
    for merge in merges:
        if merge.kept in among or merge.gone in among:
            among.add(merge.kept)
            heights.append(merge.height)
    return heights
