"""Background work that nobody's media asks for: entries of the log that request it."""

from typing import Literal

from rushes.processors.clustering.library import Library
from rushes.schemas.ids import entry_id
from rushes.schemas.log import ConsolidationRequested

Reason = Literal["timer", "idle", "end_of_run", "asked"]


def is_unsettled(library: Library) -> bool:
    """Whether something came that no request has looked at, and a policy that looks again."""
    looks_again = any(space.rules.policy == "calibrated" for space in library.spaces.values())
    return looks_again and library.settled_n < library.n


def consolidation_of(library: Library, reason: Reason, budget: int | None = None) -> ConsolidationRequested:
    """A request to finish what is left in a library as it is now, or some of it (`budget`, in operations). Two owners
    that ask at one place ask once.
    """
    return ConsolidationRequested(
        library_id=library.library_id,
        entry_id=entry_id(library.library_id, "ConsolidationRequested", library.n),
        reason=reason,
        budget_operations=budget,
    )
