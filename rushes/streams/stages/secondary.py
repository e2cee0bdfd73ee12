"""Secondary vectors of a frame: in its entry while they are small, else in one blob of the frame that the entry names.

The blob lies in the folder of the media's version, and goes with it. It is a JSON object: item id -> name -> vector.
"""

import hashlib
from typing import Final

from pydantic import TypeAdapter, ValidationError

from rushes.infra.blobs.port import BlobStore
from rushes.schemas.errors import DamagedMedia
from rushes.schemas.ids import LibraryId, MediaId, media_folder
from rushes.schemas.log import CandidateItem, EmbeddedFrame, SecondaryVector
from rushes.schemas.vectors import Vector

INLINE_BYTES: Final = 64 * 1024
"""Of a frame's secondary vectors in JSON: an event has 512 KB for all frames of a shot."""

_BLOB: Final[TypeAdapter[dict[str, dict[str, Vector]]]] = TypeAdapter(dict[str, dict[str, Vector]])


class SecondaryStore:
    """Moves what is large out of the frames of one version of a media. `models` names who made the vectors."""

    def __init__(self, blobs: BlobStore, library_id: str, media_id: str, version: int, models: str) -> None:
        self._blobs = blobs
        self._folder = f"{media_folder(LibraryId(library_id), MediaId(media_id))}/v{version}/secondary"
        self._models = hashlib.sha256(models.encode()).hexdigest()[:16]
        self._written: list[str] = []

    @property
    def wrote(self) -> bool:
        return bool(self._written)

    def fitted(self, frame: EmbeddedFrame) -> EmbeddedFrame:
        """The frame, its secondary vectors by uri where they are over INLINE_BYTES. Done again it writes the same."""
        inline = {
            item.item_id: {name: found.vector for name, found in item.secondary.items() if found.vector is not None}
            for kind in frame.kinds
            for item in kind.items
            if item.secondary
        }
        packed = _BLOB.dump_json(inline)
        if len(packed) <= INLINE_BYTES:
            return frame
        path = f"{self._folder}/{frame.frame_id}-{self._models}.json"
        uri = self._blobs.put(path, packed)
        self._written.append(path)
        kinds = tuple(
            kind.model_copy(update={"items": tuple(_by_uri(item, uri) for item in kind.items)}) for kind in frame.kinds
        )
        return frame.model_copy(update={"kinds": kinds})

    def forget(self) -> None:
        """Remove what was written: the media was removed meanwhile."""
        for path in self._written:
            self._blobs.delete(path)
        self._written.clear()


def _by_uri(item: CandidateItem, uri: str) -> CandidateItem:
    return item.model_copy(update={"secondary": {name: SecondaryVector(uri=uri) for name in item.secondary}})


def read_secondary(blobs: BlobStore, item: CandidateItem, name: str) -> Vector:
    """A secondary vector of an item, wherever it lies.

    Raises KeyError for a name that the item lacks, MediaNotFound for a blob that is gone (with its media, say), and
    DamagedMedia for one that holds something else.
    """
    found = item.secondary[name]
    if found.vector is not None:
        return found.vector
    uri = found.uri or ""
    try:
        return _BLOB.validate_json(blobs.get(uri))[item.item_id][name]
    except (ValidationError, KeyError) as error:
        raise DamagedMedia(
            f"expected the vector {name} of item {item.item_id} in {uri}, found none: {error}"
        ) from error
