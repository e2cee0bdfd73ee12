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
    """The stretches of a film's last seconds, and what their ends and packets said."""

    def __init__(self) -> None:
        self._passed: deque[_Passed] = deque()

    def add(self, anchor: Anchor, middle: Anchor | None, following: Anchor, *, by_packets: bool) -> None:
        """Take the next stretch. `middle`: the frame halfway where each packet is a picture of its own."""
        self._passed.append(_Passed(anchor, middle, following, refined=True if by_packets else None))

    def is_known(self, time_us: int) -> bool:
        """Whether all is known that `mostly_refined` asks for at this time, which is the last stretch's end."""
        return all(one.had_to_be() is not None for one in self._at(time_us))

    def mostly_refined(self, time_us: int) -> bool:
        """Whether the film is better decoded as a whole from this time on. Forgets what is no longer asked for."""
        asked = self._at(time_us)
        while self._passed and self._passed[0].following.time_us < time_us - LAG_US - HISTORY_US:
            self._passed.popleft()
        return better_whole((one.following.time_us - one.anchor.time_us, bool(one.had_to_be())) for one in asked)

    def _at(self, time_us: int) -> list[_Passed]:
        until_us = time_us - LAG_US
        return [
            one
            for one in self._passed
            if one.following.time_us >= until_us - HISTORY_US and one.following.time_us <= until_us
        ]
