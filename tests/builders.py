"""Log entries for tests, from a few words: unit vectors with chosen cosines, frames, items, shots."""

from collections.abc import Sequence

import numpy as np

from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.items import Changes
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.policy import DEFAULT, Policy, PolicyName
from rushes.schemas import ids
from rushes.schemas.event import ItemKind
from rushes.schemas.feedback import Anchor, Confirm, FeedbackGiven, ItemRef, Move, Reject, Undo
from rushes.schemas.ids import Box, FrameId, Generation, ItemId, LibraryId, MediaId
from rushes.schemas.log import (
    CandidateItem,
    ConsolidationRequested,
    EmbeddedFrame,
    FeedbackSubmitted,
    ItemsEmbedded,
    KindItems,
    MediaRemoved,
    MediaTotals,
    Tracklet,
)
from rushes.schemas.revision import Revision
from rushes.schemas.vectors import encode_vector

DIM = 16
LEFT: Box = (0.1, 0.1, 0.3, 0.4)
RIGHT: Box = (0.6, 0.1, 0.8, 0.4)
GENERATION = Generation("g1")


def axis(i: int) -> np.ndarray:
    """The i-th unit vector: things on different axes have cosine 0."""
    return np.eye(DIM)[i]


def towards(a: int, b: int, cosine: float) -> np.ndarray:
    """A unit vector of the given cosine to axis a, the rest along axis b."""
    return cosine * axis(a) + np.sqrt(1 - cosine**2) * axis(b)


def faces_of(frame: EmbeddedFrame) -> Sequence[CandidateItem]:
    return [item for group in frame.kinds if group.kind == "face" for item in group.items]


def _linked(frame: EmbeddedFrame, tracklets: dict[Box | None, str]) -> EmbeddedFrame:
    kinds = []
    for group in frame.kinds:
        items = group.items
        if group.kind == "face":
            items = tuple(item.model_copy(update={"tracklet_id": tracklets.get(item.box)}) for item in items)
        kinds.append(group.model_copy(update={"items": items}))
    return frame.model_copy(update={"kinds": tuple(kinds)})


class LibraryBuilder:
    """A library that is fed entry by entry; remembers the entries, so that a test can replay them."""

    def __init__(self, library: str = "lib", policy: PolicyName = DEFAULT) -> None:
        self.library_id = LibraryId(library)
        self.entries: list = []
        self.state = Library(self.library_id, GENERATION, Policy(policy))
        self.shots: dict[tuple[str, int], list[str]] = {}

    def apply(self, entry) -> Changes:
        self.entries.append(entry)
        return apply(self.state, entry)

    def frame_id(self, media: str, time_us: int | None) -> FrameId:
        return ids.frame_id(self.library_id, MediaId(media), 0, time_us)

    def item_id(self, media: str, time_us: int | None, kind: str, box: Box | None) -> ItemId:
        return ids.item_id(self.library_id, self.frame_id(media, time_us), kind, box)

    def frame(
        self,
        media: str,
        time_us: int | None,
        *,
        scene: np.ndarray | None = None,
        faces: Sequence[tuple[Box, np.ndarray]] = (),
        quality: float = 0.9,
        model: str = "m1",
        phash: str = "0" * 16,
        flags: tuple = (),
        weak: bool = False,
    ) -> EmbeddedFrame:
        frame_id = self.frame_id(media, time_us)

        def group(kind: ItemKind, found: Sequence[tuple[Box | None, np.ndarray]]) -> KindItems:
            items = tuple(
                CandidateItem(
                    item_id=ids.item_id(self.library_id, frame_id, kind, box),
                    box=box,
                    quality=quality,
                    vector=encode_vector(vector),
                )
                for box, vector in found
            )
            return KindItems(kind=kind, model_id=f"{model}-{kind}", items=items, weak=weak)

        return EmbeddedFrame(
            frame_id=frame_id,
            time_us=time_us,
            image_uri=f"mem://{frame_id}.jpg",
            thumbnail_uri=f"mem://{frame_id}.thumb.jpg",
            perceptual_hash=phash,
            flags=flags,
            kinds=(group("scene", [] if scene is None else [(None, scene)]), group("face", list(faces))),
        )

    def sample_of(self, frame: EmbeddedFrame, media: str, keyframe_us: int) -> EmbeddedFrame:
        """The frame as a face sample, without a scene of its own, that goes by the keyframe at a time."""
        kinds = tuple(group for group in frame.kinds if group.kind != "scene")
        return frame.model_copy(update={"kinds": kinds, "scene_frame_id": self.frame_id(media, keyframe_us)})

    def shot_entry(
        self, media: str, frames: Sequence[EmbeddedFrame], *, version: int = 1, part: int = 0, final: bool = True
    ) -> ItemsEmbedded:
        start = frames[0].time_us if frames else None
        shot_id = ids.shot_id(self.library_id, MediaId(media), version, start)
        listed = self.shots.setdefault((media, version), [])
        if shot_id not in listed:
            listed.append(shot_id)
        return ItemsEmbedded(
            library_id=self.library_id,
            entry_id=ids.entry_id(self.library_id, "ItemsEmbedded", media, version, shot_id, part),
            media_id=media,
            version=version,
            shot_id=shot_id,
            part=part,
            final=final,
            start_us=start,
            frame_duration_us=40_000,
            kinds_expected=("scene", "face"),
            frames=tuple(frames),
        )

    def in_tracklets(self, entry: ItemsEmbedded) -> ItemsEmbedded:
        """The entry with its faces linked from frame to frame, by their boxes."""
        members: dict[Box | None, list[tuple[int, str]]] = {}
        for frame in entry.frames:
            for face in faces_of(frame):
                members.setdefault(face.box, []).append((frame.time_us or 0, face.item_id))
        told = {
            box: Tracklet(
                tracklet_id=ids.tracklet_id(self.library_id, ids.ShotId(entry.shot_id), ItemId(found[0][1])),
                kind="face", from_us=found[0][0], to_us=found[-1][0], count=len(found), best_item_id=found[0][1],
            )
            for box, found in members.items() if len(found) > 1
        }  # fmt: skip
        return entry.model_copy(
            update={
                "frames": tuple(
                    _linked(frame, {box: one.tracklet_id for box, one in told.items()}) for frame in entry.frames
                ),
                "tracklets": tuple(told.values()),
            }
        )

    def shot(self, media: str, *frames: EmbeddedFrame, version: int = 1) -> Changes:
        return self.apply(self.shot_entry(media, frames, version=version))

    def one(self, media: str, time_us: int | None = 0, **kwargs) -> Changes:
        """A shot of one frame."""
        version = kwargs.pop("version", 1)
        return self.shot(media, self.frame(media, time_us, **kwargs), version=version)

    def totals(self, media: str, *, version: int = 1) -> Changes:
        shots = tuple(self.shots.get((media, version), []))
        return self.apply(
            MediaTotals(
                library_id=self.library_id,
                entry_id=ids.entry_id(self.library_id, "MediaTotals", media, version, 0),
                media_id=media,
                version=version,
                shot_ids=shots,
                shot_count=len(shots),
                frame_duration_us=40_000,
            )
        )

    def consolidate(self, name: str = "once") -> Changes:
        return self.apply(
            ConsolidationRequested(
                library_id=self.library_id,
                entry_id=ids.entry_id(self.library_id, "ConsolidationRequested", name),
                reason="asked",
            )
        )

    def remove(self, media: str, *, version: int = 1) -> Changes:
        return self.apply(
            MediaRemoved(
                library_id=self.library_id,
                entry_id=ids.entry_id(self.library_id, "MediaRemoved", media, version),
                media_id=media,
                version=version,
            )
        )

    def say(self, name: str, change, *, based_on: Revision | None = None) -> Changes:
        given = FeedbackGiven(
            library_id=self.library_id, feedback_id=name, actor="ann", change=change, based_on_revision=based_on
        )
        return self.apply(
            FeedbackSubmitted(
                library_id=self.library_id,
                entry_id=ids.entry_id(self.library_id, "FeedbackSubmitted", name),
                feedback=given,
            )
        )

    def move(self, name: str, item: str, to: str | None, **kwargs) -> Changes:
        return self.say(name, Move(items=(ItemRef(item_id=item),), to_cluster_id=to), **kwargs)

    def confirm(self, name: str, item: str, **kwargs) -> Changes:
        return self.say(name, Confirm(items=(ItemRef(item_id=item),)), **kwargs)

    def reject(self, name: str, item: str, cluster: str, **kwargs) -> Changes:
        return self.say(name, Reject(items=(ItemRef(item_id=item),), cluster_id=cluster), **kwargs)

    def undo(self, name: str, undone: str) -> Changes:
        return self.say(name, Undo(feedback_id=undone))

    def anchor(self, media: str, time_us: int | None, kind: ItemKind, box: Box | None) -> ItemRef:
        return ItemRef(anchor=Anchor(media_id=media, time_us=time_us, kind=kind, box=box))

    def cluster_of(self, item: str) -> str | None:
        return self.state.items[ItemId(item)].cluster_id

    def record(self, item: str):
        record = self.state.items[ItemId(item)].record
        assert record is not None
        return record


def fixed_library(library: str = "lib") -> LibraryBuilder:
    """A library that decides by the policy `fixed`, whatever its log says of it."""
    return LibraryBuilder(library, policy="fixed")
