"""What the sizes of a film's packets tell of its pictures, before anything is decoded."""

from collections.abc import Sequence
from typing import Final

NEW_PICTURE: Final = 0.45
"""Of a key frame's size. A picture that nothing before it predicts takes about as much as a key frame around it: in 99
short shots put into other takes, by x264 and x265 at constant quality and at constant rate, the larger of the two new
pictures took 0.52 times at least, one in ten less than 0.6."""


def may_be_new(sizes: Sequence[int], key_size: int) -> bool:
    """Whether a packet among these may be a picture that the ones before do not predict, as far as sizes tell.

    `sizes`: bytes of the packets between two key frames; `key_size`: of the smaller of the two. False leaves room for
    gradual changes, and for a cut to a picture so plain that it takes next to nothing (which is not like the one
    before, and takes a new picture to come back from).

    >>> may_be_new([900, 300, 1100, 250, 1000, 300], key_size=20_000)
    False
    >>> may_be_new([900, 300, 15_000, 250, 1000, 300, 900, 310], key_size=20_000)
    True
    """
    return max(sizes, default=0) >= NEW_PICTURE * key_size
