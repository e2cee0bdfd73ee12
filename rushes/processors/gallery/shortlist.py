"""Rows by key, and for a probe a short list of those that may be the nearest: exactly the same whatever the batch.

A small gallery is one matrix. In a large one, rows are in `Lists`, which stand still for an epoch of `EPOCH` changes or
more; what changed meanwhile is in the matrix and is always looked at. So many probes share one product, and changes
made before their turn comes are looked at again. A gallery that grows large puts its rows into lists little by little
before any is looked into, so that no change takes long.
"""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from threading import Thread
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.gallery.integers import MAX_DIM, SQUARE, Steps32, Vec64, in_steps, rounding_error
from rushes.processors.gallery.lists import LIST_ROWS, Lists
from rushes.processors.gallery.pieces import Pieces, at_once, rows_cost
from rushes.processors.gallery.recent import Look, Recent
from rushes.processors.gallery.search import Found, Search, Wanted
from rushes.processors.gallery.stopping import WINDOW, Audits

FLAT_ROWS: Final = 8_192
"""Rows up to which one product with all is as fast as lists: .1 ms a probe. From half as many on, lists are made."""

TAKEN: Final = 512
"""Rows that lists in the making take at a time: some 10 ms."""

TAKEN_EVERY: Final = 128
"""Changes between two times, a quarter of `TAKEN`: so lists are complete before there are `FLAT_ROWS`."""

TARGETED: Final = 128
"""Changed rows for which their lists are found together."""

EPOCH: Final = 1_024
"""Changed rows between two settlements of the lists: each costs 15 ms at 100,000 rows and 70 ms at a million."""

EPOCH_SHARE: Final = 256
"""Of a large gallery one row in so many: what was looked at together is looked at again after a settlement."""

NEARLY: Final = 0.05
"""A best so far below `at_least` matters too: it is among the near ones that a person is shown, and what is asked for
changes with time."""

SPARE: Final = 8
"""Near rows kept of the lists beyond those asked for: some may have changed since."""

KERNEL: Final = "rushes.processors.gallery.kernel"

ATTEMPTS: Final = 3
"""Of a search in pieces, while others settle the lists: a search changes few rows, and an epoch has many."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Where a gallery changes its ways: smaller in tests."""

    flat_rows: int = FLAT_ROWS
    epoch: int = EPOCH
    list_rows: int = LIST_ROWS
    window: int = WINDOW


class Shortlist:
    """Rows of length 1 or less by integer key, counted up from 0. What it gives holds every row that may be within
    reach, among the rows looked at: all of a small gallery; of a large one what `Rule` says.
    """

    def __init__(self, dim: int, sizes: Sizes | None = None) -> None:
        if dim > MAX_DIM:
            raise ValueError(f"expected at most {MAX_DIM} dimensions, found {dim}")
        self.dim = dim
        self.recent = Recent(dim)
        self.sizes = sizes or Sizes()
        self.lists = Lists(dim, self.sizes.list_rows)
        self.audits: Audits | None = None
        self.epoch = 0
        """Settlements of the lists so far."""
        self.unlisted: dict[int, None] = {}
        """Rows that changed since the lists last took them."""
        self._targets: dict[int, int] = {}
        """The lists that those of an epoch will go to, found a few at a time: all at once takes 130 ms at a million."""
        self._untargeted: dict[int, None] = {}
        self._changes = 0
        self._stale: NDArray[np.bool_] = np.zeros(0, np.bool_)
        """By key: rows in the lists that are no longer what they say. Keys count up from 0."""

    @property
    def bytes(self) -> int:
        """Memory of the rows."""
        return self.recent.bytes + self.lists.bytes

    def put(self, key: int, row: Vec64) -> None:
        """Insert or replace a row of length 1 or less, (d,)."""
        self.recent.put(key, in_steps(row))
        self._changed(key)

    def drop(self, key: int) -> None:
        """Take a row out; none there is fine."""
        self.recent.drop(key)
        self._changed(key)

    def current(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows in the lists are still what they say."""
        current: NDArray[np.bool_] = ~self._stale[keys]
        return current

    def probe(
        self, probes: Vec64, at_least: float, top: int, but: Sequence[Collection[int]] = (), *, audited: bool = False
    ) -> "Probes":
        """Look at many probes at once, (b, d) of length 1 or less.

        `but`: for each probe the rows that it is not compared with, such as its own. `audited`: these are like those
        to come, and the rule of where to stop may be learnt from them; else they leave no trace.
        """
        return at_once(self.probing(probes, at_least, top, but, audited=audited))

    def probing(
        self, probes: Vec64, at_least: float, top: int, but: Sequence[Collection[int]] = (), *, audited: bool = False
    ) -> Pieces["Probes"]:
        """`probe` in pieces, between which the rows may change."""
        margin = np.float32(2 * rounding_error(self.dim) * SQUARE)
        wanted = Wanted(np.float32(at_least * SQUARE), top, margin)
        found = Probes(self, in_steps(probes), wanted, but or [()] * len(probes), audited=audited)
        yield from found.look()
        return found

    def _changed(self, key: int) -> None:
        """Take note that a row changed; bring the lists up to date when it is time."""
        if key >= len(self._stale):
            self._stale = np.concatenate([self._stale, np.zeros(key + 1, np.bool_)])
        self._stale[key] = True
        self.unlisted[key] = None
        self._changes += 1
        flat_rows = self.sizes.flat_rows
        if self.audits is not None:
            self._targets.pop(key, None)
            self._untargeted[key] = None
            if len(self._untargeted) >= TARGETED:
                self._target()
            if len(self.unlisted) >= max(self.sizes.epoch, len(self.lists) // EPOCH_SHARE):
                self._settle()
        elif len(self.recent) >= flat_rows:
            self.audits = Audits(self.sizes.window)
            self._settle()
        elif len(self.recent) >= flat_rows // 2 and self._changes % min(TAKEN_EVERY, max(1, flat_rows // 16)) == 0:
            _compile_early()
            self._take(min(TAKEN, flat_rows // 4))

    def _take(self, most: int) -> None:
        """Put changed rows into the lists, those that changed first."""
        taken = list(islice(self.unlisted, most))
        self.lists.change({key: self.recent.row(key) for key in taken}, self._targets)
        for key in taken:
            del self.unlisted[key]

    def _target(self) -> None:
        """Find the lists that changed rows will go to: until the next settlement, centroids stand still."""
        rows = {key: self.recent.row(key) for key in self._untargeted}
        there = {key: row for key, row in rows.items() if row is not None}
        if there:
            self._targets.update(zip(there, self.lists.nearest(list(there.values())), strict=True))
        self._untargeted.clear()

    def _settle(self) -> None:
        """Begin an epoch: all rows are in the lists."""
        assert self.audits is not None, "lists are looked into"
        self._take(len(self.unlisted))
        self._targets.clear()
        self._untargeted.clear()
        self.lists.settle()
        self.recent = Recent(self.dim)
        self._stale[:] = False
        self.epoch += 1
        self.audits.settle(len(self.lists), self.lists.count)


def _compile_early() -> None:
    """Compile in a thread what lists are compared with, once: else the first look into a list would wait for it."""
    if KERNEL not in sys.modules:
        Thread(target=import_module, args=(KERNEL,), name="compile").start()


class Probes:
    """Probes that were looked at together; each is asked for once, in any order, as the gallery then is."""

    def __init__(
        self, gallery: Shortlist, probes: Steps32, wanted: Wanted, but: Sequence[Collection[int]], *, audited: bool
    ) -> None:
        self._gallery = gallery
        self._probes = probes
        self._wanted = wanted
        self._but = list(but)
        self._audited = audited
        self._waiting = np.ones(len(probes), np.bool_)
        self._epoch = -1

    @property
    def stands(self) -> bool:
        """Whether what was looked at together still holds; else the next that is asked for has all looked at again."""
        return self._epoch == self._gallery.epoch

    def near(self, number: int, but: Collection[int] | None = None) -> NDArray[np.int64]:
        """Keys of all rows looked at whose true product may be `at_least` or among the `top` best; rising. `but`:
        rows that it is not compared with, where they were not known when the probes were looked at.
        """
        if but is not None:
            self._but[number] = but
            if self.stands and self._search is not None and any(key in self._gallery.lists for key in but):
                self._waiting[number] = False
                alone = self._probes[number][None]
                return Probes(self._gallery, alone, self._wanted, [but], audited=self._audited).near(0)
        if not self.stands:
            at_once(self.look())
        self._waiting[number] = False
        keys, scores = self._recent.of(number, self._but[number])
        if self._search is not None:
            listed = self._of_lists(self._search, number, float(scores.max()) if len(scores) else -np.inf)
            keys, scores = np.concatenate([keys, listed.keys]), np.concatenate([scores, listed.scores])
        return np.sort(keys[scores >= self._wanted.floor(scores)])

    def look(self) -> Pieces[None]:
        """Look at all that were not asked for yet, in the gallery as it is. Where its lists are settled between two
        pieces, begin again, at last in one piece.
        """
        for _ in range(ATTEMPTS):
            self._epoch = self._gallery.epoch
            for cost in self._attempt():
                yield cost
                if not self.stands:
                    break
            if self.stands:
                return
        self._epoch = self._gallery.epoch
        yield sum(self._attempt())

    def _attempt(self) -> Pieces[None]:
        gallery = self._gallery
        waiting = np.flatnonzero(self._waiting)
        self._recent = Look(gallery.recent, self._probes, waiting)
        self._search: Search | None = None
        yield from self._recent.take()
        if gallery.audits is not None:
            self._search = yield from self._into_lists(gallery.audits, waiting)

    def _into_lists(self, audits: Audits, waiting: NDArray[np.intp]) -> Pieces[Search]:
        lists = self._gallery.lists
        self._rule = audits.rule
        look = 1 if self._rule is None else self._rule.look
        self._last = lists.count if self._rule is None else min(self._rule.last, lists.count)
        chosen = waiting[audits.chosen(self._probes[waiting])] if self._audited else waiting[:0]
        more = Wanted(self._wanted.at_least, self._wanted.top + SPARE, self._wanted.margin)
        search = Search(lists, self._probes, more, self._but, chosen)
        orders = dict(zip(waiting.tolist(), lists.order(self._probes[waiting], self._last), strict=True))
        self._everywhere = dict(zip(chosen.tolist(), lists.order(self._probes[chosen], lists.count), strict=True))
        """Audited probes, and their lists in order."""
        orders |= self._everywhere
        yield 2 * rows_cost(lists.count, lists.dim, len(waiting))
        self._first = yield from search.look({number: order[:look] for number, order in orders.items()})
        self._later = {number: order[look:] for number, order in orders.items()}
        self._orders = orders
        going_on = {
            number: order
            for number, order in self._later.items()
            if number in self._everywhere or not self._stops(number, self._recent.best(number, self._but[number]))
        }
        self._rest = yield from search.look(going_on, self._first)
        return search

    def _stops(self, number: int, new: float) -> bool:
        return self._rule is not None and self._rule.stops(self._first[number].best, new)

    def _of_lists(self, search: Search, number: int, new: float) -> Found:
        """What the lists have, as far as it still holds. What is looked into depends on the gallery as it now is, not
        as it was when the probes were looked at together.
        """
        found, looked = self._first[number], len(self._orders[number]) - len(self._later[number])
        if number in self._everywhere or not self._stops(number, new):
            looked = len(self._orders[number])
            if number not in self._rest:
                self._rest |= at_once(search.look({number: self._later[number]}, self._first))
            found += self._rest[number]
        if number in self._everywhere:
            assert self._gallery.audits is not None, "there are lists"
            self._gallery.audits.note(
                search.maxima(number)[self._everywhere[number]], float(self._wanted.at_least) - NEARLY * SQUARE
            )
        current = self._gallery.current(found.keys)
        if not current.all() and current.sum() < self._wanted.top:
            return self._unchanged(number, self._orders[number][:looked])
        return Found(found.keys[current], found.scores[current], found.best)

    def _unchanged(self, number: int, order: NDArray[np.intp]) -> Found:
        """What these lists have, but for what changed: where too few of the nearest were left."""
        but = {*self._but[number], *self._gallery.unlisted}
        search = Search(self._gallery.lists, self._probes[number][None], self._wanted, [but], np.zeros(0, np.intp))
        return at_once(search.look({0: order}))[0]
