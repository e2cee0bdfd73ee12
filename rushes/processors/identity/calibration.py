"""The threshold of a library, model and kind, chosen from how its items lie to each other.

Each level of a sample's dendrogram says figures for itself (`levels`); a weighing of them, learnt on libraries whose
truth is known (`weighing`), makes them log odds that this level is the one of identities. What other libraries of the
model taught and what people said is added in the same currency. With nothing seen yet, the prior alone speaks.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from rushes.processors.identity.levels import levels
from rushes.processors.identity.linkage import Merge
from rushes.processors.identity.weighing import weighed

Matrix = NDArray[np.float64]
Values = NDArray[np.float64]

AS_WELL: Final = 0.3
"""Nats: levels that are apart by no more explain the data about as well. Rooms or houses: a person joins the finer ones
with a click each, and takes the coarser ones apart item by item."""

FINER: Final = 1.5
"""Times as many groups that a level has which says something else, and is not the same one with a few more."""

SLOPE: Final = 3.0
"""Log odds of belonging over a deviation of the background, as between two equal normal distributions three deviations
apart. Of 2, 3, 4 and ones learnt from the library, this had the least Brier score by bench_identify.py, dev half.
"""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where a library's threshold lies, and what it rests on."""

    join: float
    """Average linkage at or above which two groups are one."""
    different_mean: float
    different_std: float
    """Background: averages of groups that differ."""
    same_mean: float
    """What an item typically scores with its own group."""
    items: int = 0
    """Items it was chosen on; 0 before anything is known."""
    uncertainty: float = 0.15
    """Of `join`, one standard deviation."""

    def probability(self, score: float) -> float:
        """That something with this likeness to a group belongs to it: even at the threshold."""
        return self._logistic(score - self.join)

    def open_set(self, scores: Values) -> Values:
        """That something belongs to each of the groups it is like, and last that it belongs to none, summing to 1.
        scores, (k,): its likeness to the nearest ones.

        The best one says whether it belongs to any, for it is by the best one that arrivals join; the groups share
        that by their odds against each other. Adding up each group's own odds against none instead would name
        strangers in large libraries, where many groups are a little like everything.
        """
        if not len(scores):
            return np.ones(1)
        best = float(scores.max())
        shares = np.exp(np.clip(self._slope * (scores - best), -50.0, 0.0))
        known = self._logistic(best - self.join)
        return np.append(known * shares / shares.sum(), 1.0 - known)

    @property
    def _slope(self) -> float:
        return SLOPE / max(self.different_std, 0.02)

    def _logistic(self, above: float) -> float:
        return float(1.0 / (1.0 + np.exp(-np.clip(self._slope * above, -50.0, 50.0))))


COLD: Final = Calibration(join=0.6, different_mean=0.3, different_std=0.1, same_mean=0.75)
"""Before anything is known of a model."""


def combined(one: Calibration, other: Calibration) -> Calibration:
    """Two libraries' word on one model: thresholds by their certainty, the rest by the items seen. What they disagree
    by is uncertainty too.
    """
    certain = 1 / max(one.uncertainty, 1e-3) ** 2, 1 / max(other.uncertainty, 1e-3) ** 2
    join = (certain[0] * one.join + certain[1] * other.join) / sum(certain)
    apart = (certain[0] * (one.join - join) ** 2 + certain[1] * (other.join - join) ** 2) / sum(certain)
    items = one.items + other.items
    share = one.items / items if items else 0.5

    def mixed(mine: float, theirs: float) -> float:
        return share * mine + (1 - share) * theirs

    return Calibration(
        join=join,
        different_mean=mixed(one.different_mean, other.different_mean),
        different_std=mixed(one.different_std, other.different_std),
        same_mean=mixed(one.same_mean, other.same_mean),
        items=items,
        uncertainty=float(np.sqrt(1 / sum(certain) + apart)),
    )


@dataclass(frozen=True, slots=True)
class Voices:
    """What speaks beside the figures of a level, in nats."""

    prior_weight: float = 1.0
    """Of what other libraries taught; its own uncertainty says how narrow it is."""
    between_materials: float = 0.2
    """Uncertainty of a prior besides its own: families of look-alikes and poor pictures move a threshold as far, and a
    library's own levels show it where one of them stands out.
    """
    contrast: int = 90
    """Items from which a library's levels show that in full; of a few dozen, one that stands out is mostly chance."""
    without_contrast: float = 0.08
    """Likewise where a library's own levels show nothing: whether all of it is one group, and where within a gap."""
    few: float = 240
    """Items below which their own shape says little, and a prior the more: it counts as much as that many items do."""
    told_weight: float = 10.0
    told_alone: float = 4.0
    """Words of people that count as much as all the others: a single one is often about an exception."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known besides how the sample lies. Scores, each (k,): of pairs that differ for sure; of what people put
    together, and of what they kept apart, to the cluster in question. `prior`: what other libraries taught, or None.
    """

    different: Values
    put_together: Values = field(default_factory=lambda: np.zeros(0))
    kept_apart: Values = field(default_factory=lambda: np.zeros(0))
    prior: Calibration | None = None

    def contradicted(self, join: float, alone: float) -> float:
        """Share of people's words that a threshold contradicts, drawn towards 0 where they are few."""
        against = int((self.put_together < join).sum()) + int((self.kept_apart >= join).sum())
        return against / (len(self.put_together) + len(self.kept_apart) + alone)


def calibrate(
    similarity: Matrix, merges: Sequence[Merge], evidence: Evidence, voices: Voices = Voices()
) -> Generator[int, None, Calibration]:
    """Choose the level.

    similarity: (n, n) of the sample's items, ones on the diagonal; merges: their dendrogram.
    """
    prior, count = evidence.prior, len(similarity)
    if count < 2:
        return prior or COLD
    found = yield from levels(similarity, merges, evidence.different)
    worths, calibrations = [], []
    for level in found:
        worth = weighed(level.figures)
        near = level.threshold
        if prior is None:
            inside = 0.5 * near + 0.25 * (max(level.low, near - 0.15) + min(level.high, near + 0.15))
        else:
            near = float(np.clip(prior.join, level.low, level.high))
            narrow = float(np.hypot(prior.uncertainty, voices.without_contrast))
            wide = float(np.hypot(narrow, voices.between_materials * min(1.0, count / voices.contrast)))
            inside = _truncated_mean(prior.join, narrow, level.low, level.high)
            off = (near - prior.join) / (narrow if level.groups == 1 else wide)
            strength = voices.prior_weight * max(1.0, voices.few / count)
            worth -= strength * min(0.5 * off**2, 30.0)
        worths.append(worth - voices.told_weight * evidence.contradicted(inside, voices.told_alone))
        slack = (min(level.high, near + 0.15) - max(level.low, near - 0.15)) / 4
        calibrations.append(Calibration(inside, level.different_mean, level.different_std, level.typical, count, slack))
    by_level = np.array(worths)
    place = int(by_level.argmax())
    if prior is None:
        place = _finest(by_level, np.array([level.groups for level in found]), place)
    return _uncertain(by_level, calibrations, place)


def _finest(worths: Values, groups: NDArray[np.int64], best: int) -> int:
    """Of levels that say something else and are about as worthy as the best, the finest. Where other libraries taught
    which of them it is there are few of these, and the worthiest is more often right.
    """
    place = best
    while True:
        finer = np.flatnonzero((groups >= FINER * groups[place]) & (worths >= worths[best] - AS_WELL))
        if not len(finer):
            return place
        place = int(finer[worths[finer].argmax()])


def _uncertain(worths: Values, calibrations: Sequence[Calibration], chosen: int) -> Calibration:
    """The chosen one, uncertain by its own slack and by the others that are almost as worthy or more."""
    best = calibrations[chosen]
    shares = np.exp(worths - worths.max())
    shares /= shares.sum()
    joins = np.array([one.join for one in calibrations])
    spread = float((shares * (joins - best.join) ** 2).sum()) + best.uncertainty**2
    return replace(best, uncertainty=float(np.sqrt(spread)))


def _truncated_mean(mean: float, std: float, low: float, high: float) -> float:
    """Mean of a normal distribution within bounds; near the nearer bound where that is far out."""
    below, above = (low - mean) / std, (high - mean) / std
    mass = float(ndtr(above) - ndtr(below))
    if mass < 1e-6:
        inwards = min(0.25 * (high - low), 0.25 * std)
        return low + inwards if mean < low else high - inwards
    density = np.exp(-0.5 * np.array([below, above]) ** 2) / np.sqrt(2 * np.pi)
    return mean + std * float(density[0] - density[1]) / mass
