"""Delivering a film: each shot goes out as it is found, and counts as delivered when the runner comes back for more."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never

import structlog

from rushes.infra.media.decoder import FilmPart, MediaDecoder, Picture
from rushes.infra.media.messages import FilmEnded, FilmOpened, Progress, ResumePoint, ShotFound
from rushes.infra.media.sampler import Stretch
from rushes.schemas.errors import PermanentError, UnsupportedMedia
from rushes.schemas.ids import ShotId, shot_id
from rushes.schemas.media import MediaFacts
from rushes.schemas.shots import Keyframe, PartFailure, ShotSplit
from rushes.schemas.status import StatusCounters
from rushes.streams.stage import Output
from rushes.streams.stages.face_samples import FaceSamples
from rushes.streams.stages.split_events import (
    Version,
    closing_outputs,
    facts_of,
    film_shot,
    keyframe,
    shot_outputs,
    status_output,
)
from rushes.streams.stages.split_manifest import Manifest, MediaFolder, Source, Step, Totals

STATUS_STEP: Final = 0.05
"""A status is sent again after this much progress: twenty a film, whatever its length."""

MAX_FAILURES_TOLD: Final = 100

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _SoFar:
    """What was delivered of this version, in this run and earlier ones."""

    steps: int = 0
    shot_ids: list[ShotId] = field(default_factory=list)
    frame_count: int = 0
    facts: MediaFacts | None = None
    resume: ResumePoint | None = None
    end_us: int = 0
    end_frame: int = 0
    failed: list[PartFailure] = field(default_factory=list)

    def add(self, step: Step) -> None:
        self.steps += 1
        self.shot_ids.append(ShotId(step.shot_id))
        self.frame_count += sum(len(event.frames) for event in step.events)
        self.facts = step.facts
        self.resume = step.resume
        self.end_us = step.end_us or 0
        self.end_frame = step.events[-1].end_frame
        self.failed.extend(step.failed)


class FilmDelivery:
    """One film's way out. `deliver` yields groups of outputs; an empty group says that work goes on.

    What is yielded counts as delivered when the next group is asked for. `resend`: shots that earlier runs delivered
    are sent again, because the transport they were delivered to is gone. `samples`: further frames of shots with faces.
    """

    def __init__(
        self,
        version: Version,
        folder: MediaFolder,
        decoder: MediaDecoder,
        source: Source,
        *,
        resend: bool,
        samples: FaceSamples | None = None,
    ) -> None:
        self._version = version
        self._folder = folder
        self._decoder = decoder
        self._source = source
        self._resend = resend
        self._samples = samples
        self._has_faces = False
        self._so_far = _SoFar()
        self._told = 0.0
        self._begun = False
        self._pictures: dict[int, Keyframe] = {}
        self._last_found: ShotFound | None = None
        self._ended: FilmEnded | None = None

    def deliver(self, path: Path, manifest: Manifest | None) -> Generator[tuple[Output, ...], None, None]:
        """All that was not delivered yet, the closing events last.

        Raises as `MediaDecoder.film` where nothing at all could be delivered; where shots were, the rest is told as
        missing.
        """
        yield from self._take_up(manifest)
        if self._ended is None:
            anchors = self._folder.anchors_us()
            wanted = tuple(sorted({*anchors, *self._version.wanted_us()}))
            try:
                with closing(self._decoder.film(path, self._so_far.resume, wanted)) as parts:
                    for part in parts:
                        yield from self._take(path, part)
            except PermanentError as error:
                if not self._so_far.shot_ids:
                    raise
                self._ended = self._cut_short(error)
        assert self._ended is not None
        totals = self._totals(self._ended)
        yield tuple(closing_outputs(self._version.library_id, self._version.media_id, self._version.number, totals))
        self._folder.write_manifest(Manifest(version=self._version.number, source=self._source, completed=totals))

    def _take(self, path: Path, part: FilmPart) -> Iterator[tuple[Output, ...]]:
        match part:
            case FilmOpened():
                yield from self._open(part.facts)
            case Progress():
                yield self._progress(part.time_us)
            case Picture():
                made = keyframe(self._version, self._folder, part)
                self._pictures[made.frame_index] = made  # a repeated job sends the pictures of its first shot again
                if self._samples is not None and not self._has_faces:
                    self._has_faces = self._samples.shows_face(part)
                yield ()
            case ShotFound(resume=None):
                self._last_found = part  # the film's end is told next, and belongs to this step
            case ShotFound():
                yield from self._deliver_shot(path, part, None)
            case FilmEnded():
                assert self._last_found is not None
                self._ended = part
                yield from self._deliver_shot(path, self._last_found, part)
            case _:
                assert_never(part)

    def _take_up(self, manifest: Manifest | None) -> Iterator[tuple[Output, ...]]:
        """Continue what an interrupted run delivered of the same bytes; it may even have reached the film's end."""
        number = self._version.number
        if manifest is not None and manifest.version == number and manifest.source.same_bytes(self._source):
            for step in self._folder.steps(number):
                self._so_far.add(step)
                self._ended = step.ended
                if self._resend:
                    yield tuple(shot_outputs(self._version.library_id, step.events))
        else:
            self._folder.forget_steps(number)

    def _open(self, facts: MediaFacts) -> Iterator[tuple[Output, ...]]:
        if self._so_far.facts is None:
            self._so_far.facts = facts_of(self._version, facts, self._source.size_bytes)
        if not self._begun:
            self._begun = True
            self._folder.write_manifest(Manifest(version=self._version.number, source=self._source))
            yield (self._status(self._share(self._so_far.end_us)),)

    def _deliver_shot(self, path: Path, found: ShotFound, ended: FilmEnded | None) -> Iterator[tuple[Output, ...]]:
        assert self._so_far.facts is not None
        frames = {frame.frame_id: frame for frame in self._pictures.values()}
        failed: list[PartFailure] = []
        if self._samples is not None and self._has_faces:
            yield from self._sample(self._samples, path, found, frames, failed)
        events = film_shot(self._version, self._so_far.facts, found, frames.values(), self._origin_pts)
        self._pictures, self._has_faces = {}, False
        step = Step(
            shot_id=events[0].shot_id,
            start_us=found.begin.start_us,
            end_us=found.end_us,
            events=events,
            facts=self._so_far.facts,
            resume=found.resume,
            ended=ended,
            failed=tuple(failed),
        )
        number = self._so_far.steps
        outputs = list(shot_outputs(self._version.library_id, events))
        counted = self._counted(events)
        yield (*outputs, *self._due_status(found.end_us, counted))
        self._folder.write_step(self._version.number, number, step)
        self._so_far.add(step)

    def _sample(
        self,
        samples: FaceSamples,
        path: Path,
        found: ShotFound,
        frames: dict[str, Keyframe],
        failed: list[PartFailure],
    ) -> Iterator[tuple[Output, ...]]:
        """Add the shot's samples to its frames, by id. Without them it goes out all the same, and that is told."""
        begin = found.begin
        stretch = Stretch(begin.start_us, begin.start_frame, found.end_us, self._origin_pts)
        known_us = {frame.time_us for frame in frames.values() if frame.time_us is not None}
        try:
            if not stretch.reachable:
                raise UnsupportedMedia(
                    "the film can't be sought, so that this shot was not looked at again; make a proxy"
                )
            with closing(samples.take(path, stretch, known_us)) as pictures:
                for sample in pictures:
                    if sample is not None:
                        made = keyframe(self._version, self._folder, sample.picture, sample.faces)
                        frames[made.frame_id] = made
                    yield ()
        except PermanentError as error:
            log.warning("a shot has no face samples, or not all", media=self._version.media_id, why=str(error))
            identity = shot_id(self._version.library_id, self._version.media_id, self._version.number, begin.start_us)
            reason = f"no face samples, or not all: {error}"
            failed.append(PartFailure(code=error.code, reason=reason, start_us=begin.start_us, shot_id=identity))

    @property
    def _origin_pts(self) -> int | None:
        """Of the film's first frame, as known at the end of the shot before; None in the first shot."""
        return None if self._so_far.resume is None else self._so_far.resume.origin_pts

    def _counted(self, events: tuple[ShotSplit, ...]) -> StatusCounters:
        return StatusCounters(
            shots_found=len(self._so_far.shot_ids) + 1,
            frames_found=self._so_far.frame_count + sum(len(event.frames) for event in events),
        )

    def _progress(self, time_us: int) -> tuple[Output, ...]:
        counters = StatusCounters(shots_found=len(self._so_far.shot_ids), frames_found=self._so_far.frame_count)
        return tuple(self._due_status(time_us, counters))

    def _due_status(self, time_us: int, counters: StatusCounters) -> Iterator[Output]:
        share = self._share(time_us)
        if share is not None and share >= self._told + STATUS_STEP:
            self._told = share
            yield self._status(share, counters)

    def _status(self, share: float | None, counters: StatusCounters | None = None) -> Output:
        if counters is None:
            counters = StatusCounters(shots_found=len(self._so_far.shot_ids), frames_found=self._so_far.frame_count)
        version = self._version
        return status_output(
            version.library_id, version.media_id, version.number, state="splitting", progress=share, counters=counters
        )

    def _share(self, time_us: int) -> float | None:
        """How much of the film is done, by the length its header claims; below 1 until it is."""
        claimed_us = self._so_far.facts.duration_us if self._so_far.facts is not None else None
        return None if not claimed_us else round(min(time_us / claimed_us, 0.99), 3)

    def _cut_short(self, error: PermanentError) -> FilmEnded:
        at_us = self._so_far.end_us
        return FilmEnded(
            duration_us=at_us,
            frames=self._so_far.end_frame,
            partial=f"decoding ended at {at_us / 1e6:.1f} s: {error}",
            failed=(PartFailure(code=error.code, reason=str(error), start_us=at_us),),
        )

    def _totals(self, ended: FilmEnded) -> Totals:
        failed = (*ended.failed, *self._so_far.failed)
        lost = [at for at in self._version.wanted_us() if at >= ended.duration_us]
        if lost:
            reason = f"{len(lost)} of the producer's boxes lie behind the film's end"
            failed = (*failed, PartFailure(code="invalid-event", reason=reason, start_us=min(lost)))
        return Totals(
            shot_ids=tuple(self._so_far.shot_ids),
            frame_count=self._so_far.frame_count,
            duration_us=ended.duration_us,
            frame_duration_us=round(ended.duration_us / ended.frames) if ended.frames else None,
            partial=ended.partial,
            failed=failed[:MAX_FAILURES_TOLD],
        )
