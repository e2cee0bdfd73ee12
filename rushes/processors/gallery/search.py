"""Probes compared with lists, many at once: a list is read once for all that look into it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rushes.processors.gallery.integers import Steps32
from rushes.processors.gallery.lists import Lists
from rushes.processors.gallery.pieces import Pieces, rows_cost
from rushes.processors.gallery.threads import in_use

Hits = list[tuple[NDArray[np.intp], NDArray[np.int64], Steps32]]
"""Probes, keys and products of rows that are kept, in any order."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of lists near one probe: keys, products in steps, and the best product seen."""

    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: Steps32 = field(default_factory=lambda: np.zeros(0, np.float32))
    best: float = -np.inf

    def __add__(self, other: "Found") -> "Found":
        keys = np.concatenate([self.keys, other.keys])
        return Found(keys, np.concatenate([self.scores, other.scores]), max(self.best, other.best))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of lists are kept: those of `at_least`, or among the `top` best, less a margin. In steps."""

    at_least: np.float32
    top: int
    margin: np.float32

    def floor(self, scores: Steps32) -> NDArray[np.float32]:
        """What a row must reach beside these scores, (..., n) -> (...)."""
        if scores.shape[-1] < self.top:
            return np.full(scores.shape[:-1], -np.inf, np.float32)
        kth = np.partition(scores, -self.top, axis=-1)[..., -self.top] if self.top else np.float32(np.inf)
        floor: NDArray[np.float32] = np.minimum(kth, self.at_least) - self.margin
        return floor


class Search:
    """Probes (b, d) against lists that stand still."""

    def __init__(
        self, lists: Lists, probes: Steps32, wanted: Wanted, but: Sequence[Collection[int]], audited: NDArray[np.intp]
    ) -> None:
        """`but`: rows that each probe is not compared with. `audited`: probes whose `maxima` are kept."""
        self._lists = lists
        self._probes = probes.astype(np.int16)
        self._wanted = wanted
        self._left_out: dict[int, list[tuple[int, int]]] = {}
        for number, own in enumerate(but):
            for key in own:
                home = lists.home(key)
                if home is not None:
                    self._left_out.setdefault(home[0], []).append((number, home[1]))
        self._audit = np.full(len(probes), -1, np.intp)
        self._audit[audited] = np.arange(len(audited))
        self._maxima = np.full((len(audited), lists.count), -np.inf, np.float32)

    def maxima(self, number: int) -> NDArray[np.float32]:
        """Best score of an audited probe in each list."""
        maxima: NDArray[np.float32] = self._maxima[self._audit[number]]
        return maxima

    def look(
        self, orders: dict[int, NDArray[np.intp]], earlier: dict[int, Found] | None = None
    ) -> Pieces[dict[int, Found]]:
        """Compare each probe with the lists of its order, a list in each piece. `earlier`: what it found already."""
        floors = np.full(len(self._probes), -np.inf, np.float32)
        for number in orders if earlier else ():
            floors[number] = self._wanted.floor(earlier[number].scores) if earlier else -np.inf
        best = np.full(len(self._probes), -np.inf, np.float32)
        fresh = {number for number in orders if np.isneginf(floors[number])}
        firsts = {number: orders[number][:1] for number in fresh}
        rest = {number: order[1:] if number in fresh else order for number, order in orders.items()}
        near: Hits = []
        yield from self._visit(firsts, floors, best, near, first=True)
        yield from self._visit(rest, floors, best, near, first=False)
        if not near:
            return {number: Found() for number in orders}
        numbers, keys, scores = (np.concatenate(parts) for parts in zip(*near, strict=True))
        by_number = np.argsort(numbers, kind="stable")
        numbers, keys, scores = numbers[by_number], keys[by_number], scores[by_number]
        asked = np.fromiter(orders, np.intp)
        starts, ends = np.searchsorted(numbers, asked), np.searchsorted(numbers, asked, side="right")
        return {
            number: Found(keys[start:end], scores[start:end], float(best[number]))
            for number, start, end in zip(orders, starts.tolist(), ends.tolist(), strict=True)
        }

    def _visit(
        self, orders: dict[int, NDArray[np.intp]], floors: Steps32, best: Steps32, near: Hits, *, first: bool
    ) -> Pieces[None]:
        """Add to `near` what reaches the floors, which the `first` list of each probe sets."""
        threads, visits = in_use(), _by_list(orders)
        compare = partial(self._compare, floors, first=first)
        for start in range(0, len(visits), threads.handful):
            for seen, hits, costs in threads.share(compare, visits[start : start + threads.handful]):
                np.maximum(best, seen, out=best)
                near += hits
                yield from costs

    def _compare(
        self, floors: Steps32, visits: Sequence[tuple[int, NDArray[np.intp]]], *, first: bool
    ) -> tuple[Steps32, Hits, list[int]]:
        """The best products seen in these lists, what reaches the floors, and what each list cost. Other threads
        compare other lists meanwhile: a list has its own `maxima`, and a probe one `first` list that sets its floor.
        """
        from rushes.processors.gallery.kernel import sift  # noqa: PLC0415 (late, see there)

        seen = np.full(len(self._probes), -np.inf, np.float32)
        near: Hits = []
        costs: list[int] = []
        for number, visitors, keys, products, best in self._lists.products(self._probes, visits):
            if number in self._left_out:
                for probe, place in self._left_out[number]:
                    products[visitors == probe, place] = -np.inf
                products.max(axis=1, out=best)
            if first:
                floors[visitors] = self._wanted.floor(products)
            if self._maxima.size:
                audit = self._audit[visitors]
                self._maxima[audit[audit >= 0], number] = best[audit >= 0]
            hits, scores = np.empty((2, products.size), np.int64), np.empty(products.size, np.float32)
            count = sift(products, best, visitors, floors, seen, hits, scores)
            if count:
                numbers, places = hits[:, :count].copy()
                near.append((numbers, keys[places], scores[:count].copy()))
            costs.append(rows_cost(len(keys), self._lists.dim, len(visitors)))
        return seen, near, costs


def _by_list(orders: dict[int, NDArray[np.intp]]) -> list[tuple[int, NDArray[np.intp]]]:
    """(list, probes that look into it), lists in order."""
    if not sum(map(len, orders.values())):
        return []
    visitors = np.repeat(np.fromiter(orders, np.intp), [len(order) for order in orders.values()])
    numbers = np.concatenate(list(orders.values()))
    by_number = np.argsort(numbers, kind="stable")
    numbers, visitors = numbers[by_number], visitors[by_number]
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    return list(zip(numbers[starts].tolist(), np.split(visitors, starts[1:]), strict=True))
