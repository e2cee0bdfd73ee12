"""Media arriving: embedded shots, totals, new versions, removal."""

from dataclasses import dataclass, field
from typing import Final

from rushes.processors.clustering.corrections import carry_out_waiting, refuse_waiting
from rushes.processors.clustering.deciding import decide
from rushes.processors.clustering.human import live
from rushes.processors.clustering.items import Changes, Frame, Item, MediaState, Refusal
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.policies import space
from rushes.processors.clustering.registry import match_boxes, same_picture
from rushes.processors.clustering.why import Why
from rushes.schemas.errors import ModelMismatch
from rushes.schemas.event import KINDS
from rushes.schemas.ids import FrameId, ItemId, MediaId, ModelId, ShotId, item_id_of_version
from rushes.schemas.log import (
    CandidateItem,
    EmbeddedFrame,
    EntrySkipped,
    ItemsEmbedded,
    KindItems,
    MediaRemoved,
    MediaTotals,
    Tracklet,
)
from rushes.schemas.status import MediaStatus, StatusCounters, StatusState
from rushes.schemas.vectors import decode_vector

SKIPPED: Final = "entry-skipped"
"""Code of what could not be applied, in a media's reasons."""

SAID_FAILURES: Final = 3
SAID_CHARACTERS: Final = 1000
"""Of a media's failures on its status: enough to see what is wrong, whatever a decoder has to say of each frame."""


def embedded(library: Library, changes: Changes, entry: ItemsEmbedded) -> None:
    """Resolve and decide the items of a shot; scenes first, then who is in them; face samples behind the keyframes
    whose scenes they are in.
    """
    media = _current(library, entry.media_id, entry.version)
    if media is None:
        return
    media.frame_duration_us = entry.frame_duration_us or media.frame_duration_us
    media.day = media.day if entry.captured_at is None else entry.captured_at.date().isoformat()
    arrived: list[Item] = []
    shot = _Shot(media, entry)
    for embedded_frame in sorted(entry.frames, key=lambda frame: frame.scene_frame_id is not None):
        arrived += _arrive(library, changes, shot, embedded_frame)
    media.shot_applied(entry.shot_id, entry.part, final=entry.final)
    if entry.error is not None:
        media.failures.append(f"{entry.error.code}: {entry.error.reason}")
    carry_out_waiting(library, changes, media, arrived)
    _progress(library, changes, media)


def pass_over(library: Library, entry: ItemsEmbedded) -> None:
    """Count a shot whose entry is skipped: its media must be able to end. Does no more than that, for whatever could
    not be applied must not fail here again; the progress is told with the entry that says it is skipped.
    """
    media = _current(library, entry.media_id, entry.version)
    if media is None:
        return
    library.skipped[entry.entry_id] = media.media_id
    media.shot_applied(entry.shot_id, entry.part, final=entry.final)
    media.failures.append(f"{SKIPPED}: shot {entry.shot_id}")


def passed_over(library: Library, changes: Changes, entry: EntrySkipped) -> None:
    """Tell how far the media of a skipped entry is."""
    media_id = library.skipped.setdefault(entry.skipped_entry_id, None)
    if media_id is not None and library.media[media_id].version > library.media[media_id].removed_version:
        _progress(library, changes, library.media[media_id])


def totals(library: Library, changes: Changes, entry: MediaTotals) -> None:
    """Which shots make the media complete."""
    media = _current(library, entry.media_id, entry.version)
    if media is None:
        return
    media.expected_shots.update(entry.shot_ids)
    media.totals_parts.add(entry.part)
    if entry.final:
        media.totals_last_part = entry.part
    media.frame_duration_us = entry.frame_duration_us or media.frame_duration_us
    media.partial = entry.partial or media.partial
    media.failures.extend(f"{failure.code}: {failure.reason}" for failure in entry.failed)
    _progress(library, changes, media)


def removed(library: Library, changes: Changes, entry: MediaRemoved) -> None:
    """Forget a media up to a version: rows, clusters' members, records with nulls."""
    media_id = MediaId(entry.media_id)
    media = library.media.setdefault(media_id, MediaState(media_id))
    if entry.version <= media.removed_version:
        return
    media.removed_version = entry.version
    for frame_id in media.frames:
        for item_id in list(library.frames[frame_id].items):
            if library.items[item_id].media_version <= entry.version:
                _drop(library, changes, library.items[item_id], Why("removed"))
        frame = library.frames.get(frame_id)
        if frame is not None and not frame.items and frame.version <= entry.version:
            library.forget_frame(frame)
    if entry.version < media.version:
        return
    fresh = MediaState(media_id, removed_version=entry.version, complete=True)
    library.media[media_id] = fresh
    library.incomplete.discard(media_id)
    _say(library, changes, fresh, "removed", entry.version)
    refuse_waiting(library, changes, media_id)


def _current(library: Library, media_id: str, version: int) -> MediaState | None:
    """The media, moved up to a greater version; None where a tombstone or a greater version overrules this one."""
    name = MediaId(media_id)
    media = library.media.get(name) or MediaState(name)
    if version <= media.removed_version or version < media.version:
        return None
    if version > media.version:
        frames = media.frames
        kept = media.item_count
        media = MediaState(name, version=version, removed_version=media.removed_version, frames=frames)
        media.item_count = kept
        library.media[name] = media
        library.incomplete.add(name)
    return media


@dataclass(frozen=True, slots=True)
class _Shot:
    """An entry at work: the media's state, and the known frames so far by the ids they came with."""

    media: MediaState
    entry: ItemsEmbedded
    known_as: dict[str, FrameId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One embedded frame and the known frame that it is. `same`: the pictures agree; `resolved`: items by the ids that
    they came with.
    """

    media: MediaState
    entry: ItemsEmbedded
    embedded: EmbeddedFrame
    frame: Frame
    same: bool
    resolved: dict[str, Item] = field(default_factory=dict)

    def tracklet_of(self, candidate: CandidateItem) -> Tracklet | None:
        """What the entry says of the candidate's tracklet."""
        return next((told for told in self.entry.tracklets if told.tracklet_id == candidate.tracklet_id), None)


def _arrive(library: Library, changes: Changes, shot: _Shot, embedded_frame: EmbeddedFrame) -> list[Item]:
    media, entry = shot.media, shot.entry
    frame, same = _frame(library, changes, media, embedded_frame)
    shot.known_as[embedded_frame.frame_id] = frame.frame_id
    scene_frame = embedded_frame.scene_frame_id
    library.go_by(frame, None if scene_frame is None else shot.known_as.get(scene_frame, FrameId(scene_frame)))
    arrival = _Arrival(media, entry, embedded_frame, frame, same)
    media.frames_seen.add(frame.frame_id)
    arrived: list[Item] = []
    for kind in KINDS:
        fresh: list[Item] = []
        for group in embedded_frame.kinds:
            if group.kind == kind:
                fresh.extend(_resolve(library, changes, arrival, group))
        decide(library, changes, fresh)
        arrived += fresh
    _bodies(library, arrival)
    frame.version = media.version
    frame.perceptual_hash = embedded_frame.perceptual_hash
    return arrived


def _bodies(library: Library, arrival: _Arrival) -> None:
    """Note which body each face of the frame has."""
    for group in arrival.embedded.kinds:
        for candidate in group.items:
            face, body = arrival.resolved.get(candidate.item_id), arrival.resolved.get(candidate.body_item_id or "")
            if group.kind == "face" and face is not None and body is not None and body.kind == "person":
                library.cells.belongs(face, body)


def _frame(library: Library, changes: Changes, media: MediaState, arriving: EmbeddedFrame) -> tuple[Frame, bool]:
    """The known frame that an arriving one is, else a new one; and whether no other picture was known in its place.

    Of another version of the bytes, the nearest within half a frame counts as the same place. Where the pictures
    disagree, what was seen there is retired at once: it must not stand in the way of what is there now.
    """
    known = library.frames.get(FrameId(arriving.frame_id)) or _frame_of_older_bytes(library, media, arriving)
    same = True
    if known is not None:
        if known.version == media.version or same_picture(known.perceptual_hash, arriving.perceptual_hash):
            return known, True
        same = False
        for item_id in list(known.items):
            _drop(library, changes, library.items[item_id], Why("retired"))
        if known.frame_id in library.frames:
            library.forget_frame(known)
    frame = Frame(
        FrameId(arriving.frame_id),
        media.media_id,
        arriving.stream,
        arriving.time_us,
        arriving.perceptual_hash,
        media.version,
    )
    library.add_frame(frame)
    return frame, same


def _frame_of_older_bytes(library: Library, media: MediaState, arriving: EmbeddedFrame) -> Frame | None:
    """The nearest frame of an older version within half a frame's duration, where its picture agrees."""
    if arriving.time_us is None or not media.frame_duration_us:
        return None
    near = [
        (distance_us, library.frames[frame_id])
        for frame_id, distance_us in media.frames.near(arriving.stream, arriving.time_us, media.frame_duration_us // 2)
        if library.frames[frame_id].version < media.version and frame_id not in media.frames_seen
    ]
    known = min(near, key=lambda found: found[0], default=(0, None))[1]
    if known is None or not same_picture(known.perceptual_hash, arriving.perceptual_hash):
        return None
    return known


def _resolve(library: Library, changes: Changes, arrival: _Arrival, group: KindItems) -> list[Item]:
    """Candidates matched with the items known in the frame; what is new is registered and returned."""
    media, frame = arrival.media, arrival.frame
    if group.error is not None:
        media.failures.append(f"{group.kind}: {group.error}")
    candidates = list({candidate.item_id: candidate for candidate in group.items}.values())
    if not candidates:
        return []
    try:
        for dim in sorted({candidate.vector.dim for candidate in candidates}):
            space(library, group.kind, ModelId(group.model_id), dim, weak=group.weak)
    except ModelMismatch as error:
        media.failures.append(f"{error.code}: {error}")
        changes.refusals[arrival.entry.entry_id] = Refusal(arrival.entry, error.code, str(error))
        return []
    known: list[Item] = []
    if arrival.same:
        known = [library.items[item_id] for item_id, kind in frame.items.items() if kind == group.kind]
    matches = match_boxes([item.box for item in known], [candidate.box for candidate in candidates])
    fresh = []
    for candidate, match in zip(candidates, matches, strict=True):
        if match is None:
            fresh.append(_register(library, arrival, group, candidate))
            arrival.resolved[candidate.item_id] = fresh[-1]
            continue
        item = known[match]
        arrival.resolved[candidate.item_id] = item
        if item.media_version != media.version:
            item.media_version, item.shot_id = media.version, ShotId(arrival.entry.shot_id)
            item.image_uri, item.thumbnail_uri = arrival.embedded.image_uri, arrival.embedded.thumbnail_uri
            item.tracklet = arrival.tracklet_of(candidate)
            library.tell_again(changes, item)
            library.spaces[item.kind].rules.seen_anew(library, changes, item)
            if item.cluster_id is not None:
                library.touched[item.cluster_id] = None  # its cover may be the old picture
    return fresh


def _register(library: Library, arrival: _Arrival, group: KindItems, candidate: CandidateItem) -> Item:
    media, embedded_frame = arrival.media, arrival.embedded
    item_id = ItemId(candidate.item_id)
    if not arrival.same or item_id in library.items:
        item_id = item_id_of_version(library.library_id, item_id, media.version)
    item = Item(
        item_id=item_id,
        kind=group.kind,
        frame_id=arrival.frame.frame_id,
        shot_id=ShotId(arrival.entry.shot_id),
        media_id=media.media_id,
        media_version=media.version,
        box=candidate.box,
        quality=candidate.quality,
        may_found=not embedded_frame.flags and library.spaces[group.kind].rules.may_found(candidate.quality),
        weak=group.weak,
        model_id=ModelId(group.model_id),
        vector=decode_vector(candidate.vector).astype("<f2"),
        image_uri=embedded_frame.image_uri,
        thumbnail_uri=embedded_frame.thumbnail_uri,
        age=library.next_age(),
        tracklet=arrival.tracklet_of(candidate),
    )
    library.items[item_id] = item
    arrival.frame.items[item_id] = group.kind
    media.item_count += 1
    return item


def _progress(library: Library, changes: Changes, media: MediaState) -> None:
    if not media.is_complete():
        _say(library, changes, media, "clustering", media.version)
        return
    if not media.complete:
        media.complete = True
        library.incomplete.discard(media.media_id)
        _retire_unmatched(library, changes, media)
        refuse_waiting(library, changes, media.media_id)
    partial = media.partial is not None or bool(media.failures)
    _say(library, changes, media, "partial" if partial else "complete", media.version)


def _retire_unmatched(library: Library, changes: Changes, media: MediaState) -> None:
    """Items of older versions that the new bytes do not show. What a person decided stays: where the new bytes show
    another picture in its place, it went when that came.
    """
    for frame_id in media.frames:
        for item_id in list(library.frames[frame_id].items):
            item = library.items[item_id]
            if item.media_version < media.version and not live(library, item):
                _drop(library, changes, item, Why("retired"))
        frame = library.frames.get(frame_id)
        if frame is not None and not frame.items and frame.version < media.version:
            library.forget_frame(frame)


def _drop(library: Library, changes: Changes, item: Item, why: Why) -> None:
    previous = item.cluster_id
    library.take_out(item)
    item.provisional_id = None
    library.tell(changes, item, why, previous, pinned=False)
    library.forget(item)
    changes.removed[item.item_id] = item
    if item.human:
        changes.anchors.add(item.media_id)
    if previous is not None:
        library.spaces[item.kind].rules.vacated(library, changes, item, previous, why.decision)


def _say(library: Library, changes: Changes, media: MediaState, state: StatusState, version: int) -> None:
    expected = media.expected_shots
    share = len(expected & media.whole_shots) / len(expected) if expected else None
    reasons = [*([media.partial] if media.partial else []), *media.failures[:SAID_FAILURES]]
    media.status = MediaStatus(
        library_id=library.library_id,
        media_id=media.media_id,
        stage="cluster",
        version=version,
        state=state,
        progress=1.0 if media.complete else share,
        counters=StatusCounters(shots_applied=len(media.whole_shots), items=media.item_count),
        revision=library.next_revision(),
        reason="; ".join(reasons)[:SAID_CHARACTERS] or None,
    )
    changes.statuses[media.media_id] = media.status
