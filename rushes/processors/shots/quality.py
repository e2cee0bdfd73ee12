"""How good a picture is, in five figures of 0..1 (bigger is better), and a score of 0..100 made of them.

Each figure names one thing that spoils a picture and hardly moves with the others: sharpness does not depend on what
is shown, noise is looked for where nothing else is, resolution is that of the detail and not of the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rushes.schemas.shots import FrameQuality

Grey = NDArray[np.uint8]

BLUR_TAPS: Final = 11
"""Width of the box that re-blurs, pixels: that of the method's authors."""

BLUR_POWER: Final = 3
"""Perceived blur to sharpness, 1 - blur^3. Of a picture of 640 pixels: in focus .45 (.91), a Gaussian of 2 pixels .7
(.66), of 4 pixels .85 (.39)."""

FINE_TAPS: Final = 3
FINE_BLUR: Final = 0.82
"""Narrow box, and the perceived blur by it up to which a picture holds detail at its own size. Photographs and films
in focus lie at .73 to .84, enlarged twice at .83 to .89, three times at .89 to .92, blurred by one pixel at .9."""

SCALE_SPREAD: Final = 0.08
"""By how much the perceived blur of a picture in focus varies over its sizes."""

SHRINKS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Factors at which the detail is looked for."""

WINDOW: Final = 384
"""Side of the window that resolution and noise are measured in, pixels: a few ms, whatever the picture's size."""

FEWEST_LINES: Final = 90.0
FULL_LINES: Final = 1080.0
"""Lines of detail that count as nothing and as all: a stamp, and high definition; in octaves between."""

NOISE_HALF: Final = 12.0
"""Standard deviation of the noise, levels of 255, at which its figure is 1/2: clearly seen grain."""

NOISE_BLOCK: Final = 16
NOISE_QUANTILE: Final = 0.2
"""Noise is that of the quietest fifth of the blocks: the others hold texture too."""

NOISE_LEVELS: Final = (12, 243)
"""Mean levels of a block that can show noise; beyond, it is clipped."""

NOISE_KERNEL: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)

MID_GREY: Final = 118.0
"""sRGB level of 18 % grey, the mean of a well-exposed picture."""

WEIGHTS: Final = {"sharpness": 0.35, "exposure": 0.2, "contrast": 0.15, "noise": 0.15, "resolution": 0.15}
"""Of the figures in the score; they sum to 1. Blur is what no later work can repair."""

FLOOR: Final = 0.01
"""Least value of a figure in the score's mean: one that is lost leaves a tenth to a third, not nothing."""


@dataclass(frozen=True, slots=True)
class Detail:
    """A window of a picture in full size, (h, w) uint8, and the lines of the whole: its shorter side."""

    window: Grey
    lines: int


def quality_of(grey: Grey, detail: Detail | None = None) -> FrameQuality:
    """Figures of a picture. `grey` (h, w) uint8: the whole at about 640 pixels.

    Without `detail`, noise and resolution are not told: scaling takes both away.
    """
    counts = np.bincount(grey.ravel(), minlength=256)
    below = np.cumsum(counts)
    mean = float(counts @ np.arange(256) / grey.size)
    reach = MID_GREY if mean < MID_GREY else 255 - MID_GREY
    clipped = float((counts[:3].sum() + counts[253:].sum()) / grey.size)
    low, high = np.searchsorted(below, (0.05 * grey.size, 0.95 * grey.size))
    return FrameQuality(
        sharpness=_figure(1 - perceived_blur(grey) ** BLUR_POWER),
        exposure=_figure(max(0.0, 1 - abs(mean - MID_GREY) / reach) * (1 - clipped)),
        contrast=_figure(float(high - low) / 255),
        noise=None if detail is None else _figure(NOISE_HALF / (NOISE_HALF + noise_levels(detail.window))),
        resolution=None if detail is None else _figure(_resolved(effective_lines(detail))),
    )


def score_of(quality: FrameQuality) -> float:
    """0..100: the weighted geometric mean of the figures that are known, so that one bad figure spoils the whole.

    >>> score_of(FrameQuality(sharpness=1, exposure=1, contrast=1, noise=1, resolution=1))
    100.0
    """
    known = {name: value for name in WEIGHTS if (value := getattr(quality, name)) is not None}
    total = sum(WEIGHTS[name] for name in known)
    logs = sum(WEIGHTS[name] * np.log(max(value, FLOOR)) for name, value in known.items())
    return round(100 * float(np.exp(logs / total)), 1)


def perceived_blur(grey: Grey, taps: int = BLUR_TAPS) -> float:
    """0 (sharp) to 1: how little of the picture's edges a further blur takes away (Crete et al. 2007, The blur effect).

    1 for a picture without any edge, and for one too small to tell.
    """
    if min(grey.shape) <= BLUR_TAPS:
        return 1.0
    levels = grey.astype(np.float32)
    return max(_blur_along(levels, (1, taps), (0, 1)), _blur_along(levels, (taps, 1), (1, 0)))


def noise_levels(grey: Grey) -> float:
    """Standard deviation of the noise, in levels, by the second differences of the quietest blocks.

    The estimator of Immerkaer (1996, Fast noise variance estimation), by blocks so that texture is left out.
    """
    rows, columns = (size // NOISE_BLOCK for size in grey.shape)
    if rows == 0 or columns == 0:
        return 0.0
    cut = grey[: rows * NOISE_BLOCK, : columns * NOISE_BLOCK].astype(np.float32)
    absolute = np.abs(cv2.filter2D(cut, cv2.CV_32F, NOISE_KERNEL))
    sigmas = _block_means(absolute) * (np.sqrt(np.pi / 2) / 6)
    means = _block_means(cut)
    telling = sigmas[(means >= NOISE_LEVELS[0]) & (means <= NOISE_LEVELS[1])]
    return float(np.quantile(telling, NOISE_QUANTILE)) if telling.size else 0.0


def effective_lines(detail: Detail) -> float:
    """Lines at which the picture would look sharp, by a window of it.

    Pictures of the world look alike at every scale until their detail ends: a size is sharp whose perceived blur is
    low, or near the lowest of all sizes where what is shown is soft itself.
    """
    blurs = [perceived_blur(shrunk, FINE_TAPS) for shrunk in _shrunk(detail.window)]
    sharp = max(FINE_BLUR, min(blurs, default=1.0) + SCALE_SPREAD)
    factors = [factor for factor, blur in zip(SHRINKS, blurs, strict=False) if blur <= sharp]
    return detail.lines / min(factors, default=SHRINKS[max(len(blurs) - 1, 0)])


def richest_window(width: int, height: int, grey: Grey) -> tuple[int, int, int, int]:
    """Where a picture of this size has the most detail, by its smaller `grey`: left, top, right, bottom in pixels.

    What is out of focus on purpose does not count.
    """
    edges = cv2.blur(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), (31, 31))
    row, column = divmod(int(np.argmax(edges)), edges.shape[1])
    top, left = _start(row, grey.shape[0], height), _start(column, grey.shape[1], width)
    return left, top, min(left + WINDOW, width), min(top + WINDOW, height)


def _shrunk(window: Grey) -> Iterator[Grey]:
    """The window by each of SHRINKS, as long as enough of it is left to tell."""
    for factor in SHRINKS:
        height, width = (round(size / factor) for size in window.shape)
        if min(height, width) <= 2 * BLUR_TAPS:
            return
        smaller = window if factor == 1 else cv2.resize(window, (width, height), interpolation=cv2.INTER_AREA)
        yield np.asarray(smaller, np.uint8)


def _start(place: int, of: int, size: int) -> int:
    """Where a window round `place` of `of` begins in a side of `size` pixels."""
    return int(np.clip(place * size // of - WINDOW // 2, 0, max(size - WINDOW, 0)))


def _blur_along(levels: NDArray[np.float32], box: tuple[int, int], order: tuple[int, int]) -> float:
    """Perceived blur in one direction: `box` (width, height) re-blurs, `order` (x, y) of the derivative."""
    blurred = cv2.blur(levels, box, borderType=cv2.BORDER_REFLECT)
    inner = (slice(2, -1), slice(2, -1))
    sharp = np.abs(cv2.Sobel(levels, cv2.CV_32F, *order, ksize=3)[inner])
    soft = np.abs(cv2.Sobel(blurred, cv2.CV_32F, *order, ksize=3)[inner])
    total = float(sharp.sum(dtype=np.float64))
    if total <= 0:
        return 1.0
    return 1 - float(np.maximum(sharp - soft, 0).sum(dtype=np.float64)) / total


def _resolved(lines: float) -> float:
    return float(np.clip(np.log2(lines / FEWEST_LINES) / np.log2(FULL_LINES / FEWEST_LINES), 0, 1))


def _block_means(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (size // NOISE_BLOCK for size in plane.shape)
    means: NDArray[np.float32] = plane.reshape(rows, NOISE_BLOCK, columns, NOISE_BLOCK).mean(axis=(1, 3))
    return means


def _figure(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)
