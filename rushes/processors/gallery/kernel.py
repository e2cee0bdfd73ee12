"""Products of vectors in whole steps, compiled when this module is imported: that takes a second, so it is imported
late.

BLAS knows no whole numbers: rows are widened to float32 for it, and it copies them once more before it multiplies them
with several probes. Here they are read as they lie, four rows for four probes at a time. No sum of products of two
vectors of length 1 exceeds 2**24, so int32 and float32 hold all of them.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rushes.processors.gallery.integers import Steps16, Steps32
from rushes.processors.gallery.tile import TILE, WIDTH, multiply_tile

MULTIPLY: Final = "void(int16[:, ::1], int16[:, ::1], int64[::1], float32[:, ::1], float32[::1])"
SIFT: Final = (
    "int64(float32[:, ::1], float32[::1], int64[::1], float32[::1], float32[::1], int64[:, ::1], float32[::1])"
)

LEAST: Final = np.float32(-(2**24))
"""No product is less; rows that are left out have minus infinity."""


@njit(MULTIPLY, nogil=True, boundscheck=False)
def _multiply_each(rows: Steps16, probes: Steps16, chosen: NDArray[np.int64], products: Steps32, best: Steps32) -> None:
    """`multiply` without tiles: of a few rows, and of dimensions that are no whole number of vectors."""
    for number in range(len(rows)):
        row = rows[number]
        for place in range(len(chosen)):
            probe = probes[chosen[place]]
            total = np.int32(0)
            for component in range(len(row)):
                total = np.int32(total + np.int32(row[component]) * np.int32(probe[component]))
            products[place, number] = total
            best[place] = max(best[place], np.float32(total))


@njit(MULTIPLY, nogil=True, boundscheck=False)
def multiply(rows: Steps16, probes: Steps16, chosen: NDArray[np.int64], products: Steps32, best: Steps32) -> None:
    """Exact products of rows, (n, d), with the chosen of the probes, (b, d), into `products`, (chosen, n), and the best
    of each into `best`, (chosen,): minus infinity where there is no row.
    """
    best[:] = -np.inf
    if len(rows) < TILE or rows.shape[1] % WIDTH:
        _multiply_each(rows, probes, chosen, products, best)
        return
    sums = np.empty(TILE * TILE, np.int32)
    asked = np.empty(len(chosen) + TILE, np.int64)
    asked[: len(chosen)] = chosen
    asked[len(chosen) :] = 0
    for start in range(0, len(rows), TILE):
        row = min(start, len(rows) - TILE)
        for place in range(0, len(chosen), TILE):
            multiply_tile(rows, row, probes, asked, place, sums)
            for visitor in range(place, min(place + TILE, len(chosen))):
                for number in range(TILE):
                    product = np.float32(sums[number * TILE + visitor - place])
                    products[visitor, row + number] = product
                    best[visitor] = max(best[visitor], product)


@njit(SIFT, nogil=True, boundscheck=False)
def sift(  # noqa: PLR0917 (Numba knows no keywords only)
    products: Steps32,
    best: Steps32,
    chosen: NDArray[np.int64],
    floors: Steps32,
    seen: Steps32,
    hits: NDArray[np.int64],
    scores: Steps32,
) -> int:
    """How many products reach the floor of their probe and are not minus infinity; written into `hits`,
    (2, n * chosen), as the probe's number and the row's place, and into `scores`. `products` and `best` as of
    `multiply`; `floors` and the best `seen`, which is raised, by the probe's number, (b,).
    """
    count = 0
    for place in range(len(chosen)):
        number = chosen[place]
        seen[number] = max(seen[number], best[place])
        floor = max(floors[number], LEAST)
        if best[place] < floor:
            continue
        for row in range(products.shape[1]):
            if products[place, row] >= floor:
                hits[0, count], hits[1, count], scores[count] = number, row, products[place, row]
                count += 1
    return count
