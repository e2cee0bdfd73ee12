"""Background work that nobody's media asks for: entries of the log that request it."""

from typing import Literal

from rushes.processors.clustering.library import Library
from rushes.schemas.ids import entry_id
from rushes.schemas.log import ConsolidationRequested

Reason = Literal["timer", "idle", "end_of_run", "asked"]


def consolidation_of(library: Library, reason: Reason) -> ConsolidationRequested:
    """A request to finish what is left in a library as it is now. Two owners that ask at one place ask once."""
    return ConsolidationRequested(
        library_id=library.library_id,
        entry_id=entry_id(library.library_id, "ConsolidationRequested", library.n),
        reason=reason,
    )
