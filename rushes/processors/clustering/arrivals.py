"""Media arriving: embedded shots, totals, new versions, removal."""

import base64
from dataclasses import dataclass

import numpy as np

from rushes.processors.clustering.corrections import carry_out_waiting, refuse_waiting
from rushes.processors.clustering.deciding import decide
from rushes.processors.clustering.human import live
from rushes.processors.clustering.items import Changes, Frame, Item, MediaState, Refusal
from rushes.processors.clustering.library import Library, Why
from rushes.processors.clustering.registry import match_boxes, same_picture
from rushes.schemas.errors import ModelMismatch
from rushes.schemas.event import KINDS
from rushes.schemas.ids import FrameId, ItemId, MediaId, ModelId, ShotId, item_id_of_version
from rushes.schemas.log import CandidateItem, EmbeddedFrame, ItemsEmbedded, KindItems, MediaRemoved, MediaTotals
from rushes.schemas.status import MediaStatus, StatusCounters, StatusState


def embedded(library: Library, changes: Changes, entry: ItemsEmbedded) -> None:
    """Resolve and decide the items of a shot; scenes first, then who is in them."""
    media = _current(library, entry.media_id, entry.version)
    if media is None:
        return
    media.frame_duration_us = entry.frame_duration_us or media.frame_duration_us
    for embedded_frame in entry.frames:
        _arrive(library, changes, media, entry, embedded_frame)
    media.shot_applied(entry.shot_id, entry.part, final=entry.final)
    if entry.error is not None:
        media.failures.append(f"{entry.error.code}: {entry.error.reason}")
    carry_out_waiting(library, changes, media.media_id)
    _progress(library, changes, media)


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
    media = library.media.setdefault(MediaId(entry.media_id), MediaState(MediaId(entry.media_id)))
    if entry.version <= media.removed_version:
        return
    media.removed_version = entry.version
    if entry.version < media.version:
        return
    for frame_id in list(media.frames):
        for item_id in list(library.frames[frame_id].items):
            _drop(library, changes, library.items[item_id], Why("removed"))
    fresh = MediaState(media.media_id, removed_version=entry.version)
    fresh.complete = True
    library.media[media.media_id] = fresh
    changes.removed_media.add(media.media_id)
    _say(library, changes, fresh, "removed", entry.version)
    refuse_waiting(library, changes, media.media_id)


def _current(library: Library, media_id: str, version: int) -> MediaState | None:
    """The media, moved up to a greater version; None where a tombstone or a greater version overrules this one."""
    name = MediaId(media_id)
    media = library.media.setdefault(name, MediaState(name))
    if version <= media.removed_version or version < media.version:
        return None
    if version > media.version:
        frames = media.frames
        kept = media.item_count
        media = MediaState(name, version=version, removed_version=media.removed_version, frames=frames)
        media.item_count = kept
        library.media[name] = media
    return media


@dataclass(frozen=True, slots=True)
class _Arrival:
    """One embedded frame and the known frame that it is. `same`: the pictures agree."""

    media: MediaState
    entry: ItemsEmbedded
    embedded: EmbeddedFrame
    frame: Frame
    same: bool


def _arrive(
    library: Library, changes: Changes, media: MediaState, entry: ItemsEmbedded, embedded_frame: EmbeddedFrame
) -> None:
    frame, same = _frame(library, media, embedded_frame)
    arrival = _Arrival(media, entry, embedded_frame, frame, same)
    media.frames_seen.add(frame.frame_id)
    for kind in KINDS:
        fresh: list[Item] = []
        for group in embedded_frame.kinds:
            if group.kind == kind:
                fresh.extend(_resolve(library, changes, arrival, group))
        decide(library, changes, fresh)
    frame.version = media.version
    frame.perceptual_hash = embedded_frame.perceptual_hash


def _frame(library: Library, media: MediaState, arriving: EmbeddedFrame) -> tuple[Frame, bool]:
    """The known frame that an arriving one is, else a new one; and whether the pictures agree.

    Of another version of the bytes, the nearest within half a frame counts as the same place.
    """
    known = library.frames.get(FrameId(arriving.frame_id))
    if known is None and arriving.time_us is not None and media.frame_duration_us:
        tolerance = media.frame_duration_us // 2
        near = [
            frame
            for frame in (library.frames[frame_id] for frame_id in media.frames)
            if frame.version < media.version
            and frame.stream == arriving.stream
            and frame.time_us is not None
            and abs(frame.time_us - arriving.time_us) <= tolerance
            and frame.frame_id not in media.frames_seen
        ]
        known = min(near, key=lambda frame: abs((frame.time_us or 0) - (arriving.time_us or 0)), default=None)
        if known is not None and not same_picture(known.perceptual_hash, arriving.perceptual_hash):
            known = None
    if known is not None:
        same = known.version == media.version or same_picture(known.perceptual_hash, arriving.perceptual_hash)
        return known, same
    frame = Frame(
        FrameId(arriving.frame_id),
        media.media_id,
        arriving.stream,
        arriving.time_us,
        arriving.perceptual_hash,
        media.version,
    )
    library.frames[frame.frame_id] = frame
    media.frames[frame.frame_id] = None
    return frame, True


def _resolve(library: Library, changes: Changes, arrival: _Arrival, group: KindItems) -> list[Item]:
    """Candidates matched with the items known in the frame; what is new is registered and returned."""
    media, frame = arrival.media, arrival.frame
    if group.error is not None:
        media.failures.append(f"{group.kind}: {group.error}")
    candidates = list({candidate.item_id: candidate for candidate in group.items}.values())
    if not candidates:
        return []
    try:
        library.space(group.kind, ModelId(group.model_id), candidates[0].vector.dim, weak=group.weak)
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
            continue
        item = known[match]
        if item.media_version != media.version:
            item.media_version, item.shot_id = media.version, ShotId(arrival.entry.shot_id)
            item.image_uri, item.thumbnail_uri = arrival.embedded.image_uri, arrival.embedded.thumbnail_uri
            library.tell_again(changes, item)
    return fresh


def _register(library: Library, arrival: _Arrival, group: KindItems, candidate: CandidateItem) -> Item:
    media, embedded_frame = arrival.media, arrival.embedded
    item_id = ItemId(candidate.item_id)
    if item_id in library.items:
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
        may_found=candidate.quality >= library.policy.poor_quality and not embedded_frame.flags,
        weak=group.weak,
        model_id=ModelId(group.model_id),
        vector=np.frombuffer(base64.b64decode(candidate.vector.data), dtype="<f2"),
        image_uri=embedded_frame.image_uri,
        thumbnail_uri=embedded_frame.thumbnail_uri,
        age=library.next_age(),
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
        _retire_unmatched(library, changes, media)
        refuse_waiting(library, changes, media.media_id)
    partial = media.partial is not None or bool(media.failures)
    _say(library, changes, media, "partial" if partial else "complete", media.version)


def _retire_unmatched(library: Library, changes: Changes, media: MediaState) -> None:
    """Items of older versions that the new bytes do not show. What a person decided goes only where the new bytes
    were looked at in that place and do not match.
    """
    for frame_id in list(media.frames):
        for item_id in list(library.frames[frame_id].items):
            item = library.items[item_id]
            seen = frame_id in media.frames_seen
            if item.media_version < media.version and (seen or not live(library, item)):
                _drop(library, changes, item, Why("retired"))


def _drop(library: Library, changes: Changes, item: Item, why: Why) -> None:
    previous = item.cluster_id
    library.take_out(item)
    item.provisional_id = None
    library.tell(changes, item, why, previous, pinned=False)
    library.forget(item)
    changes.removed[item.item_id] = item


def _say(library: Library, changes: Changes, media: MediaState, state: StatusState, version: int) -> None:
    applied = len(media.whole_shots)
    expected = len(media.expected_shots)
    media.status = MediaStatus(
        library_id=library.library_id,
        media_id=media.media_id,
        stage="cluster",
        version=version,
        state=state,
        progress=1.0 if media.complete else (min(1.0, applied / expected) if expected else None),
        counters=StatusCounters(shots_applied=applied, items=media.item_count),
        revision=library.next_revision(),
        reason="; ".join([*([media.partial] if media.partial else []), *media.failures[:3]]) or None,
    )
    changes.statuses[media.media_id] = media.status
