"""From a picture to a model's pixels, as the model's own preprocessing file says: uint8 until it is on the device.

Resizing is torch's antialiased kernel on uint8, the one behind the fast processors of transformers and torchvision, and
so agrees with them to the last level or so. For a 1080p picture to 224 on one core: 1.5 ms, where Pillow takes 37 and
OpenCV's INTER_AREA 19 (INTER_CUBIC takes .3 and misses: it does not filter, cosine .9986). The division by mean and
standard deviation is left to the device, where a quarter of the bytes arrive.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from rushes.processors.embedding.protocol import Image, Reduction
from rushes.processors.embedding.shrinking import reduction
from rushes.schemas.errors import ConfigurationError

VERSION: Final = 1
"""Of the code below; part of every torch model's id. Raise it when the same picture would get other pixels."""

REDUCED_MARGIN: Final = 2.1
"""Pixels that a reduced decode leaves for each of the resized picture's, along a side. An antialiased kernel sees less
of what a reduced decode leaves out than the area kernel does: cosines through a MobileNet from .9991 on, on 54 pictures
(.998 at 2.0). 1080p at half its size has 2.11 for a shorter side of 256."""

Triple = tuple[float, float, float]
Kernel = Literal["bilinear", "bicubic", "lanczos"]

KERNELS: Final[dict[int, Kernel]] = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, which preprocessing files carry."""

IMAGENET_MEAN: Final[Triple] = (0.485, 0.456, 0.406)
IMAGENET_STD: Final[Triple] = (0.229, 0.224, 0.225)
CLIP_MEAN: Final[Triple] = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Final[Triple] = (0.26862954, 0.26130258, 0.27577711)
HALVES: Final[Triple] = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class PixelRecipe:
    """`resize` is the shorter side, or (height, width) whatever the aspect; `crop` (height, width) of the middle."""

    resize: int | tuple[int, int]
    crop: tuple[int, int] | None
    kernel: Kernel
    mean: Triple
    std: Triple

    def __post_init__(self) -> None:
        if self.crop is None and not isinstance(self.resize, tuple):
            raise ValueError("expected a crop behind a resize of the shorter side, found none: sizes would differ")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what the model sees."""
        if self.crop is not None:
            return self.crop
        if isinstance(self.resize, int):
            raise TypeError("unreachable: checked at the start")
        return self.resize

    @property
    def version(self) -> str:
        """Short name of these very choices."""
        return hashlib.sha256(f"{VERSION} {self!r}".encode()).hexdigest()[:8]

    def at(self, side: int | None) -> "PixelRecipe":
        """For a square input of another side, with the same part of the picture in it."""
        if side is None:
            return self
        if self.crop is None or isinstance(self.resize, tuple):
            return replace(self, resize=(side, side), crop=None)
        return replace(self, resize=round(self.resize * side / min(self.crop)), crop=(side, side))

    def prepared(self, image: Image) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 of `size`."""
        height, width = image.shape[:2]
        resized = resized_to(image, self._target(height, width), self.kernel)
        if self.crop is None:
            return resized
        crop_height, crop_width = self.crop
        top, left = (resized.shape[0] - crop_height) // 2, (resized.shape[1] - crop_width) // 2
        return np.ascontiguousarray(resized[top : top + crop_height, left : left + crop_width])

    def reduction(self, height: int, width: int) -> Reduction:
        """By how much a JPEG of this size may be decoded smaller for `prepared`."""
        return reduction(height, width, self._target(height, width), "squash", REDUCED_MARGIN)

    def _target(self, height: int, width: int) -> tuple[int, int]:
        """Of the resize: never smaller than the crop."""
        if isinstance(self.resize, tuple):
            return self.resize
        shorter = max(self.resize, *(self.crop or (0,)))
        if height <= width:
            return shorter, int(shorter * width / height)
        return int(shorter * height / width), shorter


def resized_to(image: Image, size: tuple[int, int], kernel: Kernel) -> NDArray[np.uint8]:
    """The picture at (height, width), antialiased, in memory of its own."""
    if image.shape[:2] == size:
        return image.copy()
    if kernel == "lanczos":
        from PIL import Image as Pillow  # noqa: PLC0415 - the one kernel that torch lacks

        return np.asarray(Pillow.fromarray(image).resize((size[1], size[0]), Pillow.Resampling.LANCZOS), np.uint8)
    import torch  # noqa: PLC0415 - seconds to import: only where a torch model is used

    with torch.inference_mode():
        planes = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
        small = torch.nn.functional.interpolate(planes, size=size, mode=kernel, antialias=True, align_corners=False)
        return np.asarray(small[0].permute(1, 2, 0).contiguous().numpy(), np.uint8)


def read_recipe(file: Mapping[str, JsonValue], default: PixelRecipe, where: str) -> PixelRecipe:
    """What a `preprocessor_config.json` of transformers says; `default` for the keys that it leaves out.

    Raises ConfigurationError for a kind of preprocessing that is not known here: silently other pixels would be worse.
    """
    inner = file.get("image_processor")
    said = inner if isinstance(inner, dict) else file
    resize: int | tuple[int, int] = default.resize
    if said.get("do_resize", True):
        resize = _side_or_size(said.get("size"), default.resize, where)
    crop = default.crop
    if "do_center_crop" in said or "crop_size" in said:
        wanted = _side_or_size(said.get("crop_size"), default.crop or default.size, where)
        crop = ((wanted, wanted) if isinstance(wanted, int) else wanted) if said.get("do_center_crop", True) else None
    if crop is None and isinstance(resize, int):
        resize = (resize, resize)
    number = said.get("resample")
    kernel = default.kernel if number is None else KERNELS.get(number) if isinstance(number, int) else None
    factor = said.get("rescale_factor", 1 / 255)
    if kernel is None or not said.get("do_rescale", True) or not isinstance(factor, int | float):
        raise ConfigurationError(f"expected {where} to rescale by 1/255 and to resample by {sorted(KERNELS)}: {said}")
    if not math.isclose(factor, 1 / 255, rel_tol=1e-3):
        raise ConfigurationError(f"expected rescale_factor 1/255 in {where}, found {factor}: correct the file")
    mean, std = default.mean, default.std
    if said.get("do_normalize", True):
        mean, std = _triple(said.get("image_mean"), mean, where), _triple(said.get("image_std"), std, where)
    else:
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return PixelRecipe(resize, crop, kernel, mean, std)


def _side_or_size(value: JsonValue, default: int | tuple[int, int], where: str) -> int | tuple[int, int]:
    match value:
        case None:
            return default
        case int():
            return value
        case {"height": int(height), "width": int(width)} if height and width:
            return height, width
        case {"shortest_edge": int(side), **rest} if side and not rest.get("longest_edge"):
            return side
        case _:
            raise ConfigurationError(
                f'expected a size in {where} as {{"shortest_edge": n}} or {{"height": n, "width": n}}, found {value!r}'
            )


def _triple(value: JsonValue, default: Triple, where: str) -> Triple:
    match value:
        case None:
            return default
        case [int() | float() as red, int() | float() as green, int() | float() as blue]:
            return float(red), float(green), float(blue)
        case _:
            raise ConfigurationError(f"expected three numbers for mean and std in {where}, found {value!r}")
