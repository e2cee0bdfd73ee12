"""Waiting between attempts: exponential back-off with full jitter.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: full jitter needs the fewest calls and the
least time where many clients retry against one service.
"""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first_s` is the widest wait before the second attempt; it doubles with each failure, up to `max_s`."""

    first_s: float
    max_s: float
    random: Random

    def delay_s(self, failures: int, retry_after_s: float = 0.0) -> float:
        """Seconds to wait after so many failures (1 or more): what the error asks for, and a jittered part on top.

        What it asks for counts up to `max_s`: a batch can't wait for an hour, and the letter can be retried then.
        """
        widest = min(self.max_s, self.first_s * 2 ** min(failures - 1, 30))
        return min(retry_after_s, self.max_s) + self.random.uniform(0.0, widest)
