"""What split publishes on `frames`: shots as they are found, a closing total, and what was erased."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from rushes.schemas.event import Event, MediaName, Part, TimeUs, Uuid
from rushes.schemas.ids import media_key
from rushes.schemas.media import MediaFacts, MediaVersion, ProducerBox, Sha256

Transition = Literal["start", "cut", "fade", "dissolve", "continued", "end"]
"""How a shot borders on its neighbour; `continued` is a long take cut for size, not by its maker."""

GradualKind = Literal["fade", "dissolve", "wipe"]
FrameReason = Literal["photo", "static", "start", "middle", "end", "long_take", "face_sample", "anchor"]
FrameFlag = Literal["black", "slate", "color_bars", "near_duplicate"]
PerceptualHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""64-bit DCT hash of the picture, hex; two pictures agree where few bits differ."""


class FrameQuality(Part):
    """Figures of one keyframe, each 0..1, bigger is better."""

    sharpness: Annotated[float, Field(ge=0, le=1)]
    exposure: Annotated[float, Field(ge=0, le=1)]
    contrast: Annotated[float, Field(ge=0, le=1)]
    noise: Annotated[float, Field(ge=0, le=1)] | None = Field(default=None, description="1 is free of noise.")
    resolution: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Of the detail, not of the file: an enlarged picture has that of its original."
    )


class FaceFind(Part):
    """A face as it was found in the whole frame: in 0..1 of it, not rounded."""

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...] = Field(description="Eyes, nose, corners of the mouth; left as seen.")
    score: Annotated[float, Field(ge=0, le=1)]
    second_score: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Upright, the lower of as it is and mirrored."
    )


class FaceFinds(Part):
    """All faces of a frame of which the picture shows no more than them and what is round them."""

    finder: str = Field(description="Who found them: detector, and version of the second look.")
    faces: tuple[FaceFind, ...]
    rejected: tuple[float, ...] = Field(default=(), description="Scores of finds that a second look did not confirm.")


class Keyframe(Part):
    """One frame chosen to stand for its shot, stored as JPEG."""

    frame_id: Uuid
    stream: Annotated[int, Field(ge=0)] = 0
    time_us: TimeUs | None = Field(description="Null for a photo.")
    frame_index: Annotated[int, Field(ge=0)] = 0
    why: FrameReason
    image_uri: str
    thumbnail_uri: str = Field(description="320 pixels; the picture itself where that has only faces.")
    sha256: Sha256 = Field(description="Of the JPEG's bytes: key of the embedding cache.")
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    perceptual_hash: PerceptualHash
    quality: FrameQuality
    flags: tuple[FrameFlag, ...] = ()
    boxes: tuple[ProducerBox, ...] = ()
    faces: FaceFinds | None = Field(
        default=None,
        description="Of a face sample: the picture has the frame's size and is sharp round these only. Null: all over.",
    )


class Clip(Part):
    """The shot as a clip of its film, for models that see motion."""

    uri: str
    in_us: TimeUs
    out_us: TimeUs = Field(description="Exclusive.")
    origin_pts: int | None = Field(
        default=None,
        description="Timestamp of the film's first presented frame, where time 0 is, in units of `media.time_base`;"
        " null where times are only found by decoding from the film's start.",
    )


class TransitionSpan(Part):
    """A gradual transition: the frames that are neither the one picture nor the other, and why they are taken for one.

    A fade that goes out and in again is two of them.
    """

    kind: GradualKind
    direction: Literal["in", "out"] | None = Field(default=None, description="Of a fade: from or to a plain picture.")
    start_us: TimeUs
    end_us: TimeUs = Field(description="Exclusive.")
    start_frame: Annotated[int, Field(ge=0)]
    end_frame: Annotated[int, Field(ge=0)] = Field(description="Exclusive.")
    score: float | None = Field(default=None, description="How well the frames fit the transition's model, 0..1.")
    threshold: float | None = Field(default=None, description="The score from which on it counts.")


class ShotFigures(Part):
    """Why the shot begins where it does: the detector's figures at its first frame.

    After a cut, score and threshold are in levels of change; after a dissolve or a fade they are the transition's own,
    0..1.
    """

    detector: str
    score: float | None = None
    threshold: float | None = None
    motion: float | None = Field(default=None, description="Mean change between frames of the shot, 0..1.")


class ShotSplit(Event):
    """A shot, or a part of one that is complete in itself. A photo is a shot of one frame."""

    type: Literal["ShotSplit"] = "ShotSplit"
    schema_version: Literal[1] = 1
    media_id: MediaName
    version: MediaVersion
    source_uri: str
    media: MediaFacts
    shot_id: Uuid
    part: Annotated[int, Field(ge=0)] = 0
    final: bool = Field(default=True, description="The last part of its shot.")
    start_us: TimeUs | None
    end_us: TimeUs | None = Field(description="Exclusive: where the next shot starts.")
    start_frame: Annotated[int, Field(ge=0)] = 0
    end_frame: Annotated[int, Field(ge=0)] = Field(default=1, description="Exclusive.")
    transition_in: Transition = "start"
    transition_out: Transition = "end"
    transitions: tuple[TransitionSpan, ...] = Field(
        default=(),
        description="Gradual transitions among the shot's frames. A shot starts where the dissolve into it is over, so"
        " that those frames are of the shot before.",
    )
    dynamic: bool = False
    frames: tuple[Keyframe, ...]
    figures: ShotFigures | None = None
    clip: Clip | None = None
    attributes: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        return media_key(self.library_id, self.media_id)


class PartFailure(Part):
    """A stretch of a media that could not be used, and why."""

    code: str
    reason: str
    start_us: TimeUs | None = None
    shot_id: Uuid | None = None


class MediaSplit(Event):
    """All shots of this version are out: their ids and totals. Long lists come in parts."""

    type: Literal["MediaSplit"] = "MediaSplit"
    schema_version: Literal[1] = 1
    media_id: MediaName
    version: MediaVersion
    part: Annotated[int, Field(ge=0)] = 0
    final: bool = True
    shot_ids: tuple[Uuid, ...]
    shot_count: Annotated[int, Field(ge=0)]
    frame_count: Annotated[int, Field(ge=0)] = Field(description="Keyframes, over all shots.")
    duration_us: TimeUs | None = Field(default=None, description="As decoded, not as claimed.")
    frame_duration_us: TimeUs | None = Field(default=None, description="Mean, over the film.")
    partial: str | None = Field(default=None, description="Why only a part could be decoded.")
    failed: tuple[PartFailure, ...] = ()

    @property
    def key(self) -> str:
        return media_key(self.library_id, self.media_id)


class ErasedKeyframe(Part):
    """What the embedding cache knows a keyframe by."""

    sha256: Sha256
    boxes: tuple[ProducerBox, ...] = ()


class MediaErased(Event):
    """The keyframes of this version and all below it are being erased: what was kept of them elsewhere must go too.

    Long lists come in parts; a version of which no keyframe is known has none.
    """

    type: Literal["MediaErased"] = "MediaErased"
    schema_version: Literal[1] = 1
    media_id: MediaName
    version: MediaVersion
    part: Annotated[int, Field(ge=0)] = 0
    final: bool = True
    keyframes: tuple[ErasedKeyframe, ...]

    @property
    def key(self) -> str:
        return media_key(self.library_id, self.media_id)
