"""Entries of the library's log: the one order of everything that can alter a decision.

Only our own stages write it. State is a fold over it, and so is a replay. `entry_id` is derived from the entry's
origin: the same work redone appends the same entry, which counts once.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from rushes.schemas.event import Event, GridBox, ItemKind, MediaName, Part, TimeUs, Uuid
from rushes.schemas.feedback import FeedbackGiven
from rushes.schemas.media import MediaVersion
from rushes.schemas.profile import Profile
from rushes.schemas.shots import FrameFlag, PartFailure, PerceptualHash
from rushes.schemas.vectors import Vector

Landmarks = tuple[tuple[float, float], ...]
"""Points in 0..1 of the displayed picture; for a face: left eye, right eye, nose, left and right corner of the mouth
(left as seen in the picture)."""


class Entry(Event):
    """Base of all log entries; keyed by library."""

    entry_id: Uuid

    @property
    def key(self) -> str:
        return self.library_id


class SecondaryVector(Part):
    """A further vector of an item, stored and searchable, not clustered.

    Where those of a frame are large together, by the uri of a JSON object: item id -> name -> vector.
    """

    vector: Vector | None = None
    uri: str | None = None


class CandidateItem(Part):
    """Something seen in a frame. Its id is a candidate: the owner resolves it against the items known there."""

    item_id: Uuid
    box: GridBox | None = Field(description="Null is the whole frame.")
    landmarks: Landmarks | None = None
    detection_score: Annotated[float, Field(ge=0, le=1)] | None = None
    quality: Annotated[float, Field(ge=0, le=1)]
    quality_parts: dict[str, float] = Field(
        default_factory=dict, description="The figures that `quality` is made of, each 0..1; their names are data."
    )
    body_item_id: Uuid | None = Field(
        default=None, description="Of a face: candidate id of the person in this frame whose body it belongs to."
    )
    tracklet_id: Uuid | None = Field(default=None, description="One of the entry's `tracklets`.")
    label: str | None = None
    vector: Vector
    secondary: dict[str, SecondaryVector] = Field(default_factory=dict)


class KindItems(Part):
    """All items of one kind in one frame, by one model. Empty lists are sent too: looked for and not there."""

    kind: ItemKind
    model_id: str
    weak: bool = Field(default=False, description="A weightless descriptor: group only where it is sure.")
    detector_id: str | None = None
    items: tuple[CandidateItem, ...] = ()
    rejected: int = Field(default=0, ge=0, description="Finds that a second look took for nothing of this kind.")
    error: str | None = Field(default=None, description="Why this kind could not be embedded in this frame.")


class Tracklet(Part):
    """Items of one kind in several frames of a shot, known to be one person.

    Said of the whole tracklet in every entry that holds an item of it. Two items of a kind in one frame are two
    persons, so that two tracklets with a frame in common are two persons as well.
    """

    tracklet_id: Uuid
    kind: ItemKind
    from_us: TimeUs = Field(description="Time of its first frame.")
    to_us: TimeUs = Field(description="Time of its last frame.")
    count: Annotated[int, Field(ge=2)] = Field(description="Its items, in all entries of the shot.")
    best_item_id: Uuid = Field(description="The item of the highest quality.")


class EmbeddedFrame(Part):
    """One frame and everything seen in it. A kind that is not among its `kinds` was not looked for there."""

    frame_id: Uuid
    stream: Annotated[int, Field(ge=0)] = 0
    time_us: TimeUs | None
    image_uri: str
    thumbnail_uri: str
    perceptual_hash: PerceptualHash
    flags: tuple[FrameFlag, ...] = ()
    scene_frame_id: Uuid | None = Field(
        default=None, description="Of a face sample, which has no scene of its own: the keyframe that has it."
    )
    kinds: tuple[KindItems, ...]


class ItemsEmbedded(Entry):
    """The items of a shot, all its frames and kinds; or of a part of it; or the error that ended it."""

    type: Literal["ItemsEmbedded"] = "ItemsEmbedded"
    schema_version: Literal[1] = 1
    media_id: MediaName
    version: MediaVersion
    shot_id: Uuid
    part: Annotated[int, Field(ge=0)] = 0
    final: bool = True
    start_us: TimeUs | None = None
    frame_duration_us: TimeUs | None = None
    captured_at: datetime | None = Field(default=None, description="Of the media, as its file or its producer tells.")
    kinds_expected: tuple[ItemKind, ...] = Field(description="Of keyframes; face samples have no scene and no region.")
    frames: tuple[EmbeddedFrame, ...]
    tracklets: tuple[Tracklet, ...] = Field(default=(), description="Those that the items of these frames belong to.")
    error: PartFailure | None = None


class MediaTotals(Entry):
    """From `MediaSplit`: which shots make the media complete."""

    type: Literal["MediaTotals"] = "MediaTotals"
    schema_version: Literal[1] = 1
    media_id: MediaName
    version: MediaVersion
    part: Annotated[int, Field(ge=0)] = 0
    final: bool = True
    shot_ids: tuple[Uuid, ...]
    shot_count: Annotated[int, Field(ge=0)]
    frame_duration_us: TimeUs | None = None
    partial: str | None = None
    failed: tuple[PartFailure, ...] = ()


class MediaRemoved(Entry):
    """A media is gone: this version and all below it."""

    type: Literal["MediaRemoved"] = "MediaRemoved"
    schema_version: Literal[1] = 1
    media_id: MediaName
    version: MediaVersion


class FeedbackSubmitted(Entry):
    """A person's correction, checked for form and tenant; the owner decides the rest at this place in the log."""

    type: Literal["FeedbackSubmitted"] = "FeedbackSubmitted"
    schema_version: Literal[1] = 1
    feedback: FeedbackGiven


class PolicyChanged(Entry):
    """From here on the library decides by this policy."""

    type: Literal["PolicyChanged"] = "PolicyChanged"
    schema_version: Literal[1] = 1
    policy: str
    parameters: dict[str, float] = Field(default_factory=dict)


class ProfileImported(Entry):
    """Calibration learnt elsewhere for a model and kind, used from here on as a prior.

    `profile_uri` and `profile_sha256` say where it came from; what counts is the profile in the entry, for state is a
    function of the log alone.
    """

    type: Literal["ProfileImported"] = "ProfileImported"
    schema_version: Literal[1] = 1
    kind: ItemKind
    model_id: str
    profile_uri: str
    profile_sha256: str
    profile: Profile | None = Field(default=None, description="Null in entries of before; these change nothing.")


class AdapterChanged(Entry):
    """From here on vectors of this kind pass through this adapter."""

    type: Literal["AdapterChanged"] = "AdapterChanged"
    schema_version: Literal[1] = 1
    kind: ItemKind
    adapter_version: str
    weights_uri: str
    weights_sha256: str


class GenerationPromoted(Entry):
    """From here on this generation is the library's truth."""

    type: Literal["GenerationPromoted"] = "GenerationPromoted"
    schema_version: Literal[1] = 1
    generation: str
    snapshot_uri: str
    snapshot_sha256: str


class ConsolidationRequested(Entry):
    """Finish all background work, or as much as a budget counted in operations allows, so that a replay does the same.
    Asked by a timer, of an idle library, or at the end of a run or a correction.
    """

    type: Literal["ConsolidationRequested"] = "ConsolidationRequested"
    schema_version: Literal[1] = 1
    reason: Literal["timer", "idle", "end_of_run", "asked"]
    budget_operations: Annotated[int, Field(gt=0)] | None = None


class EntrySkipped(Entry):
    """The owner could not apply an entry; a replay skips it too."""

    type: Literal["EntrySkipped"] = "EntrySkipped"
    schema_version: Literal[1] = 1
    skipped_entry_id: Uuid
    code: str
    reason: str


LogEntry = Annotated[
    ItemsEmbedded
    | MediaTotals
    | MediaRemoved
    | FeedbackSubmitted
    | PolicyChanged
    | ProfileImported
    | AdapterChanged
    | GenerationPromoted
    | ConsolidationRequested
    | EntrySkipped,
    Field(discriminator="type"),
]
LOG_ENTRY: TypeAdapter[LogEntry] = TypeAdapter(LogEntry)
