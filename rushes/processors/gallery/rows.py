"""A matrix that grows without being copied: rows in blocks. A gigabyte copied in the midst of an arrival is a second in
which all others wait.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS: Final = 1_024
"""2 MB of sums in 512 dimensions: half a millisecond to make."""

FIRST_ROWS: Final = 4
"""Most libraries are small, and a worker holds a thousand of them."""

Row = NDArray[np.int32]


class Rows:
    """Rows of whole numbers, (n, d) int32, zero at first."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._blocks: list[NDArray[np.int32]] = []

    def __len__(self) -> int:
        """Rows that there is room for."""
        return sum(map(len, self._blocks[-1:])) + BLOCK_ROWS * max(len(self._blocks) - 1, 0)

    @property
    def bytes(self) -> int:
        return sum(block.nbytes for block in self._blocks)

    def grow(self) -> None:
        """Make room for more: the first block by doubling, then a block at a time."""
        last = len(self._blocks[-1]) if self._blocks else 0
        if not self._blocks or last == BLOCK_ROWS:
            self._blocks.append(np.zeros((BLOCK_ROWS if last else FIRST_ROWS, self._dim), np.int32))
        else:
            self._blocks[-1] = np.concatenate([self._blocks[-1], np.zeros((last, self._dim), np.int32)])

    def __getitem__(self, number: int) -> Row:
        """A row, (d,), to read and to write into."""
        row: Row = self._blocks[number // BLOCK_ROWS][number % BLOCK_ROWS]
        return row

    def taken(self, numbers: NDArray[np.intp]) -> Row:
        """A copy of some rows, (n,) -> (n, d)."""
        if len(self._blocks) == 1:
            return self._blocks[0][numbers]
        found = np.empty((len(numbers), self._dim), np.int32)
        for place, number in enumerate(numbers.tolist()):
            found[place] = self[number]
        return found
