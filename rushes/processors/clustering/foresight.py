"""What the log is known to bring next: items of a batch of entries are compared together before they are decided."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from rushes.processors.clustering.library import Library
from rushes.processors.clustering.scoring import Vec16
from rushes.schemas.event import ItemKind
from rushes.schemas.log import ItemsEmbedded, KindItems, LogEntry
from rushes.schemas.vectors import decode_vector


def expect(library: Library, entries: Sequence[LogEntry]) -> None:
    """These entries are applied next; none ends it. The state and all decisions are the same whatever is expected, for
    it is no part of the fold: only what a decision costs is not.
    """
    coming: dict[ItemKind, list[Vec16]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry, ItemsEmbedded) and entry.entry_id not in library.applied:
            for frame in entry.frames:
                for group in frame.kinds:
                    coming[group.kind] += _vectors(library, group)
    for kind, space in library.spaces.items():
        vectors = coming[kind]
        space.rules.expect(np.stack(vectors) if vectors else np.zeros((0, space.dim), np.float16))


def _vectors(library: Library, group: KindItems) -> list[Vec16]:
    """Those that can be compared with what the library has of the kind."""
    space = library.spaces.get(group.kind)
    if space is None or space.model_id != group.model_id:
        return []
    found = []
    for item in group.items:
        if item.vector.dim == space.dim:
            try:
                found.append(decode_vector(item.vector).astype("<f2"))
            except ValueError:
                continue  # what can't be applied is refused when its turn comes
    return found
