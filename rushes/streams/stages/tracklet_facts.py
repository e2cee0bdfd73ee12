"""Tracklets on a shot's frames: which items are one person, and from when to when that person is seen.

What is linked is what one `ShotSplit` holds. A shot whose frames fill several (far beyond two samples a second) has its
tracklets broken where they part: each event stays complete in itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rushes.processors.faces.tracklets import SightedFrame, Sighting, link_sightings
from rushes.schemas.event import ItemKind
from rushes.schemas.ids import ItemId, LibraryId, ShotId, tracklet_id
from rushes.schemas.log import CandidateItem, EmbeddedFrame, KindItems, Tracklet
from rushes.schemas.vectors import decode_vector

LINKED: Final[tuple[ItemKind, ...]] = ("face", "person")
"""Kinds whose items are persons."""

TRACKLET_BYTES: Final = 320
"""Most that an item in a tracklet adds to its entry: the id on it, and the tracklet said of with the entry."""


def with_tracklets(
    library_id: LibraryId, shot: ShotId, frames: Sequence[EmbeddedFrame], scene_model: str
) -> tuple[list[EmbeddedFrame], dict[str, Tracklet]]:
    """The frames with tracklet ids on their items, and the tracklets by id. Photos have none.

    Vectors of the scene's model, as bodies have them where there is none for persons, don't count as telling.
    """
    told: dict[str, Tracklet] = {}
    of_item: dict[str, str] = {}
    timed = sorted((frame for frame in frames if frame.time_us is not None), key=lambda frame: frame.time_us or 0)
    for kind in LINKED:
        for members in _linked(timed, kind, scene_model):
            first = min(item.item_id for at, item in members if at == members[0][0])
            identity = tracklet_id(library_id, shot, ItemId(first))
            best = min(members, key=lambda member: (-member[1].quality, member[1].item_id))[1]
            told[identity] = Tracklet(
                tracklet_id=identity,
                kind=kind,
                from_us=members[0][0],
                to_us=members[-1][0],
                count=len(members),
                best_item_id=best.item_id,
            )
            of_item.update((item.item_id, identity) for _, item in members)
    return [_marked(frame, of_item) for frame in frames], told


def tracklets_in(frames: Iterable[EmbeddedFrame], told: Mapping[str, Tracklet]) -> tuple[Tracklet, ...]:
    """Those that items of these frames belong to, in order of their beginning."""
    present = {item.tracklet_id for frame in frames for group in frame.kinds for item in group.items}
    found = (told[identity] for identity in present if identity is not None)
    return tuple(sorted(found, key=lambda tracklet: (tracklet.from_us, tracklet.tracklet_id)))


def tracklet_bytes(frame: EmbeddedFrame) -> int:
    """Room for what an entry says of the tracklets in a frame."""
    return TRACKLET_BYTES * sum(len(group.items) for group in frame.kinds if group.kind in LINKED)


def _linked(timed: Sequence[EmbeddedFrame], kind: ItemKind, scene_model: str) -> list[list[tuple[int, CandidateItem]]]:
    """Items of a kind that belong together, with their times in order; two at least."""
    groups = [[group for group in frame.kinds if group.kind == kind] for frame in timed]
    items = [[(item, group) for group in found for item in group.items] for found in groups]
    sighted = [
        SightedFrame(
            frame.time_us or 0, [_sighting(item, group, scene_model) for item, group in found], frame.perceptual_hash
        )
        for frame, found in zip(timed, items, strict=True)
    ]
    members: dict[int, list[tuple[int, CandidateItem]]] = {}
    for frame, found, numbers in zip(sighted, items, link_sightings(sighted), strict=True):
        for (item, _), number in zip(found, numbers, strict=True):
            members.setdefault(number, []).append((frame.time_us, item))
    return [found for _, found in sorted(members.items()) if len(found) > 1]


def _sighting(item: CandidateItem, group: KindItems, scene_model: str) -> Sighting:
    """What does not tell persons apart is left out: a weightless descriptor's vector, and one that describes places."""
    assert item.box is not None, "a face or body has a box"
    telling = not group.weak and group.model_id != scene_model
    return Sighting(item.box, decode_vector(item.vector) if telling else None)


def _marked(frame: EmbeddedFrame, of_item: Mapping[str, str]) -> EmbeddedFrame:
    if not any(item.item_id in of_item for group in frame.kinds for item in group.items):
        return frame
    kinds = tuple(
        group.model_copy(
            update={
                "items": tuple(
                    item.model_copy(update={"tracklet_id": of_item.get(item.item_id)}) for item in group.items
                )
            }
        )
        for group in frame.kinds
    )
    return frame.model_copy(update={"kinds": kinds})
