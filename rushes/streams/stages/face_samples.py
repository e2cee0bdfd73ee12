"""Which shots have faces, and further frames of those: the second look that split takes.

A shot has faces where one of its keyframes shows one at a small size, which costs a fraction of the search that the
stage `embed` makes. Only such a shot is decoded again. What is not seen here loses no face of a keyframe: it only has
no frames between them.
"""

import threading
from collections.abc import Collection, Generator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from rushes.infra.media.decoder import Picture
from rushes.infra.media.sampler import FilmSampler, Stretch
from rushes.infra.settings import SampleSettings
from rushes.processors.embedding.protocol import Image
from rushes.processors.faces.detector import FaceDetector
from rushes.processors.shots.sample_times import sample_times
from rushes.streams.stages.faces_kept import FacesKept, Sample

SURE_SCORE: Final = 0.9
"""Detection score from which a find counts: below it, many are no faces, and each costs a second look at its shot."""

REDUCTIONS: Final = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
"""Scales at which a JPEG decodes in a fraction of the time."""


class FaceSamples:
    """Looks for faces in keyframes, and takes the samples of shots that have any. Threads may share it.

    `detector`: one that works at `settings.check_pixels`; `kept`: what is stored of a sample, None: all of its picture.
    Both load at the first picture.
    """

    def __init__(
        self, detector: FaceDetector, sampler: FilmSampler, settings: SampleSettings, kept: FacesKept | None = None
    ) -> None:
        self._detector = detector
        self._sampler = sampler
        self._settings = settings
        self._kept = kept
        self._detecting = threading.Lock()

    def load(self) -> None:
        """Take the detectors into memory now: a first film that waited for them could be cut off by a drain."""
        self._detector.load()
        if self._kept is not None:
            self._kept.load()

    def shows_face(self, picture: Picture) -> bool:
        """Whether a keyframe shows a face of some size."""
        image = _small(picture, self._settings.check_pixels)
        if image is None:
            return False
        with self._detecting:
            (found,) = self._detector.detect([image])
        return any(face.score >= SURE_SCORE for face in found.found)

    def take(self, path: Path, stretch: Stretch, known_us: Collection[int]) -> Generator[Sample | None, None, None]:
        """Samples of a shot whose keyframes lie at `known_us`; None says that work goes on. Raises as the sampler."""
        times = sample_times(stretch.start_us, stretch.end_us, self._settings.faces_per_s, known_us)
        if not times:
            return
        raw = self._kept is not None
        for picture in self._sampler.sample(path, stretch, times, self._settings.lines, raw=raw):
            if picture is None or picture.figures.time_us in known_us:
                yield None
            else:
                yield Sample(picture) if self._kept is None else self._kept.sample_of(picture)

    def close(self) -> None:
        """End the decoding children and let the detectors go."""
        self._sampler.close()
        self._detector.unload()
        if self._kept is not None:
            self._kept.unload()


def _small(picture: Picture, side: int) -> Image | None:
    """The picture decoded at the smallest scale that leaves its longer side at `side` pixels or more."""
    longer = max(picture.figures.width, picture.figures.height)
    flag = next((flag for factor, flag in REDUCTIONS if longer >= side * factor), cv2.IMREAD_COLOR)
    try:
        decoded = cv2.imdecode(np.frombuffer(picture.image, np.uint8), flag)
    except cv2.error:
        return None
    return None if decoded is None else np.ascontiguousarray(decoded[:, :, ::-1])
