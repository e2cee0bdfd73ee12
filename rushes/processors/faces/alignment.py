"""Faces turned upright and to one size by their landmarks, as embedders are trained on them."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.protocol import Image, Template

Points = NDArray[np.float64]
"""(n, 2) x and y in pixels."""

OVERSAMPLED: Final = 2.0
"""Source pixels per pixel of the crop above which the picture is first shrunk by area: a warp takes single pixels, and
a close-up would turn into noise."""


def similarity_transform(source: Points, target: Points) -> NDArray[np.float64]:
    """The (2, 3) matrix of rotation, scale and shift that brings `source` nearest to `target`.

    Least squares, without reflection: Umeyama, "Least-squares estimation of transformation parameters between two
    point patterns", 1991, eq. 40-42. Raises ValueError where all source points fall together.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred, wanted = source - source_mean, target - target_mean
    variance = float((centred**2).sum()) / len(source)
    if variance <= 0:
        raise ValueError("expected landmarks at different places, found all at one")
    left, singular, right = np.linalg.svd(wanted.T @ centred / len(source))
    handedness = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = left @ np.diag(handedness) @ right
    scale = float(singular @ handedness) / variance
    shift = target_mean - scale * rotation @ source_mean
    return np.column_stack([scale * rotation, shift])


def aligned_face(
    image: Image, landmarks: Sequence[tuple[float, float]], template: Template, size: tuple[int, int]
) -> Image:
    """The crop (height, width, 3) in which `landmarks` (0..1 of the picture) lie at `template` (0..1 of the crop).

    Outside the picture its border goes on. Raises ValueError for landmarks that fall together.
    """
    height, width = image.shape[:2]
    source = np.array(landmarks, np.float64) * (width, height)
    target = np.array(template, np.float64) * (size[1], size[0])
    matrix = similarity_transform(source, target)
    oversampling = 1 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-6)
    picture = image
    if oversampling > OVERSAMPLED:
        picture, matrix = _shrunk_region(image, matrix, size, oversampling / OVERSAMPLED)
    crop = cv2.warpAffine(picture, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, dtype=np.uint8)


def _shrunk_region(
    image: Image, matrix: NDArray[np.float64], size: tuple[int, int], shrink: float
) -> tuple[Image, NDArray[np.float64]]:
    """The part of the picture that the crop shows, `shrink` times smaller, and the matrix from there."""
    corners = np.array([[0, 0], [size[1], 0], [0, size[0]], [size[1], size[0]]], np.float64)
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    bounds = np.array([image.shape[1], image.shape[0]])
    margin = 2 * shrink
    low = np.clip(np.floor(seen.min(axis=0) - margin), 0, bounds - 1).astype(int)
    high = np.clip(np.ceil(seen.max(axis=0) + margin), low + 1, bounds).astype(int)
    region = image[low[1] : high[1], low[0] : high[0]]
    width, height = (max(round(side / shrink), 1) for side in (high - low).tolist())
    small = np.asarray(cv2.resize(region, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    scale = (high - low) / (width, height)
    back = matrix[:, :2] * scale
    return small, np.column_stack([back, matrix[:, 2] + matrix[:, :2] @ low])
