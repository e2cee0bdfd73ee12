"""Faces of one shot linked over its frames into tracklets: runs of faces that are known to be one person.

A tracklet is told as a fact, so a wrong link is worse than a broken one: where two faces could follow one, or one
could follow two, nothing is linked. A step from frame to frame is a one-to-one matching (Kuhn 1955, as in SORT: Bewley
et al. 2016, "Simple Online and Realtime Tracking") on where a face is, where it would be if it kept moving, and, where
the vectors tell persons apart, how alike the faces are. Bodies are linked by the same rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rushes.processors.shots.pictures import hash_distance
from rushes.schemas.ids import Box

LONGEST_GAP_US: Final = 1_100_000
"""From a face to the next of its tracklet: at two frames a second one frame may miss it, and its time be rounded."""

STEP_US: Final = 500_000
"""The time that `REACH` is meant for; what took longer may have gone further."""

REACH: Final = 1.0
"""Distance that a face with a telling vector may have moved in a step, in its own sides: a head that walks past."""

GROWTH: Final = 1.5
"""Factor by which a face's side may change in a step: a person who steps up to the camera."""

OVERLAP: Final = 0.4
"""Intersection over union from which a face follows another without a telling vector: a head that turns or nods."""

ALIKE: Final = 0.5
"""Cosine of telling vectors below which two faces are not linked, whatever their place: where the policy `fixed` takes
them for strangers. Face embedders give .6 to .9 to one person half a second later, and below .3 to another."""

SAME_PICTURE_BITS: Final = 6
"""Of two frames' perceptual hashes, up to which a face without a telling vector is followed: nothing but its place and
the picture around it says then that no cut lies between, least of all one between two takes before the same wall. Of
2,242 pairs of frames of other persons in one room 1 % were so near, of half-second steps within a take 85 %."""

CLEAR: Final = 0.2
"""Lead of a link's affinity over any other that either of its two faces could have had."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face in a frame: box in 0..1 of the picture; unit vector (d,), None where vectors don't tell persons apart."""

    box: Box
    vector: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class SightedFrame:
    """All faces of one frame. `looks`: its perceptual hash, where known."""

    time_us: int
    sightings: Sequence[Sighting]
    looks: str | None = None


@dataclass(slots=True)
class _Track:
    number: int
    time_us: int
    last: Sighting
    looks: str | None
    speed: tuple[float, float] = (0.0, 0.0)
    """Of the centre, in 0..1 of the picture a microsecond."""
    total: NDArray[np.float64] | None = field(default=None)

    def follow(self, frame: SightedFrame, sighting: Sighting) -> None:
        """Go on to a face of a later frame."""
        passed = max(frame.time_us - self.time_us, 1)
        (x0, y0), (x1, y1) = _centre(self.last.box), _centre(sighting.box)
        self.speed = ((x1 - x0) / passed, (y1 - y0) / passed)
        self.time_us, self.last, self.looks = frame.time_us, sighting, frame.looks
        if self.total is not None and sighting.vector is not None:
            self.total = self.total + sighting.vector


def link_sightings(frames: Sequence[SightedFrame]) -> list[list[int]]:
    """The tracklet of every face, by frame and in the order given; a face without company has one for itself.

    The frames are those of one shot, in any order. Tracklets are numbered from 0 as they begin; no two faces of a frame
    are in one. The faces of a frame may come in any order without another outcome.
    """
    numbers = [[-1] * len(frame.sightings) for frame in frames]
    tracks: list[_Track] = []
    begun = 0
    for at in sorted(range(len(frames)), key=lambda index: frames[index].time_us):
        frame = frames[at]
        places = sorted(range(len(frame.sightings)), key=lambda place: _order(frame.sightings[place]))
        sightings = [frame.sightings[place] for place in places]
        tracks = [track for track in tracks if frame.time_us - track.time_us <= LONGEST_GAP_US]
        links, doubtful = match_step(*_affinities(tracks, sightings, frame))
        following = [track for row, track in enumerate(tracks) if row not in doubtful]
        for column, (place, sighting) in enumerate(zip(places, sightings, strict=True)):
            if column in links:
                track = tracks[links[column]]
                track.follow(frame, sighting)
            else:
                track = _Track(begun, frame.time_us, sighting, frame.looks, total=sighting.vector)
                following.append(track)
                begun += 1
            numbers[at][place] = track.number
        tracks = following
    return numbers


def match_step(affinity: NDArray[np.float64], allowed: NDArray[np.bool_]) -> tuple[dict[int, int], set[int]]:
    """The links of one step, row by column, and the rows in doubt, which are to end here.

    `affinity`: (tracks, faces) float64, 0 or more, bigger is likelier. Of all one-to-one matchings of pairs that may
    be, the one of the greatest sum; a pair of it stands where it leads every other in its row and its column by
    `CLEAR`, those that may not be too: what is likelier still must not be passed over.
    """
    links: dict[int, int] = {}
    doubtful: set[int] = set()
    rows, columns = linear_sum_assignment(np.where(allowed, -affinity, 0.0))
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if not allowed[row, column]:
            continue
        others = np.concatenate([np.delete(affinity[row], column), np.delete(affinity[:, column], row)])
        if affinity[row, column] - others.max(initial=0.0) < CLEAR:
            doubtful.add(row)
        else:
            links[column] = row
    return links, doubtful


def _affinities(
    tracks: Sequence[_Track], sightings: Sequence[Sighting], frame: SightedFrame
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How well each face would follow each track, and whether it may; both (tracks, faces)."""
    affinity = np.zeros((len(tracks), len(sightings)))
    allowed = np.zeros(affinity.shape, np.bool_)
    for row, track in enumerate(tracks):
        for column, sighting in enumerate(sightings):
            affinity[row, column], allowed[row, column] = _affinity(track, sighting, frame)
    return affinity, allowed


def _affinity(track: _Track, sighting: Sighting, frame: SightedFrame) -> tuple[float, bool]:
    passed = frame.time_us - track.time_us
    last, box = track.last.box, sighting.box
    ahead = _moved(last, track.speed[0] * passed, track.speed[1] * passed)
    overlap = max(intersection_over_union(last, box), intersection_over_union(ahead, box))
    steps = max(1.0, passed / STEP_US)
    grown = GROWTH**-steps <= _side(box) / _side(last) <= GROWTH**steps
    if track.total is None or sighting.vector is None:
        return overlap, grown and overlap >= OVERLAP and _same_picture(track.looks, frame.looks)
    alike = float(track.total @ sighting.vector) / max(float(np.linalg.norm(track.total)), 1e-12)
    reach = REACH * steps * (_side(box) + _side(last)) / 2
    reached = min(_distance(last, box), _distance(ahead, box)) <= reach
    return max(alike, 0.0) + overlap, grown and reached and alike >= ALIKE


def _same_picture(one: str | None, other: str | None) -> bool:
    return one is None or other is None or hash_distance(one, other) <= SAME_PICTURE_BITS


def intersection_over_union(one: Box, other: Box) -> float:
    """Of two boxes, 0..1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _side(box: Box) -> float:
    return float(max((box[2] - box[0]) * (box[3] - box[1]), 1e-12) ** 0.5)


def _distance(one: Box, other: Box) -> float:
    (x0, y0), (x1, y1) = _centre(one), _centre(other)
    return float(np.hypot(x1 - x0, y1 - y0))


def _moved(box: Box, dx: float, dy: float) -> Box:
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def _order(sighting: Sighting) -> tuple[Box, bytes]:
    return sighting.box, b"" if sighting.vector is None else sighting.vector.tobytes()
