"""Where one threshold does not serve: each branch of a dendrogram says for itself whether it is one identity.

A library may hold materials that need different thresholds, and families of look-alikes beside strangers. So a merge is
judged by more than its height: by how sure the threshold is, how much lower the merge is than what its two parts score
inside, how large they are, and what else is near. A weighing learnt on libraries whose truth is known
(`branch_weighing`) makes these figures log odds that both parts are one identity. Of all ways to cut the dendrogram,
each branch at its own height, the likeliest is taken, by a dynamic programme over the merges (as HDBSCAN chooses
clusters by excess of mass; Campello et al. 2013).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity import branch_weighing as weighing
from rushes.processors.identity.calibration import Calibration
from rushes.processors.identity.linkage import Matrix, Merge, cut
from rushes.processors.identity.neighbourhoods import Rows
from rushes.processors.identity.slices import STEP_COST

Values = NDArray[np.float64]

SURE: Final = 0.02
"""Least uncertainty of a threshold that a height is seen against."""

FAR: Final = 30.0
"""Deviations of the background beyond which a height is no farther."""

ABOVE_SAYS: Final = 1.0
"""Nats that a merge at or above the threshold has for itself beside its figures: parting what the threshold would join
takes more than joining what it would part, for what lies at the edge of a large group is easily taken for its own. Of
0, .5, 1 and 2 the best on 270 libraries that no weight was learnt on.
"""

CLIP: Final = 4.0
"""Standard deviations beyond which a figure says no more; in the weighing's fit, too."""

NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Leaves:
    """What a dendrogram's leaves hold, each (n,): how many units and what they weigh; and the weight of pairs of items
    within the leaf, and what these score in all, both 0 for a single unit: a tracklet's items are all but copies.
    """

    sizes: Values
    weights: Values
    pairs: Values
    scores: Values


def leaves(facts: Rows, gram: Matrix) -> Leaves:
    """Of these rows. gram: (n, n) products of their sums. A row of units that a person put together is a leaf of their
    number, and says nothing of what its items score: they may be the ones that no likeness would join.
    """
    count = len(facts.groups)
    sizes, pairs, scores = np.array([float(len(group)) for group in facts.groups]), np.zeros(count), np.zeros(count)
    for row, block in facts.blocks.items():
        sizes[row] += block.items
        pairs[row] = facts.weights[row] * (facts.weights[row] - 1.0)
        scores[row] = gram[row, row] - facts.weights[row]
    pairs[pairs <= 0.0] = 0.0
    return Leaves(sizes, facts.weights, pairs, scores)


@dataclass(slots=True)
class _Part:
    size: float
    weight: float
    pairs: float
    scores: float
    drop: float = 0.0
    """Of all merges in it, the greatest."""
    merge: int = NONE

    def inside(self, otherwise: float) -> float:
        return self.scores / self.pairs if self.pairs else otherwise


@dataclass(frozen=True, slots=True)
class Branches:
    """The merges of a dendrogram, each a branch: its figures, (m, figures), and the branches that it joins, (m, 2),
    NONE for a leaf.
    """

    figures: Values
    parts: NDArray[np.int64]


def branches(
    merges: Sequence[Merge], leaves: Leaves, calibration: Calibration, *, part: bool
) -> Generator[int, None, Branches]:
    """What each merge says for itself. `part`: the leaves are what is near one of them, and not all there is."""
    typical = calibration.same_mean
    part_of: dict[int, _Part] = {}

    def taken(row: int) -> _Part:
        return part_of.pop(row, None) or _Part(
            float(leaves.sizes[row]), float(leaves.weights[row]), float(leaves.pairs[row]), float(leaves.scores[row])
        )

    said = np.empty((len(merges), 8))
    parts = np.empty((len(merges), 2), np.int64)
    for number, merge in enumerate(merges):
        one, other = taken(merge.kept), taken(merge.gone)
        pairs = one.weight * other.weight
        both = _Part(
            one.size + other.size,
            one.weight + other.weight,
            one.pairs + other.pairs + pairs,
            one.scores + other.scores + pairs * merge.height,
            max(one.drop, other.drop),
            number,
        )
        inner = one.pairs + other.pairs
        inside = (one.scores + other.scores) / inner if inner else typical
        least = min(one.inside(2.0), other.inside(2.0)) if inner else typical
        drop = min(max((inside - merge.height) / (1.0 - merge.height + 1e-6), -1.0), 1.0)  # as `_drop`
        next_best = merge.next if np.isfinite(merge.next) else calibration.different_mean
        said[number] = (
            merge.height,
            inside,
            least,
            min(one.size, other.size),
            max(one.size, other.size),
            both.drop,
            drop,
            next_best,
        )
        parts[number] = one.merge, other.merge
        if inner:
            both.drop = max(both.drop, drop)
        part_of[merge.kept] = both
        yield 2 * STEP_COST
    return Branches(_figures(said, calibration, part=part), parts)


FIGURES: Final = (
    "above",
    "above_in_deviations",
    "height",
    "height_relative",
    "height_in_backgrounds",
    "inside",
    "least_in_deviations",
    "drop",
    "drop_least",
    "drop_typical",
    "drop_further",
    "smaller_log",
    "larger_log",
    "of_one",
    "of_two",
    "of_few",
    "uncertainty",
    "items_log",
    "typical_relative",
    "ahead",
    "next_in_deviations",
    "of_a_part",
)


ABOVE: Final = FIGURES.index("above")


def _figures(said: Values, calibration: Calibration, *, part: bool) -> Values:
    """(m, len(FIGURES))."""
    height, inside, least, smaller, larger, below, drop, next_best = said.T
    join, background, typical = calibration.join, calibration.different_mean, calibration.same_mean
    unsure = float(np.hypot(calibration.uncertainty, SURE))
    ones = np.ones(len(said))
    named = {
        "above": height - join,
        "above_in_deviations": (height - join) / unsure,
        "height": height,
        "height_relative": (height - background) / (1.0 - background + 1e-6),
        "height_in_backgrounds": np.clip((height - background) / max(calibration.different_std, SURE), -FAR, FAR),
        "inside": inside,
        "least_in_deviations": (least - join) / unsure,
        "drop": drop,
        "drop_least": _drop(least, height),
        "drop_typical": _drop(typical, height),
        "drop_further": drop - below,
        "smaller_log": np.log(smaller),
        "larger_log": np.log(larger),
        "of_one": (smaller <= 1.0).astype(np.float64),
        "of_two": (larger <= 1.0).astype(np.float64),
        "of_few": (smaller <= 2.0).astype(np.float64),
        "uncertainty": unsure * ones,
        "items_log": np.log(max(calibration.items, 1)) * ones,
        "typical_relative": (typical - background) / (1.0 - background + 1e-6) * ones,
        "ahead": _drop(height, next_best),
        "next_in_deviations": (next_best - join) / unsure,
        "of_a_part": float(part) * ones,
    }
    return np.stack([named[name] for name in FIGURES], axis=1)


def _drop(inside: Values | float, height: Values) -> Values:
    """How much lower than what is inside, of the way from the height to 1; at most all of it, either way."""
    drop: Values = np.clip((inside - height) / (1.0 - height + 1e-6), -1.0, 1.0)
    return drop


def log_odds(figures: Values) -> Values:
    """That a branch is one identity, (m,). figures: (m, len(FIGURES)). Sums of products and no matrix product, whose
    last bits differ between numbers of threads.
    """
    scaled = np.clip((figures - weighing.MEANS) / weighing.DEVIATIONS, -CLIP, CLIP)
    hidden = np.tanh((scaled[:, :, None] * weighing.INTO).sum(1) + weighing.SHIFTS)
    odds: Values = (hidden * weighing.OUT_OF).sum(1) + (scaled * weighing.DIRECT).sum(1) + weighing.BASE
    return odds


def likeliest(
    merges: Sequence[Merge], count: int, found: Branches, odds: Values
) -> Generator[int, None, NDArray[np.int64]]:
    """Group of each of `count` leaves, (count,), a group being its lowest leaf: the cut of greatest likelihood, each
    branch above a group being none and each below it being one identity. odds: (m,) log odds of each branch.
    """
    one, none = -np.logaddexp(0.0, -odds), -np.logaddexp(0.0, odds)
    as_one, best = np.zeros(len(merges)), np.zeros(len(merges))
    together = np.zeros(len(merges), np.bool_)
    for number, parts in enumerate(found.parts.tolist()):
        inner = [part for part in parts if part != NONE]
        as_one[number] = one[number] + sum(as_one[part] for part in inner)
        apart = none[number] + sum(best[part] for part in inner)
        together[number] = as_one[number] >= apart
        best[number] = max(as_one[number], apart)
        yield STEP_COST
    group: NDArray[np.int64] = np.arange(count)
    for number in range(len(merges) - 1, -1, -1):
        if together[number]:
            for part in found.parts[number].tolist():
                if part != NONE:
                    together[part] = True
    for merge, joined in zip(merges, together.tolist(), strict=True):
        if joined:
            group[merge.gone] = merge.kept
    for leaf in range(count):
        group[leaf] = group[group[leaf]]
    yield STEP_COST * (1 + len(merges) // 4)
    return group


def cut_by_branches(
    merges: Sequence[Merge], leaves: Leaves, calibration: Calibration, *, whole: bool, part: bool
) -> Generator[int, None, NDArray[np.int64]]:
    """Group of each leaf, (n,): every branch of the dendrogram cut at a height of its own. `part`: see `branches`.
    `whole`: no cluster is missing. Whether all of it is one identity was weighed on more than any branch shows, and is
    not decided here.
    """
    count = len(leaves.weights)
    if whole and len(merges) == count - 1 and all(merge.height >= calibration.join for merge in merges):
        return cut(merges, count, calibration.join)
    found = yield from branches(merges, leaves, calibration, part=part)
    odds = log_odds(found.figures)
    odds += ABOVE_SAYS * (found.figures[:, ABOVE] >= 0.0)
    yield STEP_COST + found.figures.size * 40
    return (yield from likeliest(merges, count, found, odds))
