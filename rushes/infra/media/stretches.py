"""A film's packets as stretches from one frame that is looked at in any case to the next. Runs in the child."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import av
import av.error
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.stream import VideoStream

from rushes.infra.media.film_clock import FilmClock
from rushes.infra.media.film_planes import FeatureReader
from rushes.processors.shots.features import FrameFeatures
from rushes.processors.shots.predicted import Sample

if TYPE_CHECKING:
    VideoPacket = av.Packet[VideoStream]

CELL_FRAMES: Final = 5
"""Anchors lie this many frames apart at least: a shot is longer than four frames, so none fits between."""

INTRA_AT_ONCE: Final = 4
"""Anchors of key frames alone whose features are read at once, as those of other frames are (`film_planes`). Others lie
so far apart that they are waited for."""

HELD_PACKETS: Final = 4_000
"""Of packets that wait for the next anchor: a minute of 60 frames/s."""

_FAILURES: Final = (av.error.FFmpegError, OSError, ValueError)


class NeedsAllFrames(Exception):
    """The film can't be read selectively from here on. Says why."""


@dataclass(slots=True)
class Anchor:
    """A frame that is looked at in any case. `frame`: None before it is decoded, and as soon as it is given away."""

    pts: int
    time_us: int
    frame: av.VideoFrame | None = None
    features: FrameFeatures | None = None
    _sample: Sample | None = None

    @property
    def known(self) -> FrameFeatures:
        """Its features, which must be known."""
        assert self.features is not None
        return self.features

    @property
    def sample(self) -> Sample:
        """The anchor to compare with others; its features must be known."""
        if self._sample is None:
            self._sample = Sample(self.time_us, self.known)
        return self._sample


@dataclass(eq=False)
class Stretch:
    """From one anchor up to the next: `packets` in decoding order, the anchor's first.

    `leading`: packets behind the anchor's that are shown before it, and so belong to the stretch before.
    """

    anchor: Anchor
    packets: list["VideoPacket"]
    leading: list["VideoPacket"] = field(default_factory=list)

    @cached_property
    def intra(self) -> bool:
        """Every packet is a picture of its own. To be asked when the stretch is complete, as `size_bytes`."""
        return all(packet.is_keyframe for packet in self.packets)

    @cached_property
    def size_bytes(self) -> int:
        return sum(packet.size for packet in (*self.packets, *self.leading))

    def times(self, following: "Stretch | None") -> list[int]:
        """Timestamps of its frames in order of presentation. Raises NeedsAllFrames where packets are in none."""
        leading = following.leading if following is not None else []
        times = sorted(packet.pts for packet in (*self.packets, *leading) if packet.pts is not None)
        ordered = all(a < b for a, b in pairwise(times)) and times[0] == self.anchor.pts
        if not ordered or (following is not None and times[-1] >= following.anchor.pts):
            raise NeedsAllFrames("its packets are in no order of presentation")
        return times


class StretchSource:
    """The stretches of a film, from where its container stands. `clock`: what was known of the film's times.

    `begins`: the first packets are those of the film's beginning. `alive` is called at every packet.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        clock: FilmClock,
        *,
        begins: bool,
        alive: Callable[[], None],
    ) -> None:
        self._packets = container.demux(stream)
        self._stream = stream
        self._begins = begins
        self._alive = alive
        self.clock = clock
        """It tells times from the first packet on."""

    def __iter__(self) -> Iterator[Stretch]:
        """Each stretch as soon as it is complete. Raises NeedsAllFrames, MemoryError."""
        current: Stretch | None = None
        cell = -1
        for packet in self._read():
            assert packet.pts is not None
            if self.clock.origin_pts is None:
                self.clock = FilmClock(self._stream, packet.pts)
            time_us = self.clock.ticks_us(packet.pts)
            now = time_us // (CELL_FRAMES * self.clock.frame_us)
            if packet.is_keyframe and (current is None or now != cell):
                cell = now
                if current is not None:
                    yield current
                current = Stretch(Anchor(packet.pts, time_us), [packet])
            elif current is None:
                raise NeedsAllFrames("it does not begin with a key frame")
            elif packet.pts < current.anchor.pts:
                if self._begins and current.anchor.pts == self.clock.origin_pts:
                    raise NeedsAllFrames("its first frames are not those of its first key frame")
                current.leading.append(packet)
            else:
                current.packets.append(packet)
                if len(current.packets) > HELD_PACKETS:
                    raise NeedsAllFrames("its key frames lie too far apart")
        if current is not None:
            yield current

    def _read(self) -> Iterator["VideoPacket"]:
        while True:
            self._alive()
            try:
                packet = next(self._packets, None)
            except (av.error.MemoryError, MemoryError):
                raise
            except _FAILURES as error:
                raise NeedsAllFrames("the file can't be read on") from error
            if packet is None or packet.size == 0:
                return
            if packet.pts is None or packet.is_corrupt or packet.is_discard:
                raise NeedsAllFrames("a packet has no time, is damaged, or is not shown")
            yield packet


class AnchorDecoder:
    """Decodes anchors alone, in their order. They are known some calls later."""

    def __init__(self, context: VideoCodecContext, read_features: FeatureReader) -> None:
        self._context = context
        self._read_features = read_features
        self._sent: deque[Anchor] = deque()
        self._decoded: list[av.VideoFrame] = []

    @property
    def undecoded(self) -> int:
        """How many of the newest anchors are still to come."""
        return len(self._sent)

    def send(self, stretch: Stretch) -> None:
        """Take one more; raises NeedsAllFrames, as `finish`, where a frame is not its packet's, or not whole."""
        self._sent.append(stretch.anchor)
        self._decoded += decode(self._context, stretch.packets[0])
        if len(self._decoded) >= (INTRA_AT_ONCE if stretch.intra else 1):
            self._take()

    def finish(self) -> None:
        """Wait for all; others may be sent afterwards."""
        if self._sent:
            self._decoded += decode(self._context, None)
            self._context.flush_buffers()
            self._take()
        if self._sent:
            raise NeedsAllFrames("a key frame did not decode")

    def _take(self) -> None:
        for frame, features in zip(self._decoded, self._read_features(self._decoded), strict=True):
            if not self._sent or frame.pts != self._sent[0].pts:
                raise NeedsAllFrames("a key frame did not decode in its turn")
            if frame.pict_type != PictureType.I:
                raise NeedsAllFrames("a key frame is no whole picture of its own")
            anchor = self._sent.popleft()
            anchor.frame, anchor.features = frame, features
        self._decoded = []


def decode(context: VideoCodecContext, packet: "VideoPacket | None") -> list[av.VideoFrame]:
    """Frames that are ready, whole ones; None asks for all the rest. Raises NeedsAllFrames, MemoryError."""
    try:
        frames = context.decode(packet)
    except (av.error.MemoryError, MemoryError):
        raise
    except _FAILURES as error:
        raise NeedsAllFrames("a packet does not decode") from error
    if any(frame.is_corrupt for frame in frames):
        raise NeedsAllFrames("a frame is damaged")
    return frames
