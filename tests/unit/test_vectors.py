"""The vector codec: small, close, exact to add up, and strict."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from rushes.schemas.vectors import Vector, decode_vector, encode_vector

SEEDS = st.integers(0, 2**32 - 1)
DIMS = st.integers(1, 1024)


def drawn(seed: int, shape) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@given(SEEDS, DIMS, st.sampled_from([1e-30, 1e-3, 1.0, 1e6, 1e30]))
def test_a_vector_comes_back_within_one_in_a_million(seed, dim, scale) -> None:
    vector = drawn(seed, dim) * scale
    assert cosine(decode_vector(encode_vector(vector)), vector) >= 1 - 1e-6


@given(SEEDS, DIMS)
def test_a_decoded_vector_is_of_unit_length_within_float16(seed, dim) -> None:
    assert np.linalg.norm(decode_vector(encode_vector(drawn(seed, dim)))) == pytest.approx(1, abs=1e-3)


@given(SEEDS, st.integers(1, 64), st.integers(1, 200))
def test_sums_do_not_depend_on_the_order_of_arrival(seed, dim, count) -> None:
    vectors = [decode_vector(encode_vector(row)) for row in drawn(seed, (count, dim))]
    forwards = np.zeros(dim)
    for vector in vectors:
        forwards = forwards + vector
    shuffled = np.zeros(dim)
    for place in np.random.default_rng(seed + 1).permutation(count):
        shuffled = shuffled + vectors[place]
    np.testing.assert_array_equal(forwards, shuffled)
    np.testing.assert_array_equal(forwards, np.sum(vectors, axis=0))


@given(SEEDS, DIMS)
def test_packing_a_packed_vector_once_more_stays_within_one_in_a_million(seed, dim) -> None:
    once = decode_vector(encode_vector(drawn(seed, dim)))
    assert cosine(decode_vector(encode_vector(once)), once) >= 1 - 1e-6


@given(SEEDS)
def test_packing_is_repeatable_and_little_endian(seed) -> None:
    vector = drawn(seed, 8)
    packed = encode_vector(vector)
    assert encode_vector(vector.copy()) == packed
    assert packed.dtype == "float16"
    expected = (vector / np.linalg.norm(vector)).astype(np.float16)
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(packed.data), dtype="<f2"), expected)


def test_512_dimensions_take_less_than_1400_bytes_of_json() -> None:
    assert len(encode_vector(drawn(0, 512)).model_dump_json()) < 1420


@pytest.mark.parametrize(
    "vector",
    [np.zeros(4), [np.nan, 1], [np.inf, 1], [-np.inf, 1], np.zeros(0), np.ones((2, 2)), np.float64(1)],
    ids=["zero", "nan", "inf", "-inf", "empty", "matrix", "scalar"],
)
def test_what_is_no_direction_is_refused(vector) -> None:
    with pytest.raises(ValueError, match=r"expected one vector|finite and not zero"):
        encode_vector(vector)


@given(hnp.arrays(np.float64, st.integers(0, 8), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_whatever_goes_in_comes_out_finite_or_is_refused_by_value_error(vector) -> None:
    try:
        decoded = decode_vector(encode_vector(vector))
    except ValueError:
        return
    assert np.isfinite(decoded).all()
    assert decoded.any()


def packed(*values: float) -> str:
    return base64.b64encode(np.array(values, dtype="<f2").tobytes()).decode()


@pytest.mark.parametrize(
    "fields",
    [
        {"dim": 2, "data": packed(1)},
        {"dim": 1, "data": packed(1, 0)},
        {"dim": 0, "data": ""},
        {"dim": -1, "data": packed(1)},
        {"dim": 1 << 20, "data": packed(1)},
        {"dim": 1, "data": "not base64!"},
        {"dim": 1, "data": "é"},
        {"dim": 1, "data": packed(1), "dtype": "float32"},
    ],
    ids=str,
)
def test_a_vector_whose_parts_disagree_is_refused_on_the_way_in(fields) -> None:
    with pytest.raises(ValidationError):
        Vector.model_validate(fields)


@pytest.mark.parametrize("values", [(0, 0), (np.nan, 1), (np.inf, 0)], ids=str)
def test_a_foreign_vector_that_is_no_direction_is_refused(values) -> None:
    with pytest.raises(ValueError, match="finite and not zero"):
        decode_vector(Vector(dim=2, data=packed(*values)))
