"""How identification is measured: nobody asked about is taken in, and the error of a probability is what it says."""

import numpy as np
import pytest
from bench_identify import STRANGERS, calibration_error, split

from rushes.processors.evaluation.material import Material


def test_strangers_are_not_taken_in_and_nobody_is_asked_about_who_was():
    labels = np.repeat(np.arange(10), [1, 1, 2, 3, 5, 8, 9, 12, 30, 30])
    material = Material(np.eye(len(labels), dtype=np.float32), labels)
    for seed in range(20):
        taken, asked = split(material, np.random.default_rng(seed))
        assert not set(taken.tolist()) & set(asked.tolist())
        inside = set(labels[taken].tolist())
        assert len(set(range(10)) - inside) == round(STRANGERS * 10)
        alone = {label for label in (0, 1) if label in inside}
        assert not alone & set(labels[asked].tolist())


@pytest.mark.parametrize(
    ("probabilities", "right", "expected"),
    [([1.0] * 20, [True] * 20, 0.0), ([1.0] * 20, [False] * 20, 1.0), ([0.5] * 20, [True, False] * 10, 0.0)],
)
def test_the_calibration_error_is_how_far_certainty_is_from_being_right(probabilities, right, expected):
    assert calibration_error(probabilities, right) == pytest.approx(expected)
