"""Whether a boundary may lie between two frames that are not neighbours, for a reader that skips frames."""

from typing import Final

from rushes.processors.shots.cuts import CUT_FLOOR, CUT_SHARE
from rushes.processors.shots.features import FrameFeatures, change_between

QUIET_LEVELS: Final = CUT_FLOOR / 2
"""Half the least change of a cut: what the new shot's own motion may have taken back before the second frame."""

QUIET_SHARE: Final = CUT_SHARE / 3
"""A third of the least share that a cut replaces, for the same reason."""


def may_hide_boundary(a: FrameFeatures, b: FrameFeatures) -> bool:
    """Whether a boundary (cut, dissolve, fade) may lie between two frames of one film, any number of frames apart.

    Conservative: true wherever the two pictures differ by half of what a cut changes at least, so that a fast pan
    says true as well as a cut. False leaves room only for what is gone again at `b`: a shot that lies between the two
    as a whole and gives way to the picture at `a`. So the frames compared must not lie further apart than the
    shortest shot that has to be found.
    """
    if a.black != b.black:
        return True
    change = change_between(a, b)
    return change.score >= QUIET_LEVELS or change.replaced >= QUIET_SHARE
