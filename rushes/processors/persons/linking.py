"""Which face belongs to which body in one picture."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rushes.processors.overlap import areas, common_areas
from rushes.schemas.ids import Box

UPPER: Final = 0.6
"""Part of a body's box, from its top, that bears the face: in a close-up the box ends at the chest, and a face's box
reaches down to the chin."""

INSIDE: Final = 0.6
"""Share of a face that lies in the upper part of its body, at least. A detector of bodies cuts off hats and hair, one
of faces does not."""


def bodies_of_faces(faces: Sequence[Box], bodies: Sequence[Box]) -> list[int | None]:
    """For each face the place of its body, or None. One to one: two faces never share a body.

    The assignment with the greatest sum (Hungarian method) of how well each face sits at the top of its body: the share
    of the face within the upper part, less the further its upper edge is from that of the body, in heights of the face.
    So where someone stands behind another, each gets the body that ends above their own forehead.
    """
    if not faces or not bodies:
        return [None] * len(faces)
    fit = fits(faces, bodies)
    linked: list[int | None] = [None] * len(faces)
    for row, column in zip(*linear_sum_assignment(fit, maximize=True), strict=True):
        if fit[row, column] > 0:
            linked[int(row)] = int(column)
    return linked


def fits(faces: Sequence[Box], bodies: Sequence[Box]) -> NDArray[np.float64]:
    """(faces, bodies) in 0..1: how well each face sits at the top of each body; 0 where it does not."""
    face, body = np.array(faces, np.float64), np.array(bodies, np.float64)
    upper = body.copy()
    upper[:, 3] = body[:, 1] + UPPER * (body[:, 3] - body[:, 1])
    heights = np.maximum(face[:, 3] - face[:, 1], 1e-9)
    inside = common_areas(face, upper) / np.maximum(areas(face), 1e-12)[:, None]
    apart = np.abs(face[:, None, 1] - body[None, :, 1]) / heights[:, None]
    return np.where(inside >= INSIDE, inside / (1 + apart), 0.0)
