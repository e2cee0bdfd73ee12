"""A film as frames in order of presentation, with times of their own. Runs in the child.

Time 0 is the first presented frame. What does not decode is skipped and counted; where the file ends early or its
clock jumps, the reader says so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from rushes.infra.media.film_clock import FilmClock
from rushes.infra.media.film_container import film_stream, open_film, reason_of
from rushes.infra.media.film_facts import facts_of, pixel_aspect
from rushes.infra.settings import DecodeLimits
from rushes.schemas.errors import UnsupportedMedia
from rushes.schemas.media import MediaFacts

SEEK_MARGIN_US: Final = 2_000_000
"""A resume starts decoding this long before its place: the first frames after a seek may lack their references."""

SHORTFALL_US: Final = 1_000_000
"""A file that ends this long before its header says is truncated; less is a container's rounding."""

_DAMAGED: Final = (av.error.InvalidDataError, av.error.ExternalError, av.error.UnknownError, av.error.BugError)


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame at its time (µs) from the film's first."""

    frame: av.VideoFrame
    time_us: int


class FilmReader:
    """Frames of one film. `recognised`: its first bytes are those of a film; `alive`: called at every packet.

    `facts` stand from the first frame on. `origin_pts` is that frame's pts, None as soon as times could not be found
    again by a seek.
    """

    def __init__(self, path: str, limits: DecodeLimits, *, recognised: bool, alive: Callable[[], None]) -> None:
        self._path = path
        self._limits = limits
        self._recognised = recognised
        self._alive = alive
        self._read_error: str | None = None
        self._skips_us: list[int] = []
        self.facts: MediaFacts | None = None
        self.origin_pts: int | None = None
        self.aspect = Fraction(1)
        """Width of a pixel over its height."""
        self.frame_us = 0
        """The usual time from frame to frame."""
        self.end_us = 0
        """Where the last frame read is over."""

    def frames(self, start_us: int = 0, origin_pts: int | None = None) -> Iterator[TimedFrame]:
        """All frames from `start_us` on, and some before it.

        `origin_pts`: pts of the film's first frame, known from an earlier reading. Without it, or where a seek goes
        wrong, reading starts at the beginning. Raises UnsupportedMedia where no decoder fits or there is no picture,
        DamagedMedia where the container can't be read, LimitExceeded for more pixels than allowed (by the header).
        """
        if start_us > 0 and origin_pts is not None:
            arrived = False
            for timed in self._frames_from(origin_pts, max(0, start_us - SEEK_MARGIN_US)):
                if not arrived and timed.time_us > start_us:
                    break  # the seek went too far: the container's index is wrong
                arrived = True
                yield timed
            if arrived:
                return
            self._read_error = None
            self._skips_us.clear()
        yield from self._frames_from(None, 0)

    def skipped(self, from_us: int, until_us: int | None = None) -> list[int]:
        """Times at which packets or frames were skipped as damaged."""
        return [at for at in self._skips_us if at >= from_us and (until_us is None or at < until_us)]

    def shortfall(self) -> str | None:
        """Why the film ended before its time, or None where it did not."""
        if self._read_error is not None:
            return self._read_error
        claimed_us = self.facts.duration_us if self.facts is not None else None
        if claimed_us is not None and claimed_us - self.end_us > SHORTFALL_US:
            return f"the header says {claimed_us / 1e6:.1f} s, only {self.end_us / 1e6:.1f} s could be decoded"
        return None

    def _frames_from(self, origin_pts: int | None, seek_us: int) -> Iterator[TimedFrame]:
        with open_film(self._path, self._limits, recognised=self._recognised) as container:
            stream = film_stream(container, self._limits)
            clock = FilmClock(stream, origin_pts)
            if origin_pts is not None:
                container.seek(clock.pts_of(origin_pts, seek_us), stream=stream, backward=True)
                self.end_us = seek_us
            for frame in self._decoded(container, stream):
                time_us = clock.time_of(frame.pts, frame.dts)
                if time_us is None:
                    continue  # shown at no time of its own: no damage, and nobody would miss it
                if self.facts is None:
                    self.facts = facts_of(container, stream, frame)
                    self.aspect, self.frame_us = pixel_aspect(stream), clock.frame_us
                self.origin_pts = clock.origin_pts
                self.end_us = time_us + clock.duration_of(frame.duration)
                yield TimedFrame(frame, time_us)

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        packets = container.demux(stream)
        flushed = False
        while not flushed:
            self._alive()
            try:
                packet = next(packets, None)
            except (av.error.MemoryError, MemoryError):
                raise
            except (av.error.FFmpegError, OSError) as error:
                self._read_error = f"the file can't be read on: {reason_of(error)}"
                packet = None
            flushed = packet is None or packet.size == 0
            try:
                decoded = stream.decode(packet)
            except _DAMAGED:
                self._skips_us.append(self.end_us)
                continue
            except av.error.EOFError:
                return
            except av.error.NotImplementedError as error:
                raise UnsupportedMedia(f"the decoder can't do this film's variant: {reason_of(error)}") from error
            for frame in decoded:
                if frame.is_corrupt:
                    self._skips_us.append(self.end_us)
                else:
                    yield frame
