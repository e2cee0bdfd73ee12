"""HDR, log and linear pictures as a screen shows them, against the standards' own figures and a slow oracle."""

import math

import numpy as np
import pytest

from rushes.processors.display.curves import CURVES, pq_to_nits
from rushes.processors.display.primaries import PRIMARIES, to_bt709
from rushes.processors.display.transform import DisplayTransform

MID_GREY = {
    "s-log3": 420 / 1023,
    "logc3": 0.391007,
    "logc4": 0.278396,
    "v-log": 433 / 1023,
    "c-log2": 0.398,
    "c-log3": 0.343,
    "apple-log": 0.488272,
    "f-log": 470 / 1023,
    "f-log2": 400 / 1023,
    "n-log": 372 / 1023,
    "d-log": 0.3988,
}
"""Code value of 18 % grey, as each maker's paper states it."""

NAMES = [DisplayTransform(curve, primaries).name for curve in CURVES for primaries in ("bt709", "bt2020", "v-gamut")]


@pytest.mark.parametrize("curve", MID_GREY)
def test_a_log_curve_gives_18_percent_at_the_code_its_maker_states(curve):
    assert float(CURVES[curve].to_light(np.array(MID_GREY[curve]))) == pytest.approx(0.18, abs=0.001)


@pytest.mark.parametrize(("curve", "white", "black"), [("s-log3", 598, 95), ("v-log", 602, 128), ("cineon", 685, 95)])
def test_white_and_black_lie_at_the_codes_that_the_paper_states(curve, white, black):
    light = CURVES[curve].to_light(np.array([white, black]) / 1023)
    assert light == pytest.approx([1.0 if curve == "cineon" else 0.9, 0.0], abs=0.01)


@pytest.mark.parametrize(("code", "nits"), [(0.0, 0), (0.5081, 100), (0.5807, 203), (0.7518, 1000), (1.0, 10_000)])
def test_pq_gives_the_luminances_of_the_standard(code, nits):
    assert float(pq_to_nits(np.array(code))) == pytest.approx(nits, rel=0.002, abs=0.01)


def test_bt2020_becomes_bt709_by_the_matrix_of_the_standard():
    bt2087 = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    assert np.allclose(to_bt709("bt2020") @ np.array(bt2087), np.eye(3), atol=3e-4)


@pytest.mark.parametrize("name", PRIMARIES)
def test_white_stays_white(name):
    assert np.allclose(to_bt709(name) @ np.ones(3), 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_grey_stays_grey_and_brighter_stays_brighter(name):
    ramp = np.linspace(0, 65_535, 300).astype(np.uint16)[None, :, None].repeat(3, axis=2)
    shown = DisplayTransform.named(name).levels(ramp)[0].astype(int)
    assert np.ptp(shown, axis=1).max() <= 1
    assert np.diff(shown[:, 1]).min() >= 0
    assert shown[-1].min() >= 225, "the brightest code is white, or 1.0 of linear light, which leaves room above it"


@pytest.mark.parametrize("name", [*NAMES, "smpte2084/bt2020/400", "smpte2084/bt2020/10000"])
def test_a_name_tells_all_of_a_transform(name):
    assert DisplayTransform.named(name).name == name


def test_a_name_that_nobody_knows_is_refused():
    with pytest.raises(KeyError):
        DisplayTransform.named("gamma/bt709")


# -- the slow oracle: one pixel at a time, in plain Python, from the text of the standards


def oracle_pq(code: float) -> float:
    p = code ** (4096 / 2523 / 128)
    return 10_000 * (max(p - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * p)) ** (16_384 / 2610)


def oracle_pq_inverse(nits: float) -> float:
    y = (max(nits, 0) / 10_000) ** (2610 / 16_384)
    return ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)


def oracle_eetf(nits: float, peak: float) -> float:
    """BT.2390-10, 5.4.1, steps 1 to 4, for a black of 0 and a target of 203 cd/m2."""
    whole = oracle_pq_inverse(peak)
    top = oracle_pq_inverse(203) / whole
    e1 = min(oracle_pq_inverse(nits) / whole, 1)
    ks = 1.5 * top - 0.5
    if e1 < ks:
        return nits
    t = (e1 - ks) / (1 - ks)
    p = (2 * t**3 - 3 * t**2 + 1) * ks + (t**3 - 2 * t**2 + t) * (1 - ks) + (-2 * t**3 + 3 * t**2) * top
    return oracle_pq(p * whole)


def oracle_srgb(light: float) -> int:
    light = min(max(light, 0), 1)
    return round(255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055))


def oracle_hlg(rgb: list[float]) -> list[float]:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = [x * x / 3 if x <= 0.5 else (math.exp((x - c) / a) + b) / 12 for x in rgb]
    y = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2]
    return [1000 * max(y, 1e-12) ** 0.2 * e for e in scene]


TO_709 = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]


def oracle(curve: str, rgb: list[float], peak: float) -> list[int]:
    nits = oracle_hlg(rgb) if curve == "arib-std-b67" else [oracle_pq(x) for x in rgb]
    screen = [sum(m * n for m, n in zip(row, nits, strict=True)) for row in TO_709]
    greatest = max(screen)
    gain = oracle_eetf(greatest, peak) / greatest if greatest > 0 else 1
    return [oracle_srgb(x * gain / 203) for x in screen]


@pytest.mark.parametrize(("curve", "peak"), [("smpte2084", 1000), ("smpte2084", 4000), ("arib-std-b67", 1000)])
def test_the_fast_transform_agrees_with_the_slow_oracle(curve, peak):
    rng = np.random.default_rng(3)
    dark, bright = rng.integers(0, 25_000, (400, 1, 3)), rng.integers(0, 65_536, (400, 1, 3))
    codes = np.concatenate([dark, bright]).astype(np.uint16)
    shown = DisplayTransform(curve, "bt2020", peak).levels(codes)
    want = np.array([oracle(curve, list(pixel[0] / 65_535), peak) for pixel in codes])
    assert np.abs(shown[:, 0].astype(int) - want).max() <= 1


def test_white_is_bright_and_what_is_brighter_keeps_its_steps():
    nits = [203, 270, 350, 500]
    codes = np.array([[oracle_pq_inverse(n)] * 3 for n in nits])
    shown = DisplayTransform("smpte2084", "bt2020").levels((codes[None] * 65_535).astype(np.uint16))[0, :, 0]
    assert shown[0] > 220
    assert np.diff(shown.astype(int)).min() >= 3


def test_a_bright_colour_keeps_its_hue():
    light = np.array([[[8.0, 4.0, 1.0], [0.2, 0.1, 0.025]]], np.float32)
    shown = DisplayTransform("linear", "bt709").levels(light)[0].astype(float)
    decoded = [[((v / 255 + 0.055) / 1.055) ** 2.4 for v in pixel] for pixel in shown]
    assert decoded[0][1] / decoded[0][0] == pytest.approx(0.5, abs=0.03)
    assert decoded[0][2] / decoded[0][0] == pytest.approx(0.125, abs=0.03)


def test_infinite_and_missing_values_are_shown():
    light = np.array([[[np.inf, np.inf, np.inf], [np.nan, np.nan, np.nan], [-1, -1, -1]]], np.float32)
    shown = DisplayTransform("linear", "bt709").levels(light)[0]
    assert shown.tolist() == [[255] * 3, [0] * 3, [0] * 3]
