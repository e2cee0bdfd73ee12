"""The best cut of a linkage that knows the facts: how much a clustering could gain from them on these vectors.

Not a reference to reach (it sees the truth when it chooses the cut), but it tells a family where nothing is to be
gained from one where much is.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.evaluation.material import Ints, Material
from rushes.processors.evaluation.metrics import bcubed

POOR: Final = 0.4
"""Quality below which an item takes no part in the linkage and joins the nearest cluster afterwards."""


def informed_cut_f1(material: Material) -> float:
    """B-cubed F1 of the best cut of average linkage that starts from tracklets, never joins what shares a frame, and
    lets poor items join last.
    """
    start = _tracklets(material)
    good = np.ones(len(material), bool) if material.quality is None else material.quality >= POOR
    best = 0.0
    merged = start.copy()
    sums, counts = _sums(material, start, good)
    apart = _same_frame(material, start)
    averages = sums @ sums.T / np.maximum(np.outer(counts, counts), 1)
    averages[apart] = -np.inf
    averages[counts == 0] = -np.inf
    averages[:, counts == 0] = -np.inf
    np.fill_diagonal(averages, -np.inf)
    while True:
        best = max(best, bcubed(_with_poor(material, merged, sums, counts), material.labels).f1)
        i, j = divmod(int(averages.argmax()), len(averages))
        if not np.isfinite(averages[i, j]):
            return best
        sums[i] += sums[j]
        counts[i] += counts[j]
        counts[j] = 0
        merged[merged == j] = i
        apart[i] |= apart[j]
        apart[:, i] = apart[i]
        row = sums @ sums[i] / np.maximum(counts * counts[i], 1)
        row[apart[i] | (counts == 0)] = -np.inf
        row[i] = -np.inf
        averages[i], averages[:, i] = row, row
        averages[j], averages[:, j] = -np.inf, -np.inf


def _tracklets(material: Material) -> Ints:
    apart = -1 - np.arange(len(material))
    known = apart if material.tracklets is None else np.where(material.tracklets >= 0, material.tracklets, apart)
    return np.unique(known, return_inverse=True)[1].astype(np.int64)


def _sums(material: Material, groups: Ints, good: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sums = np.zeros((int(groups.max()) + 1, material.vectors.shape[1]))
    np.add.at(sums, groups[good], material.vectors[good].astype(np.float64))
    return sums, np.bincount(groups[good], minlength=len(sums)).astype(np.float64)


def _same_frame(material: Material, groups: Ints) -> NDArray[np.bool_]:
    apart = np.zeros((int(groups.max()) + 1,) * 2, bool)
    if material.frames is not None:
        for frame in np.unique(material.frames[material.frames >= 0]).tolist():
            inside = groups[material.frames == frame]
            apart[np.ix_(inside, inside)] = True
    np.fill_diagonal(apart, val=False)
    return apart


def _with_poor(material: Material, merged: Ints, sums: NDArray[np.float64], counts: NDArray[np.float64]) -> Ints:
    """Poor items beside the nearest cluster."""
    lone = np.flatnonzero(counts[merged] == 0)
    if not lone.size:
        return merged
    labels = merged.copy()
    scores = material.vectors[lone] @ (sums / np.maximum(counts, 1)[:, None]).T
    scores[:, counts == 0] = -np.inf
    labels[lone] = scores.argmax(axis=1)
    return labels
