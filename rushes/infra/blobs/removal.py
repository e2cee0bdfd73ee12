"""The marker of a removed media: split writes it, split and embed look before they emit."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rushes.infra.blobs.port import BlobStore
from rushes.schemas.errors import DependencyUnavailable, MediaNotFound
from rushes.schemas.ids import LibraryId, MediaId, media_folder

FILE_NAME: Final = "removed.json"


class RemovalMarker(BaseModel):
    """This version of the media and all below it are gone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = Field(ge=0)


def marker_path(library_id: LibraryId, media_id: MediaId) -> str:
    """Beside the folders of the versions, so that it outlives them."""
    return f"{media_folder(library_id, media_id)}/{FILE_NAME}"


def mark_removed(blobs: BlobStore, library_id: LibraryId, media_id: MediaId, version: int) -> None:
    """Write the marker; one of a greater version stays."""
    known = removed_version(blobs, library_id, media_id)
    if known is None or known < version:
        blobs.put(marker_path(library_id, media_id), RemovalMarker(version=version).model_dump_json().encode())


def removed_version(blobs: BlobStore, library_id: LibraryId, media_id: MediaId) -> int | None:
    """The greatest version that is gone; None where nothing was removed.

    Raises DependencyUnavailable for a marker that can't be read: going on could bring erased faces back.
    """
    path = marker_path(library_id, media_id)
    try:
        return RemovalMarker.model_validate_json(blobs.get(path)).version
    except MediaNotFound:
        return None
    except ValidationError as error:
        raise DependencyUnavailable(
            f'expected {{"version": integer}} in {path}, found something else: restore or rewrite the marker'
        ) from error
