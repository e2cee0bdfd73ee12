"""The blob store that the settings name."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from rushes.infra.blobs.local import LocalBlobStore
from rushes.infra.blobs.port import BlobStore
from rushes.infra.settings import BlobSettings


def open_blob_store(blobs: BlobSettings, *, fsync: bool = True) -> BlobStore:
    """A folder's store, or that of an fsspec url. `fsync` holds for folders. Raises ConfigurationError."""
    scheme, separator, _ = blobs.root.partition("://")
    if not separator:
        return LocalBlobStore(Path(blobs.root), fsync=fsync)
    if scheme == "file":
        return LocalBlobStore(Path(unquote(urlsplit(blobs.root).path)), fsync=fsync)
    from rushes.infra.blobs.fsspec_store import FsspecBlobStore  # noqa: PLC0415 - a folder needs no fsspec

    return FsspecBlobStore(blobs.root)
