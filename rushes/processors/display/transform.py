"""Display transform: from HDR, log or linear pictures to what an ordinary screen shows (sRGB).

Models of images were trained on pictures for screens, and so were people's eyes: a log picture stored as it is looks
grey, a PQ picture dark and flat. The steps: the curve's light; for HLG the display's OOTF (BT.2100-2, table 5); the
matrix to BT.709; highlights rolled off by the EETF of BT.2390-10 (5.4.1) from the material's peak to white, applied to
the greatest channel and the others in proportion, so that hues stay; what lies outside the gamut is clipped
(BT.2407, annex 2); the curve of sRGB.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from rushes.processors.display.curves import (
    CURVES,
    HLG_GAMMA,
    HLG_NITS,
    REFERENCE_WHITE_NITS,
    linear_to_srgb,
    nits_to_pq,
    pq_to_nits,
)
from rushes.processors.display.primaries import PRIMARIES, to_bt709

Levels = NDArray[np.uint8]
Codes = NDArray[np.uint16] | NDArray[np.float32]

_BLOCK_PIXELS: Final = 1 << 15
"""Pixels worked on at once: what lies between stays in the processor's cache (2 ** 18 takes 2.5 times as long)."""

_CODES: Final = 65_536
_STEPS: Final = 65_535
"""Entries of the table that encodes sRGB: the steepest of its steps is a twentieth of a level."""

_STUDIO_BLACK: Final = 64 / 1023
_STUDIO_SPAN: Final = 876 / 1023
"""Where 10-bit video of limited range has black, and how much lies between black and white (BT.709-6, item 4)."""


@dataclass(frozen=True, slots=True)
class DisplayTransform:
    """One way from code values to sRGB. `curve` and `primaries` by the names of their tables.

    `peak_nits`: the brightest that the material says it has, for PQ; more is shown as white.

    >>> DisplayTransform("smpte2084", "bt2020").name
    'smpte2084/bt2020/1000'
    """

    curve: str
    primaries: str
    peak_nits: int = int(HLG_NITS)

    @property
    def name(self) -> str:
        """What events call it; `named` gives it back."""
        peak = f"/{self.peak_nits}" if self.curve == "smpte2084" else ""
        return f"{self.curve}/{self.primaries}{peak}"

    @classmethod
    def named(cls, name: str) -> "DisplayTransform":
        """The transform of this name. Raises KeyError where there is none."""
        curve, primaries, *peak = name.split("/")
        if curve not in CURVES or primaries not in PRIMARIES:
            raise KeyError(name)
        return cls(curve, primaries, *(int(nits) for nits in peak))

    def levels(self, codes: Codes, *, limited: bool = False) -> Levels:
        """`(h, w, 3)` code values to `(h, w, 3)` uint8 of sRGB.

        uint16: 0..65535 is R'G'B' 0..1. float32: the code values themselves. `limited`: R'G'B' was expanded from the
        limited range of video, which matters to curves that count recorded code values.
        """
        flat = codes.reshape(-1, 3)
        out = np.empty(flat.shape, np.uint8)
        for start in range(0, len(flat), _BLOCK_PIXELS):
            channels = cast("Codes", np.ascontiguousarray(flat[start : start + _BLOCK_PIXELS].T))
            out[start : start + channels.shape[1]] = self._block(channels, limited=limited).T
        return out.reshape(codes.shape)

    def _block(self, codes: Codes, *, limited: bool) -> Levels:
        """`(3, n)` to `(3, n)`: a channel's values lie together, which is five times as fast."""
        if codes.dtype == np.uint16:
            light = _light_table(self.curve, limited)[codes]
        else:
            finite = np.nan_to_num(codes, nan=0.0, posinf=_HALF_MAX, neginf=0.0)
            light = _light(self.curve, finite.astype(np.float64), limited=limited).astype(np.float32)
        if self.curve == "arib-std-b67":
            light = _hlg_display(light)
        light = to_bt709(self.primaries).astype(np.float32) @ light
        peak = self.peak_nits / REFERENCE_WHITE_NITS if self.curve == "smpte2084" else CURVES[self.curve].peak
        light = np.clip(_roll_off(light, peak), 0.0, 1.0)
        return _srgb_table()[(light * _STEPS + 0.5).astype(np.uint16)]


_HALF_MAX: Final = 65_504.0
"""Greatest value of a half float, which infinite ones become."""


def rolled_off(light: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """EETF of BT.2390-10, 5.4.1, for black at 0: light up to `peak` brought to 0..1, both in units of white."""
    source, white = (float(code) for code in nits_to_pq(REFERENCE_WHITE_NITS * np.array([peak, 1.0])))
    top = white / source
    knee = 1.5 * top - 0.5
    e1 = np.minimum(nits_to_pq(light * REFERENCE_WHITE_NITS) / source, 1.0)
    t = (np.maximum(e1, knee) - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * top
    return np.where(e1 < knee, light, pq_to_nits(spline * source) / REFERENCE_WHITE_NITS)


def _roll_off(light: NDArray[np.float32], peak: float) -> NDArray[np.float32]:
    """Bring the greatest channel of every pixel to white and below; the others in proportion."""
    if peak <= 1.0:
        return light
    greatest = np.maximum(light.max(axis=0), np.float32(1e-6))
    steps = np.minimum(greatest * np.float32(_STEPS / peak) + np.float32(0.5), np.float32(_STEPS)).astype(np.uint16)
    gain = _roll_off_table(peak)[steps] / greatest
    gain[greatest < _knee(peak)] = 1.0  # nothing to do there, and the table's steps are coarse in the dark
    return np.asarray(light * gain)


def _hlg_display(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """HLG's OOTF: light of the scene to light of a display of 1,000 cd/m2, in units of white."""
    luminance = np.array([0.2627, 0.6780, 0.0593], np.float32) @ light
    gain = HLG_NITS / REFERENCE_WHITE_NITS * np.maximum(luminance, 1e-9) ** np.float32(HLG_GAMMA - 1)
    return np.asarray(light * gain)


def _light(curve: str, codes: NDArray[np.float64], *, limited: bool) -> NDArray[np.float64]:
    described = CURVES[curve]
    if limited and described.studio_codes:
        codes = _STUDIO_BLACK + _STUDIO_SPAN * codes
    return described.to_light(codes)


@cache
def _knee(peak: float) -> np.float32:
    """Light below which the EETF changes nothing, in units of white."""
    source, white = nits_to_pq(REFERENCE_WHITE_NITS * np.array([peak, 1.0]))
    return np.float32(pq_to_nits(1.5 * white - 0.5 * source) / REFERENCE_WHITE_NITS)


@cache
def _light_table(curve: str, limited: bool) -> NDArray[np.float32]:
    return _light(curve, np.arange(_CODES) / (_CODES - 1), limited=limited).astype(np.float32)


@cache
def _roll_off_table(peak: float) -> NDArray[np.float32]:
    return rolled_off(np.linspace(0.0, peak, _STEPS + 1), peak).astype(np.float32)


@cache
def _srgb_table() -> Levels:
    return np.rint(255 * linear_to_srgb(np.arange(_STEPS + 1) / _STEPS)).astype(np.uint8)
