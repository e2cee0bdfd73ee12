"""How far each media is (`media-status`), and the letters of what failed (`dead-letters`)."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from rushes.schemas.event import Event, MediaName, Part
from rushes.schemas.ids import media_key
from rushes.schemas.media import MediaVersion
from rushes.schemas.revision import Revision

StatusStage = Literal["split", "embed", "cluster"]
StatusState = Literal["splitting", "split", "clustering", "complete", "partial", "removed", "failed"]


class StatusCounters(Part):
    """Counters that only grow within one version of a media."""

    shots_found: Annotated[int, Field(ge=0)] = 0
    frames_found: Annotated[int, Field(ge=0)] = 0
    shots_applied: Annotated[int, Field(ge=0)] = 0
    items: Annotated[int, Field(ge=0)] = 0

    @property
    def total(self) -> int:
        """For folding: of two records of one version the greater total is the later."""
        return self.shots_found + self.frames_found + self.shots_applied + self.items


class MediaStatus(Event):
    """How far one stage is with one media. Only the library's owner (`cluster`) says complete, partial or removed."""

    type: Literal["MediaStatus"] = "MediaStatus"
    schema_version: Literal[1] = 1
    media_id: MediaName
    stage: StatusStage
    version: MediaVersion
    state: StatusState
    progress: Annotated[float, Field(ge=0, le=1)] | None = None
    counters: StatusCounters = StatusCounters()
    revision: Revision | None = None
    code: str | None = None
    reason: str | None = None
    letter_id: str | None = None

    @property
    def key(self) -> str:
        return f"{media_key(self.library_id, self.media_id)}/{self.stage}"


class LetterHeader(Part):
    """One original header; value in base64."""

    name: str
    value_base64: str | None


class DeadLetter(Part):
    """One failure: the original record, byte for byte, and what to do about it. Library and media where readable."""

    type: Literal["DeadLetter"] = "DeadLetter"
    schema_version: Literal[1] = 1
    letter_id: str
    stage: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None = None
    key_base64: str | None
    value_base64: str | None
    headers: tuple[LetterHeader, ...] = ()
    event_id: str
    event_type: str | None = None
    library_id: str | None = None
    media_id: str | None = None
    code: str
    reason: str
    attempts: Annotated[int, Field(ge=1)]
    status: Literal["open", "retried", "discarded"] = "open"
    worker: str | None = None
    failed_at: AwareDatetime | None = None

    @property
    def key(self) -> str:
        """Kafka key: one failure is one letter, however often delivered."""
        return self.letter_id
