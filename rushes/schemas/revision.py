"""The order of decisions within a library."""

from functools import total_ordering
from typing import Annotated

from pydantic import Field

from rushes.schemas.event import Part


@total_ordering
class Revision(Part):
    """(n, k): n counts the distinct log entries applied, k the decisions within the n-th.

    >>> Revision(n=2, k=0) > Revision(n=1, k=7)
    True
    """

    n: Annotated[int, Field(ge=0)]
    k: Annotated[int, Field(ge=0)]

    def __lt__(self, other: "Revision") -> bool:
        return (self.n, self.k) < (other.n, other.k)
