"""A library's state as the rows that results are written from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import PurePath
from typing import Final

from rushes.infra.blobs.port import BlobStore
from rushes.infra.inventory import Inventory, SeenMedia
from rushes.infra.results.continuations import with_continuations
from rushes.infra.results.rows import ClusterResult, FileResult, ItemResult, Results
from rushes.processors.clustering.items import Item, MediaState
from rushes.processors.clustering.library import Library
from rushes.schemas.decisions import ClusterAssigned
from rushes.schemas.errors import UnsupportedMedia
from rushes.schemas.ids import MediaId
from rushes.schemas.media import MediaFacts
from rushes.schemas.status import DeadLetter
from rushes.streams.stages.split_manifest import MediaFolder

NOT_MEDIA: Final = "not-media"
"""Code of a file that neither its name nor its bytes make a picture or a film: accounted for, and no failure."""

TOLD_FAILURES: Final = 3
"""Parts of a film named in its reason; a film may have hundreds that failed alike."""

NO_MEDIA: Final = "neither its name nor its bytes are those of a photo or film"

UNREADABLE: Final = "unreadable"

_PHOTOS = (
    "3fr ari arw avif bmp cr2 cr3 dng dpx exr gif heic heif hif j2k jp2 jpe jpeg jpg jxl nef orf pef png raf rw2 srw"
    " tif tiff webp"
)
_FILMS = "3gp avi braw crm flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf qt r3d ts vob webm wmv"
MEDIA_SUFFIXES: Final = frozenset(f"{_PHOTOS} {_FILMS}".split())
"""File names that claim to be media: what can't be read of these has failed."""


def file_results(
    inventory: Inventory, library: Library | None, letters: Mapping[MediaId, DeadLetter]
) -> list[FileResult]:
    """What became of every file: sorted, partial, or failed with the reason. Media still on their way have no row."""
    results = [FileResult(None, (file.path,), "failed", UNREADABLE, file.problem) for file in inventory.unreadable()]
    for media in inventory.media():
        state = library.media.get(media.media_id) if library is not None else None
        results.extend(_results(media, state, letters.get(media.media_id)))
    return results


def narrowed(files: Sequence[FileResult], paths: AbstractSet[str]) -> list[FileResult]:
    """The results as far as they concern these paths."""
    kept = [replace(file, paths=tuple(path for path in file.paths if path in paths)) for file in files]
    return [file for file in kept if file.paths]


def unfinished(inventory: Inventory, files: Sequence[FileResult]) -> int:
    """Files of which nothing is settled yet."""
    settled = {path for file in files for path in file.paths}
    return sum(file.path not in settled for file in inventory.files)


def results_of(
    library: Library | None,
    paths: Mapping[str, tuple[str, ...]],
    files: Sequence[FileResult],
    facts: Mapping[str, MediaFacts],
    place_of: Callable[[str | None], str | None],
) -> Results:
    """All rows: items with their paths and time codes, clusters, files. `place_of` gives the uri of a picture now."""
    if library is None:
        return Results(files=tuple(files))
    items = tuple(
        ItemResult(_placed(item.record, place_of), paths.get(item.media_id, ()), facts.get(item.media_id))
        for item in library.items.values()
        if item.record is not None
    )
    clusters = tuple(
        ClusterResult(cluster.record)
        for cluster in library.clusters.values()
        if cluster.record is not None and cluster.members
    )
    return Results(items, clusters, tuple(files))


def _placed(record: ClusterAssigned, place_of: Callable[[str | None], str | None]) -> ClusterAssigned:
    image, thumbnail = place_of(record.image_uri), place_of(record.thumbnail_uri)
    if (image, thumbnail) == (record.image_uri, record.thumbnail_uri):
        return record
    return record.model_copy(update={"image_uri": image, "thumbnail_uri": thumbnail})


def film_facts(blobs: BlobStore, library: Library | None) -> dict[str, MediaFacts]:
    """What the containers say of the films in the library, as split noted it: frame rates for time codes; and which of
    them go on in another file.
    """
    if library is None:
        return {}
    films = {item.media_id: item.media_version for item in library.items.values() if _in_film(item)}
    found = {}
    for media_id, version in films.items():
        facts = MediaFolder(blobs, library.library_id, media_id).facts(version)
        if facts is not None:
            found[str(media_id)] = facts
    return with_continuations(library.library_id, found)


def _in_film(item: Item) -> bool:
    return item.record is not None and item.record.time_us is not None


def _results(media: SeenMedia, state: MediaState | None, letter: DeadLetter | None) -> Iterator[FileResult]:
    complete = state is not None and state.complete
    if letter is not None and not complete:
        if state is not None and state.whole_shots:
            yield FileResult(media.media_id, media.paths, "partial", letter.code, letter.reason)
        else:
            yield from _failures(media, letter)
    elif state is not None and complete:
        if state.partial is not None or state.failures:
            partial = state.partial or ""
            reason = "; ".join([part for part in (partial, *_others(state.failures, partial)) if part])
            yield FileResult(media.media_id, media.paths, "partial", "partial", reason)
        else:
            yield FileResult(media.media_id, media.paths, "sorted")


def _failures(media: SeenMedia, letter: DeadLetter) -> Iterator[FileResult]:
    """By what the names claim: the same bytes (none at all, say) may be a broken film here and a text there."""
    for claims in (True, False):
        paths = tuple(path for path in media.paths if _claims_media(path) is claims)
        nothing = letter.code == UnsupportedMedia.code or media.size_bytes == 0
        if paths:
            code, reason = (NOT_MEDIA, NO_MEDIA) if nothing and not claims else (letter.code, letter.reason)
            yield FileResult(media.media_id, paths, "failed", code, reason)


def _others(failures: Sequence[str], told: str) -> list[str]:
    """The first failures that are not told already."""
    return [failure for failure in failures if not told or told not in failure][:TOLD_FAILURES]


def _claims_media(path: str) -> bool:
    return PurePath(path).suffix.lower().lstrip(".") in MEDIA_SUFFIXES
