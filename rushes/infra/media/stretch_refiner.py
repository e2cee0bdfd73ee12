"""Decodes all frames of the stretches of a film that need it. Runs in the child."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from rushes.infra.media.stretches import NeedsAllFrames, Stretch, decode

if TYPE_CHECKING:
    VideoPacket = av.Packet[VideoStream]

PlacedFrame = tuple[int, av.VideoFrame]
"""A frame by its timestamp."""


class StretchRefiner:
    """Decodes whole stretches, one after the other without a break where they are neighbours."""

    def __init__(self, context: VideoCodecContext) -> None:
        self._context = context
        self._expected: deque[tuple[int, av.VideoFrame | None]] = deque()
        self._sent_pts: int | None = None

    def decode(self, stretch: Stretch, following: Stretch | None, times: Sequence[int]) -> Iterator[PlacedFrame]:
        """Frames that are ready, maybe of the stretches before, in order of presentation. Raises NeedsAllFrames."""
        anchor = stretch.anchor
        known = anchor.frame if stretch.intra else None
        self._expected.extend((pts, known if pts == anchor.pts else None) for pts in times)
        packets = stretch.packets[1:] if known is not None or self._sent_pts == anchor.pts else stretch.packets
        self._sent_pts = None
        for packet in packets:
            yield from self._take(packet)
        if following is not None and following.leading:
            self._sent_pts = following.anchor.pts
            for packet in (following.packets[0], *following.leading):
                yield from self._take(packet)

    def decode_alone(self, packet: "VideoPacket") -> av.VideoFrame:
        """The frame of a packet that needs no other, at once. None may still be to come."""
        frames = [*decode(self._context, packet), *decode(self._context, None)]
        self._context.flush_buffers()
        if [frame.pts for frame in frames] != [packet.pts]:
            raise NeedsAllFrames("a key frame did not decode by itself")
        return frames[0]

    def end(self) -> Iterator[PlacedFrame]:
        """The frames still to come; the next stretch need not be a neighbour."""
        if not self._expected:
            return
        yield from self._take(None)
        if self._expected:
            raise NeedsAllFrames("fewer frames than packets")
        self._context.flush_buffers()
        self._sent_pts = None

    def _take(self, packet: "VideoPacket | None") -> Iterator[PlacedFrame]:
        for frame in decode(self._context, packet):
            yield from self._known()
            if self._expected and self._expected[0][0] == frame.pts:
                yield self._expected.popleft()[0], frame
            elif frame.pts != self._sent_pts:  # the next anchor, sent for the sake of what leads up to it
                raise NeedsAllFrames("frames do not follow their packets")
        if packet is None:
            yield from self._known()

    def _known(self) -> Iterator[PlacedFrame]:
        while self._expected and (frame := self._expected[0][1]) is not None:
            yield self._expected.popleft()[0], frame
