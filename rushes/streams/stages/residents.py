"""Which libraries leave memory: those that nothing came for while many entries of others did."""

from collections import OrderedDict

from rushes.schemas.ids import LibraryId


class Residents:
    """Libraries in memory, the longest quiet first. Counts entries, so that no clock decides."""

    def __init__(self, release_after: int | None) -> None:
        """`release_after`: entries of others; None: nothing ever leaves."""
        self._after = release_after
        self._entries = 0
        self._last: OrderedDict[LibraryId, int] = OrderedDict()

    def came(self, library_id: LibraryId) -> None:
        """An entry of a library was applied, or the library stays for another while."""
        self._entries += 1
        self._last[library_id] = self._entries
        self._last.move_to_end(library_id)

    def left(self, library_id: LibraryId) -> None:
        """A library is somebody else's."""
        self._last.pop(library_id, None)

    def leaving(self) -> list[LibraryId]:
        """Those that leave now; each is named once."""
        if self._after is None:
            return []
        before = self._entries - self._after
        found = []
        while self._last and next(iter(self._last.values())) < before:
            found.append(self._last.popitem(last=False)[0])
        return found
