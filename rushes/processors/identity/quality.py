"""Which items are too poor to found: below a floor, or far below what is usual in the library."""

from typing import Final

import numpy as np

BINS: Final = 1024
FLOOR: Final = 0.2
"""As in the policy `fixed`: a detection or sharpness this low is poor whatever its company."""

RELATIVE: Final = 0.5
"""Of the median: measured on faces beside others of the same film, where the mean quality differs between films."""


class QualityScale:
    """Counts of qualities 0..1 in 1/1024 steps: the median of any number of items in one short scan."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS + 1, np.int64)
        self._median: float | None = None

    def add(self, quality: float) -> bool:
        """Count one in; whether it is good by the scale with it."""
        self._counts[_bin(quality)] += 1
        self._median = None
        return self.is_good(quality)

    def remove(self, quality: float) -> None:
        """Count one out."""
        self._counts[_bin(quality)] -= 1
        self._median = None

    def median(self) -> float:
        """Lower median, to 1/1024; 0 of none."""
        if self._median is None:
            counted = np.cumsum(self._counts)
            self._median = float(np.searchsorted(counted, (counted[-1] + 1) // 2)) / BINS if counted[-1] else 0.0
        return self._median

    def is_good(self, quality: float) -> bool:
        return quality >= max(FLOOR, RELATIVE * self.median())


def _bin(quality: float) -> int:
    return min(max(round(quality * BINS), 0), BINS)
