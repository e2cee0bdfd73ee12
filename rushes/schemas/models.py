"""What the trainer publishes (`model-updated`), and where a library's log lies (`library-placements`)."""

from typing import Annotated, Literal

from pydantic import Field

from rushes.schemas.event import Event, ItemKind


class ModelUpdated(Event):
    """A new adapter for one kind of a library."""

    type: Literal["ModelUpdated"] = "ModelUpdated"
    schema_version: Literal[1] = 1
    kind: ItemKind
    adapter_version: str
    parent_version: str
    weights_uri: str
    weights_sha256: str
    metrics: dict[str, float] = Field(default_factory=dict)
    status: Literal["candidate", "shipped", "refused", "retired"]

    @property
    def key(self) -> str:
        return f"{self.library_id}/{self.kind}"


class LibraryPlaced(Event):
    """The partition of a library's log, chosen once. The first record of a library stands, whatever grows later."""

    type: Literal["LibraryPlaced"] = "LibraryPlaced"
    schema_version: Literal[1] = 1
    log_topic: str
    log_partition: Annotated[int, Field(ge=0)]

    @property
    def key(self) -> str:
        return self.library_id
