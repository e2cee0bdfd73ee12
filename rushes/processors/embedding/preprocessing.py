"""How an embedder file wants its pictures: an optional `<file>.json` beside it, with defaults for what it leaves out.

Example: ``{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "fit": "crop"}`` for an ImageNet backbone, or
``{"range": [-1, 1], "channels": "bgr", "size": [112, 112], "template": [[0.34, 0.46], ...]}`` for an ArcFace one.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rushes.processors.embedding.protocol import FACE_TEMPLATE, Image
from rushes.processors.embedding.shrinking import middle, resized
from rushes.schemas.errors import ConfigurationError

VERSION: Final = 2
"""Of the code below; part of every model id. Raise it when the same file would get other pixels."""

PerChannel = tuple[float, float, float]
Fraction = Annotated[float, Field(ge=-1, le=2)]
Point = tuple[Fraction, Fraction]


class Preprocessing(BaseModel):
    """From a picture to the model's numbers: fit to size, scale to `range`, subtract `mean`, divide by `std`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    range: tuple[float, float] = Field(default=(0.0, 1.0), description="What black and white become.")
    mean: PerChannel = Field(default=(0.0, 0.0, 0.0), description="In the order of `channels`.")
    std: tuple[
        Annotated[float, Field(gt=0)],
        Annotated[float, Field(gt=0)],
        Annotated[float, Field(gt=0)],
    ] = (1.0, 1.0, 1.0)
    channels: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc"] | None = Field(default=None, description="Left out: read from the model.")
    size: tuple[Annotated[int, Field(gt=0, le=4096)], Annotated[int, Field(gt=0, le=4096)]] | None = Field(
        default=None, description="Height and width, for a model that takes any."
    )
    fit: Literal["squash", "crop"] = Field(default="squash", description="The whole picture, or its middle.")
    template: tuple[Point, Point, Point, Point, Point] = Field(
        default=(FACE_TEMPLATE[0], FACE_TEMPLATE[1], FACE_TEMPLATE[2], FACE_TEMPLATE[3], FACE_TEMPLATE[4]),
        description="For faces: eyes, nose and corners of the mouth of the aligned crop, 0..1 of its sides.",
    )
    output: str | None = Field(default=None, description="Left out: the first that is one vector per picture.")

    @property
    def version(self) -> str:
        """Short name of these very choices."""
        return f"{VERSION}-{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]}"


def read_preprocessing(model_file: Path) -> Preprocessing:
    """What `<model_file>.json` says, or the defaults where there is none. Raises ConfigurationError."""
    sidecar = model_file.with_name(model_file.name + ".json")
    if not sidecar.is_file():
        return Preprocessing()
    try:
        return Preprocessing.model_validate_json(sidecar.read_bytes())
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'file'}: {p['msg']}" for p in error.errors())
        known = ", ".join(Preprocessing.model_fields)
        raise ConfigurationError(
            f"{sidecar} must be a JSON object with any of {known}; found {problems}: correct or remove it"
        ) from error


def prepared(image: Image, how: Preprocessing, size: tuple[int, int]) -> NDArray[np.float32]:
    """The model's numbers, (height, width, 3) float32, channels as `how` orders them."""
    return np.asarray(cv2.LUT(sized(image, how, size), numbers(how)), np.float32)


def sized(image: Image, how: Preprocessing, size: tuple[int, int]) -> Image:
    """The picture as the model sees it, (height, width, 3) uint8, channels as `how` orders them: levels still."""
    height, width = size
    picture = image
    if how.fit == "crop":
        top, left, part_height, part_width = middle(image.shape[0], image.shape[1], height / width)
        picture = image[top : top + part_height, left : left + part_width]
    picture = resized(picture, size)
    if how.channels == "bgr":
        picture = picture[..., ::-1]
    return np.ascontiguousarray(picture)


def numbers(how: Preprocessing) -> NDArray[np.float32]:
    """What each of 256 levels becomes, (1, 256, 3): looked up, a picture takes a fifth of the time to compute it."""
    levels = np.arange(256, dtype=np.float32)[:, None].repeat(3, axis=1)
    low, high = how.range
    scaled = levels * np.float32((high - low) / 255) + np.float32(low)
    mean, std = np.array(how.mean, np.float32), np.array(how.std, np.float32)
    return np.asarray((scaled - mean) / std, np.float32)[None]
