"""What parent and decoding child say to each other: a JSON header and a binary payload, both with their length.

Nothing of the child is unpickled or executed: it has worked on bytes from anywhere, and is not trusted. The parent
checks every header against these models and every length against a limit.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import quote, unquote_to_bytes

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from rushes.schemas.event import TimeUs
from rushes.schemas.media import MediaFacts
from rushes.schemas.shots import (
    FrameFlag,
    FrameQuality,
    FrameReason,
    PartFailure,
    PerceptualHash,
    Transition,
    TransitionSpan,
)

LENGTHS: Final = struct.Struct("<II")
"""Length of the header and of the payload, bytes."""

MAX_HEADER_BYTES: Final = 1024 * 1024
MAX_PAYLOAD_BYTES: Final = 256 * 1024 * 1024
"""A picture of 200 million pixels is scaled before it is stored; its JPEG stays far below."""


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NextShot(Message):
    """How a shot begins: all that a resumed split has to know of what lies before it."""

    start_us: TimeUs = 0
    start_frame: Annotated[int, Field(ge=0)] = 0
    transition_in: Transition = "start"
    score: float | None = None
    threshold: float | None = None


class ResumePoint(Message):
    """Where to go on.

    `origin_pts`: pts of the film's first presented frame, which is time 0; None where only a reading from the start
    finds the same times again. `skipped`: damaged frames before this place, and where the first of them was.
    `decoded_frames`: how many frames before it were looked at. `exact`: every frame is decoded from here on, because
    it turned out that it must be.
    """

    shot: NextShot
    origin_pts: int | None
    skipped: Annotated[int, Field(ge=0)] = 0
    first_skipped_us: TimeUs | None = None
    decoded_frames: Annotated[int, Field(ge=0)] = 0
    exact: bool = False


def quoted(path: Path) -> str:
    """A path for a job: its bytes percent-encoded, for not every file name is UTF-8."""
    return quote(os.fsencode(path))


class _FileJob(Message):
    quoted_path: str

    @property
    def path(self) -> str:
        """As the system's calls take it."""
        return os.fsdecode(unquote_to_bytes(self.quoted_path))


class PhotoJob(_FileJob):
    """Decode a photo: one `PictureMade`, then `PhotoDecoded`."""

    type: Literal["PhotoJob"] = "PhotoJob"


class FilmJob(_FileJob):
    """Split a film: `FilmOpened`, then pictures, shots and progress, then `FilmEnded`.

    `wanted_us`: times whose frames are sent too, as anchors. `pictures`: whether keyframes are compressed and sent;
    without them only their places are told.
    """

    type: Literal["FilmJob"] = "FilmJob"
    resume: ResumePoint | None = None
    wanted_us: tuple[TimeUs, ...] = ()
    pictures: bool = True


class SamplesJob(_FileJob):
    """Give frames of a stretch of film: a `PictureMade` each, why `face_sample`, then `SamplesTaken`.

    `times_us`: ascending; `start_frame` is the index of the frame at `start_us`, `end_us` is exclusive; `origin_pts` as
    in `ResumePoint`; `lines`: most of a picture; `raw`: its levels are sent, not a JPEG.
    """

    type: Literal["SamplesJob"] = "SamplesJob"
    times_us: tuple[TimeUs, ...]
    start_us: TimeUs
    start_frame: Annotated[int, Field(ge=0)]
    end_us: TimeUs
    origin_pts: int | None
    lines: Annotated[int, Field(gt=0)]
    raw: bool = False


Job = Annotated[PhotoJob | FilmJob | SamplesJob, Field(discriminator="type")]


class Hello(Message):
    """First words of a child; `unlimited`: limits that this system did not let it set."""

    type: Literal["Hello"] = "Hello"
    unlimited: tuple[str, ...] = ()


class PictureMade(Message):
    """A keyframe. Payload: its JPEG (`image_bytes` long), then the thumbnail's; of `rgb` the levels, row by row."""

    type: Literal["PictureMade"] = "PictureMade"
    time_us: TimeUs | None
    frame_index: Annotated[int, Field(ge=0)] = 0
    why: FrameReason
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    perceptual_hash: PerceptualHash
    quality: FrameQuality
    flags: tuple[FrameFlag, ...] = ()
    coding: Literal["jpeg", "rgb"] = "jpeg"
    image_bytes: Annotated[int, Field(gt=0)]


class PhotoDecoded(Message):
    type: Literal["PhotoDecoded"] = "PhotoDecoded"
    facts: MediaFacts


class FilmOpened(Message):
    """The film's first frame was decoded."""

    type: Literal["FilmOpened"] = "FilmOpened"
    facts: MediaFacts


class Progress(Message):
    """Decoding goes on."""

    type: Literal["Progress"] = "Progress"
    time_us: TimeUs
    frames: Annotated[int, Field(ge=0)]


class KeyframePlace(Message):
    """Where a keyframe stands in its film, and why it was chosen."""

    frame_index: Annotated[int, Field(ge=0)]
    time_us: TimeUs
    why: FrameReason


class ShotFound(Message):
    """A shot has ended; its pictures came before. `resume`: where to go on behind it, None at the film's end."""

    type: Literal["ShotFound"] = "ShotFound"
    begin: NextShot
    end_us: TimeUs
    end_frame: Annotated[int, Field(ge=0)]
    transition_out: Transition
    transitions: tuple[TransitionSpan, ...] = ()
    dynamic: bool
    motion: float
    keyframes: tuple[KeyframePlace, ...] = ()
    resume: ResumePoint | None


class FilmEnded(Message):
    """Nothing more to decode. `partial`: why that is not all there should be.

    `decoded_frames`: how many of the frames were looked at; all, where the reading was exact.
    """

    type: Literal["FilmEnded"] = "FilmEnded"
    duration_us: TimeUs
    frames: Annotated[int, Field(ge=0)]
    decoded_frames: Annotated[int, Field(ge=0)] = 0
    partial: str | None = None
    failed: tuple[PartFailure, ...] = ()


class SamplesTaken(Message):
    """All samples are sent that there are."""

    type: Literal["SamplesTaken"] = "SamplesTaken"
    frames: Annotated[int, Field(ge=0)]


class JobFailed(Message):
    """The job ended with an error of the tree in `schemas/errors`; `code` names its class.

    `memory`: it was this process that had none left, which a fresh one may have.
    """

    type: Literal["JobFailed"] = "JobFailed"
    code: str
    reason: str
    memory: bool = False


Reply = Annotated[
    Hello | PictureMade | PhotoDecoded | FilmOpened | Progress | ShotFound | FilmEnded | SamplesTaken | JobFailed,
    Field(discriminator="type"),
]
JOB: TypeAdapter[Job] = TypeAdapter(Job)
REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)

LAST_REPLIES: Final = (PhotoDecoded, FilmEnded, SamplesTaken, JobFailed)
"""After one of these the child waits for the next job."""

Send = Callable[[BaseModel, bytes], None]
"""How the child's side sends a reply with its payload."""


def pack(message: BaseModel, payload: bytes = b"") -> bytes:
    """Lengths and header, to be followed by the payload."""
    header = message.model_dump_json().encode()
    return LENGTHS.pack(len(header), len(payload)) + header
