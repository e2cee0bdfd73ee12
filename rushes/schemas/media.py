"""What producers publish, and what is known of a file: `media-uploaded` and the facts that every shot carries."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue, StringConstraints

from rushes.schemas.event import Event, GridBox, MediaName, Part, TimeUs, Uuid
from rushes.schemas.ids import media_key

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MediaVersion = Annotated[int, Field(ge=0, lt=2**63)]


class ProducerBox(Part):
    """A box of the producer's own: becomes an item of kind `region`."""

    box: GridBox
    time_us: TimeUs | None = None
    label: str | None = None


class MediaUploaded(Event):
    """A file is there to be sorted. Published by producers, in any language."""

    type: Literal["MediaUploaded"] = "MediaUploaded"
    schema_version: Literal[1] = 1
    media_id: MediaName
    version: MediaVersion | None = Field(
        default=None,
        description="The greater wins, a deletion wins ties. Left out: the event's time in microseconds.",
    )
    uri: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="file://, http(s):// or s3://, under a root or host that the workers allow."
    )
    media_kind: Literal["photo", "video"] | None = Field(default=None, description="Left out: found from the bytes.")
    sha256: Sha256 | None = Field(default=None, description="Of the file's bytes; checked when given.")
    captured_at: AwareDatetime | None = None
    boxes: tuple[ProducerBox, ...] = ()
    attributes: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        return media_key(self.library_id, self.media_id)


class MediaDeleted(Event):
    """Forget a media and everything made of it, at once and for ever."""

    type: Literal["MediaDeleted"] = "MediaDeleted"
    schema_version: Literal[1] = 1
    media_id: MediaName
    version: MediaVersion | None = Field(
        default=None,
        description="Removes this version and all below it. Left out: the event's time in microseconds.",
    )

    @property
    def key(self) -> str:
        return media_key(self.library_id, self.media_id)


class Rational(Part):
    """A fraction, as containers state frame rates and time bases."""

    numerator: int
    denominator: Annotated[int, Field(gt=0)]


class Timecode(Part):
    """Start timecode of a film as its container states it."""

    text: str = Field(description="HH:MM:SS:FF, with a semicolon before FF where frames are dropped.")
    drop_frame: bool


class Span(Part):
    """Place of a file in a recording of several: chapters of a camera, numbered frames of a scan."""

    span_id: Uuid = Field(description="The same for all files of the recording.")
    name: str = Field(description="What the files' names have in common.")
    index: Annotated[int, Field(ge=0)] = Field(description="Chapters count from 1, numbered frames as they are named.")


class MediaFacts(Part):
    """What the container says of a file. Sizes are those of the displayed picture, after rotation and pixel aspect."""

    media_kind: Literal["photo", "video"]
    container: str
    codec: str
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    rotation_degrees: Literal[0, 90, 180, 270] = 0
    frame_rate: Rational | None = None
    time_base: Rational | None = None
    duration_us: TimeUs | None = Field(default=None, description="As the container claims; may be wrong.")
    color_transfer: str | None = Field(default=None, description="FFmpeg's name, or that of a camera's log curve.")
    display_transform: str | None = Field(
        default=None,
        description="What was done to show the pictures on a screen (sRGB), as curve/primaries; null: nothing but the"
        " colour matrix.",
    )
    timecode: Timecode | None = None
    reel: str | None = None
    camera: str | None = None
    size_bytes: Annotated[int, Field(ge=0)] | None = None
    captured_at: datetime | None = None
    span: Span | None = Field(default=None, description="Null where the file's name tells of no such recording.")
