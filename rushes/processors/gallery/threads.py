"""Threads that share the lists of a search. They change no result, so their number is of the process, as it is with
BLAS: what one thread computes no other needs, and NumPy lets go of the interpreter while it multiplies.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final, TypeVar

LEAST: Final = 8
"""Pieces for each thread: a list takes .1 to .2 ms, and to hand work over .05. What lies between two pieces of a search
waits for a handful of them.
"""

AT_A_TIME: Final = 8
"""Times `LEAST` that each of several threads is given, since they wait for one another: with once as much, a batch at a
million clusters took 2.5 to 2.6 ms a probe by the clock, so 2.1 to 2.3. What lies between waits for some 5 ms then.
"""

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """So many of them, the caller's among them."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._others = ThreadPoolExecutor(count - 1, "gallery") if count > 1 else None

    @property
    def handful(self) -> int:
        """Pieces to share at a time."""
        return LEAST if self.count == 1 else AT_A_TIME * LEAST * self.count

    def share(self, work: Callable[[Sequence[T]], R], pieces: Sequence[T]) -> list[R]:
        """What the work gives for parts of the pieces, in their order."""
        parts = min(self.count, -(-len(pieces) // LEAST)) or 1
        bounds = [len(pieces) * part // parts for part in range(parts + 1)]
        shares = [pieces[start:end] for start, end in pairwise(bounds)]
        others = [self._others.submit(work, share) for share in shares[1:]] if self._others is not None else []
        return [work(shares[0]), *(other.result() for other in others)]


class _InUse:
    threads = Threads()


def use(count: int) -> None:
    """Search with so many threads in this process."""
    _InUse.threads = Threads(count)


def in_use() -> Threads:
    """Those that searches of this process share."""
    return _InUse.threads
