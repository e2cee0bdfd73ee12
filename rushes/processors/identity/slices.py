"""Work in slices: what a piece costs is said in operations, and no piece of arithmetic is larger than it may be.

An operation is one float64 element touched once, 1 to 2 ns; generators yield how many a piece took. So the same calls
are interrupted at the same places on every machine, whatever its speed.
"""

from collections.abc import Generator, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Matrix = NDArray[np.float64]

MOST_AT_ONCE: Final = 1_000_000
"""Operations of one piece, 1 to 2 ms: as much as a slice may last beyond what it was given."""

STEP_COST: Final = 10_000
"""Operations that a few calls into NumPy take as long as, whatever the size of their arrays (some 15 us)."""

FEW: Final = MOST_AT_ONCE // 16
"""Values whose median is found at once."""

PROBED: Final = 4_096
"""Values that say about where the median of more is."""


def spans(count: int, cost: int, most: int = MOST_AT_ONCE) -> Iterator[slice]:
    """`count` rows of `cost` operations each, in pieces of `most` operations; a single row may cost more."""
    rows = max(1, most // max(1, cost))
    for start in range(0, count, rows):
        yield slice(start, min(start + rows, count))


def median(values: Values) -> Generator[int, None, float]:
    """The exact median of (n,) values, as NumPy's. Of many, those between two quantiles of a seeded sample are sorted,
    which hold it but in a few cases of a million; then the quantiles are taken wider.
    """
    count = len(values)
    if count <= FEW:
        yield STEP_COST + 10 * count
        return float(np.median(values))
    sample = np.sort(values[np.random.default_rng(count).integers(count, size=PROBED)])
    yield 30 * PROBED
    off = 2 * round(PROBED**0.5)
    middle = (count - 1) // 2, count // 2
    while True:
        low = sample[PROBED // 2 - off] if off < PROBED // 2 else -np.inf
        high = sample[PROBED // 2 + off] if off < PROBED // 2 else np.inf
        below, equal, within = 0, 0, []
        for span in spans(count, 5):
            part = values[span]
            below += int(np.count_nonzero(part < low))
            equal += int(np.count_nonzero(part == low))
            within.append(part[(part > low) & (part < high)])
            yield STEP_COST + 5 * len(part)
        near = np.concatenate(within)
        places = middle[0] - below - equal, middle[1] - below - equal
        if places[0] >= 0 and places[1] < len(near):
            yield 10 * len(near)
            ordered = np.partition(near, places)
            return float((ordered[places[0]] + ordered[places[1]]) / 2)
        if middle[0] >= below and places[1] < 0:
            return float(low)
        off *= 4
