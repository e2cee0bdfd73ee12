"""Telling what is about to be erased: the keyframes of a media, so that what was kept of them elsewhere goes too."""

from collections.abc import Iterable, Iterator
from typing import Final

from rushes.schemas.channels import Channel
from rushes.schemas.envelope import encode
from rushes.schemas.ids import LibraryId, MediaId, event_id_of_bytes
from rushes.schemas.shots import ErasedKeyframe, MediaErased
from rushes.streams.stage import Output
from rushes.streams.stages.split_events import PART_BYTES
from rushes.streams.stages.split_manifest import MediaFolder

BEAT_READS: Final = 16
"""Blobs read between two signs of life: 1.6 s where a store takes 0.1 s for each."""


def erasure_groups(
    folder: MediaFolder, library_id: LibraryId, media_id: MediaId, version: int
) -> Iterator[tuple[Output, ...]]:
    """Groups of outputs; an empty one says that work goes on. Nothing where no keyframe is known.

    All must be delivered before the first byte is erased: afterwards nobody knows them any more.
    """
    keyframes: dict[ErasedKeyframe, None] = {}
    for reads, known in enumerate(folder.known_keyframes(version), 1):
        keyframes.update(dict.fromkeys(known))
        if reads % BEAT_READS == 0:
            yield ()
    parts = list(_parts(keyframes))
    for number, part in enumerate(parts):
        event = MediaErased(
            library_id=library_id,
            media_id=media_id,
            version=version,
            part=number,
            final=number == len(parts) - 1,
            keyframes=part,
        )
        # From its content: told again after half of the bytes went, it is another event.
        yield (Output(Channel.FRAMES, event, event.key, event_id_of_bytes(encode(event))),)


def _parts(keyframes: Iterable[ErasedKeyframe]) -> Iterator[tuple[ErasedKeyframe, ...]]:
    part: list[ErasedKeyframe] = []
    size = 0
    for keyframe in keyframes:
        keyframe_bytes = len(keyframe.model_dump_json().encode()) + 1
        if part and size + keyframe_bytes > PART_BYTES:
            yield tuple(part)
            part, size = [], 0
        part.append(keyframe)
        size += keyframe_bytes
    if part:
        yield tuple(part)
