"""The threshold of a library, model and kind, chosen from how its items lie to each other.

One cut of a sample's dendrogram is chosen by three voices: a leave-one-out silhouette on similarities (Rousseeuw
1987), counted by items and by clusters; a test whether its last merges are what the background would give by chance
(extreme value of the best of all pairs of clusters); and a weak prior on where thresholds lie between the background
and 1. With nothing seen yet, the prior alone speaks.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from rushes.processors.identity.linkage import Merge

Matrix = NDArray[np.float64]
Values = NDArray[np.float64]

MOST_CUTS: Final = 60
MOST_PAIRS: Final = 60_000
FEW_FACTS: Final = 30
"""Pairs known to differ below which their distribution is not looked at."""


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
        """Odds of belonging, as a probability: even at the threshold, falling by e per background deviation / 2."""
        slope = 2.0 / max(self.different_std, 0.02)
        return float(1.0 / (1.0 + np.exp(-np.clip(slope * (score - self.join), -50.0, 50.0))))


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
    """Weights of what speaks for a cut."""

    chance: float = 0.01
    per_nat: float = 0.015
    refused_at_most: float = 5.0
    background_weight: float = 8.0
    place: float = 0.38
    place_std: float = 0.12
    place_weight: float = 0.05
    single_credit: float = 0.5
    lone_background: float = 0.5
    lone_height: float = 0.65
    prior_weight: float = 0.05
    """Of what other libraries taught, in the place of `place`; its own uncertainty says how narrow it is."""
    between_materials: float = 0.08
    """Uncertainty of a prior besides its own: another material of the same model is never quite the same."""
    few: float = 240
    """Items below which their own shape says little, and a prior the more: it counts as much as that many items do."""
    told_weight: float = 0.3
    told_alone: float = 4.0
    """Words of people that count as much as all the others: a single one is often about an exception."""
    temperature: float = 0.02
    """Difference of worth at which a cut is e times less likely."""


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
    """Choose the cut.

    similarity: (n, n) of the sample's items; merges: their dendrogram.
    """
    different, prior = evidence.different, evidence.prior
    count = len(similarity)
    heights = np.minimum.accumulate([merge.height for merge in merges]) if merges else np.zeros(0)
    above = np.concatenate([[1.0], heights])
    floor = heights[-1] - 0.15 if len(heights) == count - 1 and len(heights) else -1.0
    below = np.concatenate([heights, [floor]])
    sample = _pairs(count)
    scores = similarity[sample]
    left = left_mode(different if len(different) >= FEW_FACTS else scores) if len(scores) else COLD.different_mean
    groups = _Groups(similarity)
    weighed: list[tuple[float, Calibration]] = []
    candidates = _candidates(above - below, heights)
    for place in range(len(heights) + 1):
        if place:
            groups.merge(merges[place - 1])
        yield 4 * count
        if place not in candidates:
            continue
        seen = _Cut(groups, scores, sample, different, voices)
        yield 6 * count * max(seen.groups, 1) + 3 * len(scores)
        if seen.groups == 1 and above[place] < voices.lone_height:
            continue
        low, high = max(float(below[place]), -1.0), float(above[place])
        background = seen.mean if seen.groups == 1 else max(seen.mean, left)
        join = float(np.clip(background + voices.place * (1 - background), low, high))
        if prior is None:
            off = ((join - background) / (1 - background + 1e-9) - voices.place) / voices.place_std
            weight = voices.place_weight
            inside = 0.5 * join + 0.25 * (max(low, join - 0.15) + min(high, join + 0.15))
        else:
            join = float(np.clip(prior.join, low, high))
            unsure = float(np.hypot(prior.uncertainty, voices.between_materials))
            off = (join - prior.join) / unsure
            weight = voices.prior_weight * max(1.0, voices.few / count)
            inside = _truncated_mean(prior.join, unsure, low, high)
        worth = (
            seen.silhouette
            - voices.per_nat * seen.chance(high, low, voices)
            - weight * min(0.5 * off**2, 30)
            - voices.told_weight * evidence.contradicted(inside, voices.told_alone)
        )
        slack = (min(high, join + 0.15) - max(low, join - 0.15)) / 4
        weighed.append((worth, Calibration(inside, seen.mean, seen.std, seen.typical, count, slack)))
    return _best(weighed, voices) if weighed else prior or COLD


def _best(weighed: Sequence[tuple[float, Calibration]], voices: Voices) -> Calibration:
    """The worthiest, uncertain by its own slack and by the others that are almost as worthy. The first of equals."""
    worths = np.array([worth for worth, _ in weighed])
    best = weighed[int(worths.argmax())][1]
    shares = np.exp((worths - worths.max()) / voices.temperature)
    shares /= shares.sum()
    joins = np.array([one.join for _, one in weighed])
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


def left_mode(scores: Values, rounds: int = 30) -> float:
    """Mean of the lower component of a two-normal mixture of pair scores (EM): where `different` lies."""
    mean = np.quantile(scores, [0.25, 0.95])
    variance = np.full(2, scores.var() / 2 + 1e-5)
    share = np.array([0.8, 0.2])
    for _ in range(rounds):
        log = np.log(share) - 0.5 * np.log(variance) - 0.5 * (scores[:, None] - mean) ** 2 / variance
        log -= log.max(1, keepdims=True)
        part = np.exp(log)
        part /= part.sum(1, keepdims=True)
        size = part.sum(0) + 1e-6
        mean = (part * scores[:, None]).sum(0) / size
        variance = (part * (scores[:, None] - mean) ** 2).sum(0) / size + 1e-5
        share = size / size.sum()
    lower = int(mean.argmin())
    return float(mean[lower]) if share[lower] > 0.1 else float(np.median(scores))


def _pairs(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    one, other = np.triu_indices(count, 1)
    if len(one) > MOST_PAIRS:
        chosen = np.random.default_rng(count).choice(len(one), MOST_PAIRS, replace=False)
        one, other = one[chosen], other[chosen]
    return one, other


def _candidates(gaps: Values, heights: Values) -> set[int]:
    """Cuts to look at: those in the widest gaps, and some spread evenly over the heights."""
    last = len(heights)
    found = set(np.argsort(-gaps, kind="stable")[: MOST_CUTS // 2].tolist()) | {0, last}
    if last:
        even = np.linspace(heights[0], heights[-1], MOST_CUTS // 2)
        found |= set(np.searchsorted(-heights, -even).tolist())
    return {place for place in found if gaps[place] > 1e-6 or place in {0, last}}


class _Groups:
    """A partition of the sample while it is merged upwards, with each item's total similarity to each group."""

    def __init__(self, similarity: Matrix) -> None:
        count = len(similarity)
        self.to_group = similarity.copy()
        self.label = np.arange(count)
        self.sizes = np.ones(count)
        self.alive = np.ones(count, np.bool_)

    def merge(self, merge: Merge) -> None:
        self.to_group[:, merge.kept] += self.to_group[:, merge.gone]
        self.sizes[merge.kept] += self.sizes[merge.gone]
        self.alive[merge.gone] = False
        self.label[self.label == merge.gone] = merge.kept


class _Cut:
    """What one cut of the dendrogram looks like."""

    def __init__(
        self,
        groups: _Groups,
        scores: Values,
        sample: tuple[NDArray[np.int64], NDArray[np.int64]],
        different: Values,
        voices: Voices,
    ) -> None:
        count = len(groups.label)
        living = np.flatnonzero(groups.alive)
        self.groups = len(living)
        position = np.zeros(count, np.int64)
        position[living] = np.arange(self.groups)
        label, sizes = position[groups.label], groups.sizes[living]
        total = groups.to_group[:, living]
        rows = np.arange(count)
        own = total[rows, label]
        grouped = sizes[label] > 1
        inside = np.where(grouped, (own - 1) / np.maximum(sizes[label] - 1, 1), 0)
        self.typical = float(np.quantile(inside[grouped], 0.25)) if grouped.any() else 0.6
        if self.groups == 1:
            self.mean, self.std, self.pairs = voices.lone_background, 0.15, 0
            nearest = np.full(count, voices.lone_background)
        else:
            average = total / sizes
            average[rows, label] = -np.inf
            nearest = average.max(1)
            order = np.argsort(label, kind="stable")
            starts = np.searchsorted(label[order], np.arange(self.groups))
            between = np.add.reduceat(total[order], starts, axis=0) / np.outer(sizes, sizes)
            self._background(
                between[np.triu_indices(self.groups, 1)],
                different if len(different) >= FEW_FACTS else scores[label[sample[0]] != label[sample[1]]],
                voices,
            )
        value = (inside - nearest) / (1 - np.minimum(inside, nearest) + 1e-9)
        alone = (self.typical - nearest) / (1 - np.minimum(self.typical, nearest) + 1e-9)
        value = np.where(grouped, value, voices.single_credit * np.clip(alone, 0, 1))
        by_cluster = 1 / sizes[label]
        self.silhouette = float(0.5 * value.mean() + 0.5 * (value * by_cluster).sum() / by_cluster.sum())

    def _background(self, between: Values, pairs: Values, voices: Voices) -> None:
        """Mean of averages of groups that differ, and its deviation from the lower side, which no merge inflates."""
        if len(pairs) == 0:
            pairs = between
        self.pairs = len(between)
        middle = float(np.median(pairs))
        variance = float(((pairs[pairs <= middle] - middle) ** 2).mean())
        weight = voices.background_weight
        self.mean = float((self.pairs * np.median(between) + weight * middle) / (self.pairs + weight))
        lower = between[between <= self.mean]
        spread = 2 * float(((lower - self.mean) ** 2).sum()) + weight * variance
        self.std = float(np.sqrt(spread / (2 * len(lower) + weight) + 1e-6))

    def chance(self, high: float, low: float, voices: Voices) -> float:
        """Nats by which the last merge done is explained by chance, and the next refused is not."""
        if not self.pairs:
            return 0.0
        level = float(np.log(voices.chance))
        done = np.log(self.pairs) + cast("float", log_ndtr(-(high - self.mean) / self.std))
        refused = np.log(self.pairs) + cast("float", log_ndtr(-(low - self.mean) / self.std))
        return float(min(max(0.0, done - level), 30.0) + min(max(0.0, level - refused), voices.refused_at_most))
