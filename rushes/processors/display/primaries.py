"""Primaries of cameras and standards, and the matrices from them to a screen's (BT.709, which sRGB shares)."""

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of red, green, blue and white (CIE 1931)."""

_D65: Final = (0.3127, 0.3290)
_ACES_WHITE: Final = (0.32168, 0.33767)
_DCI_WHITE: Final = (0.314, 0.351)

PRIMARIES: Final[Mapping[str, Chromaticities]] = {
    "bt709": (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65),
    "bt2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    "smpte431": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_DCI_WHITE),
    "smpte432": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    "s-gamut3": (0.730, 0.280, 0.140, 0.855, 0.100, -0.050, *_D65),
    "s-gamut3.cine": (0.766, 0.275, 0.225, 0.800, 0.089, -0.087, *_D65),
    "alexa-wide-gamut": (0.684, 0.313, 0.221, 0.848, 0.0861, -0.102, *_D65),
    "arri-wide-gamut-4": (0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, *_D65),
    "v-gamut": (0.730, 0.280, 0.165, 0.840, 0.100, -0.030, *_D65),
    "cinema-gamut": (0.740, 0.270, 0.170, 1.140, 0.080, -0.100, *_D65),
    "d-gamut": (0.710, 0.310, 0.210, 0.880, 0.090, -0.080, *_D65),
    "aces-ap0": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, *_ACES_WHITE),
    "aces-ap1": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *_ACES_WHITE),
}
"""By name: FFmpeg's for standards, the maker's for cameras (documents named in `curves`; ACES: SMPTE ST 2065-1)."""

_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@cache
def to_bt709(name: str) -> Matrix:
    """(3, 3) float64: linear light in these primaries to linear light in BT.709, white to white (Bradford)."""
    source, screen = PRIMARIES[name], PRIMARIES["bt709"]
    adapted = _adaptation(source[6:], screen[6:]) if source[6:] != screen[6:] else np.eye(3)
    return np.asarray(np.linalg.inv(_to_xyz(screen)) @ adapted @ _to_xyz(source))


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _to_xyz(primaries: Chromaticities) -> Matrix:
    """SMPTE RP 177: the primaries' directions, scaled so that equal amounts give white."""
    rx, ry, gx, gy, bx, by, wx, wy = primaries
    directions = np.array([[rx, gx, bx], [ry, gy, by], [1 - rx - ry, 1 - gx - gy, 1 - bx - by]])
    return np.asarray(directions * np.linalg.solve(directions, _xyz(wx, wy)))


def _adaptation(source: tuple[float, ...], target: tuple[float, ...]) -> Matrix:
    cones = (_BRADFORD @ _xyz(*target)) / (_BRADFORD @ _xyz(*source))
    return np.asarray(np.linalg.inv(_BRADFORD) @ (cones[:, None] * _BRADFORD))
