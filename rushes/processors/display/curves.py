"""Transfer curves: from code values to linear light, for HDR, camera logs and film scans.

A curve takes code values in float64, 0..1 (what a decoder gives as R'G'B' of full range), and gives linear light whose
1.0 is the white that a picture for ordinary screens would have: 203 cd/m2 of a display (BT.2408-7, table 1), or a white
of 100 % reflectance in a scene.

Sources, by curve: PQ and HLG: ITU-R BT.2100-2, tables 4 and 5. S-Log3: Sony, "Technical Summary for S-Gamut3.Cine/
S-Log3". LogC3 (at EI 800) and LogC4: ARRI, "LogC Curve, Usage in VFX" and "LogC4 Specification". V-Log: Panasonic,
"V-Log/V-Gamut Reference Manual". Canon Log 2 and 3: Canon, "Canon Log Gamma Curves" (2018). Apple Log: Apple,
"Apple Log Profile" (2023). F-Log, F-Log2: Fujifilm, "F-Log Data Sheet" 1.1 and "F-Log2 Data Sheet" 1.0. N-Log: Nikon,
"N-Log Specification Document". D-Log: DJI, "White Paper on D-Log and D-Gamut". Cineon: Kodak, "Conversion of 10-bit Log
Film Data To 8-bit Linear or Video Data" (1995).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.float64]
Light = NDArray[np.float64]

REFERENCE_WHITE_NITS: Final = 203.0
"""HDR reference white, cd/m2 (BT.2408-7): where graphics and a matt white lie, as they do at a screen's white."""

PQ_NITS: Final = 10_000.0
"""Luminance of PQ's code value 1, cd/m2."""

HLG_NITS: Final = 1_000.0
HLG_GAMMA: Final = 1.2
"""Nominal peak of an HLG display, cd/m2, and the system gamma that belongs to it (BT.2100-2, note 5f)."""

_M1: Final = 2610 / 16384
_M2: Final = 2523 / 4096 * 128
_C1: Final = 3424 / 4096
_C2: Final = 2413 / 4096 * 32
_C3: Final = 2392 / 4096 * 32


def pq_to_nits(codes: Codes) -> Light:
    """Luminance of a PQ display, cd/m2 (EOTF, BT.2100-2 table 4).

    >>> round(float(pq_to_nits(np.array([0.5081])).item()))
    100
    """
    powered = np.maximum(codes, 0.0) ** (1 / _M2)
    return PQ_NITS * np.asarray(np.maximum(powered - _C1, 0.0) / (_C2 - _C3 * powered)) ** (1 / _M1)


def nits_to_pq(nits: Light) -> Codes:
    """The inverse of `pq_to_nits`."""
    powered = (np.maximum(nits, 0.0) / PQ_NITS) ** _M1
    return ((_C1 + _C2 * powered) / (1 + _C3 * powered)) ** _M2


def srgb_to_linear(codes: Codes) -> Light:
    """IEC 61966-2-1, decoding."""
    return np.where(codes <= 0.04045, codes / 12.92, ((np.maximum(codes, 0.0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(light: Light) -> Codes:
    """IEC 61966-2-1, encoding."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0) ** (1 / 2.4) - 0.055)


def _pq(x: Codes) -> Light:
    return pq_to_nits(x) / REFERENCE_WHITE_NITS


def _hlg(x: Codes) -> Light:
    """Light of the scene, 0..1 (inverse OETF); the OOTF, which mixes the channels, comes after it."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(x <= 0.5, x**2 / 3, (np.exp((x - c) / a) + b) / 12)


def _s_log3(x: Codes) -> Light:
    code = x * 1023
    toe = (code - 95) * 0.01125 / (171.2102946929 - 95)
    return np.where(code >= 171.2102946929, 10 ** ((code - 420) / 261.5) * 0.19 - 0.01, toe)


def _logc3(x: Codes) -> Light:
    a, b, c, d, e, f, cut = 5.555556, 0.052272, 0.247190, 0.385537, 5.367655, 0.092809, 0.010591
    return np.where(x > e * cut + f, (10 ** ((x - d) / c) - b) / a, (x - f) / e)


def _logc4(x: Codes) -> Light:
    a = (2**18 - 16) / 117.45
    b, c = (1023 - 95) / 1023, 95 / 1023
    s = 7 * np.log(2) * 2 ** (7 - 14 * c / b) / (a * b)
    t = (2 ** (14 * (-c / b) + 6) - 64) / a
    return np.where(x >= 0, (2 ** (14 * (x - c) / b + 6) - 64) / a, x * s + t)


def _v_log(x: Codes) -> Light:
    return np.where(x < 0.181, (x - 0.125) / 5.6, 10 ** ((x - 0.598206) / 0.241514) - 0.00873)


def _c_log2(x: Codes) -> Light:
    low = -(10 ** ((0.092864125 - x) / 0.24136077) - 1) / 87.099375
    high = (10 ** ((x - 0.092864125) / 0.24136077) - 1) / 87.099375
    return 0.9 * np.where(x < 0.092864125, low, high)


def _c_log3(x: Codes) -> Light:
    low = -(10 ** ((0.12783901 - x) / 0.36726845) - 1) / 14.98325
    high = (10 ** ((x - 0.12240537) / 0.36726845) - 1) / 14.98325
    middle = (x - 0.12512219) / 1.9754798
    return 0.9 * np.where(x < 0.097465473, low, np.where(x <= 0.15277891, middle, high))


def _apple_log(x: Codes) -> Light:
    r0, rt, c = -0.05641088, 0.01, 47.28711236
    toe = np.sqrt(np.maximum(x, 0.0) / c) + r0
    return np.where(x >= c * (rt - r0) ** 2, 2 ** ((x - 0.69336945) / 0.08550479) - 0.00964052, toe)


def _f_log(x: Codes) -> Light:
    a, b, c, d, e, f = 0.555556, 0.009468, 0.344676, 0.790453, 8.735631, 0.092864
    return np.where(x >= 0.100537775223865, (10 ** ((x - d) / c) - b) / a, (x - f) / e)


def _f_log2(x: Codes) -> Light:
    a, b, c, d, e, f = 5.555556, 0.064829, 0.245281, 0.384316, 8.799461, 0.092864
    return np.where(x >= 0.100686685370811, (10 ** ((x - d) / c) - b) / a, (x - f) / e)


def _n_log(x: Codes) -> Light:
    code = x * 1023
    return np.where(code < 452, (code / 650) ** 3 - 0.0075, np.exp((code - 619) / 150))


def _d_log(x: Codes) -> Light:
    return np.where(x <= 0.14, (x - 0.0929) / 6.025, (10 ** (3.89616 * x - 2.27752) - 0.0108) / 0.9892)


def _cineon(x: Codes) -> Light:
    """Printing density: .002 a code value, a film gamma of .6, black at 95 and white at 685 of 1023."""
    per_code = 0.002 / 0.6
    black = 10 ** ((95 - 685) * per_code)
    return (10 ** ((x * 1023 - 685) * per_code) - black) / (1 - black)


def _linear(x: Codes) -> Light:
    return x


@dataclass(frozen=True, slots=True)
class Curve:
    """`to_light`: as the module says.

    `studio_codes`: the formula counts code values of the signal as recorded (x = code / 1023, whatever the range), so
    that R'G'B' expanded from a limited range is brought back before it. `peak`: greatest light that is told from white,
    in units of white; more is shown as white.
    """

    to_light: Callable[[Codes], Light]
    studio_codes: bool = False
    peak: float = HLG_NITS / REFERENCE_WHITE_NITS


CURVES: Final[Mapping[str, Curve]] = {
    "smpte2084": Curve(_pq),
    "arib-std-b67": Curve(_hlg),
    "linear": Curve(_linear),
    "s-log3": Curve(_s_log3, studio_codes=True),
    "logc3": Curve(_logc3),
    "logc4": Curve(_logc4),
    "v-log": Curve(_v_log, studio_codes=True),
    "c-log2": Curve(_c_log2),
    "c-log3": Curve(_c_log3),
    "apple-log": Curve(_apple_log),
    "f-log": Curve(_f_log, studio_codes=True),
    "f-log2": Curve(_f_log2, studio_codes=True),
    "n-log": Curve(_n_log, studio_codes=True),
    "d-log": Curve(_d_log, studio_codes=True),
    "cineon": Curve(_cineon),
    "sdr": Curve(srgb_to_linear, peak=1.0),
}
"""By name; standards by FFmpeg's names. `sdr`: ordinary gamma in other primaries than a screen's."""
