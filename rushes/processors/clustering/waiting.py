"""Corrections whose items have not come yet, found by what would bring them: a media, or an item's id."""

from collections.abc import Iterator

from rushes.processors.clustering.items import FeedbackState
from rushes.schemas.feedback import ItemRef
from rushes.schemas.ids import ItemId, MediaId

_Place = tuple[str, str]


class Waiting:
    """Corrections by the place where they wait. Each knows itself what it waits for (`FeedbackState.waiting`)."""

    def __init__(self) -> None:
        self._places: dict[_Place, dict[str, FeedbackState]] = {}

    def __len__(self) -> int:
        return len({name for states in self._places.values() for name in states})

    def add(self, state: FeedbackState) -> None:
        """Let a correction wait for all that is in its `waiting`."""
        for ref in state.waiting:
            self._places.setdefault(_place(ref), {})[state.entry.feedback.feedback_id] = state

    def done(self, state: FeedbackState, ref: ItemRef) -> None:
        """A correction waits for this no more."""
        state.waiting.remove(ref)
        place = _place(ref)
        if all(_place(other) != place for other in state.waiting):
            states = self._places[place]
            del states[state.entry.feedback.feedback_id]
            if not states:
                del self._places[place]

    def for_media(self, media_id: MediaId) -> Iterator[tuple[FeedbackState, ItemRef]]:
        """What waits for items at places in this media, in the order in which it came."""
        return self._at(("media", media_id))

    def for_item(self, item_id: ItemId) -> Iterator[tuple[FeedbackState, ItemRef]]:
        """What waits for an item named by its id alone."""
        return self._at(("item", item_id))

    def for_items(self) -> Iterator[tuple[FeedbackState, ItemRef]]:
        """What waits for items named by their ids alone."""
        for kind, name in list(self._places):
            if kind == "item":
                yield from self._at((kind, name))

    def _at(self, place: _Place) -> Iterator[tuple[FeedbackState, ItemRef]]:
        for state in list(self._places.get(place, {}).values()):
            for ref in [ref for ref in state.waiting if _place(ref) == place]:
                yield state, ref


def _place(ref: ItemRef) -> _Place:
    if ref.anchor is not None:
        return "media", ref.anchor.media_id
    assert ref.item_id is not None, "an item is named by its id, its place, or both"
    return "item", ref.item_id
