"""Rows in lists of near ones, each with a centroid: an inverted file that grows by splitting lists that are full.

The structure of IVF (Jegou et al. 2011, "Product quantization for nearest neighbor search", section IV), kept up as in
SPFresh (Xu et al. 2023): a row goes to the list of the nearest centroid, a full list is split by 2-means. So there is
no rebuild and no pause, and all arithmetic is exact: the lists are a function of the calls.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.gallery.integers import Steps16, Steps32, direction

LIST_ROWS: Final = 512
"""Rows of a full list. Fewer: more calls into BLAS; more: more rows looked at in vain."""

GROW_ROWS: Final = 64
"""Room of a list grows by this much."""

ROUNDS: Final = 6
"""Rounds of 2-means: measured, it stands still by then."""

LEAST_SHARE: Final = 8
"""A split that leaves less than 1/8 on one side is made at the median instead."""


EMPTY: Final[Mapping[int, int]] = MappingProxyType({})


class _List:
    """Rows with their keys, and their sum."""

    __slots__ = ("keys", "rows", "size", "total")

    def __init__(self, keys: NDArray[np.int64], rows: Steps16) -> None:
        self.size = len(keys)
        self.keys = keys
        self.rows = rows
        self.total: NDArray[np.int64] = rows.sum(axis=0, dtype=np.int64)

    def append(self, key: int, row: Steps16) -> None:
        if self.size == len(self.keys):
            self.keys = np.concatenate([self.keys, np.full(GROW_ROWS, -1, np.int64)])
            self.rows = np.concatenate([self.rows, np.zeros((GROW_ROWS, self.rows.shape[1]), np.int16)])
        self.keys[self.size] = key
        self.rows[self.size] = row
        self.total += row
        self.size += 1

    def replace(self, place: int, row: Steps16) -> None:
        self.total += row
        self.total -= self.rows[place]
        self.rows[place] = row

    def remove(self, place: int) -> int | None:
        """Take a row out; the key that took its place, if any."""
        self.total -= self.rows[place]
        self.size -= 1
        if place == self.size:
            return None
        self.rows[place] = self.rows[self.size]
        self.keys[place] = self.keys[self.size]
        return int(self.keys[place])


class Lists:
    """Rows by key in lists."""

    def __init__(self, dim: int, full: int = LIST_ROWS) -> None:
        self.dim = dim
        self._full = full
        self._lists: list[_List] = []
        self._centroids: Steps32 = np.zeros((0, dim), np.float32)
        self._home: dict[int, tuple[int, int]] = {}
        self._walk = 0

    def __len__(self) -> int:
        """Rows."""
        return len(self._home)

    def __contains__(self, key: object) -> bool:
        return key in self._home

    def home(self, key: int) -> tuple[int, int] | None:
        """List of a row, and its place there."""
        return self._home.get(key)

    @property
    def count(self) -> int:
        """Lists."""
        return len(self._lists)

    @property
    def bytes(self) -> int:
        """Memory of rows, keys, sums and centroids."""
        of_lists = sum(each.rows.nbytes + each.keys.nbytes + each.total.nbytes for each in self._lists)
        return of_lists + self._centroids.nbytes

    def nearest(self, rows: Sequence[Steps16]) -> list[int]:
        """The list that each row would go to, which holds until the next change."""
        nearest: list[int] = (np.stack(rows).astype(np.float32) @ self._centroids.T).argmax(axis=1).tolist()
        return nearest

    def change(self, rows: Mapping[int, Steps16 | None], targets: Mapping[int, int] = EMPTY) -> None:
        """Insert, replace or (None) remove rows: each goes to the list of the nearest centroid; full lists split.
        `targets`: the nearest of some rows, where they are known.
        """
        for key, row in rows.items():
            if row is None:
                self._remove(key)
        keys = [key for key, row in rows.items() if row is not None]
        if not keys:
            return
        new = np.stack([row for row in rows.values() if row is not None])
        if not self._lists:
            self._lists.append(_List(np.array(keys, np.int64), new))
            self._home.update({key: (0, place) for place, key in enumerate(keys)})
            self._centroids = direction(self._lists[0].total)[None]
            self._split_full({0})
            return
        unknown = [key for key in keys if key not in targets]
        found = self.nearest([new[place] for place, key in enumerate(keys) if key not in targets]) if unknown else []
        nearest = {**targets, **dict(zip(unknown, found, strict=True))}
        for key, row in zip(keys, new, strict=True):
            self._put(key, row, nearest[key])
        touched = {nearest[key] for key in keys}
        for number in touched:
            self._centroids[number] = direction(self._lists[number].total)
        self._split_full(touched)

    def settle(self) -> None:
        """Look at one list again, each at its turn: its rows go to the centroid that is now the nearest to them."""
        if not self._lists:
            return
        self._walk = (self._walk + 1) % len(self._lists)
        one = self._lists[self._walk]
        rows = one.rows[: one.size].copy()
        self.change(dict(zip(one.keys[: one.size].tolist(), rows, strict=True)))

    def order(self, probes: Steps32, first: int) -> NDArray[np.intp]:
        """The `first` lists for each probe, nearest centroid first, ties to the older list: (b, first)."""
        products = probes @ self._centroids.T
        count = self.count
        ranked = np.arange(count) - products.astype(np.int64) * count
        """Whole numbers, each once: by product, then by age."""
        if first < count:
            ranked = np.partition(ranked, first - 1, axis=1)[:, :first]
        ranked.sort(axis=1)
        nearest: NDArray[np.intp] = np.mod(ranked, count).astype(np.intp)
        return nearest

    def products(
        self, probes: Steps16, visits: Sequence[tuple[int, NDArray[np.intp]]]
    ) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.int64], Steps32, Steps32]]:
        """Products of probes with the rows of lists: for each (list, probes that visit it) the same, the rows' keys,
        the products (probes, rows), and the best of each probe.
        """
        from rushes.processors.gallery.kernel import multiply  # noqa: PLC0415 (takes a second, most galleries have no list)

        for number, visitors in visits:
            one = self._lists[number]
            if not one.size:
                continue
            products = np.empty((len(visitors), one.size), np.float32)
            best = np.empty(len(visitors), np.float32)
            multiply(one.rows[: one.size], probes, visitors, products, best)
            yield number, visitors, one.keys[: one.size], products, best

    def _put(self, key: int, row: Steps16, target: int) -> None:
        home = self._home.get(key)
        if home is not None and home[0] == target:
            self._lists[target].replace(home[1], row)
            return
        self._remove(key)
        self._home[key] = (target, self._lists[target].size)
        self._lists[target].append(key, row)

    def _remove(self, key: int) -> None:
        home = self._home.pop(key, None)
        if home is None:
            return
        number, place = home
        moved = self._lists[number].remove(place)
        if moved is not None:
            self._home[moved] = home

    def _split_full(self, numbers: set[int]) -> None:
        full = sorted(number for number in numbers if self._lists[number].size > self._full)
        made: list[Steps32] = []
        while full:
            number = full.pop()
            one = self._lists[number]
            keys, rows = one.keys[: one.size], one.rows[: one.size]
            side = _two_means(rows.astype(np.float32))
            other = len(self._lists)
            for place, part in ((number, ~side), (other, side)):
                half = _List(keys[part], rows[part])
                if place == other:
                    self._lists.append(half)
                    made.append(direction(half.total))
                else:
                    self._lists[number] = half
                    self._set_centroid(number, direction(half.total), made)
                self._home.update({key: (place, row) for row, key in enumerate(half.keys.tolist())})
                if half.size > self._full:
                    full.append(place)
        if made:
            self._centroids = np.concatenate([self._centroids, np.stack(made)])

    def _set_centroid(self, number: int, centroid: Steps32, made: list[Steps32]) -> None:
        settled = len(self._centroids)
        if number < settled:
            self._centroids[number] = centroid
        else:
            made[number - settled] = centroid


def _two_means(rows: Steps32) -> NDArray[np.bool_]:
    """Which rows go to the new list: spherical 2-means from the two rows that are farthest apart, nearly."""
    centre = direction(rows.sum(axis=0, dtype=np.float64).astype(np.int64))
    first = rows[(rows @ centre).argmin()]
    second = rows[(rows @ first).argmin()]
    side = np.zeros(len(rows), np.bool_)
    for _ in range(ROUNDS):
        lean = rows @ _halved(second, first)
        now = lean > 0
        if not LEAST_SHARE <= LEAST_SHARE * LEAST_SHARE * now.sum() / len(rows) <= LEAST_SHARE * (LEAST_SHARE - 1):
            now = np.zeros(len(rows), np.bool_)
            now[np.argsort(lean, kind="stable")[len(rows) // 2 :]] = True
            return now
        if (now == side).all():
            break
        side = now
        first = direction(rows[~side].sum(axis=0, dtype=np.float64).astype(np.int64))
        second = direction(rows[side].sum(axis=0, dtype=np.float64).astype(np.int64))
    return side


def _halved(second: Steps32, first: Steps32) -> Steps32:
    """Half their difference, in whole steps: no longer than either may be, so that products with it are exact."""
    return np.rint((second - first) / 2)
