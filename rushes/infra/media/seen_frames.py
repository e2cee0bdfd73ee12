"""Frames as splitting sees them: those that were decoded, and those known by their times alone. Runs in the child."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import av

from rushes.infra.media.film_planes import FeatureReader
from rushes.infra.media.film_reader import TimedFrame
from rushes.processors.shots.features import FrameFeatures


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame at its time (µs) from the film's first. `frame`: None where it was not decoded."""

    time_us: int
    frame: av.VideoFrame | None
    features: FrameFeatures


def all_seen(frames: Iterable[TimedFrame]) -> Iterator[SeenFrame]:
    """Frames that were all decoded, with their features; each comes some frames after it was decoded."""
    for timed, features in FeatureReader().in_batches(frames, lambda timed: timed.frame):
        yield SeenFrame(timed.time_us, timed.frame, features)
