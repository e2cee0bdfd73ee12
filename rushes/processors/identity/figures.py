"""The figures of one level: see `levels`."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from scipy.special import log_ndtr

from rushes.processors.identity.forest import Forest
from rushes.processors.identity.pairs import Sample
from rushes.processors.identity.slices import STEP_COST, Values, median, spans

PLACE: Final = 0.38
"""Of the way from the background to 1: where in its gap a level's threshold is first looked for."""

REFUSED: Final = float(np.log(0.01))
"""Chance at which a merge is no longer one, in nats."""

WEIGHT_OF_PAIRS: Final = 8.0
"""Pairs of groups that the pairs of items count as, where a background is estimated."""

FEW_GROUPS: Final = 4

FIGURES: Final = (
    "silhouette",
    "silhouette_by_group",
    "silhouette_squared",
    "lone_credit",
    "lone_credit_by_group",
    "misplaced",
    "clearance",
    "chance",
    "chance_far",
    "refused",
    "place_off",
    "place",
    "threshold",
    "threshold_squared",
    "top",
    "bottom",
    "bottom_squared",
    "gap",
    "gap_root",
    "gap_by_items",
    "gap_of_lone",
    "top_of_lone",
    "inner_gap",
    "inner_gap_worst",
    "inner_gap_by_items",
    "inner_gap_by_groups",
    "inner_gap_of_few",
    "silhouette_of_few",
    "few_groups",
    "lone_items",
    "groups_per_item",
    "groups_log",
    "size_log",
    "size_log_of_items",
    "typical",
    "typical_height",
    "pairs_above",
    "different_above",
    "one_group",
    "one_group_top",
    "one_group_std",
    "one_group_skew",
    "one_group_items",
    "all_apart_mean",
    "all_apart_std",
    "all_apart_skew",
    "all_apart_bottom",
    "all_apart_items",
)


@dataclass(frozen=True, slots=True)
class Level:
    """A cut between the last merge done (`high`) and the next (`low`)."""

    low: float
    high: float
    threshold: float
    """Where in the gap: as near as it can be to where thresholds usually lie."""
    groups: int
    different_mean: float
    different_std: float
    typical: float
    """What an item of a group scores with the others of it, lower quartile."""
    figures: Values
    """(len(FIGURES),)"""


class Look:
    """A look at one level."""

    def __init__(self, forest: Forest, sample: Sample, high: float, low: float) -> None:
        self.forest, self.sample, self.high, self.low = forest, sample, high, low
        self.living = np.flatnonzero(forest.alive)
        self.groups, self.count = len(self.living), len(forest.label)
        position = np.zeros(self.count, np.int64)
        position[self.living] = np.arange(self.groups)
        self.label, self.sizes = position[forest.label], forest.sizes[self.living]
        self.size = self.sizes[self.label]
        self.grouped = self.size > 1
        own = forest.to_group[forest.label, np.arange(self.count)]
        self.inside = np.where(self.grouped, (own - 1) / np.maximum(self.size - 1, 1), 0.0)
        self.typical = float(np.quantile(self.inside[self.grouped], 0.25)) if self.grouped.any() else 0.6
        self.nearest: Values | None = None
        self.split = self.label[sample.one] != self.label[sample.other]
        """Pairs of the sample whose items are in two groups."""
        self.mean, self.std, self.chance, self.refused = sample.mean, 0.15, 0.0, 0.0
        self.background = sample.left

    def look(self) -> Generator[int, None, Level]:
        """Look at it."""
        yield STEP_COST + 20 * self.count + 4 * len(self.sample.scores)
        if self.groups > 1:
            self.nearest = yield from self._nearest()
            yield from self._test()
            self.background = max(self.mean, self.sample.left)
        level = self.said()
        yield 4 * STEP_COST + 50 * self.count + 4 * len(self.sample.scores)
        return level

    def _nearest(self) -> Generator[int, None, Values]:
        """What each item scores with the nearest of the other groups, (n,)."""
        best = np.full(self.count, -np.inf)
        for rows in spans(self.groups, 4 * self.count):
            average = self.forest.to_group[self.living[rows]] / self.sizes[rows, None]
            mine = np.flatnonzero((self.label >= rows.start) & (self.label < rows.stop))
            average[self.label[mine] - rows.start, mine] = -np.inf
            np.maximum(best, average.max(0), out=best)
            yield STEP_COST + 4 * self.count * len(average)
        return best

    def _between(self) -> Generator[int, None, Values]:
        """Mean scores of all pairs of groups, each once."""
        found = []
        places = np.arange(self.groups)
        for rows in spans(self.groups, 8 * self.groups):
            average = self.forest.between[self.living[rows]].take(self.living, axis=1)
            average /= np.multiply.outer(self.sizes[rows], self.sizes)
            found.append(average[places[rows, None] < places])
            yield STEP_COST + 8 * self.groups * len(average)
        return np.concatenate(found)

    def _test(self) -> Generator[int, None, None]:
        """Background of pairs of groups, with the deviation from the lower side, which no merge inflates; and whether
        the merges above and below are what it gives by chance.
        """
        between = yield from self._between()
        sample, pairs = self.sample, len(between)
        scores = sample.facts
        if scores is None:
            scores = sample.scores[self.split] if self.split.any() else between
        middle = yield from median(scores)
        far, low_scores = yield from _lower(scores, middle)
        variance = far / low_scores
        typical = yield from median(between)
        self.mean = float((pairs * typical + WEIGHT_OF_PAIRS * middle) / (pairs + WEIGHT_OF_PAIRS))
        far, lower = yield from _lower(between, self.mean)
        spread = 2 * far + WEIGHT_OF_PAIRS * variance
        self.std = float(np.sqrt(spread / (2 * lower + WEIGHT_OF_PAIRS) + 1e-6))
        done = np.log(pairs) + cast("float", log_ndtr(-(self.high - self.mean) / self.std))
        refused = np.log(pairs) + cast("float", log_ndtr(-(self.low - self.mean) / self.std))
        self.chance = float(min(max(0.0, done - REFUSED), 30.0))
        self.refused = float(min(max(0.0, REFUSED - refused), 5.0))

    def said(self) -> Level:
        threshold = float(np.clip(self.background + PLACE * (1 - self.background), self.low, self.high))
        named = {
            **self._silhouettes(),
            **self._heights(threshold),
            **self._structure(),
            **self._pairs(threshold),
            **self._extremes(),
        }
        figures = np.clip(np.nan_to_num(np.array([named[name] for name in FIGURES])), -10.0, 10.0)
        return Level(self.low, self.high, threshold, self.groups, self.mean, self.std, self.typical, figures)

    def _silhouettes(self) -> dict[str, float]:
        names = ("silhouette", "silhouette_by_group", "lone_credit", "lone_credit_by_group", "misplaced", "clearance")
        values = dict.fromkeys((*names, "silhouette_squared", "silhouette_of_few"), 0.0)
        if self.nearest is None:
            return values
        near, grouped = self.nearest, self.grouped
        value = np.where(grouped, (self.inside - near) / (1 - np.minimum(self.inside, near) + 1e-9), 0.0)
        alone = np.clip((self.typical - near) / (1 - np.minimum(self.typical, near) + 1e-9), 0.0, 1.0)
        alone = np.where(grouped, 0.0, alone)
        by_group = 1 / self.size / self.groups
        values["silhouette"] = float(value.mean())
        values["silhouette_by_group"] = float((value * by_group).sum())
        values["silhouette_squared"] = values["silhouette"] ** 2
        values["silhouette_of_few"] = values["silhouette"] * (self.groups <= FEW_GROUPS)
        values["lone_credit"] = float(alone.mean())
        values["lone_credit_by_group"] = float((alone * by_group).sum())
        if grouped.any():
            ahead = (self.inside - near)[grouped]
            values["misplaced"] = float((ahead < 0).sum() / self.count)
            values["clearance"] = min(float(ahead.mean() / (ahead.std() + 0.05)), 5.0)
        return values

    def _relative(self, height: float) -> float:
        return float(np.clip((height - self.background) / (1 - self.background + 1e-6), -1.0, 1.0))

    def _heights(self, threshold: float) -> dict[str, float]:
        place, top, bottom = self._relative(threshold), self._relative(self.high), self._relative(self.low)
        gap = min(max((self.high - self.low) / (1 - self.background + 1e-6), 0.0), 1.0)
        lone = float((~self.grouped).mean())
        return {
            "chance": min(self.chance, 10.0) / 10,
            "chance_far": self.chance / 30,
            "refused": self.refused / 5,
            "place": place,
            "place_off": (place - PLACE) ** 2,
            "threshold": threshold,
            "threshold_squared": threshold**2,
            "top": top,
            "bottom": bottom,
            "bottom_squared": bottom**2,
            "gap": gap,
            "gap_root": gap**0.5,
            "gap_by_items": gap * float(np.log(self.count)),
            "gap_of_lone": gap * lone,
            "top_of_lone": top * lone,
            "lone_items": lone,
            "typical": self.typical if self.grouped.any() else 0.0,
            "typical_height": self._relative(self.typical) if self.grouped.any() else 0.0,
        }

    def _structure(self) -> dict[str, float]:
        gaps = self.forest.inner_gap[self.living] * (self.sizes > 1)
        inner = float((gaps * self.sizes).sum() / self.count)
        few = float(self.groups <= FEW_GROUPS)
        size = float(np.log(self.size).mean())
        return {
            "inner_gap": inner,
            "inner_gap_worst": float(gaps.max()),
            "inner_gap_by_items": inner * float(np.log(self.count)),
            "inner_gap_by_groups": inner * float(np.log(self.groups + 1)),
            "inner_gap_of_few": inner * few,
            "few_groups": few,
            "groups_per_item": self.groups / self.count,
            "groups_log": float(np.log(self.groups) / np.log(self.count + 1)),
            "size_log": size,
            "size_log_of_items": size / float(np.log(self.count + 1)),
        }

    def _pairs(self, threshold: float) -> dict[str, float]:
        apart = self.split
        above = float((self.sample.scores[apart] > threshold).mean()) if apart.any() else 0.0
        different = self.sample.different
        return {
            "pairs_above": float(np.log1p(20 * min(above * self.groups, 3.0))),
            "different_above": float((different > threshold).mean()) if len(different) >= 10 else 0.0,
        }

    def _extremes(self) -> dict[str, float]:
        one, apart, sample = float(self.groups == 1), float(self.groups == self.count), self.sample
        return {
            "one_group": one,
            "one_group_top": one * self.high,
            "one_group_std": one * sample.std,
            "one_group_skew": one * sample.skew,
            "one_group_items": one * float(np.log(self.count)),
            "all_apart_mean": apart * sample.mean,
            "all_apart_std": apart * sample.std,
            "all_apart_skew": apart * sample.skew,
            "all_apart_bottom": apart * self.low,
            "all_apart_items": apart * float(np.log(self.count)),
        }


def _lower(values: Values, middle: float) -> Generator[int, None, tuple[float, int]]:
    """Sum of squared deviations of the values not above `middle`, and how many there are."""
    total, count = 0.0, 0
    for span in spans(len(values), 6):
        part = values[span]
        part = part[part <= middle]
        total += float(((part - middle) ** 2).sum())
        count += len(part)
        yield STEP_COST + 6 * (span.stop - span.start)
    return total, count
