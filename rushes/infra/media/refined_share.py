"""How much of a film's last seconds had to be decoded, however it was read. Runs in the child."""

from collections import deque
from dataclasses import dataclass

from rushes.infra.media.stretches import Anchor
from rushes.processors.shots.predicted import may_hide_cut
from rushes.processors.shots.refining import HISTORY_US, LAG_US, better_whole


@dataclass(slots=True)
class _Passed:
    """A stretch. `refined`: None until its anchors are known."""

    anchor: Anchor
    middle: Anchor | None
    following: Anchor
    refined: bool | None

    def had_to_be(self) -> bool | None:
        """Whether it had to be decoded; None while that can't be told."""
        if self.refined is None and self.anchor.features is not None and self.following.features is not None:
            if self.anchor.sample.differs_from(self.following.sample):
                self.refined = True
            elif self.middle is None or not may_hide_cut(self.anchor.known, self.following.known):
                self.refined = False
            elif self.middle.features is not None:  # the frame between tells where the ends do not
                between = self.middle.features
                self.refined = may_hide_cut(self.anchor.known, between) or may_hide_cut(between, self.following.known)
        return self.refined


class RefinedShare:
    """The stretches of a film's last seconds, and what their ends and packets said. Times must not go back."""

    def __init__(self) -> None:
        self._recent: deque[_Passed] = deque()
        self._judged: deque[_Passed] = deque()
        self._lengths_us = self._refined_us = 0

    def add(self, anchor: Anchor, middle: Anchor | None, following: Anchor, *, by_packets: bool) -> None:
        """Take the next stretch. `middle`: the frame halfway where each packet is a picture of its own."""
        self._recent.append(_Passed(anchor, middle, following, refined=True if by_packets else None))

    def is_known(self, time_us: int) -> bool:
        """Whether all is known that `mostly_refined` asks for at this time, which is the last stretch's end."""
        while self._recent and self._recent[0].following.time_us <= time_us - LAG_US:
            if self._recent[0].had_to_be() is None:
                return False
            one = self._recent.popleft()
            self._judged.append(one)
            self._count(one, 1)
        while self._judged and self._judged[0].following.time_us < time_us - LAG_US - HISTORY_US:
            self._count(self._judged.popleft(), -1)
        return True

    def mostly_refined(self, time_us: int) -> bool:
        """Whether the film is better decoded as a whole from this time on."""
        known = self.is_known(time_us)
        assert known, "the refiner has no frames left"
        return better_whole(self._lengths_us, self._refined_us)

    def _count(self, one: _Passed, sign: int) -> None:
        length_us = sign * (one.following.time_us - one.anchor.time_us)
        self._lengths_us += length_us
        self._refined_us += length_us if one.refined else 0
