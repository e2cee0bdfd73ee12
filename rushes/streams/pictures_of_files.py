"""The pictures that a file is looked at by: the photo itself, or the keyframes of a film."""

from collections.abc import Iterator
from pathlib import Path

from rushes.infra.media.decoder import MediaDecoder, Picture
from rushes.infra.media.sniff import SNIFF_BYTES, sniff


def pictures_of_file(path: Path, decoder: MediaDecoder) -> Iterator[Picture]:
    """In order of their coming. Raises OSError, and PermanentError as the decoder does."""
    with path.open("rb") as opened:
        start = opened.read(SNIFF_BYTES)
    if sniff(start) == "photo":
        yield decoder.photo(path)[1]
    else:
        yield from (part for part in decoder.film(path) if isinstance(part, Picture))
