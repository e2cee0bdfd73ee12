"""Batches of few fixed shapes, whatever the number of pictures, that shrink when memory runs out and grow back.

A device's allocator keeps a block per shape it has met, and kernels are chosen (or compiled) per shape: with the powers
of two alone there are few of them, so memory stays flat. What is left over is either filled up with blanks (a GPU runs
3 as fast as 4) or cut into smaller shapes (a CPU would pay for each blank).
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.protocol import Prepared
from rushes.schemas.errors import DependencyUnavailable

GROW_AFTER: Final = 16
"""Passes at a reduced limit before the double is tried again; twice as many after each time that it failed."""

LONGEST_WAIT: Final = 4096
"""Passes: at some hundred a minute, another program's end is noticed within the hour."""

Rows = TypeVar("Rows")


class FixedBatches:
    """Runs a model over stacks of at most `largest` pictures. Not for use by two threads at once."""

    def __init__(
        self,
        *,
        largest: int,
        pad: bool,
        out_of_memory: type[BaseException],
        release: Callable[[], None],
    ) -> None:
        """`release` gives cached memory back, before the same work is tried in halves."""
        if largest < 1:
            raise ValueError(f"expected a batch of at least 1, found {largest}")
        self._largest = largest
        self._pad = pad
        self._out_of_memory = out_of_memory
        self._release = release
        self._limit = largest
        self._passes = 0
        self._wait = GROW_AFTER
        self.halved = 0

    @property
    def limit(self) -> int:
        """Pictures of a pass at most, for now."""
        return self._limit

    def run(
        self, forward: Callable[[NDArray[np.generic]], Rows], pictures: Sequence[Prepared]
    ) -> list[tuple[Rows, int]]:
        """Per pass what `forward` gave and how many of its rows count, in order.

        Raises DependencyUnavailable where even one picture is too much.
        """
        rows: list[tuple[Rows, int]] = []
        start = 0
        while start < len(pictures):
            self._grow()
            shape = self._shape(len(pictures) - start)
            part = pictures[start : start + shape]
            try:
                rows.append((forward(stacked(part, shape)), len(part)))
            except self._out_of_memory as error:
                self._halve(shape, error)
                continue
            start += len(part)
            self._passes += 1
        return rows

    def shapes(self) -> list[int]:
        """All batch sizes that there can be, the largest first."""
        sizes = {self._largest}
        size = 1
        while size < self._largest:
            sizes.add(size)
            size *= 2
        return sorted(sizes, reverse=True)

    def _shape(self, left: int) -> int:
        if left >= self._limit:
            return self._limit
        sizes = [size for size in self.shapes() if size <= self._limit]
        return min(size for size in sizes if size >= left) if self._pad else max(s for s in sizes if s <= left)

    def _halve(self, shape: int, error: BaseException) -> None:
        self._release()
        if shape == 1:
            raise DependencyUnavailable(
                f"expected memory on the device for one picture, found none ({error}): end what else uses the device, "
                f"or choose a smaller model or image size",
                retry_after_s=5.0,
            ) from error
        if self.halved:
            self._wait = min(self._wait * 2, LONGEST_WAIT)
        self.halved += 1
        self._limit = max(size for size in self.shapes() if size < shape)
        self._passes = 0

    def _grow(self) -> None:
        if self._limit < self._largest and self._passes >= self._wait:
            self._limit = min(size for size in self.shapes() if size > self._limit)
            self._passes = 0


def stacked(pictures: Sequence[Prepared], shape: int) -> NDArray[np.generic]:
    """(shape, ...): the pictures, all of one shape and dtype, and blanks (zeros) behind them."""
    stack = np.zeros((shape, *pictures[0].shape), pictures[0].dtype)
    for place, picture in enumerate(pictures):
        stack[place] = picture
    return stack
