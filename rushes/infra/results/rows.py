"""What the results are written from: plain rows, one an item, a cluster and a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rushes.schemas.decisions import ClusterAssigned, ClusterChanged
from rushes.schemas.event import ItemKind
from rushes.schemas.media import MediaFacts

FileStatus = Literal["sorted", "partial", "failed"]

GONE = frozenset({"removed", "retired"})
"""Decisions after which an item is no longer there: it has no line in any table."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """An item's newest assignment, the paths its media was found at, and the film's facts for the time code."""

    assigned: ClusterAssigned
    paths: tuple[str, ...]
    facts: MediaFacts | None = None

    @property
    def live(self) -> bool:
        return self.assigned.decision not in GONE

    @property
    def time_s(self) -> float | None:
        """Seconds from the film's first frame, None for a photo."""
        return None if self.assigned.time_us is None else self.assigned.time_us / 1_000_000


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """A cluster's newest record."""

    changed: ClusterChanged


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of a media. `error` is the code of the error tree, None where all is well.

    `media` is None where not even the content could be read, so that there is no id.
    """

    media: str | None
    paths: tuple[str, ...]
    status: FileStatus
    error: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that is shown of a library."""

    items: tuple[ItemResult, ...] = field(default=())
    clusters: tuple[ClusterResult, ...] = field(default=())
    files: tuple[FileResult, ...] = field(default=())
    off: tuple[ItemKind, ...] = field(default=())
    """Kinds that no model looked for: nothing of them is no finding."""
    detectors: Mapping[ItemKind, str] = field(default_factory=dict)
    """What found the items of a kind."""
