"""How boxes lie over each other. Boxes are (n, 4) arrays of x0, y0, x1, y1 in one unit."""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating]


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """(n,); 0 where a box is inside out."""
    sides = np.maximum(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def common_areas(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """(len(a), len(b)): what each of `a` has in common with each of `b`."""
    low = np.maximum(a[:, None, :2], b[None, :, :2]).astype(np.float64)
    high = np.minimum(a[:, None, 2:], b[None, :, 2:]).astype(np.float64)
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def ious(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """(len(a), len(b)): intersection over union; 0 where both are empty.

    >>> ious(np.array([[0.0, 0, 2, 1]]), np.array([[1.0, 0, 3, 1]])).round(3).tolist()
    [[0.333]]
    """
    common = common_areas(a, b)
    union = areas(a)[:, None] + areas(b)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def best_apart(boxes: Boxes, scores: NDArray[np.floating], overlap: float) -> NDArray[np.int64]:
    """Places, best first, of the boxes that no better one overlaps by more than this IoU (non-maximum suppression).

    Equal scores go by place.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[ious(boxes[[best]], boxes[order])[0] <= overlap]
    return np.array(kept, np.int64)
