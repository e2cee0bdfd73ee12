"""How long it will take, said only when it is known."""

from collections import deque
from typing import Final

WINDOW_S: Final = 60.0
"""The pace is that of the last minute: files differ, and what was fast an hour ago says little."""
LEAST_S: Final = 3.0
LEAST_SHARE: Final = 0.02
"""Of the work that was left when this session began: below it, model start-up and the first file dominate."""


class Estimate:
    """Remaining time of one stage from its pace, in seconds of whatever clock the caller has.

    Work done by an earlier session (a run that goes on after Ctrl-C) counts as done, not as pace.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._seen: deque[tuple[float, float]] = deque()
        self._total: float | None = None

    def observe(self, now_s: float, done: float, total: float | None) -> None:
        """What is done of the total by now; the total may grow, or be unknown (None)."""
        if self._first is None:
            self._first = (now_s, done)
        self._total = total
        self._seen.append((now_s, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - WINDOW_S:
            self._seen.popleft()

    @property
    def remaining_s(self) -> float | None:
        """None while it can't be known: too early, total unknown, or nothing moved within the window."""
        if self._first is None or self._total is None:
            return None
        now, done = self._seen[-1]
        left = self._total - done
        if left <= 0:
            return 0.0
        began, had = self._first
        enough = done - had >= LEAST_SHARE * max(self._total - had, 0.0)
        since, then = self._seen[0]
        if now - began < LEAST_S or not enough or now <= since or done <= then:
            return None
        return left * (now - since) / (done - then)
