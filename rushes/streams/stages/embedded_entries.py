"""Entries of the library's log from what was seen: candidate ids, and cuts that keep every entry under the limit.

Numbering of parts. An entry cut from a whole shot (or a whole `MediaSplit`) is numbered 0, 1, 2 ...; only the last is
final. Where the input is itself a part, its entries keep the input's number, and only its last entry can be final: so
the owner, who counts distinct numbers up to the final one, sees a shot whole exactly when its last entry is in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, assert_never

from rushes.schemas.event import MAX_EVENT_BYTES, ItemKind
from rushes.schemas.ids import FrameId, LibraryId, ShotId, entry_id, item_id
from rushes.schemas.log import CandidateItem, EmbeddedFrame, ItemsEmbedded, KindItems, MediaTotals, SecondaryVector
from rushes.schemas.shots import Keyframe, MediaSplit, PartFailure, ShotSplit
from rushes.streams.stages.seen import Seen, SeenItem, SeenKind
from rushes.streams.stages.tracklet_facts import tracklet_bytes, tracklets_in, with_tracklets
from rushes.streams.stages.vision import Vision, is_sample

LIMIT_BYTES: Final = MAX_EVENT_BYTES - 4096
"""Of an entry's frames: leaves room for the entry's own fields, the media id in up to 1,536 bytes of escapes."""

T = TypeVar("T")

ID_BYTES: Final = 39
"""A uuid in JSON, with quotes and comma."""


@dataclass(frozen=True, slots=True)
class Models:
    """What the entries say of the models, and where the producer's boxes were looked at by which."""

    scene: str
    face: str | None
    face_weak: bool
    scene_weak: bool
    detector: str | None
    person: str | None
    person_weak: bool
    person_detector: str | None
    kinds: tuple[ItemKind, ...]
    secondary: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, vision: Vision) -> "Models":
        return cls(
            scene=str(vision.scene.model_id),
            face=None if vision.face is None else str(vision.face.model_id),
            face_weak=vision.face is not None and vision.face.weak,
            scene_weak=vision.scene.weak,
            detector=None if vision.detector is None else vision.detector.detector_id,
            person=None if vision.persons is None else vision.person_model_id,
            person_weak=vision.persons is not None and vision.persons.embedder.weak,
            person_detector=None if vision.persons is None else vision.persons.detector.detector_id,
            kinds=vision.kinds,
            secondary=vision.secondary,
            region=vision.region_model_id,
        )

    def of_kind(self, kind: ItemKind) -> "KindModels":
        """What looks at a kind."""
        match kind:
            case "face":
                return KindModels(self.face or self.scene, self.face_weak, self.detector)
            case "person":
                return KindModels(self.person or self.scene, self.person_weak, self.person_detector)
            case "scene":
                return KindModels(self.scene, self.scene_weak, None)
            case "region":
                return KindModels(self.region or self.scene, self.scene_weak, None)
            case _:
                assert_never(kind)


@dataclass(frozen=True, slots=True)
class KindModels:
    """The model and the detector of one kind."""

    model_id: str
    weak: bool
    detector_id: str | None


def shot_entries(
    shot: ShotSplit,
    seen: Sequence[Seen],
    models: Models,
    lightened: Callable[[EmbeddedFrame], EmbeddedFrame] = lambda frame: frame,
) -> list[ItemsEmbedded]:
    """One entry, or several cut between frames. `seen`: one per frame of the shot.

    `lightened` moves what is large out of a frame: see `secondary`.
    """
    whole_frames = [keyframe for keyframe in shot.frames if not is_sample(keyframe)]
    fitting = []
    for keyframe, what in zip(shot.frames, seen, strict=True):
        frame = lightened(embedded_frame(LibraryId(shot.library_id), keyframe, what, models))
        if is_sample(keyframe):
            frame = frame.model_copy(update={"scene_frame_id": _nearest(keyframe, whole_frames)})
        room = 0 if keyframe.time_us is None else min(tracklet_bytes(frame), LIMIT_BYTES // 2)
        fitting.append(fitting_frame(frame, LIMIT_BYTES - room))
    frames, tracklets = with_tracklets(LibraryId(shot.library_id), ShotId(shot.shot_id), fitting, models.scene)
    sizes = [len(frame.model_dump_json()) + 1 + (tracklet_bytes(frame) if tracklets else 0) for frame in frames]
    groups = _grouped(frames, sizes)
    regions = any(keyframe.boxes for keyframe in shot.frames)
    rate = shot.media.frame_rate
    return [
        ItemsEmbedded(
            library_id=shot.library_id,
            entry_id=entry_id(
                LibraryId(shot.library_id), "ItemsEmbedded", shot.media_id, shot.version, shot.shot_id,
                shot.part, piece, models.scene, models.face, models.detector,
                *((models.person, models.person_detector) if models.person else ()),
                *((models.secondary,) if models.secondary else ()),
                *((models.region,) if models.region not in {None, models.scene} else ()),
            ),
            media_id=shot.media_id,
            version=shot.version,
            shot_id=shot.shot_id,
            part=_number(shot.part, piece, whole=shot.part == 0 and shot.final),
            final=shot.final and piece == len(groups) - 1,
            start_us=shot.start_us,
            frame_duration_us=None if rate is None or rate.numerator <= 0
            else round(1_000_000 * rate.denominator / rate.numerator),
            captured_at=shot.media.captured_at,
            kinds_expected=(*models.kinds, "region") if regions else models.kinds,
            frames=tuple(group),
            tracklets=tracklets_in(group, tracklets),
        )
        for piece, group in enumerate(groups)
    ]  # fmt: skip


def _nearest(sample: Keyframe, keyframes: Sequence[Keyframe]) -> str | None:
    """Id of the keyframe nearest in time; None where the part of the shot has none."""
    distances = [(abs((frame.time_us or 0) - (sample.time_us or 0)), frame.frame_id) for frame in keyframes]
    return min(distances)[1] if distances else None


def failed_entry(shot: ShotSplit, code: str, reason: str, letter_id: str) -> ItemsEmbedded:
    """What the log holds of a shot that ended as a dead letter: its error, and no frames."""
    library_id = LibraryId(shot.library_id)
    return ItemsEmbedded(
        library_id=shot.library_id,
        entry_id=entry_id(library_id, "ItemsEmbedded", shot.media_id, shot.version, shot.shot_id, shot.part, letter_id),
        media_id=shot.media_id,
        version=shot.version,
        shot_id=shot.shot_id,
        part=shot.part,
        final=shot.final,
        start_us=shot.start_us,
        kinds_expected=(),
        frames=(),
        error=PartFailure(code=code, reason=reason[:500], start_us=shot.start_us, shot_id=shot.shot_id),
    )


def totals_entries(split: MediaSplit) -> list[MediaTotals]:
    """One entry, or several where the list of shots is too long beside the failures."""
    failures = sum(len(failure.model_dump_json()) + 1 for failure in split.failed)
    groups = _grouped(list(split.shot_ids), [ID_BYTES] * len(split.shot_ids), first=failures)
    return [
        MediaTotals(
            library_id=split.library_id,
            entry_id=entry_id(
                LibraryId(split.library_id), "MediaTotals", split.media_id, split.version, split.part, piece
            ),
            media_id=split.media_id,
            version=split.version,
            part=_number(split.part, piece, whole=split.part == 0 and split.final),
            final=split.final and piece == len(groups) - 1,
            shot_ids=tuple(group),
            shot_count=split.shot_count,
            frame_duration_us=split.frame_duration_us,
            partial=split.partial,
            failed=split.failed if piece == 0 else (),
        )
        for piece, group in enumerate(groups)
    ]


def embedded_frame(library_id: LibraryId, keyframe: Keyframe, seen: Seen, models: Models) -> EmbeddedFrame:
    """A keyframe with candidate ids on everything seen in it."""
    bodies = [
        str(item_id(library_id, FrameId(keyframe.frame_id), "person", item.box))
        for kind in seen.kinds
        if kind.kind == "person"
        for item in kind.items
    ]
    return EmbeddedFrame(
        frame_id=keyframe.frame_id,
        stream=keyframe.stream,
        time_us=keyframe.time_us,
        image_uri=keyframe.image_uri,
        thumbnail_uri=keyframe.thumbnail_uri,
        perceptual_hash=keyframe.perceptual_hash,
        flags=keyframe.flags,
        kinds=tuple(_kind_items(library_id, keyframe, kind, models, bodies) for kind in seen.kinds),
    )


def fitting_frame(frame: EmbeddedFrame, limit_bytes: int = LIMIT_BYTES) -> EmbeddedFrame:
    """The frame, its worst items left out where a crowd makes it larger than an entry may be; `error` says how many."""
    size = len(frame.model_dump_json())
    if size <= limit_bytes:
        return frame
    removable = sorted(
        (
            (item.quality, place, kind)
            for kind in frame.kinds
            if kind.kind != "scene"
            for place, item in enumerate(kind.items)
        ),
        key=lambda entry: entry[:2],
    )
    dropped: dict[ItemKind, set[int]] = {}
    for _, place, kind in removable:
        if size + 256 * len(frame.kinds) <= limit_bytes:
            break
        size -= len(kind.items[place].model_dump_json()) + 1
        dropped.setdefault(kind.kind, set()).add(place)
    return frame.model_copy(
        update={"kinds": tuple(_without(kind, dropped.get(kind.kind, set())) for kind in frame.kinds)}
    )


def _without(kind: KindItems, places: set[int]) -> KindItems:
    if not places:
        return kind
    left = tuple(item for place, item in enumerate(kind.items) if place not in places)
    why = (
        f"{len(places)} of {len(kind.items)} items left out, the poorest: an event has at most {MAX_EVENT_BYTES} bytes"
    )
    return kind.model_copy(update={"items": left, "error": why if kind.error is None else f"{kind.error}; {why}"})


def _kind_items(
    library_id: LibraryId, keyframe: Keyframe, seen: SeenKind, models: Models, bodies: Sequence[str]
) -> KindItems:
    by = models.of_kind(seen.kind)
    return KindItems(
        kind=seen.kind,
        model_id=by.model_id,
        weak=by.weak,
        detector_id=by.detector_id,
        items=tuple(_candidate(library_id, keyframe, seen.kind, item, bodies) for item in seen.items),
        rejected=seen.rejected,
        error=seen.error,
    )


def _candidate(
    library_id: LibraryId, keyframe: Keyframe, kind: ItemKind, item: SeenItem, bodies: Sequence[str]
) -> CandidateItem:
    return CandidateItem(
        item_id=item_id(library_id, FrameId(keyframe.frame_id), kind, item.box),
        box=item.box,
        landmarks=item.landmarks,
        detection_score=item.score,
        quality=_picture_quality(keyframe) if item.quality is None else item.quality,
        quality_parts=item.quality_parts,
        body_item_id=None if item.body is None or item.body >= len(bodies) else bodies[item.body],
        label=item.label,
        vector=item.vector,
        secondary={name: SecondaryVector(vector=vector) for name, vector in item.secondary.items()},
    )


def _picture_quality(keyframe: Keyframe) -> float:
    """Geometric mean of the keyframe's figures: each can spoil a picture, a soft one alone is still a place."""
    figures = keyframe.quality
    return round(float((figures.sharpness * figures.exposure * figures.contrast) ** (1 / 3)), 4)


def _number(part: int, piece: int, *, whole: bool) -> int:
    return piece if whole else part


def _grouped(values: Sequence[T], sizes: Sequence[int], first: int = 0) -> list[list[T]]:
    """Runs of values whose sizes stay within the limit, in order; at least one run, be it empty."""
    groups: list[list[T]] = [[]]
    used = first
    for value, size in zip(values, sizes, strict=True):
        if used + size > LIMIT_BYTES and (groups[-1] or used):
            groups.append([])
            used = 0
        groups[-1].append(value)
        used += size
    return groups
