"""What turns pictures into vectors, whatever model stands behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rushes.schemas.ids import Box, ModelId

Image = NDArray[np.uint8]
"""A picture (height, width, 3), RGB, as displayed."""

Vectors = NDArray[np.float32]
"""(n, d) float32, unit rows; a row of NaN where the model gave no direction (all zero or not finite)."""

Prepared = NDArray[np.generic]
"""A picture in the model's own numbers, any shape and dtype: whatever `forward` takes."""

Reduction = Literal[1, 2, 4, 8]
"""By how much a JPEG is decoded smaller: what its transform allows for less work."""

Template = tuple[tuple[float, float], ...]
"""Where an aligned crop has its landmarks: left eye, right eye, nose, left and right corner of the mouth (left as seen
in the picture), each (x, y) in 0..1 of the crop's side."""

FACE_TEMPLATE: Template = (
    (0.3156, 0.4616),
    (0.6827, 0.4616),
    (0.5003, 0.6405),
    (0.3495, 0.8247),
    (0.6534, 0.8247),
)
"""The five points that embedders of the ArcFace and Open Model Zoo families are trained on: the crop ends at the chin
and leaves a third of its height to the forehead."""


@dataclass(frozen=True, slots=True)
class Facts:
    """How a model runs: for log, metrics and benchmarks. Each note says what was fallen back to, and why."""

    device: str = "cpu"
    precision: str = "float32"
    threads: int | None = None
    """Of the whole process where torch runs it; None: the library's own choice."""
    batch: int = 1
    compiled: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """Primary vectors (n, d), and per picture its secondary ones by name, each (d,) float32 and unit."""

    primary: Vectors
    secondary: tuple[Mapping[str, NDArray[np.float32]], ...] = field(default=())


class Embedder(Protocol):
    """Pictures in, unit vectors out. A picture's vector does not depend on the batch it came in (to float rounding)."""

    @property
    def model_id(self) -> ModelId:
        """`family/weights hash/preprocessing version`: vectors are comparable only where all three agree."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector. May load the model."""
        ...

    @property
    def weak(self) -> bool:
        """A weightless descriptor, to be trusted only at its highest similarities."""
        ...

    @property
    def batch(self) -> int:
        """How many pictures at once serve it best."""
        ...

    @property
    def facts(self) -> Facts:
        """How it runs, as known by now: complete once it is loaded."""
        ...

    def load(self) -> None:
        """Take the model into memory; again does nothing. Raises ConfigurationError where it can't be used."""
        ...

    def unload(self) -> None:
        """Give the memory back; the next use loads it again."""
        ...

    def embed(self, images: Sequence[Image]) -> Vectors:
        """One row per picture; no pictures give (0, d)."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """What an Embedder may offer besides: to make its pictures ready in other threads than the model's, smaller.

    `embed(images)` equals `forward([prepare(image) for image in images])`. `prepare` and `reduction` may be called
    from several threads at once, beside `forward`.
    """

    def prepare(self, image: Image) -> Prepared:
        """The model's numbers of one picture, in memory of their own: the picture can be let go. May load the model."""
        ...

    def forward(self, prepared: Sequence[Prepared]) -> Vectors:
        """One row per picture; none give (0, d)."""
        ...

    def reduction(self, height: int, width: int) -> Reduction:
        """By how much a JPEG of this size may be decoded smaller for `prepare`, its vector staying within cosine .999
        of that of the whole picture; see `preprocessing.reduction`. May load the model."""
        ...


class FaceEmbedder(Embedder, Protocol):
    """An embedder of aligned crops."""

    @property
    def template(self) -> Template: ...

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of the aligned crop in pixels. May load the model."""
        ...


@runtime_checkable
class SecondaryEmbedder(Protocol):
    """What a Preparing Embedder may offer besides: named secondary vectors, stored and searchable, never clustered."""

    def secondary_id(self) -> str:
        """Which there are, and how they are made: they are comparable where this and the model id agree."""
        ...

    def forward_all(self, prepared: Sequence[Prepared]) -> Embedded:
        """One row and one mapping per picture; `primary` is what `forward` gives."""
        ...


@runtime_checkable
class RegionEmbedder(Protocol):
    """What an Embedder also has where the boxes of a picture can be pooled from one pass over its feature map."""

    def region_model_id(self) -> ModelId:
        """Of the pooled vectors: they are not comparable with those of crops."""
        ...

    def embed_regions(self, images: Sequence[Image], boxes: Sequence[Sequence[Box]]) -> list[Vectors]:
        """(number of its boxes, d) per picture. Boxes are [x0, y0, x1, y1] in 0..1 of the picture."""
        ...


@runtime_checkable
class TextEmbedder(Protocol):
    """What an Embedder also has where a text tower shares its space: a text's vector is close to what it describes."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One row per text; no texts give (0, d)."""
        ...


@runtime_checkable
class ClipEmbedder(Preparing, Protocol):
    """What an Embedder also has where the model sees motion. A prepared clip goes through `forward` as a picture does,
    but not together with pictures: their shapes differ."""

    @property
    def clip_shape(self) -> tuple[int, int, int]:
        """Frames of a clip that the model looks at, their height and width in pixels."""
        ...

    def prepare_clip(self, frames: Sequence[Image]) -> Prepared:
        """The model's numbers of a clip, from its frames in order, evenly spaced, any number from 1 on."""
        ...

    def embed_clips(self, clips: Sequence[Sequence[Image]]) -> Vectors:
        """One row per clip, which is its frames in order, any number from 1 on."""
        ...


def unit_rows(rows: NDArray[np.floating]) -> Vectors:
    """Rows of length 1; NaN where a row is all zero or not finite.

    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [nan, nan]]
    """
    wide = rows.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        norms = np.linalg.norm(wide, axis=1, keepdims=True)
        usable = np.isfinite(norms) & (norms > 0)
        return np.where(usable, wide / norms, np.nan).astype(np.float32)
