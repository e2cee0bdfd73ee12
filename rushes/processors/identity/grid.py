"""Unit vectors in fixed point, such that similarities are the same whatever BLAS, batch or order computed them.

A component is a multiple of 2**-14 and a weight one of 2**-4, so a product of two weighted sums is a multiple of
2**-36, and a float64 sum of such products is exact, hence independent of the order of summation, while it stays below
2**17. The step is that of float16 near .06, the size of a component in 256 dimensions; scores move by 3e-5 (one
standard deviation, 512 dimensions).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

STEPS: Final = 2**14
"""Steps of the grid in 1."""

HALF_ULP: Final = 2.0**-24
"""Unit roundoff of float32."""

EXACT: Final = 2.0**17
"""Bound on the product of two weights, for which the float64 product of their sums is exact in any order."""

LONG: Final = 25.0
"""Squared length up to which the squares of float16 components, multiples of 2**-48, add up exactly in float64."""

Grid = NDArray[np.int16]
Vec64 = NDArray[np.float64]


def to_grid(vector: NDArray[np.floating]) -> Grid:
    """A (d,) vector, normalised and rounded to the grid: (d,) int16 in steps; zeros where it has no direction."""
    wide = np.asarray(vector, np.float64)
    norm2 = float(wide @ wide)
    if vector.dtype != np.float16 or not norm2 <= LONG:
        norm2 = math.fsum((wide * wide).tolist())
    if norm2 <= 0.0 or not math.isfinite(norm2):
        return np.zeros(len(wide), np.int16)
    return np.rint(wide / math.sqrt(norm2) * STEPS).astype(np.int16)


def to_grids(vectors: NDArray[np.float16]) -> Grid:
    """`to_grid` of each row, (n, d): (n, d)."""
    wide = vectors.astype(np.float64)
    norm2 = np.einsum("nd,nd->n", wide, wide)
    if not ((norm2 > 0.0) & (norm2 <= LONG)).all():
        return np.stack([to_grid(vector) for vector in vectors])
    grids: Grid = np.rint(wide / np.sqrt(norm2)[:, None] * STEPS).astype(np.int16)
    return grids


def linkage(one: Vec64, other: Vec64, weight_one: float, weight_other: float) -> float:
    """Average linkage <one, other> / (w w') of two sums of grid vectors: exactly rounded products, any order."""
    weight = weight_one * weight_other
    total = float(one @ other) if weight <= EXACT else math.fsum((one * other).tolist())
    return total / (weight * STEPS * STEPS)


def proposal_error(dim: int) -> float:
    """Bound on |float32 proposal - exact linkage|, whatever the order of summation: dim + 4 roundings (Higham 2002,
    section 3.1; the four are those of both inputs). 3e-5 for 512 dimensions.
    """
    return (dim + 4) * HALF_ULP
