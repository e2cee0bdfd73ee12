"""How the figures of a level weigh, in nats: written by benchmarks/fit_weighing.py, not by hand."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.levels import FIGURES

CLIP: Final = 6.0
"""Standard deviations beyond which a figure says no more."""

WEIGHTS: Final[dict[str, tuple[float, float, float]]] = {
    "silhouette": (4.0995, 0.2621, 0.1927),
    "silhouette_by_group": (1.7801, 0.2092, 0.1831),
    "silhouette_squared": (-1.6498, 0.1058, 0.1209),
    "lone_credit": (0.2786, 0.0940, 0.1441),
    "lone_credit_by_group": (0.3322, 0.1461, 0.1729),
    "misplaced": (0.1904, 0.0301, 0.0699),
    "clearance": (0.0248, 1.0705, 0.7559),
    "chance": (-0.0761, 0.3260, 0.3152),
    "chance_far": (0.2568, 0.1088, 0.1055),
    "refused": (-0.1827, 0.2852, 0.4359),
    "place_off": (-1.5397, 0.0921, 0.0946),
    "place": (-0.6504, 0.4352, 0.2984),
    "threshold": (0.2695, 0.6097, 0.2525),
    "threshold_squared": (0.0474, 0.4355, 0.2795),
    "top": (-0.5221, 0.4504, 0.3103),
    "bottom": (0.5315, 0.4122, 0.3351),
    "bottom_squared": (0.6403, 0.2822, 0.2712),
    "gap": (0.2726, 0.0384, 0.0961),
    "gap_root": (0.4794, 0.1488, 0.1276),
    "gap_by_items": (-0.6337, 0.1637, 0.4081),
    "gap_of_lone": (-0.1268, 0.0094, 0.0459),
    "top_of_lone": (-0.5940, 0.1863, 0.2644),
    "inner_gap": (-1.9295, 0.1858, 0.1577),
    "inner_gap_worst": (-0.2570, 0.4113, 0.2782),
    "inner_gap_by_items": (1.2994, 0.8693, 0.7726),
    "inner_gap_by_groups": (0.9758, 0.5388, 0.4838),
    "inner_gap_of_few": (0.7952, 0.0228, 0.0833),
    "silhouette_of_few": (-0.8912, 0.0169, 0.0749),
    "few_groups": (0.0968, 0.0968, 0.2957),
    "lone_items": (4.1379, 0.2736, 0.3193),
    "groups_per_item": (-5.1803, 0.4017, 0.3103),
    "groups_log": (-1.4556, 0.6971, 0.2429),
    "size_log": (-1.4279, 1.6400, 1.2712),
    "size_log_of_items": (-2.2139, 0.3531, 0.2590),
    "typical": (1.5047, 0.6498, 0.2503),
    "typical_height": (-1.3814, 0.5075, 0.2818),
    "pairs_above": (-0.7017, 1.8896, 1.3171),
    "different_above": (0.4265, 0.0129, 0.0744),
    "one_group": (-1.5059, 0.0253, 0.1572),
    "one_group_top": (2.8324, 0.0061, 0.0521),
    "one_group_std": (0.3069, 0.0038, 0.0251),
    "one_group_skew": (-0.5509, 0.0265, 0.2424),
    "one_group_items": (-0.4313, 0.1116, 0.7067),
    "all_apart_mean": (0.3333, 0.0107, 0.0718),
    "all_apart_std": (-0.0512, 0.0044, 0.0274),
    "all_apart_skew": (-0.4145, 0.0283, 0.2457),
    "all_apart_bottom": (0.4095, 0.0258, 0.1504),
    "all_apart_items": (0.3626, 0.1289, 0.7563),
}
"""Weight, mean and standard deviation of each figure."""

_TABLE: Final = np.array([WEIGHTS[name] for name in FIGURES]).T


def weighed(figures: NDArray[np.float64]) -> float:
    """Log odds of a level, beside the others of its dendrogram. figures: (len(FIGURES),)."""
    weights, means, deviations = _TABLE
    return float((weights * np.clip((figures - means) / deviations, -CLIP, CLIP)).sum())
