"""What all events share: frozen, a type and a schema version in the body, unknown fields ignored.

Type and version stand in the body, so that a producer in any language publishes plain JSON and needs no headers.
"""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from rushes.schemas.ids import Box, quantised

MAX_EVENT_BYTES = 512 * 1024
"""No event exceeds this; Kafka's default limit is 1 MiB, and a dead letter carries the event in base64."""

LibraryName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A library (tenant): letters, digits, dot, dash and underscore, 1 to 64 of them; it is part of keys and paths."""

MediaName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,256}$")]
"""A media within its library: 1 to 256 printable characters."""

Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]

ItemKind = Literal["scene", "face", "person", "region"]
KINDS: tuple[ItemKind, ...] = get_args(ItemKind)
"""All kinds, in the order in which they are decided within a frame: scenes first."""


def _valid_box(box: Box) -> Box:
    grid = quantised(box)
    if not (grid[0] < grid[2] and grid[1] < grid[3]):
        raise ValueError(f"a box is [x0, y0, x1, y1] with x0 < x1 and y0 < y1 within 0..1, found {list(box)}")
    return grid


Coordinate = Annotated[float, Field(ge=-0.5, le=1.5, allow_inf_nan=False)]
GridBox = Annotated[
    tuple[Coordinate, Coordinate, Coordinate, Coordinate],
    AfterValidator(_valid_box),
    Field(description="[x0, y0, x1, y1] with x0 < x1 and y0 < y1, in 0..1 of the displayed picture; clamped to it."),
]
"""[x0, y0, x1, y1] in 0..1 of the displayed picture, clamped to it and quantised to 1/1024."""

TimeUs = Annotated[int, Field(ge=0)]
"""Microseconds from the stream's first presented frame."""


class Part(BaseModel):
    """A value inside events: frozen, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Part):
    """An event on the wire. Subclasses add `type` and `schema_version` as literals."""

    library_id: LibraryName

    @property
    def key(self) -> str:
        """Kafka key: a subclass says which fields it is made of."""
        raise NotImplementedError
