"""Frames of a shot from the film it came from, for models that see motion: fetched anew, decoded in a child.

One clip is read at a time, and of a remote film the last download is kept: the shots of a film come one behind the
other.
"""

import threading
from contextlib import closing
from typing import Final

import cv2
import numpy as np

from rushes.infra.media.fetch import Fetcher, SourceFile
from rushes.infra.media.sampler import FilmSampler, Stretch
from rushes.processors.embedding.protocol import Image
from rushes.processors.shots.sample_times import even_times
from rushes.schemas.errors import DamagedMedia, UnsupportedMedia
from rushes.schemas.shots import ShotSplit

CLIP_LINES: Final = 576
"""Of a clip's frame at most: twice what models of motion look at (256 to 292 lines). 16 frames are 28 MB."""


class ClipReader:
    """Clips by shot, for several threads."""

    def __init__(self, fetcher: Fetcher, sampler: FilmSampler) -> None:
        self._fetcher = fetcher
        self._sampler = sampler
        self._reading = threading.Lock()
        self._held: tuple[str, SourceFile] | None = None

    def frames(self, shot: ShotSplit, count: int) -> list[Image]:
        """At most `count` frames of a shot that has a clip, evenly spaced, in order: fewer where it has fewer.

        Raises as `Fetcher.fetch` and `MediaDecoder.film`; DamagedMedia where the file is not the one that was split,
        UnsupportedMedia where the film can't be sought and the shot lies far behind its start.
        """
        if shot.clip is None:
            raise ValueError("expected a shot with a clip, found none")
        stretch = Stretch(shot.clip.in_us, shot.start_frame, shot.clip.out_us, shot.clip.origin_pts)
        if not stretch.reachable:
            raise UnsupportedMedia("the film can't be sought, and the clip lies far behind its start; make a proxy")
        times = even_times(stretch.start_us, stretch.end_us, count)
        with self._reading:
            file = self._file(shot)
            with closing(self._sampler.sample(file.path, stretch, times, CLIP_LINES)) as pictures:
                found = {picture.figures.frame_index: picture.image for picture in pictures if picture is not None}
        frames = [cv2.imdecode(np.frombuffer(found[index], np.uint8), cv2.IMREAD_COLOR_RGB) for index in sorted(found)]
        if not frames:
            raise DamagedMedia(
                f"expected frames from {stretch.start_us / 1e6:.1f} s to {stretch.end_us / 1e6:.1f} s of "
                f"{shot.clip.uri}, found none; publish the file again"
            )
        return [np.asarray(frame, np.uint8) for frame in frames]

    def close(self) -> None:
        """End the children and remove the last download."""
        self._sampler.close()
        self._drop()

    def _file(self, shot: ShotSplit) -> SourceFile:
        """The film, checked by its size: frames of another would be told as this shot's."""
        assert shot.clip is not None
        uri = shot.clip.uri
        if self._held is None or self._held[0] != uri or not self._held[1].temporary:
            self._drop()
            self._held = (uri, self._fetcher.fetch(uri))
        file = self._held[1]
        if shot.media.size_bytes not in {None, file.size_bytes}:
            raise DamagedMedia(
                f"expected the {shot.media.size_bytes:,} bytes that were split at {uri}, found {file.size_bytes:,}; "
                f"publish the file again"
            )
        return file

    def _drop(self) -> None:
        if self._held is not None:
            self._held[1].close()
            self._held = None
