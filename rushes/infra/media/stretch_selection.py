"""Which frames of a film are decoded for splitting. Runs in the child.

One pass over the packets. Of each group of pictures the key frame is decoded (of codecs that have nothing but key
frames, every fifth frame); the packets between two such anchors are held, and decoded only where the anchors differ,
where the size of a packet tells that a picture came that nothing before it predicted, or where a frame is wanted. Of
the others the times are known by their packets, and their features are taken to be the anchor's.

Where most of the last seconds had to be decoded, all is, each frame once (`RefinedShare`).
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import av

from rushes.infra.media.film_clock import FilmClock
from rushes.infra.media.film_planes import FeatureReader
from rushes.infra.media.refined_share import RefinedShare
from rushes.infra.media.stretch_refiner import PlacedFrame, StretchRefiner
from rushes.infra.media.stretches import CELL_FRAMES, Anchor, AnchorDecoder, NeedsAllFrames, Stretch, StretchSource
from rushes.processors.shots.features import FrameFeatures
from rushes.processors.shots.packets import may_be_new
from rushes.processors.shots.predicted import WINDOW_US, may_hide_cut, may_hide_transition, stand_ins

HELD_BYTES: Final = 256 * 1024 * 1024
"""Of packets that wait for the next anchors: ten seconds at 200 Mbit/s. A film with more is decoded as a whole."""

GAP: Final = 1.75
"""Frames' times this much further apart than usual, and less than a pause: packets may be missing between them."""


@dataclass(frozen=True, slots=True)
class SelectedFrame:
    """A frame by its timestamp. `frame`: None where it was not decoded."""

    pts: int
    frame: av.VideoFrame | None
    features: FrameFeatures


@dataclass(frozen=True, slots=True)
class _Looked:
    """A frame of a stretch that was decoded, by its place there; behind the last one, the next anchor's features."""

    place: int
    frame: av.VideoFrame | None
    features: FrameFeatures


class StretchSelection:
    """The frames of a source's stretches, in order of presentation. `wanted_us`: times that are decoded anyway."""

    def __init__(
        self,
        source: StretchSource,
        anchors: AnchorDecoder,
        refiner: StretchRefiner,
        read_features: FeatureReader,
        wanted_us: Sequence[int],
    ) -> None:
        self._source = source
        self._anchors = anchors
        self._refiner = refiner
        self._read_features = read_features
        self._wanted = deque(sorted(wanted_us))
        self._waiting: deque[Stretch] = deque()
        self._before: list[Anchor] = []
        self._among: dict[int, Anchor] = {}
        self._share = RefinedShare()
        self._whole = False

    @property
    def clock(self) -> FilmClock:
        """The film's clock, from the first frame on."""
        return self._source.clock

    def frames(self, *, begins: bool) -> Iterator[SelectedFrame]:
        """All frames. `begins`: the source does so at the film's beginning. Raises NeedsAllFrames, MemoryError."""
        forced = begins
        for stretch in self._source:
            if sum(held.size_bytes for held in self._waiting) > HELD_BYTES:
                raise NeedsAllFrames("the packets between its key frames are too large to be held")
            self._waiting.append(stretch)
            if not self._whole:
                self._anchors.send(stretch)
            while self._sees_ahead():
                yield from self._next(forced=forced)
                yield from self._choose_way()
                forced = False
        if not self._waiting:
            raise NeedsAllFrames("it has no key frame")
        self._anchors.finish()
        while self._waiting:
            yield from self._next(forced=forced or len(self._waiting) == 1)
            forced = False
        yield from self._decoded(self._refiner.end())

    def _sees_ahead(self) -> bool:
        """Whether enough is known behind the first stretch that waits."""
        known = len(self._waiting) - self._anchors.undecoded
        if self._whole or known < 2 or self._waiting[0].intra:
            return known >= 2
        return self._waiting[known - 1].anchor.time_us - self._waiting[1].anchor.time_us >= WINDOW_US

    def _choose_way(self) -> Iterator[SelectedFrame]:
        """Whether the next stretch is read as a whole; frames for which that had to wait."""
        here = self._waiting[0].anchor.time_us
        if not self._share.is_known(here):
            yield from self._decoded(self._refiner.end())
        whole = self._share.mostly_refined(here)
        if whole and not self._whole:
            self._anchors.finish()
        elif self._whole and not whole:
            yield from self._decoded(self._refiner.end())
            for stretch in self._waiting:
                self._anchors.send(stretch)
        self._whole = whole

    def _next(self, *, forced: bool) -> Iterator[SelectedFrame]:
        """The frames of the first stretch that waits, and those that were still to come before it."""
        stretch = self._waiting.popleft()
        following = self._waiting[0] if self._waiting else None
        anchor, times = stretch.anchor, stretch.times(following)
        self._before = [one for one in self._before if one.time_us >= anchor.time_us - WINDOW_US] + [anchor]
        middle = Anchor(times[len(times) // 2], anchor.time_us) if stretch.intra and len(times) > 1 else None
        if following is None:
            yield from self._refined(stretch, None, times, middle)
            return
        by_packets = self._may_be_new(stretch, following, times)
        self._share.add(anchor, middle, following.anchor, by_packets=by_packets)
        if self._whole or forced or by_packets or self._is_wanted(anchor, following.anchor) or self._differ(stretch):
            yield from self._refined(stretch, following, times, middle)
        else:
            yield from self._passed_over(stretch, following, times, middle)
        anchor.frame = None  # frames are large, and what comes later asks for its features only

    def _refined(
        self, stretch: Stretch, following: Stretch | None, times: Sequence[int], middle: Anchor | None
    ) -> Iterator[SelectedFrame]:
        for anchor in (stretch.anchor, middle):
            if anchor is not None:
                self._among[anchor.pts] = anchor
        yield from self._decoded(self._refiner.decode(stretch, following, times))

    def _passed_over(
        self, stretch: Stretch, following: Stretch, times: Sequence[int], middle: Anchor | None
    ) -> Iterator[SelectedFrame]:
        """A stretch in which nothing needs to be looked at, unless the frame in the middle says so."""
        yield from self._decoded(self._refiner.end())
        here, after = stretch.anchor.known, following.anchor.known
        looked = [_Looked(0, stretch.anchor.frame, here)]
        if middle is not None and may_hide_cut(here, after):
            frame = self._refiner.decode_alone(next(p for p in stretch.packets if p.pts == middle.pts))
            (middle.features,) = self._read_features([frame])
            if may_hide_cut(here, middle.features) or may_hide_cut(middle.features, after):
                yield from self._refined(stretch, following, times, middle)
                return
            looked.append(_Looked(len(times) // 2, frame, middle.features))
        for one, next_one in pairwise((*looked, _Looked(len(times), None, after))):
            yield SelectedFrame(times[one.place], one.frame, one.features)
            passed = times[one.place + 1 : next_one.place]
            for pts, features in zip(passed, stand_ins(one.features, next_one.features, len(passed)), strict=True):
                yield SelectedFrame(pts, None, features)

    def _decoded(self, frames: Iterable[PlacedFrame]) -> Iterator[SelectedFrame]:
        for (pts, frame), features in self._read_features.in_batches(frames, lambda placed: placed[1]):
            anchor = self._among.pop(pts, None)
            if anchor is not None:
                anchor.features = features
            yield SelectedFrame(pts, frame, features)

    def _may_be_new(self, stretch: Stretch, following: Stretch, times: Sequence[int]) -> bool:
        """Whether packets say that a picture came that nothing before it predicts, or one too few."""
        if stretch.intra:
            return len(times) > CELL_FRAMES
        sizes = [packet.size for packet in (*stretch.packets[1:], *following.leading)]
        if may_be_new(sizes, min(stretch.packets[0].size, following.packets[0].size)):
            return True
        gap_us = GAP * self.clock.frame_us
        return any(self.clock.ticks_us(b - a) > gap_us for a, b in pairwise((*times, following.anchor.pts)))

    def _differ(self, stretch: Stretch) -> bool:
        """Whether anchors before and behind a stretch do, as far as they are decoded. A cut is another question."""
        behind = [one.anchor.sample for one in self._waiting if one.anchor.features is not None]
        return may_hide_transition([one.sample for one in self._before], behind[:1] if stretch.intra else behind)

    def _is_wanted(self, anchor: Anchor, following: Anchor) -> bool:
        half = self.clock.frame_us
        while self._wanted and self._wanted[0] < anchor.time_us - half:
            self._wanted.popleft()
        return bool(self._wanted) and self._wanted[0] <= following.time_us + half
