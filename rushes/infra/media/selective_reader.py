"""A film of which only what may hold a boundary is decoded. Runs in the child.

One pass over the packets. Of each group of pictures the key frame is decoded (of codecs that have nothing but key
frames, every fifth frame); the packets between two such anchors are held, and decoded only where the anchors differ,
where the size of a packet tells that a picture came that nothing before it predicted, or where a frame is wanted. Of
the others the times are known by their packets, and their features are taken to be the anchor's.

Indexes and times are those of the exact reading: that packets and frames correspond is checked wherever frames are
decoded, at the film's beginning and end at least. Where they don't, or the container does not tell enough,
`NeedsAllFrames` is raised, and the film is to be read by `FilmReader`. Damage in what is not decoded is not seen.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

import av
import av.error
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.stream import VideoStream

from rushes.infra.media.film_clock import FilmClock
from rushes.infra.media.film_container import film_stream, open_film
from rushes.infra.media.film_facts import facts_of, pixel_aspect
from rushes.infra.media.film_planes import FeatureReader
from rushes.infra.media.film_reader import SEEK_MARGIN_US, FilmReader
from rushes.infra.media.seen_frames import SeenFrame
from rushes.infra.settings import DecodeLimits
from rushes.processors.shots.features import FrameFeatures
from rushes.processors.shots.packets import may_be_new
from rushes.processors.shots.predicted import WINDOW_US, Sample, may_hide_cut, may_hide_transition, stand_ins

if TYPE_CHECKING:
    VideoPacket = av.Packet[VideoStream]

T = TypeVar("T")

CONTAINERS: Final = frozenset({"mov", "mp4", "matroska", "mxf"})
"""They keep a time with every packet, and a frame in it. Streams for transmission do not (fields, lost packets)."""

CODECS: Final = frozenset({"h264", "hevc", "prores", "dnxhd", "mjpeg", "cfhd"})
"""One packet is one shown frame in these; VP9 and AV1 hide frames, and MPEG-2 and MPEG-4 part 2 pack them."""

CELL_FRAMES: Final = 5
"""Anchors lie this many frames apart at least: a shot is longer than four frames, so none fits between."""

HELD_PACKETS: Final = 4_000
HELD_BYTES: Final = 256 * 1024 * 1024
"""Of packets that wait for the next anchors: a minute of 60 frames/s, ten seconds at 200 Mbit/s. A film whose key
frames lie further apart is decoded as a whole."""

GAP: Final = 1.75
"""Frames' times this much further apart than usual, and less than a pause: packets may be missing between them."""

_FAILURES: Final = (av.error.FFmpegError, OSError, ValueError)


class NeedsAllFrames(Exception):
    """The film can't be read selectively from here on. Says why."""


@dataclass(slots=True)
class _Anchor:
    """A frame that is decoded in any case."""

    pts: int
    frame: av.VideoFrame | None = None
    features: FrameFeatures | None = None
    sample: Sample | None = None


@dataclass(slots=True)
class _Stretch:
    """From one anchor up to the next: `packets` in decoding order, the anchor's first.

    `leading`: packets behind the anchor's that are shown before it, and so belong to the stretch before.
    """

    anchor: _Anchor
    packets: list["VideoPacket"]
    leading: list["VideoPacket"] = field(default_factory=list)

    @property
    def intra(self) -> bool:
        """Every packet is a picture of its own."""
        return all(packet.is_keyframe for packet in self.packets)

    @property
    def size_bytes(self) -> int:
        return sum(packet.size for packet in (*self.packets, *self.leading))


@dataclass(frozen=True, slots=True)
class _Looked:
    """A frame of a stretch that was decoded, by its place there; behind the last one, the next anchor's features."""

    place: int
    frame: av.VideoFrame | None
    features: FrameFeatures


class SelectiveReader(FilmReader):
    """As `FilmReader`, for splitting. `wanted_us`: times whose frames are decoded whatever surrounds them."""

    def __init__(
        self,
        path: str,
        limits: DecodeLimits,
        *,
        recognised: bool,
        alive: Callable[[], None],
        wanted_us: Sequence[int] = (),
    ) -> None:
        super().__init__(path, limits, recognised=recognised, alive=alive)
        self._wanted = deque(sorted(wanted_us))
        self._read_features = FeatureReader()
        self._clock: FilmClock | None = None
        self._before: list[Sample] = []

    def seen(self, start_us: int = 0, origin_pts: int | None = None) -> Iterator[SeenFrame]:
        """All frames from `start_us` on, and some before it, decoded or not.

        Raises as `FilmReader.frames`, and NeedsAllFrames.
        """
        if start_us > 0 and origin_pts is None:
            raise NeedsAllFrames("times can't be found again by a seek")
        with ExitStack() as stack:
            container = stack.enter_context(open_film(self._path, self._limits, recognised=self._recognised))
            stream = film_stream(container, self._limits)
            name = stream.codec_context.name
            if name not in CODECS or CONTAINERS.isdisjoint(container.format.name.split(",")):
                raise NeedsAllFrames(f"{name} in {container.format.name} does not tell its frames by its packets")
            twin = stack.enter_context(open_film(self._path, self._limits, recognised=self._recognised))
            refiner = _Refiner(film_stream(twin, self._limits).codec_context)
            self._clock = FilmClock(stream, origin_pts)
            if origin_pts is not None:
                from_pts = self._clock.pts_of(origin_pts, max(0, start_us - WINDOW_US - SEEK_MARGIN_US))
                container.seek(from_pts, stream=stream, backward=True)
            arrived = start_us == 0
            for frame in self._chosen(container, stream, refiner, begins=origin_pts is None):
                if not arrived and frame.time_us > start_us:
                    raise NeedsAllFrames("the container's index is wrong")
                arrived = True
                if self.facts is None and frame.frame is not None:
                    self.facts = facts_of(container, stream, frame.frame)
                    self.aspect, self.frame_us = pixel_aspect(stream), self._clock.frame_us
                yield frame

    def _chosen(
        self, container: InputContainer, stream: VideoStream, refiner: "_Refiner", *, begins: bool
    ) -> Iterator[SeenFrame]:
        assert self._clock is not None
        waiting: deque[_Stretch] = deque()
        anchors: deque[_Anchor] = deque()
        first = begins
        for stretch in self._stretches(container, stream, begins=begins):
            if sum(held.size_bytes for held in waiting) > HELD_BYTES:
                raise NeedsAllFrames("the packets between its key frames are too large to be held")
            waiting.append(stretch)
            anchors.append(stretch.anchor)
            self._decode_anchors(stream, stretch.packets[0], anchors)
            while len(waiting) > len(anchors) + 1 and self._sees_ahead(waiting, len(anchors)):
                yield from self._decided(waiting.popleft(), waiting, refiner, forced=first)
                first = False
        self._decode_anchors(stream, None, anchors)
        if anchors or not waiting:
            raise NeedsAllFrames("a key frame did not decode")
        while waiting:
            yield from self._decided(waiting.popleft(), waiting, refiner, forced=first or not waiting)
            first = False
        yield from self._timed(refiner.end())

    def _sees_ahead(self, waiting: Sequence[_Stretch], undecoded: int) -> bool:
        """Whether enough is known behind the first stretch that waits."""
        assert self._clock is not None
        last = waiting[len(waiting) - 1 - undecoded].anchor
        ahead_us = self._clock.ticks_us(last.pts) - self._clock.ticks_us(waiting[1].anchor.pts)
        return waiting[0].intra or ahead_us >= WINDOW_US

    def _stretches(self, container: InputContainer, stream: VideoStream, *, begins: bool) -> Iterator[_Stretch]:
        """Stretches as they begin; each is complete when the next one comes."""
        assert self._clock is not None
        current: _Stretch | None = None
        cell = -1
        for packet in self._packets(container, stream):
            assert packet.pts is not None
            if self._clock.origin_pts is None:
                self._clock = FilmClock(stream, packet.pts)
            now = self._clock.ticks_us(packet.pts) // (CELL_FRAMES * self._clock.frame_us)
            if packet.is_keyframe and (current is None or now != cell):
                cell = now
                if current is not None:
                    yield current
                current = _Stretch(_Anchor(packet.pts), [packet])
            elif current is None:
                raise NeedsAllFrames("it does not begin with a key frame")
            elif packet.pts < current.anchor.pts:
                if begins and current.anchor.pts == self._clock.origin_pts:
                    raise NeedsAllFrames("its first frames are not those of its first key frame")
                current.leading.append(packet)
            else:
                current.packets.append(packet)
                if len(current.packets) > HELD_PACKETS:
                    raise NeedsAllFrames("its key frames lie too far apart")
        if current is not None:
            yield current

    def _packets(self, container: InputContainer, stream: VideoStream) -> Iterator["VideoPacket"]:
        packets = container.demux(stream)
        while True:
            self._alive()
            try:
                packet = next(packets, None)
            except (av.error.MemoryError, MemoryError):
                raise
            except _FAILURES as error:
                raise NeedsAllFrames("the file can't be read on") from error
            if packet is None or packet.size == 0:
                return
            if packet.pts is None or packet.is_corrupt or packet.is_discard:
                raise NeedsAllFrames("a packet has no time, is damaged, or is not shown")
            yield packet

    def _decode_anchors(self, stream: VideoStream, packet: "VideoPacket | None", anchors: deque[_Anchor]) -> None:
        """Decode one more anchor (None: the rest). Threads give frames some calls later; they go to their anchors."""
        for frame in _decode(stream.codec_context, packet):
            if not anchors or frame.pts != anchors[0].pts:
                raise NeedsAllFrames("a key frame did not decode in its turn")
            if frame.pict_type != PictureType.I:
                raise NeedsAllFrames("a key frame is no whole picture of its own")
            anchor = anchors.popleft()
            anchor.frame, anchor.features = frame, self._read_features(frame)

    def _decided(
        self, stretch: _Stretch, behind: Sequence[_Stretch], refiner: "_Refiner", *, forced: bool
    ) -> Iterator[SeenFrame]:
        following = behind[0] if behind else None
        leading = following.leading if following is not None else []
        times = _times_of(stretch, leading, following)
        here = self._sample(stretch.anchor)
        self._before = [one for one in self._before if one.time_us >= here.time_us - WINDOW_US] + [here]
        if forced or following is None or self._may_hide(stretch, behind, times):
            yield from self._timed(refiner.decode(stretch, following, times))
            return
        yield from self._timed(refiner.end())
        after = _known(following.anchor.features)
        known = [_Looked(0, stretch.anchor.frame, here.features)]
        if stretch.intra and may_hide_cut(here.features, after):
            middle = self._middle(stretch, refiner, times)
            if may_hide_cut(here.features, middle.features) or may_hide_cut(middle.features, after):
                yield from self._timed(refiner.decode(stretch, following, times))
                return
            known.append(middle)
        for one, next_one in pairwise((*known, _Looked(len(times), None, after))):
            yield from self._timed([(times[one.place], one.frame)], one.features)
            passed = range(one.place + 1, next_one.place)
            for place, features in zip(passed, stand_ins(one.features, next_one.features, len(passed)), strict=True):
                yield from self._timed([(times[place], None)], features)

    def _middle(self, stretch: _Stretch, refiner: "_Refiner", times: Sequence[int]) -> "_Looked":
        """The frame halfway through a stretch whose packets need no others."""
        place = len(times) // 2
        frame = refiner.decode_alone(next(packet for packet in stretch.packets if packet.pts == times[place]))
        return _Looked(place, frame, self._read_features(frame))

    def _may_hide(self, stretch: _Stretch, behind: Sequence[_Stretch], times: Sequence[int]) -> bool:
        assert self._clock is not None
        following = behind[0]
        if self._is_wanted(times[0], following.anchor.pts):
            return True
        if stretch.intra:  # a cut is looked for with a frame between
            return len(times) > CELL_FRAMES or may_hide_transition(self._before, [self._sample(following.anchor)])
        sizes = [packet.size for packet in (*stretch.packets[1:], *following.leading)]
        if may_be_new(sizes, min(stretch.packets[0].size, following.packets[0].size)):
            return True
        gap_us = GAP * self._clock.frame_us
        if any(self._clock.ticks_us(b - a) > gap_us for a, b in pairwise((*times, following.anchor.pts))):
            return True
        samples = [self._sample(later.anchor) for later in behind if later.anchor.features is not None]
        return may_hide_transition(self._before, samples)

    def _sample(self, anchor: _Anchor) -> Sample:
        assert self._clock is not None
        if anchor.sample is None:
            anchor.sample = Sample(self._clock.ticks_us(anchor.pts), _known(anchor.features))
        return anchor.sample

    def _is_wanted(self, from_pts: int, until_pts: int) -> bool:
        assert self._clock is not None
        half = self._clock.frame_us
        from_us, until_us = self._clock.ticks_us(from_pts) - half, self._clock.ticks_us(until_pts) + half
        while self._wanted and self._wanted[0] < from_us:
            self._wanted.popleft()
        return bool(self._wanted) and self._wanted[0] <= until_us

    def _timed(
        self,
        frames: Iterator[tuple[int, av.VideoFrame | None]] | Sequence[tuple[int, av.VideoFrame | None]],
        held: FrameFeatures | None = None,
    ) -> Iterator[SeenFrame]:
        assert self._clock is not None
        for pts, frame in frames:
            self._alive()  # the packets of a long stretch were all read before
            time_us = self._clock.time_of(pts)
            if time_us is None:
                raise NeedsAllFrames("its times run backwards")
            self.origin_pts = self._clock.origin_pts
            ticks = frame.duration if frame is not None else None
            self.end_us = time_us + self._clock.duration_of(ticks)
            features = held if held is not None else self._read_features(_known(frame))
            yield SeenFrame(time_us, frame, features)


class _Refiner:
    """Decodes whole stretches, one after the other without a break where they are neighbours."""

    def __init__(self, context: VideoCodecContext) -> None:
        self._context = context
        self._expected: deque[tuple[int, av.VideoFrame | None]] = deque()
        self._sent_pts: int | None = None

    def decode(
        self, stretch: _Stretch, following: _Stretch | None, times: Sequence[int]
    ) -> Iterator[tuple[int, av.VideoFrame | None]]:
        """Frames that are ready, maybe of the stretches before, in order of presentation."""
        anchor = stretch.anchor
        intra = stretch.intra
        self._expected.extend((pts, anchor.frame if intra and pts == anchor.pts else None) for pts in times)
        packets = stretch.packets[1:] if intra or self._sent_pts == anchor.pts else stretch.packets
        self._sent_pts = None
        for packet in packets:
            yield from self._take(packet)
        if following is not None and following.leading:
            self._sent_pts = following.anchor.pts
            for packet in (following.packets[0], *following.leading):
                yield from self._take(packet)

    def decode_alone(self, packet: "VideoPacket") -> av.VideoFrame:
        """The frame of a packet that needs no other, at once. None may still be to come."""
        frames = [*_decode(self._context, packet), *_decode(self._context, None)]
        self._context.flush_buffers()
        if [frame.pts for frame in frames] != [packet.pts]:
            raise NeedsAllFrames("a key frame did not decode by itself")
        return frames[0]

    def end(self) -> Iterator[tuple[int, av.VideoFrame | None]]:
        """The frames still to come; the next stretch need not be a neighbour."""
        if not self._expected:
            return
        yield from self._take(None)
        if self._expected:
            raise NeedsAllFrames("fewer frames than packets")
        self._context.flush_buffers()
        self._sent_pts = None

    def _take(self, packet: "VideoPacket | None") -> Iterator[tuple[int, av.VideoFrame | None]]:
        for frame in _decode(self._context, packet):
            yield from self._known()
            if self._expected and self._expected[0][0] == frame.pts:
                yield self._expected.popleft()[0], frame
            elif frame.pts != self._sent_pts:  # the next anchor, sent for the sake of what leads up to it
                raise NeedsAllFrames("frames do not follow their packets")
        if packet is None:
            yield from self._known()

    def _known(self) -> Iterator[tuple[int, av.VideoFrame | None]]:
        while self._expected and self._expected[0][1] is not None:
            yield self._expected.popleft()


def _times_of(stretch: _Stretch, leading: Sequence["VideoPacket"], following: _Stretch | None) -> list[int]:
    times = sorted(packet.pts for packet in (*stretch.packets, *leading) if packet.pts is not None)
    ordered = all(a < b for a, b in pairwise(times)) and times[0] == stretch.anchor.pts
    if not ordered or (following is not None and times[-1] >= following.anchor.pts):
        raise NeedsAllFrames("its packets are in no order of presentation")
    return times


def _decode(context: VideoCodecContext, packet: "VideoPacket | None") -> list[av.VideoFrame]:
    try:
        frames = context.decode(packet)
    except (av.error.MemoryError, MemoryError):
        raise
    except _FAILURES as error:
        raise NeedsAllFrames("a packet does not decode") from error
    if any(frame.is_corrupt for frame in frames):
        raise NeedsAllFrames("a frame is damaged")
    return frames


def _known(value: T | None) -> T:
    assert value is not None
    return value
