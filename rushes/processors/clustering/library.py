"""A library's state and its elementary changes: who is in which cluster, and the records that tell of it."""

from collections import Counter
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final

import numpy as np

from rushes.processors.clustering.cells import Cells
from rushes.processors.clustering.items import (
    Changes,
    Cluster,
    FeedbackState,
    Frame,
    Item,
    MediaState,
    SpaceState,
)
from rushes.processors.clustering.policy import Policy
from rushes.processors.clustering.scoring import Score
from rushes.processors.clustering.waiting import Waiting
from rushes.processors.clustering.why import Why
from rushes.processors.clustering.wording import in_words
from rushes.processors.identity.calibration import Calibration
from rushes.schemas.decisions import Cause, ClusterAssigned, ClusterChanged, Neighbour, Presence
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import ClusterId, EventId, FrameId, Generation, ItemId, LibraryId, MediaId, ModelId
from rushes.schemas.revision import Revision

EXEMPLARS: Final = 5
"""Members named on a cluster's record, best quality first: enough for a contact sheet's row."""

NEAREST: Final = 3
"""How many near clusters an assignment names."""


@dataclass(slots=True)
class Library:
    """State of one library in one generation: a fold over its log.

    `skipped`: entries that are passed over, and the media that one of them was about, where it came. `in_noise`: who
    waits under a provisional id. `presence`: how many faces of a character are in a scene. `samples`: face samples by
    the frame whose scene they are in. `redirects`: from a cluster that was merged to the one it became part of.
    `spoken`: items that people said something of, by the cluster that they named. `settled_n`: the entry up to which
    nothing was left to consolidate; `settling`: all was asked for, and not all is done. `priors`: what imported
    profiles teach of a model. `cells`: faces by the company of their bodies.
    """

    library_id: LibraryId
    generation: Generation
    policy: Policy = field(default_factory=Policy)
    n: int = 0
    k: int = 0
    cause: Cause | None = None
    applied: set[str] = field(default_factory=set)
    skipped: dict[str, MediaId | None] = field(default_factory=dict)
    items: dict[ItemId, Item] = field(default_factory=dict)
    frames: dict[FrameId, Frame] = field(default_factory=dict)
    clusters: dict[ClusterId, Cluster] = field(default_factory=dict)
    media: dict[MediaId, MediaState] = field(default_factory=dict)
    incomplete: set[MediaId] = field(default_factory=set)
    spaces: dict[ItemKind, SpaceState] = field(default_factory=dict)
    feedback: dict[str, FeedbackState] = field(default_factory=dict)
    waiting: Waiting = field(default_factory=Waiting)
    in_noise: dict[ClusterId, ItemId] = field(default_factory=dict)
    presence: dict[ClusterId, Counter[ClusterId]] = field(default_factory=dict)
    samples: dict[FrameId, set[FrameId]] = field(default_factory=dict)
    touched: dict[ClusterId, None] = field(default_factory=dict)
    moved_scenes: dict[FrameId, None] = field(default_factory=dict)
    redirects: dict[ClusterId, ClusterId] = field(default_factory=dict)
    spoken: dict[ClusterId, dict[ItemId, None]] = field(default_factory=dict)
    settled_n: int = 0
    settling: bool = False
    priors: dict[tuple[ItemKind, ModelId], Calibration] = field(default_factory=dict)
    ages: int = 0
    cells: Cells = field(default_factory=Cells)

    def next_age(self) -> int:
        """A count of what came, for "the older"; a function of the log."""
        self.ages += 1
        return self.ages

    def next_revision(self) -> Revision:
        """(n, k) of the next decision within the entry at hand."""
        self.k += 1
        return Revision(n=self.n, k=self.k)

    def entry_cause(self) -> Cause:
        """The entry at hand."""
        assert self.cause is not None, "decisions are made only while an entry is applied"
        return self.cause

    def entry_id(self) -> EventId:
        """Id of the entry at hand."""
        return EventId(self.entry_cause().entry_id)

    # -- membership

    def resolve(self, cluster_id: ClusterId) -> ClusterId:
        """The cluster that this one is part of now, however many merges lie between."""
        while cluster_id in self.redirects:
            cluster_id = self.redirects[cluster_id]
        return cluster_id

    def redirect(self, gone: ClusterId, into: ClusterId) -> None:
        """A cluster was merged into another: what people said of it holds of that one."""
        self.redirects[gone] = into
        self.touched[gone] = None
        if gone in self.spoken:
            self.spoken.setdefault(into, {}).update(self.spoken[gone])

    def scene_of(self, frame_id: FrameId) -> ClusterId | None:
        """The scene cluster of a frame; None in noise, or without a scene item in it or the frame it goes by."""
        frame = self.frames.get(frame_id)
        return None if frame is None else self._own_scene(frame.scene_frame_id or frame_id)

    def _own_scene(self, frame_id: FrameId) -> ClusterId | None:
        """The cluster of the scene item in a frame itself."""
        frame = self.frames.get(frame_id)
        if frame is None:
            return None
        for item_id, kind in frame.items.items():
            if kind == "scene":
                return self.items[item_id].cluster_id
        return None

    def in_scene(self, scene: ClusterId | None) -> frozenset[str]:
        """Characters with a face in some frame of the scene."""
        if scene is None:
            return frozenset()
        return frozenset(cluster for cluster, count in self.presence.get(scene, Counter()).items() if count > 0)

    def place(self, item: Item, cluster_id: ClusterId | None, provisional_id: ClusterId | None = None) -> None:
        """Put an item into a cluster (made or revived where needed), or into noise under a provisional id."""
        self.take_out(item)
        self.cells.touch(item)
        scene_before = self._own_scene(item.frame_id)
        space = self.spaces[item.kind]
        item.cluster_id = cluster_id
        if cluster_id is None:
            assert provisional_id is not None, "an item in noise waits under a provisional id"
            item.provisional_id = provisional_id
            self.in_noise[provisional_id] = item.item_id
            space.rules.wait(item)
            return
        item.provisional_id = None
        cluster = self.clusters.get(cluster_id)
        if cluster is None:
            cluster = Cluster(cluster_id, item.kind, self.next_age(), np.zeros(space.dim, np.float64))
            self.clusters[cluster_id] = cluster
        self.redirects.pop(cluster_id, None)
        cluster.total = cluster.total + item.vector64()
        cluster.members.add(item.item_id)
        self._keep_exemplar(cluster, item)
        space.rules.join(item, cluster)
        self.touched[cluster_id] = None
        if item.kind == "face":
            self._count(self.scene_of(item.frame_id), cluster_id, 1)
        elif item.kind == "scene":
            self._own_scene_moved(item.frame_id, scene_before)

    def take_out(self, item: Item) -> None:
        """Out of its cluster or of noise; a cluster left empty is retired, and revived when something comes back."""
        space = self.spaces[item.kind]
        self.cells.touch(item)
        if item.cluster_id is None:
            space.rules.leave(item, None)
            if item.provisional_id is not None and self.in_noise.get(item.provisional_id) == item.item_id:
                del self.in_noise[item.provisional_id]
            return
        scene_before = self._own_scene(item.frame_id)
        cluster = self.clusters[item.cluster_id]
        cluster.members.discard(item.item_id)
        cluster.total = cluster.total - item.vector64()
        if item.item_id in cluster.exemplars:
            cluster.exemplars = nsmallest(EXEMPLARS, cluster.members, key=self._exemplar_order)
        space.rules.leave(item, cluster)
        self.touched[cluster.cluster_id] = None
        item.cluster_id = None
        if item.kind == "face":
            self._count(self.scene_of(item.frame_id), cluster.cluster_id, -1)
        elif item.kind == "scene":
            self._own_scene_moved(item.frame_id, scene_before)

    def forget(self, item: Item) -> None:
        """Take an item out of the state altogether."""
        self.take_out(item)
        self.spaces[item.kind].rules.forget(item)
        scene_before = self._own_scene(item.frame_id)
        del self.items[item.item_id]
        frame = self.frames[item.frame_id]
        del frame.items[item.item_id]
        self.media[item.media_id].item_count -= 1
        if item.kind == "scene":
            self._own_scene_moved(item.frame_id, scene_before)
        if not frame.items:
            self.forget_frame(frame)

    def add_frame(self, frame: Frame) -> None:
        """Register a frame of a known media."""
        self.frames[frame.frame_id] = frame
        self.media[frame.media_id].frames.add(frame.frame_id, frame.stream, frame.time_us)

    def go_by(self, frame: Frame, scene_frame_id: FrameId | None) -> None:
        """From here on a frame is in the scene of another; None: in its own."""
        if frame.scene_frame_id == scene_frame_id:
            return
        scene_before = self.scene_of(frame.frame_id)
        self._leave_scene_frame(frame)
        frame.scene_frame_id = scene_frame_id
        if scene_frame_id is not None:
            self.samples.setdefault(scene_frame_id, set()).add(frame.frame_id)
        self._scene_moved([frame.frame_id], scene_before, self.scene_of(frame.frame_id))

    def _leave_scene_frame(self, frame: Frame) -> None:
        if frame.scene_frame_id is None:
            return
        others = self.samples[frame.scene_frame_id]
        others.discard(frame.frame_id)
        if not others:
            del self.samples[frame.scene_frame_id]

    def forget_frame(self, frame: Frame) -> None:
        """Take a frame without items out of the state."""
        self._leave_scene_frame(frame)
        del self.frames[frame.frame_id]
        self.media[frame.media_id].frames.discard(frame.frame_id, frame.stream, frame.time_us)

    def _exemplar_order(self, item_id: ItemId) -> tuple[float, int]:
        item = self.items[item_id]
        return -item.quality, item.age

    def _keep_exemplar(self, cluster: Cluster, item: Item) -> None:
        cluster.exemplars = sorted([*cluster.exemplars, item.item_id], key=self._exemplar_order)[:EXEMPLARS]

    def _count(self, scene: ClusterId | None, character: ClusterId, by: int) -> None:
        if scene is not None:
            self.presence.setdefault(scene, Counter())[character] += by

    def _own_scene_moved(self, frame_id: FrameId, before: ClusterId | None) -> None:
        """For the frames that are in the scene of this one: itself, unless it goes by another, and its samples."""
        own = [frame_id] if self.frames[frame_id].scene_frame_id is None else []
        samples = sorted(self.samples.get(frame_id, ()))
        self._scene_moved([*own, *samples], before, self._own_scene(frame_id))

    def _scene_moved(self, frames: list[FrameId], before: ClusterId | None, after: ClusterId | None) -> None:
        if before == after:
            return
        for moved in frames:
            self.moved_scenes[moved] = None
            self.cells.touch_frame(self, moved)
            for item_id, kind in self.frames[moved].items.items():
                character = self.items[item_id].cluster_id
                if kind == "face" and character is not None:
                    self._count(before, character, -1)
                    self._count(after, character, 1)

    # -- records

    def tell(self, changes: Changes, item: Item, why: Why, previous: ClusterId | None, *, pinned: bool) -> None:
        """Write the item's newest record."""
        record = ClusterAssigned(
            library_id=self.library_id,
            item_id=item.item_id,
            kind=item.kind,
            cluster_id=item.cluster_id,
            provisional_id=item.provisional_id,
            parent_cluster_id=None if item.kind == "scene" else self.scene_of(item.frame_id),
            previous_cluster_id=previous,
            decision=why.decision,
            basis=why.basis,
            reason=in_words(why),
            similarity=why.similarity,
            margin=why.margin,
            nearest=tuple(self._neighbour(item.kind, score) for score in why.scores[:NEAREST]),
            thresholds=why.thresholds,
            policy=self.spaces[item.kind].rules.policy,
            pinned=pinned,
            model_id=item.model_id,
            weak=item.weak,
            generation=self.generation,
            revision=self.next_revision(),
            cause=self.entry_cause(),
            media_id=item.media_id,
            media_version=item.media_version,
            shot_id=item.shot_id,
            frame_id=item.frame_id,
            time_us=self.frames[item.frame_id].time_us,
            box=item.box,
            tracklet_id=item.tracklet.tracklet_id if item.tracklet else None,
            presence=_presence(item),
            company=why.company,
            quality=item.quality,
            image_uri=item.image_uri,
            thumbnail_uri=item.thumbnail_uri,
        )
        item.record = record
        changes.items[item.item_id] = record

    def tell_again(self, changes: Changes, item: Item) -> None:
        """Same decision, new circumstances (its scene, its picture): the record moves up to the revision at hand."""
        record = item.record
        assert record is not None, "an item has a record from its first decision on"
        record = record.model_copy(
            update={
                "parent_cluster_id": None if item.kind == "scene" else self.scene_of(item.frame_id),
                "revision": self.next_revision(),
                "cause": self.entry_cause(),
                "media_version": item.media_version,
                "shot_id": item.shot_id,
                "image_uri": item.image_uri,
                "thumbnail_uri": item.thumbnail_uri,
                "tracklet_id": item.tracklet.tracklet_id if item.tracklet else None,
                "presence": _presence(item),
            }
        )
        item.record = record
        changes.items[item.item_id] = record

    def tell_parents(self, changes: Changes) -> None:
        """Where the entry moved a frame's scene, the other items of the frame have another parent."""
        for frame_id in self.moved_scenes:
            frame = self.frames.get(frame_id)
            parent = self.scene_of(frame_id)
            for item_id in frame.items if frame else ():
                item = self.items[item_id]
                record = item.record if item.kind != "scene" else None
                if record is not None and record.parent_cluster_id != parent:
                    self.tell_again(changes, item)
        self.moved_scenes.clear()

    def tell_clusters(self, changes: Changes) -> None:
        """Records of all clusters that the entry touched, in the order of first touch."""
        for cluster_id in self.touched:
            cluster = self.clusters[cluster_id]
            cover = self.items[cluster.exemplars[0]] if cluster.exemplars else None
            into = None if cluster.members or cluster_id not in self.redirects else self.resolve(cluster_id)
            record = ClusterChanged(
                library_id=self.library_id,
                cluster_id=cluster_id,
                kind=cluster.kind,
                status="active" if cluster.members else "merged" if into is not None else "retired",
                merged_into=into,
                size=len(cluster.members),
                exemplar_item_ids=tuple(cluster.exemplars),
                cover_item_id=cover.item_id if cover else None,
                cover_uri=cover.thumbnail_uri if cover else None,
                proposals=self.spaces[cluster.kind].rules.proposals(cluster) if cluster.members else (),
                model_id=self.spaces[cluster.kind].model_id,
                generation=self.generation,
                revision=self.next_revision(),
                cause=self.entry_cause(),
            )
            cluster.record = record
            changes.clusters[cluster_id] = record
        self.touched.clear()

    def _neighbour(self, kind: ItemKind, score: Score) -> Neighbour:
        cluster = self.clusters[ClusterId(score.key)]
        return Neighbour(
            cluster_id=cluster.cluster_id,
            similarity=score.similarity,
            exemplar_item_id=cluster.exemplars[0] if cluster.exemplars else None,
            probability=self.spaces[kind].rules.probability(score.similarity),
        )


def _presence(item: Item) -> Presence | None:
    return Presence(from_us=item.tracklet.from_us, to_us=item.tracklet.to_us) if item.tracklet else None
