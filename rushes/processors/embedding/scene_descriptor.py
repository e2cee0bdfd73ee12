"""Scene vectors without any weights: colour, texture and layout of a picture, by OpenCV.

Half of the similarity is what survives a moved camera (colour), half is where things stand (layout and texture in
equal shares). Each part is signed (see `signed_features`): frames of one static shot agree above .9, different places
mostly below .4. A camera that moves far within one place, or a light switched off, is beyond it.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.protocol import Facts, Image, Prepared, Reduction, Vectors, unit_rows
from rushes.processors.embedding.shrinking import reduction
from rushes.processors.embedding.signed_features import Plane, faded_unit, joined, orientation_energy
from rushes.schemas.ids import ModelId

SIDE: Final = 128
"""Pixels: details finer than 1/128 of the picture belong to people and codecs, not to the place."""

REDUCED_MARGIN: Final = 2.0
"""Pixels that a reduced decode leaves for each of SIDE: cosines from .9996 (measured; .9987 at 1.5)."""

COLOUR_SIDE: Final = 64
LIGHTNESS_BINS: Final = 6
CHROMA_BINS: Final = 8
CHROMA_REACH: Final = 0.8
"""Of the signed root of Lab's a and b (in hundredths): the sRGB gamut ends at about 1.0, pictures at .8."""

LAYOUT_TERMS: Final = 5
"""Cosines per axis: people cover a few cells of this layout, the room covers all."""

TEXTURE_GRID: Final = 4
TEXTURE_BINS: Final = 8

WEIGHTS: Final = {"colour": 0.5, "layout": 0.25, "texture": 0.25}

FLAT_LAYOUT: Final = 0.01
"""Length under which the layout fades out: pictures have .04 to .3, the noise of a flat one .0002."""

FLAT_TEXTURE: Final = 0.06
"""As above: pictures have .2 to 1, the noise of a flat one .02."""


class SceneDescriptor:
    """Embedder of whole pictures, 536 values."""

    model_id = ModelId("opencv-scene/none/1")
    dim = LIGHTNESS_BINS * CHROMA_BINS**2 + LAYOUT_TERMS**2 - 1 + TEXTURE_GRID**2 * TEXTURE_BINS
    weak = False
    batch = 16
    facts = Facts(batch=16)

    def load(self) -> None:
        """Nothing to load."""

    def unload(self) -> None:
        """Nothing to give back."""

    def embed(self, images: Sequence[Image]) -> Vectors:
        return self.forward([self.prepare(image) for image in images])

    def prepare(self, image: Image) -> Prepared:
        """All of the work: (536,) float64, not normalised."""
        return _describe(image)

    def forward(self, prepared: Sequence[Prepared]) -> Vectors:
        if not prepared:
            return np.empty((0, self.dim), np.float32)
        return unit_rows(np.stack(prepared).astype(np.float64))

    def reduction(self, height: int, width: int) -> Reduction:
        return reduction(height, width, (SIDE, SIDE), "squash", REDUCED_MARGIN)


def _describe(image: Image) -> NDArray[np.float64]:
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32) / 100
    lightness: Plane = np.ascontiguousarray(lab[..., 0])
    return joined(
        [
            (WEIGHTS["colour"], _colour(lab)),
            (WEIGHTS["layout"], _layout(lightness)),
            (WEIGHTS["texture"], _texture(lightness)),
        ]
    )


def _colour(lab: Plane) -> NDArray[np.float64]:
    """Joint histogram of lightness and chroma, trilinear, relative to all bins alike.

    The root of chroma gives greys, where most surfaces lie, finer bins than vivid colours.
    """
    pixels = cv2.resize(lab, (COLOUR_SIDE, COLOUR_SIDE), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    chroma = np.sign(pixels[:, 1:]) * np.sqrt(np.abs(pixels[:, 1:]))
    scaled = np.column_stack([pixels[:, 0], (chroma + CHROMA_REACH) / (2 * CHROMA_REACH)])
    bins = np.array([LIGHTNESS_BINS, CHROMA_BINS, CHROMA_BINS])
    position = np.clip(scaled * bins - 0.5, 0, bins - 1)
    lower = np.minimum(position.astype(np.int64), bins - 2)
    rest = position - lower
    counts = np.zeros(int(bins.prod()))
    for corner in np.ndindex(2, 2, 2):
        share = np.prod(np.where(np.array(corner), rest, 1 - rest), axis=1)
        counts += np.bincount(
            np.ravel_multi_index(tuple((lower + np.array(corner)).T), tuple(bins)), share, minlength=len(counts)
        )
    roots = np.sqrt(counts / counts.sum())
    return faded_unit(roots - roots.mean(), 0.0)


def _layout(lightness: Plane) -> NDArray[np.float64]:
    """Lowest cosines of the lightness, without the mean: where it is bright and where dark."""
    cosines = cv2.dct(cv2.resize(lightness, (32, 32), interpolation=cv2.INTER_AREA)) / 32
    return faded_unit(cosines[:LAYOUT_TERMS, :LAYOUT_TERMS].ravel()[1:], FLAT_LAYOUT)


def _texture(lightness: Plane) -> NDArray[np.float64]:
    """Energy of edges by place and direction, relative to the picture's own mean of each direction."""
    cells = orientation_energy(lightness, TEXTURE_GRID, TEXTURE_BINS, signed=False)
    return faded_unit(cells - cells.mean(axis=(0, 1)), FLAT_TEXTURE)
