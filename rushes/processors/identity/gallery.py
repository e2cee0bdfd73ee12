"""Sums of clusters by key, searched by average linkage: whole steps propose, exact sums decide.

Memory of a row of 512 dimensions: 1 KB for what proposes and 2 KB for its sum (3 KB in a gallery below 8,192 rows).
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.gallery.pieces import Pieces, at_once
from rushes.processors.gallery.rows import Rows
from rushes.processors.gallery.shortlist import Probes, Shortlist
from rushes.processors.identity.foresight import Foresight
from rushes.processors.identity.grid import EXACT, STEPS, Grid, Vec64, linkage

PARTS: Final = 16
"""Sums are kept in sixteenths of a grid step, which all weights are multiples of."""

LARGE: Final = 8_000.0
"""Weight from which a sum is kept in float64: below, no component exceeds 32 bits (8,000 * 2**14 * 16 < 2**31)."""

Scored = tuple[int, float]
"""A key and its score; bigger is closer."""


class Gallery:
    """Rows of one space by integer key. A smaller key is older."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._near = Shortlist(dim)
        self._sums = Rows(dim)
        self._large: dict[int, Vec64] = {}
        self._weights = np.zeros(0, np.float64)
        self._row: dict[int, int] = {}
        self._free: list[int] = []
        self._foresight: Foresight | None = None

    def __len__(self) -> int:
        return len(self._row)

    def __contains__(self, key: object) -> bool:
        return key in self._row

    def __iter__(self) -> Iterator[int]:
        """Keys, oldest first."""
        return iter(sorted(self._row))

    @property
    def bytes(self) -> int:
        """Memory of rows and sums."""
        return self._near.bytes + self._sums.bytes + self._weights.nbytes

    @property
    def audits(self) -> int:
        """Probes that the search has learnt from; 0 in a small gallery."""
        return self._near.audits.count if self._near.audits is not None else 0

    @property
    def learnt(self) -> bool:
        """Whether the search has a rule of where to stop, from enough probes."""
        return self._near.audits is not None and self._near.audits.rule is not None

    def add(self, key: int, vector: NDArray[np.int16], weight: float) -> None:
        """Weigh a grid vector into a row (negative weight takes it out); a row of no weight left is gone. Weights are
        multiples of 1/16.
        """
        row = self._row[key] if key in self._row else self._take_row(key)
        before = self._weights[row]
        after = self._weights[row] = before + weight
        if after <= 0.0:
            self._drop(key)
            return
        parts = round(weight * PARTS)
        if after < LARGE and key in self._large:
            self._sums[row][:] = self._large.pop(key) * PARTS
        elif after >= LARGE > before:
            self._large[key] = self._sums[row] / PARTS
        if after >= LARGE:
            self._large[key] = self._large[key] + vector.astype(np.float64) * (parts / PARTS)
        else:
            row_sum = self._sums[row]
            row_sum += vector.astype(np.int32) * parts
        self._near.put(key, self._total(key, row) / (after * STEPS))

    def total(self, key: int) -> Vec64:
        """The row's sum in grid steps, (d,)."""
        return self._total(key, self._row[key])

    def weight(self, key: int) -> float:
        """The row's weight; 0 for none."""
        row = self._row.get(key)
        return 0.0 if row is None else float(self._weights[row])

    def score(self, key: int, probe: Vec64, weight: float) -> float:
        """Average linkage of a sum and one row."""
        return linkage(self.total(key), probe, self.weight(key), weight)

    def scores(
        self,
        probe: Vec64,
        weight: float,
        at_least: float,
        top: int,
        but: Collection[int] = (),
        *,
        arriving: bool = False,
    ) -> list[Scored]:
        """Rows of linkage >= `at_least` to a sum of grid vectors, and the `top` best whatever their score; best first,
        ties to the older, without those of `but`.

        All of them up to 8,192 rows. Of more, the best is among them with probability .9995 or more, if probes are
        like the last 4,096 `arriving` ones, and beside it what is near it.
        """
        if arriving and self._foresight is not None:
            near = self._foresight.near(probe, weight, at_least, top, but)
            if near is not None:
                return self.decide(near, probe, weight, at_least, top)
        return self.scores_many(probe[None], [weight], at_least, top, [but], arriving=arriving).of(0)

    def expect(self, vectors: Sequence[Grid]) -> None:
        """These arrive next, and are looked at together when the first is asked for. Changes no score, only what it
        costs; none ends it.
        """
        self._foresight = Foresight(self._near, vectors) if len(vectors) > 1 else None

    def scores_many(
        self,
        probes: Vec64,
        weights: Sequence[float],
        at_least: float,
        top: int,
        but: Sequence[Collection[int]] = (),
        *,
        arriving: bool = False,
    ) -> "Scores":
        """`scores` of many probes, (b, d), that share one product. Each is asked for when its turn comes, and gets
        what `scores` would give then.
        """
        return at_once(self.scoring_many(probes, weights, at_least, top, but, arriving=arriving))

    def scoring_many(
        self,
        probes: Vec64,
        weights: Sequence[float],
        at_least: float,
        top: int,
        but: Sequence[Collection[int]] = (),
        *,
        arriving: bool = False,
    ) -> Pieces["Scores"]:
        """`scores_many` in pieces, between which rows may change."""
        means = probes / (np.asarray(weights)[:, None] * STEPS)
        near = yield from self._near.probing(means, at_least, top, but, audited=arriving)
        return Scores(self, near, list(zip(probes, weights, strict=True)), at_least, top)

    def decide(self, keys: NDArray[np.int64], probe: Vec64, weight: float, at_least: float, top: int) -> list[Scored]:
        """The exact scores of these rows, as `scores` gives them."""
        rows = np.fromiter((self._row[key] for key in keys.tolist()), np.intp, len(keys))
        weights = self._weights[rows] * weight
        quickly = (self._sums.taken(rows) @ probe) / (weights * (PARTS * STEPS * STEPS))
        exact = (weights <= EXACT) & (self._weights[rows] < LARGE)
        found = [
            (key, score if sure else self.score(key, probe, weight))
            for key, score, sure in zip(keys.tolist(), quickly.tolist(), exact.tolist(), strict=True)
        ]
        found.sort(key=lambda scored: (-scored[1], scored[0]))
        sure = sum(score >= at_least for _, score in found)
        return found[: max(sure, top)]

    def _total(self, key: int, row: int) -> Vec64:
        large = self._large.get(key)
        return self._sums[row] / PARTS if large is None else large.copy()

    def _take_row(self, key: int) -> int:
        row = self._free.pop() if self._free else len(self._row)
        if row >= len(self._sums):
            self._sums.grow()
        if row >= len(self._weights):
            more = max(len(self._sums) - len(self._weights), len(self._weights) // 4)
            self._weights = np.concatenate([self._weights, np.zeros(more)])
        self._row[key] = row
        return row

    def _drop(self, key: int) -> None:
        row = self._row.pop(key)
        self._large.pop(key, None)
        self._sums[row][:] = 0
        self._weights[row] = 0.0
        self._free.append(row)
        self._near.drop(key)


class Scores:
    """Scores of sums that were looked at together."""

    def __init__(
        self, gallery: Gallery, near: Probes, sums: Sequence[tuple[Vec64, float]], at_least: float, top: int
    ) -> None:
        self._gallery = gallery
        self._near = near
        self._sums = sums
        self._at_least = at_least
        self._top = top

    @property
    def stands(self) -> bool:
        """Whether what was looked at together still holds; else the next of these takes as long as all together."""
        return self._near.stands

    def of(self, number: int) -> list[Scored]:
        """Those of one, with the gallery as it now is; to be asked for once."""
        return self._gallery.decide(self._near.near(number), *self._sums[number], self._at_least, self._top)
