"""Waiting in tests: for a condition, with a deadline."""

import time
from collections.abc import Callable

_LOOK_EVERY_S = 0.02


def eventually(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Returns when the condition holds; fails the test when it does not within the deadline."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"it did not come true within {within_s} s"
        time.sleep(_LOOK_EVERY_S)
