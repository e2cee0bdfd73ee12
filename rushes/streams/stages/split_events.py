"""The events that split sends of one version of a media: shots in parts, closing totals, status."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rushes.infra.media.decoder import Picture
from rushes.infra.media.messages import ShotFound
from rushes.processors.shots.detector import DETECTOR
from rushes.processors.spans import span_part
from rushes.schemas.channels import Channel
from rushes.schemas.errors import InvalidEvent
from rushes.schemas.event import MAX_EVENT_BYTES
from rushes.schemas.ids import EventId, LibraryId, MediaId, derive, frame_id, shot_id, span_id
from rushes.schemas.media import MediaFacts, MediaUploaded, ProducerBox, Span
from rushes.schemas.shots import Clip, FaceFinds, Keyframe, MediaSplit, ShotFigures, ShotSplit
from rushes.schemas.status import MediaStatus, StatusCounters, StatusState
from rushes.streams.stage import Output
from rushes.streams.stages.split_manifest import MediaFolder, Totals

PART_BYTES: Final = MAX_EVENT_BYTES - 128 * 1024
"""A part is closed before its frames grow beyond this; the rest is room for what every part repeats."""

CARRIED_BYTES: Final = 96 * 1024
"""Most that a producer's attributes, or the boxes of one frame, may take: they are repeated in every event."""

SHOTS_PER_PART: Final = 8_000
"""Ids in one `MediaSplit`: 312 kB."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a media, as uploaded."""

    upload: MediaUploaded
    number: int

    @property
    def library_id(self) -> LibraryId:
        return LibraryId(self.upload.library_id)

    @property
    def media_id(self) -> MediaId:
        return MediaId(self.upload.media_id)

    def check_size(self) -> None:
        """Raises InvalidEvent for attributes or boxes that would not fit into the events made of them."""
        attributes = len(self.upload.model_dump_json(include={"attributes"}))
        boxes = len(self.upload.model_dump_json(include={"boxes"}))
        for name, size in (("attributes", attributes), ("boxes", boxes)):
            if size > CARRIED_BYTES:
                raise InvalidEvent(
                    f"expected at most {CARRIED_BYTES:,} bytes of {name}, found {size:,}; store them elsewhere and give"
                    " their uri in an attribute"
                )

    def wanted_us(self) -> tuple[int, ...]:
        """Times at which the producer's boxes lie."""
        return tuple(box.time_us for box in self.upload.boxes if box.time_us is not None)


def keyframe(version: Version, folder: MediaFolder, picture: Picture, faces: FaceFinds | None = None) -> Keyframe:
    """Store a picture, and tell of it. An effect first, its event later. `faces`: as on the event."""
    figures = picture.figures
    identity = frame_id(version.library_id, version.media_id, 0, figures.time_us)
    image_uri, thumbnail_uri = folder.put_picture(version.number, identity, picture.image, picture.thumbnail)
    return Keyframe(
        frame_id=identity,
        time_us=figures.time_us,
        frame_index=figures.frame_index,
        why=figures.why,
        image_uri=image_uri,
        thumbnail_uri=thumbnail_uri,
        sha256=hashlib.sha256(picture.image).hexdigest(),
        width=figures.width,
        height=figures.height,
        perceptual_hash=figures.perceptual_hash,
        quality=figures.quality,
        flags=figures.flags,
        faces=faces,
    )


def facts_of(version: Version, decoded: MediaFacts, size_bytes: int) -> MediaFacts:
    """What is known of the file; what the producer says of its time goes before what the file says."""
    captured_at = version.upload.captured_at or decoded.captured_at
    span = _span_of(version)
    return decoded.model_copy(update={"size_bytes": size_bytes, "captured_at": captured_at, "span": span})


def _span_of(version: Version) -> Span | None:
    part = span_part(version.upload.uri)
    if part is None:
        return None
    return Span(span_id=span_id(version.library_id, part.folder, part.name), name=part.name, index=part.index)


def photo_shot(version: Version, facts: MediaFacts, frame: Keyframe) -> ShotSplit:
    """A photo is a shot of one frame; all of the producer's boxes lie in it."""
    return ShotSplit(
        library_id=version.library_id,
        media_id=version.media_id,
        version=version.number,
        source_uri=version.upload.uri,
        media=facts,
        shot_id=shot_id(version.library_id, version.media_id, version.number, None),
        start_us=None,
        end_us=None,
        frames=(frame.model_copy(update={"boxes": version.upload.boxes}),),
        attributes=version.upload.attributes,
    )


def film_shot(
    version: Version, facts: MediaFacts, found: ShotFound, frames: Iterable[Keyframe], origin_pts: int | None = None
) -> tuple[ShotSplit, ...]:
    """A film's shot in as many parts as its size asks for. `origin_pts`: as in `Clip`."""
    begin = found.begin
    identity = shot_id(version.library_id, version.media_id, version.number, begin.start_us)
    whole = ShotSplit(
        library_id=version.library_id,
        media_id=version.media_id,
        version=version.number,
        source_uri=version.upload.uri,
        media=facts,
        shot_id=identity,
        start_us=begin.start_us,
        end_us=found.end_us,
        start_frame=begin.start_frame,
        end_frame=found.end_frame,
        transition_in=begin.transition_in,
        transition_out=found.transition_out,
        transitions=found.transitions,
        dynamic=found.dynamic,
        frames=(),
        figures=ShotFigures(detector=DETECTOR, score=begin.score, threshold=begin.threshold, motion=found.motion),
        clip=Clip(uri=version.upload.uri, in_us=begin.start_us, out_us=found.end_us, origin_pts=origin_pts),
        attributes=version.upload.attributes,
    )
    ordered = sorted(frames, key=lambda frame: frame.time_us or 0)
    parts = list(_parts(_with_boxes(ordered, version.upload.boxes, begin.start_us, found.end_us)))
    return tuple(
        whole.model_copy(update={"part": number, "final": number == len(parts) - 1, "frames": tuple(part)})
        for number, part in enumerate(parts)
    )


def _with_boxes(
    frames: Sequence[Keyframe], boxes: Sequence[ProducerBox], start_us: int, end_us: int
) -> Iterator[Keyframe]:
    """A box with a time goes to the keyframe nearest to it in its shot, one without to every keyframe."""
    keyframes = [frame for frame in frames if frame.why != "face_sample"]
    mine: dict[str, list[ProducerBox]] = {frame.frame_id: [] for frame in keyframes}
    for box in boxes:
        if box.time_us is None:
            for of_frame in mine.values():
                of_frame.append(box)
        elif keyframes and start_us <= box.time_us < end_us:
            at = box.time_us
            nearest = min(keyframes, key=lambda frame: abs((frame.time_us or 0) - at))
            mine[nearest.frame_id].append(box)
    return (frame.model_copy(update={"boxes": tuple(mine.get(frame.frame_id, ()))}) for frame in frames)


def _parts(frames: Iterable[Keyframe]) -> Iterator[list[Keyframe]]:
    part: list[Keyframe] = []
    size = 0
    for frame in frames:
        frame_bytes = len(frame.model_dump_json().encode()) + 1
        if part and size + frame_bytes > PART_BYTES - CARRIED_BYTES:
            yield part
            part, size = [], 0
        part.append(frame)
        size += frame_bytes
    yield part


def shot_outputs(library_id: LibraryId, events: Iterable[ShotSplit]) -> Iterator[Output]:
    """Events of one shot as outputs."""
    for event in events:
        origin = (event.media_id, event.version, event.shot_id, event.part)
        event_id = EventId(derive("event", library_id, event.type, *origin))
        yield Output(Channel.FRAMES, event, event.key, event_id)


def closing_outputs(library_id: LibraryId, media_id: MediaId, number: int, totals: Totals) -> Iterator[Output]:
    """The closing `MediaSplit`, in parts, and the status."""
    ids = totals.shot_ids
    starts = range(0, max(len(ids), 1), SHOTS_PER_PART)
    for part, start in enumerate(starts):
        event = MediaSplit(
            library_id=library_id,
            media_id=media_id,
            version=number,
            part=part,
            final=part == len(starts) - 1,
            shot_ids=ids[start : start + SHOTS_PER_PART],
            shot_count=len(ids),
            frame_count=totals.frame_count,
            duration_us=totals.duration_us,
            frame_duration_us=totals.frame_duration_us,
            partial=totals.partial,
            failed=totals.failed,
        )
        event_id = EventId(derive("event", library_id, event.type, media_id, number, part))
        yield Output(Channel.FRAMES, event, event.key, event_id)
    yield status_output(
        library_id,
        media_id,
        number,
        state="split",
        progress=1.0,
        counters=StatusCounters(shots_found=len(ids), frames_found=totals.frame_count),
        reason=totals.partial,
    )


def status_output(
    library_id: LibraryId,
    media_id: MediaId,
    number: int,
    *,
    state: StatusState,
    progress: float | None,
    counters: StatusCounters,
    reason: str | None = None,
) -> Output:
    """How far split is with a media."""
    status = MediaStatus(
        library_id=library_id,
        media_id=media_id,
        stage="split",
        version=number,
        state=state,
        progress=progress,
        counters=counters,
        reason=reason,
    )
    origin = (media_id, number, state, counters.total, None if progress is None else round(progress * 1000))
    return Output(Channel.MEDIA_STATUS, status, status.key, EventId(derive("status", library_id, "split", *origin)))
