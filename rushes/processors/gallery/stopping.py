"""How many lists to look into: learnt from probes that were compared with every row, so that a miss is rare anywhere.

Some probes, chosen by their own bits, are audited: compared with all lists in the order of their centroids. The rule is
a first number of lists `look`, the score `enough`, and a last number of lists `last`: a probe that has seen a row above
`enough` in the first lists stops there, others after the last. Both numbers are chosen by the older half of the window,
at the least cost, and `enough` such that but a few probes of the window would have missed a best that matters; where
the last number alone misses more, it is the next that does not. So if the next probe and those of the newer half are
alike, it misses its best with probability (missed + 1) / (half the window + 1) at most: split conformal prediction
(Vovk et al. 2005; Angelopoulos and Bates 2023, section 1). Recall holds whatever the material is; the cost varies.
Where nothing tells where the best is, everything is looked at.

A best matters where it reaches what was asked for, or nearly: what is farther off decides nothing.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.gallery.integers import Steps32

WINDOW: Final = 8_192
"""Audits that a rule is made from. Until there are so many, every probe is one."""

MISSED: Final = 0.0005
"""Share of probes that may miss a best that matters, in the mean: what a library sees of it varies by as much again."""

LEAST: Final = 2_048
"""Audits that matter in the newer half of the window; where there are fewer, all do."""

RUNGS: Final = 20
"""Numbers of lists that are tried: 1, 2, 4 ... 2**19, the lists of 134 million rows."""

SPARSE: Final = 4_096
"""One probe in n is audited where there are n * 4,096 rows: that costs a probe as much whatever the size, up to one in
`SPARSEST`."""

SPARSEST: Final = 128

TOGETHER: Final = 256
"""Probes of a batch, as costs are weighed."""

OPENING: Final = 6
"""What it costs to open a list, in products of one probe with it. In a batch 20 (27 us beside 1.3, for 345 rows of 512
dimensions), but that chooses no faster rule for batches, and a slower one for a probe by itself.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """Look into `look` lists; stop there with a row seen above `enough`, or a new one (in no list yet) of at least
    `surpassed`, the best score that stopping there has missed; else go on to `last`. Scores are products in steps.
    """

    look: int
    last: int
    enough: float
    surpassed: float

    def stops(self, seen: float, new: float) -> bool:
        """`seen`: best score in the lists looked into. `new`: best among the rows that are in no list yet."""
        return seen > self.enough or new >= max(self.surpassed, self.enough)


class Audits:
    """The window of audited probes, and the rule made from it."""

    def __init__(self, window: int = WINDOW) -> None:
        self.rule: Rule | None = None
        self._seen = np.zeros((window, RUNGS), np.float32)
        """Best scores within the first 1, 2, 4 ... lists; the last is the best of all."""
        self._matters = np.zeros(window, np.bool_)
        self.count = 0
        self._every = 1

    def chosen(self, probes: Steps32) -> NDArray[np.bool_]:
        """Which probes, (b, d), are audited: by their own bits, so that neither batches nor order matter."""
        bits = np.abs(probes).sum(axis=1, dtype=np.float64).astype(np.int64)
        chosen: NDArray[np.bool_] = bits % (1 if self.rule is None else self._every) == 0
        return chosen

    def note(self, maxima: NDArray[np.float32], matters_from: float) -> None:
        """`maxima`: the best score in each list, lists in the order of their centroids, (lists,)."""
        best_so_far = np.maximum.accumulate(maxima)
        places = np.minimum(2 ** np.arange(RUNGS), len(maxima)) - 1
        places[-1] = len(maxima) - 1
        self._seen[self.count % len(self._seen)] = best_so_far[places]
        self._matters[self.count % len(self._seen)] = best_so_far[-1] >= matters_from
        self.count += 1

    def settle(self, rows: int, lists: int) -> None:
        """Make the rule anew, for a gallery of so many rows and lists."""
        self._every = min(max(rows // SPARSE, 1), SPARSEST)
        window = len(self._seen)
        if self.count < window:
            return
        seen = np.roll(self._seen, -(self.count % window), axis=0)
        matters = np.roll(self._matters, -(self.count % window))
        half = window // 2
        if matters[half:].sum() < LEAST:
            matters = np.ones(window, np.bool_)
        rungs = [rung for rung in range(RUNGS - 1) if 2**rung < lists]
        pairs = [(first, last) for last in [*rungs, RUNGS - 1] for first in rungs if first <= last] or [(0, RUNGS - 1)]
        allowed = max(int(MISSED * (matters[half:].sum() + 1)) - 1, 0)
        audits = TOGETHER / self._every * lists
        costs = [
            _cost(_rule(pair, seen[:half][matters[:half]], lists, allowed // 2), seen[:half], pair, lists, audits)
            for pair in pairs
        ]
        self.rule = _rule(pairs[int(np.argmin(costs))], seen[matters], lists, allowed)


def _rule(pair: tuple[int, int], seen: NDArray[np.float32], lists: int, allowed: int) -> Rule:
    """The rule of these rungs under which not more probes than allowed miss their best."""
    first, last = pair
    best = seen[:, -1]
    last = next(rung for rung in range(last, RUNGS) if (seen[:, rung] < best).sum() <= allowed)
    lost = int((seen[:, last] < best).sum())
    stopping = seen[(seen[:, first] < best) & (seen[:, last] == best)]
    stopping = stopping[np.argsort(stopping[:, first], kind="stable")][: max(len(stopping) - (allowed - lost), 0)]
    look, end = 2**first, lists if last == RUNGS - 1 else 2**last
    if not len(stopping):
        return Rule(look, end, -np.inf, -np.inf)
    return Rule(look, end, float(stopping[-1, first]), float(stopping[:, -1].max()))


def _cost(rule: Rule, seen: NDArray[np.float32], pair: tuple[int, int], lists: int, audits: float) -> float:
    """Work of a batch, in products of one probe with a list. `audits`: products of the second look anyway."""
    going_on = TOGETHER * float((seen[:, pair[0]] <= rule.enough).mean())
    return _work(TOGETHER * rule.look, lists) + _work(going_on * (rule.last - rule.look) + audits, lists)


def _work(visits: float, lists: int) -> float:
    """Of so many visits: a list is opened once for all of them. As if visits were spread evenly, nearly: then
    lists * (1 - exp(-visits / lists)) are opened.
    """
    opened = lists * visits / (lists + visits)
    return OPENING * opened + visits
