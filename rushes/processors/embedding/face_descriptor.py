"""Face vectors without any weights: fine structure of an aligned crop, by OpenCV. Weak, and marked so.

It compares pictures of faces, not persons: two crops agree highly only where they are nearly the same picture (one
shot, same pose and light), which is what makes it safe to group by where nothing better is at hand. Three parts of
equal weight: two bands of detail with the local contrast taken out, and edge directions per cell relative to their
mean. Coarser bands are left out on purpose: all faces share them (measured: other persons reach .9 there).
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.protocol import FACE_TEMPLATE, Facts, Image, Template, Vectors, unit_rows
from rushes.processors.embedding.signed_features import Plane, faded_unit, joined, orientation_energy
from rushes.schemas.ids import ModelId

SIDE: Final = 128

FACE: Final = (slice(24, 120), slice(16, 112))
"""Rows and columns of the crop that are compared: brows to chin, ear to ear, without hair and background."""

BANDS: Final = ((1.0, 2.0, 24), (2.0, 4.0, 16))
"""Standard deviations (pixels of the crop) of two Gaussians whose difference is the band, and the samples kept along a
side: eyelids, lips and lines; eyes, brows, nostrils and mouth."""

LOCAL: Final = 16.0
"""Pixels over which the contrast is levelled: an eighth of the crop, so that a lit cheek counts as a shaded one."""

NOISE: Final = 0.01
"""Contrast (of 0..1) that is the codec's."""

CLIP: Final = 2.0
"""Standard deviations at which a detail is cut, so that a glint on glasses does not rule the vector."""

GRID: Final = 6
BINS: Final = 8

FLAT: Final = 0.5
"""Length under which a part fades out: real faces reach several units."""


class FaceDescriptor:
    """Weak embedder of aligned crops, 1,120 values."""

    model_id = ModelId("opencv-face/none/1")
    dim = sum(side * side for *_, side in BANDS) + GRID * GRID * BINS
    weak = True
    batch = 16
    facts = Facts(batch=16)
    template: Template = FACE_TEMPLATE
    crop_size = (SIDE, SIDE)

    def load(self) -> None:
        """Nothing to load."""

    def unload(self) -> None:
        """Nothing to give back."""

    def embed(self, images: Sequence[Image]) -> Vectors:
        if not images:
            return np.empty((0, self.dim), np.float32)
        return unit_rows(np.stack([_describe(image) for image in images]))


def _describe(image: Image) -> NDArray[np.float64]:
    crop = image if image.shape[:2] == (SIDE, SIDE) else cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey: Plane = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
    return joined([*((1 / 3, _band(grey, *band)) for band in BANDS), (1 / 3, _directions(grey))])


def _band(grey: Plane, inner: float, outer: float, side: int) -> NDArray[np.float64]:
    """One band of detail, signed by nature, its contrast levelled."""
    detail = cv2.GaussianBlur(grey, (0, 0), inner) - cv2.GaussianBlur(grey, (0, 0), outer)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), LOCAL))
    levelled = np.clip(detail / (spread + NOISE), -CLIP, CLIP)
    return faded_unit(cv2.resize(levelled[FACE], (side, side), interpolation=cv2.INTER_AREA), FLAT)


def _directions(grey: Plane) -> NDArray[np.float64]:
    """Edge directions of each cell, its strength levelled, relative to its mean (after Dalal and Triggs 2005)."""
    face = np.ascontiguousarray(cv2.GaussianBlur(grey, (0, 0), 1.0)[FACE], np.float32)
    cells = orientation_energy(face, GRID, BINS, signed=True)
    levelled = cells / (np.linalg.norm(cells, axis=2, keepdims=True) + 2 * NOISE)
    return faded_unit(levelled - levelled.mean(axis=2, keepdims=True), FLAT)
