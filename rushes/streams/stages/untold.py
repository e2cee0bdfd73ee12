"""What was decided and is not known to be delivered, library by library."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rushes.processors.clustering.items import Changes
from rushes.schemas.ids import LibraryId


@dataclass(slots=True)
class _Telling:
    """Changes of one library. `carrier`: the event whose outcome carries them, as its library and offset."""

    changes: Changes = field(default_factory=Changes)
    carrier: tuple[LibraryId, int] | None = None


class Untold:
    """Changes wait here until the log has gone on behind the event that carried them.

    The entries of a library are acknowledged in order. So an entry behind the carrier says that the carrier was
    acknowledged, hence its outputs delivered; the carrier itself, come again, says that they were perhaps not.
    """

    def __init__(self) -> None:
        self._libraries: dict[LibraryId, _Telling] = {}

    def arrived(self, first_offsets: Mapping[LibraryId, int]) -> None:
        """Forget what is delivered. `first_offsets`: of the libraries in the batch at hand."""
        for library_id, telling in list(self._libraries.items()):
            if telling.carrier is not None:
                carrier, offset = telling.carrier
                if first_offsets.get(carrier, offset) > offset:
                    del self._libraries[library_id]

    def add(self, library_id: LibraryId, changes: Changes) -> None:
        """Changes to tell."""
        self._libraries.setdefault(library_id, _Telling()).changes.merge(changes)

    def again(self, library_id: LibraryId, changes: Changes) -> None:
        """Changes of before, to be told once more; what has come since wins."""
        known = self._libraries.get(library_id, _Telling()).changes
        both = Changes()
        both.merge(changes)
        both.merge(known)
        self._libraries[library_id] = _Telling(both)

    def carried_by(self, first_offsets: Mapping[LibraryId, int]) -> dict[LibraryId, tuple[LibraryId, Changes]]:
        """What this batch has to tell: by the library whose first event carries it, its own where that is there. What
        another event carries, which is not in the batch, is left to that one.
        """
        result: dict[LibraryId, tuple[LibraryId, Changes]] = {}
        first = next(iter(first_offsets))
        for library_id, telling in self._libraries.items():
            told_by = telling.carrier[0] if telling.carrier is not None else first
            if library_id in first_offsets:
                told_by = library_id
            if told_by in first_offsets:
                telling.carrier = (told_by, first_offsets[told_by])
                result[library_id] = (told_by, telling.changes)
        return result

    def drop(self, library_id: LibraryId) -> None:
        """The library is somebody else's."""
        self._libraries.pop(library_id, None)
