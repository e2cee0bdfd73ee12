"""Arrivals that are known to come: a gallery is looked at once for all of them, and each gets what it would get alone.

What a batch of the log brings is known before its first item is decided. A product of many probes with a gallery reads
each row once, where one probe after the other reads all of them each time. An expectation holds no promise: an item is
recognised by its vector when its turn comes, rows that changed meanwhile are looked at again, and what was expected
and does not come leaves no trace.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from rushes.processors.gallery.shortlist import Probes, Shortlist
from rushes.processors.identity.grid import STEPS, Grid, Vec64


class Foresight:
    """Vectors that are expected to be asked for, each once, in any order."""

    def __init__(self, near: Shortlist, vectors: Sequence[Grid]) -> None:
        """`vectors`: (d,) each, in grid steps."""
        self._near = near
        self._vectors = dict(enumerate(vectors))
        self._numbers: dict[bytes, list[int]] = {}
        for number in reversed(self._vectors):
            self._numbers.setdefault(self._vectors[number].tobytes(), []).append(number)
        self._asked: tuple[float, int] | None = None
        self._probes: Probes | None = None
        self._place: dict[int, int] = {}

    def near(
        self, total: Vec64, weight: float, at_least: float, top: int, but: Collection[int]
    ) -> NDArray[np.int64] | None:
        """What `Probes.near` gives of an arriving sum, where its mean is one of the vectors; else None."""
        numbers = self._numbers.get((total / weight).astype(np.int16).tobytes())
        if not numbers:
            return None
        if self._probes is None or self._asked != (at_least, top):
            self._look(at_least, top)
        assert self._probes is not None, "just looked"
        number = numbers.pop()
        del self._vectors[number]
        return self._probes.near(self._place[number], but)

    def _look(self, at_least: float, top: int) -> None:
        """Look at all that have not come yet. What is asked for changes when the library is calibrated anew."""
        self._asked = at_least, top
        self._place = {number: place for place, number in enumerate(self._vectors)}
        means = np.stack(list(self._vectors.values())).astype(np.float64) / STEPS
        self._probes = self._near.probe(means, at_least, top, audited=True)
