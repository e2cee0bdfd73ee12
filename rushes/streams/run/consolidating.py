"""What is left to look at again when a run or a correction is through: asked for in the journal, and done."""

from typing import Literal

from pydantic import BaseModel

from rushes.schemas.envelope import Envelope, Record, encode
from rushes.schemas.ids import EventId
from rushes.schemas.log import LogEntry
from rushes.streams.run.held import Held
from rushes.streams.stage import Incoming
from rushes.streams.stages.upkeep import consolidation_of, is_unsettled


def decide_entry(parts: Held, entry: LogEntry) -> list[BaseModel]:
    """Append an entry to the journal and decide it; what that tells."""
    (position,) = parts.journal.append([entry])
    record = Record("journal", position.partition, position.offset, entry.key.encode(), encode(entry))
    incoming: Incoming[LogEntry] = Incoming(record, entry, Envelope(EventId(entry.entry_id)))
    outcomes = list(parts.cluster.process([incoming]))
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return [output.event for outcome in outcomes for output in outcome.outputs]


def consolidate(parts: Held, reason: Literal["end_of_run", "asked"]) -> list[BaseModel]:
    """Finish all background work; nothing where there is none. What that tells."""
    library = parts.library
    if library is None or not is_unsettled(library):
        return []
    return decide_entry(parts, consolidation_of(library, reason))
