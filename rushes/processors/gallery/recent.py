"""Rows in one matrix: all of a small gallery; of a large one what changed since its lists were last settled."""

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.gallery.integers import Steps16, Steps32
from rushes.processors.gallery.pieces import MOST_AT_ONCE, Pieces, rows_cost

FIRST_ROWS: Final = 4
"""Of a gallery: most libraries are small, and a worker holds a thousand of them."""


class Recent:
    """Rows in steps by key. Products with it are taken by `Look`, which knows what changed since."""

    def __init__(self, dim: int) -> None:
        self.rows: Steps32 = np.zeros((FIRST_ROWS, dim), np.float32)
        self.keys: NDArray[np.int64] = np.full(FIRST_ROWS, -1, np.int64)
        self.stamps: NDArray[np.int64] = np.zeros(FIRST_ROWS, np.int64)
        """The change that a place last saw."""
        self.changes = 0
        self.used = 0
        """Places in use or free again; those behind were never used."""
        self._place: dict[int, int] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._place)

    def __contains__(self, key: object) -> bool:
        return key in self._place

    @property
    def bytes(self) -> int:
        return self.rows.nbytes + self.keys.nbytes + self.stamps.nbytes

    def put(self, key: int, row: Steps32) -> None:
        """Insert or replace a row, (d,)."""
        place = self._place.get(key)
        if place is None:
            place = self._free.pop() if self._free else self._take_place()
            self._place[key] = place
            self.keys[place] = key
        self.rows[place] = row
        self._stamp(place)

    def drop(self, key: int) -> None:
        """Take a row out; none there is fine."""
        place = self._place.pop(key, None)
        if place is None:
            return
        self.rows[place] = 0.0
        self.keys[place] = -1
        self._free.append(place)
        self._stamp(place)

    def place(self, key: int) -> int | None:
        """Where a row is; None where it is not here."""
        return self._place.get(key)

    def row(self, key: int) -> Steps16 | None:
        """A row, (d,); None where it is not here."""
        place = self._place.get(key)
        return None if place is None else self.rows[place].astype(np.int16)

    def _stamp(self, place: int) -> None:
        self.changes += 1
        self.stamps[place] = self.changes

    def _take_place(self) -> int:
        if self.used == len(self.keys):
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
            self.keys = np.concatenate([self.keys, np.full_like(self.keys, -1)])
            self.stamps = np.concatenate([self.stamps, np.zeros_like(self.stamps)])
        self.used += 1
        return self.used - 1


class Look:
    """Products of some probes with all rows, and with those that change afterwards."""

    def __init__(self, recent: Recent, probes: Steps32, numbers: NDArray[np.intp]) -> None:
        """`numbers`: the probes, of (b, d), that are still asked for, rising."""
        self._recent = recent
        self._probes = probes
        self._changes = recent.changes
        self._used = recent.used
        self._row = np.full(len(probes), -1, np.intp)
        self._row[numbers] = np.arange(len(numbers))
        self._products: Steps32 = np.empty((len(numbers), recent.used), np.float32)

    def take(self) -> Pieces[None]:
        """Take the products, with some rows in each piece; rows that change meanwhile are looked at again."""
        asked = self._probes[self._row >= 0]
        dim = self._probes.shape[1]
        some = max(1, MOST_AT_ONCE * 1_024 // rows_cost(1_024, dim, len(asked)))
        for start in range(0, self._used, some):
            end = min(start + some, self._used)
            np.matmul(asked, self._recent.rows[start:end].T, out=self._products[:, start:end])
            yield rows_cost(end - start, dim, len(asked))

    def of(self, number: int, but: Collection[int] = ()) -> tuple[NDArray[np.int64], Steps32]:
        """Keys and products of one probe, with the rows as they now are."""
        recent = self._recent
        scores = np.empty(recent.used, np.float32)
        scores[: self._used] = self._products[self._row[number]]
        if recent.changes > self._changes:
            changed = np.flatnonzero(recent.stamps[: recent.used] > self._changes)
            scores[changed] = recent.rows[changed] @ self._probes[number]
        keys = recent.keys[: recent.used]
        taken = keys >= 0
        for key in but:
            place = recent.place(key)
            if place is not None:
                taken[place] = False
        return keys[taken], scores[taken]

    def best(self, number: int, but: Collection[int] = ()) -> float:
        """The best product of one probe; minus infinity where there is no row."""
        scores = self.of(number, but)[1]
        return float(scores.max()) if len(scores) else -np.inf
