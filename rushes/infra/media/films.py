"""Films to shots and keyframes: reader, detector and reservoir put together. Runs in the child.

Pictures are scaled and compressed by a thread beside the decoder's. A shot's pictures are sent before the shot.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import av

from rushes.infra.media.animations import AnimationReader
from rushes.infra.media.film_pictures import KeptFrame
from rushes.infra.media.film_reader import FilmReader
from rushes.infra.media.film_sharpness import clearness
from rushes.infra.media.jpeg import make_picture
from rushes.infra.media.messages import (
    FilmEnded,
    FilmJob,
    FilmOpened,
    KeyframePlace,
    NextShot,
    Progress,
    ResumePoint,
    Send,
    ShotFound,
)
from rushes.infra.media.seen_frames import SeenFrame, all_seen
from rushes.infra.media.selective_reader import SelectiveReader
from rushes.infra.media.sniff import is_animated, kind_of
from rushes.infra.media.strangers import refuse_strangers
from rushes.infra.media.stretches import NeedsAllFrames
from rushes.infra.settings import DecodeLimits
from rushes.processors.shots.detector import Boundary, ShotDetector, Verdict
from rushes.processors.shots.keyframes import Candidate, KeyframeReservoir, Pick
from rushes.processors.shots.motion import MotionMeter
from rushes.schemas.errors import DamagedMedia
from rushes.schemas.shots import FrameReason, PartFailure, TransitionSpan

PROGRESS_EVERY_S: Final = 1.0

WORK_AHEAD: Final = 2
"""Pieces of work that wait for the compressing thread; more would hold more frames in memory."""


def split_film(job: FilmJob, limits: DecodeLimits, send: Send) -> None:
    """Send all that is in the film from `job.resume` on.

    Raises as `FilmReader.frames` and `refuse_strangers` do, and DamagedMedia where no frame decodes.
    """
    compressor = _Compressor()
    try:
        resume = job.resume
        if limits.scan == "auto" and not (resume is not None and resume.exact):
            selective = _Splitting(job, limits, send, compressor, selective=True)
            try:
                selective.run()
            except NeedsAllFrames:
                resume = selective.resume.model_copy(update={"exact": True})
                job = job.model_copy(update={"resume": resume})
            else:
                return
        _Splitting(job, limits, send, compressor).run()
    finally:
        compressor.close()


def _reader_of(
    job: FilmJob, limits: DecodeLimits, alive: Callable[[], None], *, selective: bool
) -> FilmReader | AnimationReader | SelectiveReader:
    with open(job.path, "rb") as file:  # noqa: PTH123  a plain string came over the pipe
        refuse_strangers(file)
        if is_animated(file):
            return AnimationReader(job.path, limits, alive=alive)
        recognised = kind_of(file) == "video"
    if selective:
        return SelectiveReader(job.path, limits, recognised=recognised, alive=alive, wanted_us=job.wanted_us)
    return FilmReader(job.path, limits, recognised=recognised, alive=alive)


class _Compressor:
    """One thread that does its work in the order given. Its errors come up at a later call."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def submit(self, work: Callable[[], None]) -> None:
        while len(self._waiting) >= WORK_AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(work))

    def drain(self) -> None:
        """Wait until all is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        self._thread.shutdown(wait=True)


class _PictureMaker:
    """Compresses and sends pictures of one shot; knows the looks of those sent before."""

    def __init__(self, limits: DecodeLimits, send: Send) -> None:
        self._limits = limits
        self._send = send
        self._hashes: list[str] = []
        self._sent: set[int] = set()

    def make(self, kept: KeptFrame, why: FrameReason, index: int, time_us: int) -> None:
        if index in self._sent:
            return
        self._sent.add(index)
        message, payload = make_picture(
            kept.to_image(),
            self._limits,
            why=why,
            time_us=time_us,
            frame_index=index,
            hashes_before=self._hashes,
        )
        self._hashes.append(message.perceptual_hash)
        self._send(message, payload)


class _Shot:
    """The shot in hand."""

    def __init__(self, begin: NextShot, limits: DecodeLimits, send: Send) -> None:
        self.begin = begin
        self.meter = MotionMeter()
        self.transitions: list[TransitionSpan] = []
        self.frames = KeyframeReservoir[KeptFrame](lambda kept: clearness(kept.frame))
        self.pictures = _PictureMaker(limits, send)

    def clear_us(self, end_us: int) -> tuple[int, int]:
        """From where to where the shot stands alone: behind the fade it begins with, before what leads out of it."""
        into = [t.end_us for t in self.transitions if t.direction == "in"]
        out = [t.start_us for t in self.transitions if t.direction != "in"]
        return max(into, default=self.begin.start_us), min(out, default=end_us)


@dataclass(frozen=True, slots=True)
class _Undecided:
    seen: SeenFrame
    index: int


class _Splitting:
    def __init__(
        self, job: FilmJob, limits: DecodeLimits, send: Send, compressor: _Compressor, *, selective: bool = False
    ) -> None:
        self._limits = limits
        self._send = send
        self._pictures = job.pictures
        self._compressor = compressor
        self._from = self.resume = job.resume or ResumePoint(shot=NextShot(), origin_pts=None)
        self._wanted = deque(sorted(set(job.wanted_us)))
        self._path = job.path
        self._reader = _reader_of(job, limits, self._alive, selective=selective)
        self._index = self._from.shot.start_frame
        self._detector = ShotDetector(first_frame=self._index)
        self._decoded = self._from.decoded_frames
        self._undecided: deque[_Undecided] = deque()
        self._shot = _Shot(self._from.shot, limits, send)
        self._opened = False
        self._time_us = 0
        self._told_at_s = time.monotonic()

    def run(self) -> None:
        for seen in self._frames():
            if not self._opened and self._reader.facts is not None:
                self._opened = True
                self._send(FilmOpened(facts=self._reader.facts), b"")
            self._time_us = seen.time_us
            if seen.time_us < self._from.shot.start_us:
                continue
            self._undecided.append(_Undecided(seen, self._index))
            self._index += 1
            self._take(self._detector.push(seen.features, seen.time_us))
        self._take(self._detector.finish())
        self._end()

    def _frames(self) -> Iterator[SeenFrame]:
        start_us, origin_pts = self._from.shot.start_us, self._from.origin_pts
        if isinstance(self._reader, SelectiveReader):
            return self._reader.seen(start_us, origin_pts)
        return all_seen(self._reader.frames(start_us, origin_pts))

    def _alive(self) -> None:
        now_s = time.monotonic()
        if now_s - self._told_at_s >= PROGRESS_EVERY_S:
            self._told_at_s = now_s
            self._send(Progress(time_us=self._time_us, frames=self._index), b"")

    def _take(self, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            frame = self._undecided.popleft()
            if verdict.transition is not None:
                self._shot.transitions.append(verdict.transition)
            if verdict.boundary is not None:
                following = _begin_at(frame, verdict.boundary)
                self._close_shot(frame.seen.time_us, frame.index, following)
                self._shot = _Shot(following, self._limits, self._send)
            self._add(frame, verdict.change)

    def _add(self, frame: _Undecided, change: float) -> None:
        shot, seen, index = self._shot, frame.seen, frame.index
        shot.meter.push(seen.features, change, seen.time_us)
        picture = seen.frame
        if picture is None:
            return
        self._decoded += 1

        def keep() -> KeptFrame:
            return self._keep(picture)

        shot.frames.push(index, seen.time_us, black=seen.features.black, picture=keep)
        if self._is_wanted(seen.time_us):
            kept = keep()
            self._compressor.submit(lambda: shot.pictures.make(kept, "anchor", index, seen.time_us))

    def _keep(self, frame: av.VideoFrame) -> KeptFrame:
        facts = self._reader.facts
        transform = facts.display_transform if facts is not None else None
        return KeptFrame.of(frame, self._reader.aspect, self._limits.keyframe_lines, transform)

    def _first_of(self, shot: NextShot) -> list[Pick[KeptFrame]]:
        """A shot's first frame: for one that continues a take and of which nothing needed to be decoded."""
        reader = FilmReader(self._path, self._limits, recognised=True, alive=self._alive)
        for timed in reader.frames(shot.start_us, self._reader.origin_pts):
            if timed.time_us >= shot.start_us:
                return [Pick("static", Candidate(shot.start_frame, shot.start_us, self._keep(timed.frame)))]
        raise NeedsAllFrames("a frame that was passed over is not found again")

    def _is_wanted(self, time_us: int) -> bool:
        """Whether a wanted time lies within half a frame; the first such frame has it."""
        half = self._reader.frame_us // 2
        found = False
        while self._wanted and self._wanted[0] <= time_us + half:
            found |= self._wanted.popleft() > time_us - half - 1
        return found

    def _close_shot(self, end_us: int, end_frame: int, following: NextShot | None) -> None:
        shot = self._shot
        clear_us = shot.clear_us(end_us)
        shot.meter.forget_from(clear_us[1])
        picks = shot.frames.pick(end_us, dynamic=shot.meter.dynamic, clear_us=clear_us)
        picks = picks or self._first_of(shot.begin)
        skips = self._reader.skipped(self._from.shot.start_us, end_us)
        message = ShotFound(
            begin=shot.begin,
            end_us=end_us,
            end_frame=end_frame,
            transition_out="end" if following is None else following.transition_in,
            transitions=tuple(shot.transitions),
            dynamic=shot.meter.dynamic,
            motion=round(shot.meter.motion, 5),
            keyframes=tuple(
                KeyframePlace(frame_index=pick.candidate.index, time_us=pick.candidate.time_us, why=pick.why)
                for pick in picks
            ),
            resume=None if following is None else self._resume_at(following, skips),
        )

        def finish() -> None:
            for pick in picks if self._pictures else ():
                at = pick.candidate
                shot.pictures.make(at.picture, pick.why, at.index, at.time_us)
            self._send(message, b"")

        self._compressor.submit(finish)
        self.resume = message.resume or self.resume

    def _resume_at(self, following: NextShot, skips: list[int]) -> ResumePoint:
        first = self._from.first_skipped_us
        return ResumePoint(
            shot=following,
            origin_pts=self._reader.origin_pts,
            skipped=self._from.skipped + len(skips),
            first_skipped_us=first if first is not None or not skips else skips[0],
            decoded_frames=self._decoded,
            exact=self._from.exact,
        )

    def _end(self) -> None:
        if self._index == self._from.shot.start_frame:
            shortfall = self._reader.shortfall()
            raise DamagedMedia(f"no frame of the film decodes{': ' + shortfall if shortfall else ''}")
        self._close_shot(self._reader.end_us, self._index, None)
        self._compressor.drain()
        skips = self._reader.skipped(self._from.shot.start_us)
        skipped = self._from.skipped + len(skips)
        reasons = [reason for reason in (self._reader.shortfall(),) if reason]
        failed: tuple[PartFailure, ...] = ()
        if skipped:
            reason = f"{skipped} damaged packets or frames were skipped"
            first = self._from.first_skipped_us
            reasons.append(reason)
            failed = (
                PartFailure(
                    code=DamagedMedia.code,
                    reason=reason,
                    start_us=first if first is not None else min(skips, default=0),
                ),
            )
        self._send(
            FilmEnded(
                duration_us=self._reader.end_us,
                frames=self._index,
                decoded_frames=self._decoded,
                partial="; ".join(reasons) or None,
                failed=failed,
            ),
            b"",
        )


def _begin_at(frame: _Undecided, boundary: Boundary) -> NextShot:
    return NextShot(
        start_us=frame.seen.time_us,
        start_frame=frame.index,
        transition_in=boundary.transition,
        score=round(boundary.score, 3),
        threshold=round(boundary.threshold, 3),
    )
