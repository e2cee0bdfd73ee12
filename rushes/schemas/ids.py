"""Ids: uuid5 over the origin of the thing, library first: tenants can't collide, a replay writes the same rows.

Parts are joined as a JSON array before hashing, so that no choice of names makes two origins look alike
(``["a", "b/c"]`` is not ``["a/b", "c"]``).
"""

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Final, NewType

LibraryId = NewType("LibraryId", str)
MediaId = NewType("MediaId", str)
ShotId = NewType("ShotId", str)
FrameId = NewType("FrameId", str)
ItemId = NewType("ItemId", str)
ClusterId = NewType("ClusterId", str)
TrackletId = NewType("TrackletId", str)
EventId = NewType("EventId", str)
FeedbackId = NewType("FeedbackId", str)
ModelId = NewType("ModelId", str)
Generation = NewType("Generation", str)

NAMESPACE: Final = uuid.UUID("5f6c3a1e-7c0d-5b8e-9a41-2f0d6e1b7c93")

BOX_STEPS: Final = 1024
"""Boxes are quantised to 1/1024 of the picture: 4 px of a 4K frame, well under a detector's own jitter."""

Box = tuple[float, float, float, float]


def derive(kind: str, library_id: str, *parts: str | int | Sequence[int] | None) -> str:
    """Id of a thing from its kind and origin, as a canonical uuid5 string.

    >>> derive("frame", "a", "m", 0, 40000) == derive("frame", "a", "m", 0, 40000)
    True
    >>> derive("frame", "a", "b/c") == derive("frame", "a/b", "c")
    False
    """
    origin = json.dumps([kind, library_id, *parts], separators=(",", ":"), ensure_ascii=True)
    return str(uuid.uuid5(NAMESPACE, origin))


def quantise(box: Box) -> tuple[int, int, int, int]:
    """Corners of a box in steps of 1/1024 of the displayed picture, clamped to it."""
    x0, y0, x1, y1 = (min(max(round(value * BOX_STEPS), 0), BOX_STEPS) for value in box)
    return x0, y0, x1, y1


def quantised(box: Box) -> Box:
    """The box moved to the 1/1024 grid (exact in float64)."""
    x0, y0, x1, y1 = quantise(box)
    return x0 / BOX_STEPS, y0 / BOX_STEPS, x1 / BOX_STEPS, y1 / BOX_STEPS


def frame_id(library_id: LibraryId, media_id: MediaId, stream: int, time_us: int | None) -> FrameId:
    """Id of one presented frame; `time_us` in microseconds from the stream's first frame, None for a photo."""
    return FrameId(derive("frame", library_id, media_id, stream, time_us))


def shot_id(library_id: LibraryId, media_id: MediaId, version: int, start_us: int | None) -> ShotId:
    """Id of a shot of one version of a media."""
    return ShotId(derive("shot", library_id, media_id, version, start_us))


def span_id(library_id: LibraryId, folder: str, name: str) -> str:
    """Id of a recording in several files: they lie in one folder and share a part of their names."""
    return derive("span", library_id, folder, name)


def item_id(library_id: LibraryId, frame: FrameId, kind: str, box: Box | None) -> ItemId:
    """Candidate id of an item: no rank and no model in it. Box None is the whole frame."""
    return ItemId(derive("item", library_id, frame, kind, None if box is None else quantise(box)))


def item_id_of_version(library_id: LibraryId, candidate: ItemId, version: int) -> ItemId:
    """Id of an item whose candidate id belongs already to a different picture of an older version."""
    return ItemId(derive("item-of-version", library_id, candidate, version))


def tracklet_id(library_id: LibraryId, shot: ShotId, first: ItemId) -> TrackletId:
    """Id of a tracklet, from its shot and the candidate id of its first item."""
    return TrackletId(derive("tracklet", library_id, shot, first))


def cluster_id(library_id: LibraryId, kind: str, founder: ItemId, cause: EventId) -> ClusterId:
    """Id of a cluster, from the item that founds it and the log entry that made it do so."""
    return ClusterId(derive("cluster", library_id, kind, founder, cause))


def provisional_id(library_id: LibraryId, kind: str, item: ItemId, cause: EventId) -> ClusterId:
    """Id under which an item waits in the noise bucket; promotion keeps it as the cluster's id."""
    return ClusterId(derive("cluster", library_id, kind, item, cause))


def entry_id(library_id: LibraryId, entry_type: str, *origin: str | int | None) -> EventId:
    """Id of an entry of the library's log: the same work redone appends the same entry, and counts once."""
    return EventId(derive("entry", library_id, entry_type, *origin))


def letter_id(stage: str, event_id: EventId) -> str:
    """Id of a dead letter: one failure of one event in one stage is one letter, however often delivered."""
    return str(uuid.uuid5(NAMESPACE, json.dumps(["dead-letter", stage, event_id])))


def event_id_of_bytes(value: bytes) -> EventId:
    """Id of an event that came without one: the same bytes are the same event."""
    return EventId(str(uuid.uuid5(NAMESPACE, "bytes:" + hashlib.sha256(value).hexdigest())))


def media_key(library_id: str, media_id: str) -> str:
    """Kafka key of a media. A library id holds no slash, so the first slash splits the key again."""
    return f"{library_id}/{media_id}"


def media_folder(library_id: LibraryId, media_id: MediaId) -> str:
    """Folder of a media in the blob store, library first; safe whatever characters the media id has."""
    return f"{library_id}/{derive('folder', library_id, media_id)}"
