"""Garbage collection beside state that stays: objects that live for years are not looked at again and again.

The collector of CPython goes through every object whenever a quarter more have come: .13 s with 15,000 items in memory,
and more with more. What has lasted a while is therefore taken out of its sight. It is freed all the same when the last
reference to it goes, for a library has no cycles but those of work in flight; where such work may have been dropped,
everything is looked at.
"""

import atexit
import gc
from typing import Final

EVERY: Final = 64
"""Changes of the state between two times: the young objects of so many are looked at in about a millisecond."""

atexit.register(gc.unfreeze)  # else native libraries find their types alive at the end, and say so at length


class LongLived:
    """State that grows, told of each change."""

    def __init__(self) -> None:
        self._changes = 0

    def grew(self) -> None:
        """The state changed."""
        self._changes += 1
        if self._changes % EVERY == 0:
            self.stays()

    def stays(self) -> None:
        """What there is now stays."""
        gc.collect(1)
        gc.freeze()

    def shrank(self) -> None:
        """State was dropped, maybe in the middle of work: a pause, as long as there is much."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
