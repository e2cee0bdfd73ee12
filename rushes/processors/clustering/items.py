"""What a library's state is made of: media, frames, items, clusters, and what people said of them."""

from dataclasses import dataclass, field

import numpy as np

from rushes.processors.clustering.packing import packed, unpacked
from rushes.processors.clustering.rules import Rules
from rushes.processors.clustering.scoring import Vec16, Vec64
from rushes.processors.clustering.timeline import Timeline
from rushes.schemas.decisions import ClusterAssigned, ClusterChanged
from rushes.schemas.event import ItemKind
from rushes.schemas.feedback import ItemRef
from rushes.schemas.ids import Box, ClusterId, FrameId, ItemId, MediaId, ModelId, ShotId
from rushes.schemas.log import FeedbackSubmitted, LogEntry, Tracklet
from rushes.schemas.revision import Revision
from rushes.schemas.status import MediaStatus


@dataclass(slots=True)
class HumanDecision:
    """One live or undone feedback on one item. `cluster_id` is where it says yes or no to."""

    feedback_id: str
    action: str
    cluster_id: ClusterId
    revision: Revision


@dataclass(slots=True)
class Item:
    """Something seen in a frame, where it belongs, and why."""

    item_id: ItemId
    kind: ItemKind
    frame_id: FrameId
    shot_id: ShotId
    media_id: MediaId
    media_version: int
    box: Box | None
    quality: float
    may_found: bool
    weak: bool
    model_id: ModelId
    vector: Vec16
    image_uri: str
    thumbnail_uri: str
    age: int
    tracklet: Tracklet | None = None
    body_item_id: ItemId | None = None
    cluster_id: ClusterId | None = None
    provisional_id: ClusterId | None = None
    machine_cluster_id: ClusterId | None = None
    human: list[HumanDecision] = field(default_factory=list)
    _packed: bytes | None = None

    @property
    def record(self) -> ClusterAssigned | None:
        """What was last told of it; None before its first decision."""
        return None if self._packed is None else unpacked(ClusterAssigned, self._packed)

    @record.setter
    def record(self, record: ClusterAssigned) -> None:
        self._packed = packed(record)

    def vector64(self) -> Vec64:
        """(d,) float64, exactly the packed values."""
        return self.vector.astype(np.float64)


@dataclass(slots=True)
class Frame:
    """A frame known in the library and the items in it, by kind.

    `scene_frame_id`: of a face sample, the frame whose scene it is in, be it known already or not.
    """

    frame_id: FrameId
    media_id: MediaId
    stream: int
    time_us: int | None
    perceptual_hash: str
    version: int
    scene_frame_id: FrameId | None = None
    items: dict[ItemId, ItemKind] = field(default_factory=dict)


@dataclass(slots=True)
class Cluster:
    """A scene, character or other group. `total` is the exact sum of its members' vectors."""

    cluster_id: ClusterId
    kind: ItemKind
    age: int
    total: Vec64
    members: set[ItemId] = field(default_factory=set)
    exemplars: list[ItemId] = field(default_factory=list)
    _packed: bytes | None = None

    @property
    def record(self) -> ClusterChanged | None:
        """What was last told of it; None before."""
        return None if self._packed is None else unpacked(ClusterChanged, self._packed)

    @record.setter
    def record(self, record: ClusterChanged) -> None:
        self._packed = packed(record)


@dataclass(slots=True)
class MediaState:
    """How far a media is, and which version of it counts. `day`: of its capture, where known."""

    media_id: MediaId
    version: int = -1
    removed_version: int = -1
    expected_shots: set[str] = field(default_factory=set)
    totals_parts: set[int] = field(default_factory=set)
    totals_last_part: int | None = None
    shot_parts: dict[str, set[int]] = field(default_factory=dict)
    shot_last_part: dict[str, int] = field(default_factory=dict)
    whole_shots: set[str] = field(default_factory=set)
    item_count: int = 0
    frame_duration_us: int | None = None
    partial: str | None = None
    failures: list[str] = field(default_factory=list)
    frames: Timeline[FrameId] = field(default_factory=Timeline)
    frames_seen: set[FrameId] = field(default_factory=set)
    complete: bool = False
    status: MediaStatus | None = None
    day: str | None = None

    def shot_applied(self, shot_id: str, part: int, *, final: bool) -> None:
        """Count a part of a shot; the shot is whole when all its parts are in, in whatever order."""
        parts = self.shot_parts.setdefault(shot_id, set())
        parts.add(part)
        if final:
            self.shot_last_part[shot_id] = part
        if len(parts) == self.shot_last_part.get(shot_id, -1) + 1:
            self.whole_shots.add(shot_id)

    def is_complete(self) -> bool:
        """Totals are in, and every listed shot."""
        if self.totals_last_part is None or len(self.totals_parts) != self.totals_last_part + 1:
            return False
        return self.expected_shots <= self.whole_shots


@dataclass(slots=True)
class SpaceState:
    """One kind of a library's generation: all its vectors are of one model."""

    kind: ItemKind
    model_id: ModelId
    weak: bool
    dim: int
    rules: Rules


@dataclass(slots=True)
class FeedbackState:
    """A correction in the log: what it did, what still waits for its item, and whether it holds. `target` is the
    cluster that a move to a new one makes.
    """

    entry: FeedbackSubmitted
    revision: Revision
    live: bool = True
    applied: list[ItemId] = field(default_factory=list)
    waiting: list[ItemRef] = field(default_factory=list)
    target: ClusterId | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry, or a part of it, that can't be carried out: for a dead letter."""

    entry: LogEntry
    code: str
    reason: str


@dataclass(slots=True)
class Changes:
    """What one entry, or several, changed: newest record per key, in the order of first change. `revised`: items that
    consolidation decided anew; of as many that `arrived`, this is the churn.
    """

    items: dict[ItemId, ClusterAssigned] = field(default_factory=dict)
    clusters: dict[ClusterId, ClusterChanged] = field(default_factory=dict)
    removed: dict[ItemId, Item] = field(default_factory=dict)
    statuses: dict[MediaId, MediaStatus] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    anchors: set[MediaId] = field(default_factory=set)
    arrived: int = 0
    revised: int = 0

    def merge(self, later: "Changes") -> None:
        """Add what came later: it wins."""
        self.items.update(later.items)
        self.clusters.update(later.clusters)
        for item_id in later.items:
            self.removed.pop(item_id, None)
        self.removed.update(later.removed)
        self.statuses.update(later.statuses)
        self.refusals.update(later.refusals)
        self.anchors |= later.anchors
        self.arrived += later.arrived
        self.revised += later.revised
