"""Which item a person means: by id, or by media, time and box."""

from typing import Final

from rushes.processors.clustering.human import live
from rushes.processors.clustering.items import Item, MediaState
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.registry import WHOLE, iou
from rushes.schemas.feedback import ItemRef
from rushes.schemas.ids import FrameId, ItemId, MediaId

ANCHOR_IOU: Final = 0.5
"""A person's box names the item it overlaps by this much or more."""

DEFAULT_FRAME_US: Final = 40_000
"""Frame duration assumed where a film's is not known yet: 25 frames a second."""


def find(library: Library, ref: ItemRef) -> Item | None:
    """The item meant: by id, else the one at that place. None where it is not known (yet)."""
    if ref.item_id is not None:
        item = library.items.get(ItemId(ref.item_id))
        if item is not None:
            return item
    anchor = ref.anchor
    if anchor is None:
        return None
    media = library.media.get(MediaId(anchor.media_id))
    if media is None:
        return None
    best: tuple[float, int, int] | None = None
    meant: Item | None = None
    for frame_id, distance_us in media.frames.near(anchor.stream, anchor.time_us, half_a_frame_us(media)):
        for item_id, kind in library.frames[frame_id].items.items():
            item = library.items[item_id]
            overlap = iou(item.box or WHOLE, anchor.box or WHOLE)
            rank = (-overlap, distance_us, item.age)
            if kind == anchor.kind and overlap >= ANCHOR_IOU and (best is None or rank < best):
                best, meant = rank, item
    return meant


def half_a_frame_us(media: MediaState) -> int:
    """How far off a time may be that names a frame of the media (microseconds)."""
    return (media.frame_duration_us or DEFAULT_FRAME_US) // 2


def may_come(library: Library, ref: ItemRef) -> bool:
    """Whether an item that is not known may be on its way: its media is not complete, or not known."""
    if ref.anchor is None:
        return bool(library.incomplete)
    media_id = MediaId(ref.anchor.media_id)
    return media_id not in library.media or media_id in library.incomplete


def name_of(ref: ItemRef) -> str:
    """How a message names what a person meant."""
    if ref.item_id is not None:
        return ref.item_id
    anchor = ref.anchor
    return f"{anchor.kind} in {anchor.media_id} at {anchor.time_us} us, box {anchor.box}" if anchor else "?"


def anchored_frames(library: Library, media_id: MediaId) -> list[FrameId]:
    """Frames of a media in which an item bears a live human decision: every later split emits them again."""
    media = library.media.get(media_id)
    if media is None:
        return []
    return [
        frame_id
        for frame_id in media.frames
        if any(live(library, library.items[item_id]) for item_id in library.frames[frame_id].items)
    ]
