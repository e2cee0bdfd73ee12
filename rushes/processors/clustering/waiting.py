"""Corrections whose items have not come yet, found by what would bring them: an item's id, or its place in a media."""

from collections.abc import Iterable

from rushes.processors.clustering.items import FeedbackState
from rushes.processors.clustering.timeline import Timeline
from rushes.schemas.feedback import ItemRef
from rushes.schemas.ids import ItemId, MediaId

Awaited = tuple[FeedbackState, ItemRef]


class Waiting:
    """What corrections wait for, in the order in which they were given. Each correction knows its own part of it
    (`FeedbackState.waiting`).
    """

    def __init__(self) -> None:
        self._count = 0
        self._awaited: dict[str, Awaited] = {}
        self._keys: dict[tuple[str, ItemRef], str] = {}
        self._by_id: dict[ItemId, set[str]] = {}
        self._by_media: dict[MediaId, Timeline[str]] = {}

    def __len__(self) -> int:
        return len(self._awaited)

    def add(self, state: FeedbackState) -> None:
        """Let a correction wait for all that is in its `waiting`."""
        for ref in state.waiting:
            self._count += 1
            key = f"{self._count:012}"
            self._awaited[key] = (state, ref)
            self._keys[state.entry.feedback.feedback_id, ref] = key
            if ref.item_id is not None:
                self._by_id.setdefault(ItemId(ref.item_id), set()).add(key)
            if ref.anchor is not None:
                there = self._by_media.setdefault(MediaId(ref.anchor.media_id), Timeline())
                there.add(key, ref.anchor.stream, ref.anchor.time_us)

    def done(self, state: FeedbackState, ref: ItemRef) -> None:
        """A correction waits for this no more."""
        state.waiting.remove(ref)
        key = self._keys.pop((state.entry.feedback.feedback_id, ref))
        del self._awaited[key]
        if ref.item_id is not None:
            self._by_id[ItemId(ref.item_id)].discard(key)
        if ref.anchor is not None:
            self._by_media[MediaId(ref.anchor.media_id)].discard(key, ref.anchor.stream, ref.anchor.time_us)

    def for_item(
        self, item_id: ItemId, media_id: MediaId, stream: int, time_us: int | None, tolerance_us: int
    ) -> list[Awaited]:
        """What an item may be that came there; whether it is, its box tells."""
        keys = set(self._by_id.get(item_id, ()))
        there = self._by_media.get(media_id)
        if there is not None:
            keys.update(key for key, _ in there.near(stream, time_us, tolerance_us))
        return self._in_order(keys)

    def for_media(self, media_id: MediaId) -> list[Awaited]:
        """What is awaited at places in this media."""
        return self._in_order(self._by_media.get(media_id, ()))

    def by_id_alone(self) -> list[Awaited]:
        """What is awaited wherever it may be."""
        return [(state, ref) for state, ref in self._awaited.values() if ref.anchor is None]

    def _in_order(self, keys: Iterable[str]) -> list[Awaited]:
        return [self._awaited[key] for key in sorted(keys)]
