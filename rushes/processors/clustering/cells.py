"""What each body cluster shows in each scene on each day: the faces there, and whether they are one character."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rushes.processors.identity.company import Agreement, agreement
from rushes.schemas.ids import ClusterId, FrameId, ItemId, MediaId

if TYPE_CHECKING:  # the library holds its cells
    from rushes.processors.clustering.items import Item
    from rushes.processors.clustering.library import Library

Decided = Callable[["Item"], tuple[int, int] | None]
"""Of a face its unit and character, where these were decided without bodies."""

Witnesses = dict[int, tuple[int, ItemId]]
"""Units decided without bodies: the character of each and one of its faces, the oldest first."""

MOST_WITNESSES: Final = 64
"""Units that speak for a cell, the oldest first: more say nothing new, and a day in one place has no end of them."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A body cluster in a scene on a day."""

    body: ClusterId
    scene: ClusterId
    day: str


class Cells:
    """Faces by cell. Told of whatever may change a face's cell or character; looks at it when asked to."""

    def __init__(self) -> None:
        self.agreement = Agreement()
        """Of all cells together."""
        self._face_of: dict[ItemId, ItemId] = {}
        self._stale: dict[ItemId, None] = {}
        self._noted: dict[ItemId, None] = {}
        self._cell_of: dict[ItemId, Cell] = {}
        self._faces: dict[Cell, set[ItemId]] = {}
        self._witnesses: dict[Cell, Witnesses] = {}
        self._partly: dict[Cell, None] = {}
        self._requested = False
        self._around: dict[tuple[ClusterId, str], set[ClusterId]] = {}

    def belongs(self, face: "Item", body: "Item") -> None:
        """The body is the face's."""
        face.body_item_id = body.item_id
        self._face_of[body.item_id] = face.item_id
        self._stale[face.item_id] = None

    def touch(self, item: "Item") -> None:
        """A face, or a body, is elsewhere than it was, or gone."""
        if item.kind == "face":
            if item.body_item_id is not None:
                self._stale[item.item_id] = None
        elif item.kind == "person" and item.item_id in self._face_of:
            self._stale[self._face_of[item.item_id]] = None

    def touch_frame(self, library: "Library", frame_id: FrameId) -> None:
        """A frame is in another scene."""
        for item_id, kind in library.frames[frame_id].items.items():
            if kind == "face":
                self.touch(library.items[item_id])

    def cell_of(self, face: ItemId) -> Cell | None:
        return self._cell_of.get(face)

    def faces(self, library: "Library", cell: Cell) -> list[ItemId]:
        """Those that are still there, the oldest first."""
        found = [item_id for item_id in self._faces.get(cell, ()) if item_id in library.items]
        return sorted(found, key=lambda item_id: library.items[item_id].age)

    def witnesses(self, library: "Library", cell: Cell, decided: Decided) -> Witnesses:
        """Those units that spoke for the cell when it was brought up to date, and still do."""
        found: Witnesses = {}
        for unit, (_, item_id) in self._witnesses.get(cell, {}).items():
            item = library.items.get(item_id)
            now = None if item is None else decided(item)
            if now is not None and now[0] == unit:
                found[unit] = (now[1], item_id)
        return found

    def around(self, library: "Library", cell: Cell) -> list[ClusterId]:
        """The other body clusters of the cell's scene and day, the oldest first."""
        found = self._around.get((cell.scene, cell.day), set()) - {cell.body}
        return sorted(found, key=lambda name: (library.clusters[name].age, name))

    def is_left(self) -> bool:
        """Whether faces are noted."""
        return bool(self._noted)

    def take(self, count: int | None) -> list[ItemId]:
        """The faces noted longest ago; all of them (None)."""
        taken = list(self._noted)[:count]
        for item_id in taken:
            del self._noted[item_id]
        return taken

    def request(self) -> None:
        """Let the next renewal be thorough."""
        self._requested = True

    def renew(self, library: "Library", decided: Decided) -> None:
        """Bring the cells of stale faces up to date, and note what is to be looked at: undecided faces that are stale
        themselves, and all of a cell where others speak for it now. On request all of every cell in which anything
        changed since the request before, for a body's rivals may be others, too.
        """
        changed: dict[Cell, list[ItemId]] = {}
        stale, self._stale = self._stale, {}
        for item_id in stale:
            cell = _cell(library, item_id)
            before = self._cell_of.get(item_id)
            if before != cell:
                self._move(item_id, before, cell)
            for each in {before: None, cell: None}:
                if each is not None:
                    changed.setdefault(each, [])
            if cell is not None:
                changed[cell].append(item_id)
            if item_id not in library.items:
                self._noted.pop(item_id, None)
        for cell, own in changed.items():
            self._partly[cell] = None
            others_speak = self._others_speak(library, cell, decided)
            self._note(library, self.faces(library, cell) if others_speak else own, decided)
        if self._requested:
            for cell in self._partly:
                self._note(library, self.faces(library, cell), decided)
            self._partly.clear()
            self._requested = False

    def _note(self, library: "Library", faces: Iterable[ItemId], decided: Decided) -> None:
        self._noted.update({item_id: None for item_id in faces if decided(library.items[item_id]) is None})

    def _move(self, item_id: ItemId, before: Cell | None, cell: Cell | None) -> None:
        if before is not None:
            del self._cell_of[item_id]
            self._faces[before].discard(item_id)
            if not self._faces[before]:
                del self._faces[before]
                around = self._around[before.scene, before.day]
                around.discard(before.body)
                if not around:
                    del self._around[before.scene, before.day]
        if cell is not None:
            self._cell_of[item_id] = cell
            self._faces.setdefault(cell, set()).add(item_id)
            self._around.setdefault((cell.scene, cell.day), set()).add(cell.body)

    def _others_speak(self, library: "Library", cell: Cell, decided: Decided) -> bool:
        """Find the cell's witnesses; whether they are others, or of other characters, than the last time."""
        now: Witnesses = {}
        for item_id in self.faces(library, cell):
            one = decided(library.items[item_id])
            if one is not None:
                now.setdefault(one[0], (one[1], item_id))
                if len(now) == MOST_WITNESSES:
                    break
        before = self._witnesses.pop(cell, {})
        if now:
            self._witnesses[cell] = now
        self.agreement += _agreement(now) - _agreement(before)
        return _characters(now) != _characters(before)


def _characters(witnesses: Witnesses) -> dict[int, int]:
    return {unit: character for unit, (character, _) in witnesses.items()}


def _agreement(witnesses: Witnesses) -> Agreement:
    return agreement(list(Counter(character for character, _ in witnesses.values()).values()))


def _cell(library: "Library", item_id: ItemId) -> Cell | None:
    item = library.items.get(item_id)
    body = None if item is None or item.body_item_id is None else library.items.get(item.body_item_id)
    if item is None or body is None or body.cluster_id is None:
        return None
    scene = library.scene_of(item.frame_id)
    return None if scene is None else Cell(body.cluster_id, scene, day_of(library, item.media_id))


def day_of(library: "Library", media_id: MediaId) -> str:
    """The day that a media was captured on; the media itself where its file tells of none."""
    return library.media[media_id].day or f"media {media_id}"
