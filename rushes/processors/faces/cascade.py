"""The cascade of MTCNN (Zhang et al. 2016, section II) around the three nets of facenet-pytorch.

The same boxes as that library's `detect_face`, which is the oracle of the tests, in a fraction of its time:

- what the nets look at (levels of the pyramid, candidates) are means over windows of the picture: differences of its
  integral image (Viola and Jones 2001), the same sums whatever the size, and all candidates in one go;
- pictures lie channels last as OpenCV has them; the nets' normalisation is part of their first weights (exact: these
  nets do not pad);
- the first net sees one level of one picture at a time, which stays in the processor's cache (of small pictures a few);
  the second and the third see the candidates of all pictures at once, whatever the pictures' sizes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rushes.processors.embedding.protocol import Image

if TYPE_CHECKING:
    import torch

Rows = NDArray[np.float32]
Sums = NDArray[np.int32]

CELL: Final = 12
"""Pixels that one answer of the first net sees."""

STRIDE: Final = 2
"""Pixels between two answers of the first net."""

STEP: Final = 0.709
"""From one level of the pyramid to the next: half of the pixels."""

THRESHOLDS: Final = (0.6, 0.7, 0.7)
"""Score that a candidate must exceed in each net, as published with the weights."""

CROP: Final = (24, 48)
"""Sides of what the second and the third net look at, in pixels."""

TOGETHER: Final = 200_000
"""Pixels of pictures of one size that the first net sees together: small ones cost more to ask for than to look at."""

AT_ONCE: Final = 256
"""Candidates that go through a net together: 75 MB of activations in the third."""


@dataclass(frozen=True, slots=True)
class Found:
    """Faces of one picture in its pixels: (n, 4) boxes, (n,) scores, (n, 5, 2) landmarks."""

    boxes: Rows
    scores: Rows
    points: Rows


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Boxes (n, 4) in pixels of their pictures, (n,) scores, and (n,) which picture each is of."""

    boxes: Rows
    scores: Rows
    picture: NDArray[np.int64]

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "_Candidates":
        return _Candidates(self.boxes[which], self.scores[which], self.picture[which])


class Cascade:
    """The three nets, ready to run. Not safe for several threads at once."""

    def __init__(self) -> None:
        from facenet_pytorch.models.mtcnn import ONet, PNet, RNet  # noqa: PLC0415 - imports torch

        self._nets = [_prepared(net) for net in (PNet(), RNet(), ONet())]

    def detect(self, pictures: Sequence[Image], smallest: Sequence[float]) -> list[Found]:
        """Faces of each picture (RGB, any sizes), none smaller than about its `smallest` pixels."""
        import torch  # noqa: PLC0415 - loaded by now

        with torch.inference_mode():
            sums = [_sums(picture) for picture in pictures]
            alike: dict[tuple[tuple[int, ...], float], list[int]] = {}
            for index, (picture, least) in enumerate(zip(sums, smallest, strict=True)):
                alike.setdefault((picture.shape, least), []).append(index)
            first = []
            for (shape, least), indices in alike.items():
                step = max(TOGETHER // (shape[0] * shape[1]), 1)
                for start in range(0, len(indices), step):
                    part = np.array(indices[start : start + step])
                    first.append(self._proposals(part, [sums[index] for index in part], least))
            candidates = _seen(_joined(first), sums)
            if not len(candidates.boxes):
                return [_none()] * len(pictures)
            regressions, probabilities = self._answers(1, candidates, sums)
            candidates, (regressions,) = _passing(candidates, probabilities, THRESHOLDS[1], regressions)
            kept = _suppressed(candidates, 0.7)
            candidates = candidates[kept]
            boxes = _squared(_regressed(candidates.boxes, regressions[kept]))
            candidates = _seen(_Candidates(boxes, candidates.scores, candidates.picture), sums)
            if not len(candidates.boxes):
                return [_none()] * len(pictures)
            regressions, marks, probabilities = self._answers(2, candidates, sums)
            candidates, (regressions, marks) = _passing(candidates, probabilities, THRESHOLDS[2], regressions, marks)
        sides = candidates.boxes[:, 2:] - candidates.boxes[:, :2] + 1
        points = marks.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] + candidates.boxes[:, None, :2] - 1
        boxes = _regressed(candidates.boxes, regressions)
        found = []
        for index in range(len(pictures)):
            own = np.flatnonzero(candidates.picture == index)
            own = own[_unnested(boxes[own], candidates.scores[own], 0.7)]
            found.append(Found(boxes[own], candidates.scores[own], points[own]))
        return found

    def _proposals(self, indices: NDArray[np.int64], sums: Sequence[Sums], smallest: float) -> _Candidates:
        """Squares that the first net takes for faces in pictures of one size; `indices` names the pictures."""
        every, places = [np.zeros((0, 9), np.float32)], [np.zeros(0, np.int64)]
        for scale, rows, columns in _levels(sums[0], smallest):
            levels = np.stack([_level(picture, rows, columns) for picture in sums])
            regression, probability = (output.numpy() for output in self._nets[0](_tensor(levels)))
            place, y, x = np.nonzero(probability[:, 1] >= THRESHOLDS[0])
            if not len(x):
                continue
            cells = np.stack([x, y], axis=1).astype(np.float32)
            corners = [np.floor((STRIDE * cells + edge) / np.float32(scale)) for edge in (1, CELL)]
            score = probability[place, 1, y, x]
            found = np.concatenate([*corners, regression[place, :, y, x], score[:, None]], axis=1)
            kept = _suppressed(_Candidates(found[:, :4], score, place), 0.5)
            every.append(found[kept])
            places.append(place[kept])
        found, place = np.concatenate(every), np.concatenate(places)
        kept = _suppressed(_Candidates(found[:, :4], found[:, 8], place), 0.7)
        found, place = found[kept], place[kept]
        moved = _squared(found[:, :4] + found[:, 4:8] * np.tile(found[:, 2:4] - found[:, :2], 2))
        return _Candidates(moved, found[:, 8], indices[place])

    def _answers(self, net: int, candidates: _Candidates, sums: Sequence[Sums]) -> list[Rows]:
        """The net's outputs for all candidates, each (n, ...)."""
        import torch  # noqa: PLC0415 - loaded by now

        side = CROP[net - 1]
        crops = np.empty((len(candidates.boxes), side, side, 3), np.float32)
        for index in np.unique(candidates.picture):
            own = np.flatnonzero(candidates.picture == index)
            crops[own] = _crops(sums[index], candidates.boxes[own], side)
        parts = [self._nets[net](_tensor(crops[start : start + AT_ONCE])) for start in range(0, len(crops), AT_ONCE)]
        return [torch.cat(outputs).numpy() for outputs in zip(*parts, strict=True)]


def _prepared(net: "torch.nn.Module") -> "Callable[[torch.Tensor], tuple[torch.Tensor, ...]]":
    """The net for bytes 0..255 rather than for -1..1, its weights channels last."""
    import torch  # noqa: PLC0415 - loaded by now

    net.eval().requires_grad_(requires_grad=False)
    first = net.get_submodule("conv1")
    weight, bias = first.get_parameter("weight"), first.get_parameter("bias")
    bias.sub_(127.5 / 128 * weight.sum(dim=(1, 2, 3)))
    weight.div_(128)
    return net.to(memory_format=torch.channels_last)


def _tensor(pictures: Rows) -> "torch.Tensor":
    """(n, h, w, 3) as (n, 3, h, w), channels last in memory."""
    import torch  # noqa: PLC0415 - loaded by now

    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def _sums(picture: Image) -> Sums:
    """(h + 1, w + 1, 3): of all pixels above and to the left. Wraps around in large pictures; differences do not."""
    return np.asarray(cv2.integral(np.ascontiguousarray(picture)), np.int32)


def _levels(sums: Sums, smallest: float) -> list[tuple[float, int, int]]:
    """Scales at which a face of `smallest` pixels and all larger ones come to CELL pixels, with rows and columns."""
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    levels = []
    scale = CELL / smallest
    left = min(height, width) * scale
    while left >= CELL:
        levels.append((scale, int(height * scale + 1), int(width * scale + 1)))
        scale *= STEP
        left *= STEP
    return levels


def _windows(length: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Begin and end, (n, count), of the windows of "area" interpolation in torch: they cover, and may overlap."""
    index = np.arange(count) * length[:, None]
    return index // count, -(-(index + length[:, None]) // count)


def _level(sums: Sums, rows: int, columns: int) -> Rows:
    """The whole picture as (rows, columns, 3) means."""
    (top,), (bottom,) = _windows(np.array([sums.shape[0] - 1]), rows)
    (left,), (right,) = _windows(np.array([sums.shape[1] - 1]), columns)
    bands = np.take(sums, bottom, 0)
    bands -= np.take(sums, top, 0)
    cells = np.take(bands, right, 1)
    cells -= np.take(bands, left, 1)
    share = np.float32(1) / ((bottom - top)[:, None] * (right - left)).astype(np.float32)
    means: Rows = np.multiply(cells, share[..., None], dtype=np.float32)
    return means


def _crops(sums: Sums, boxes: Rows, side: int) -> Rows:
    """What the boxes show of the picture as (n, side, side, 3) means."""
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    low, high = _pixels(boxes, height, width)
    x0, x1 = (low[:, :1] + edge for edge in _windows(high[:, 0] - low[:, 0], side))
    y0, y1 = (low[:, 1:] + edge for edge in _windows(high[:, 1] - low[:, 1], side))
    pixels = sums.reshape(-1, 3)

    def corner(y: NDArray[np.int64], x: NDArray[np.int64]) -> Sums:
        taken: Sums = np.take(pixels, y[:, :, None] * (width + 1) + x[:, None, :], 0)
        return taken

    cells = corner(y1, x1)
    cells -= corner(y1, x0)
    cells -= corner(y0, x1)
    cells += corner(y0, x0)
    share = np.float32(1) / ((y1 - y0)[:, :, None] * (x1 - x0)[:, None, :]).astype(np.float32)
    means: Rows = np.multiply(cells, share[..., None], dtype=np.float32)
    return means


def _pixels(boxes: Rows, height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last + 1 pixel, (n, 2) x and y, of what lies in the picture; a box counts its pixels from 1."""
    whole = np.clip(np.trunc(boxes), -1e6, 1e6).astype(np.int64)
    return np.maximum(whole[:, :2], 1) - 1, np.minimum(whole[:, 2:], (width, height))


def _seen(candidates: _Candidates, sums: Sequence[Sums]) -> _Candidates:
    """Those of which anything lies in the picture: a box can be moved out of it, which the library does not survive."""
    seen = np.zeros(len(candidates.boxes), np.bool_)
    for index in np.unique(candidates.picture):
        own = np.flatnonzero(candidates.picture == index)
        low, high = _pixels(candidates.boxes[own], sums[index].shape[0] - 1, sums[index].shape[1] - 1)
        seen[own] = (low < high).all(axis=1)
    return candidates[seen]


def _passing(
    candidates: _Candidates, probabilities: Rows, threshold: float, *rows: Rows
) -> tuple[_Candidates, list[Rows]]:
    scores = probabilities[:, 1]
    passing = scores > threshold
    kept = _Candidates(candidates.boxes[passing], scores[passing], candidates.picture[passing])
    return kept, [values[passing] for values in rows]


def _suppressed(candidates: _Candidates, overlap: float) -> NDArray[np.int64]:
    """Places of the candidates that no better one of their picture overlaps by more than this IoU.

    All pictures in one go, side by side so far apart that nothing of two can overlap.
    """
    import torch  # noqa: PLC0415 - loaded by now
    from torchvision.ops import nms  # noqa: PLC0415 - imports torch

    if not len(candidates.boxes):
        return np.zeros(0, np.int64)
    low, high = float(candidates.boxes.min()), float(candidates.boxes.max())
    apart = candidates.boxes.astype(np.float64) + (candidates.picture * (high - low + 1))[:, None]
    places: NDArray[np.int64] = nms(
        torch.from_numpy(apart), torch.from_numpy(candidates.scores.astype(np.float64)), overlap
    ).numpy()
    return places


def _unnested(boxes: Rows, scores: Rows, share: float) -> NDArray[np.int64]:
    """Places of the boxes that have at most `share` of the smaller of the two in common with any better one."""
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    kept: list[int] = []
    for place in np.argsort(-scores, kind="stable").tolist():
        low = np.maximum(boxes[kept, :2], boxes[place, :2])
        high = np.minimum(boxes[kept, 2:], boxes[place, 2:])
        common = np.prod(np.maximum(high - low + 1, 0), axis=1)
        if (common <= share * np.minimum(areas[kept], areas[place])).all():
            kept.append(place)
    return np.array(kept, np.int64)


def _regressed(boxes: Rows, regressions: Rows) -> Rows:
    """Each edge moved by its share of the box's side."""
    return boxes + regressions * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)


def _squared(boxes: Rows) -> Rows:
    """Squares of the longer side around the same centres."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1, keepdims=True)
    low = boxes[:, :2] + sides * np.float32(0.5) - longest * np.float32(0.5)
    return np.concatenate([low, low + longest], axis=1)


def _joined(candidates: Sequence[_Candidates]) -> _Candidates:
    return _Candidates(
        np.concatenate([some.boxes for some in candidates]),
        np.concatenate([some.scores for some in candidates]),
        np.concatenate([some.picture for some in candidates]),
    )


def _none() -> Found:
    return Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
