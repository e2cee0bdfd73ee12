"""How the figures of a level weigh, in nats: written by benchmarks/fit_weighing.py, not by hand."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.levels import FIGURES

CLIP: Final = 6.0
"""Standard deviations beyond which a figure says no more."""

WEIGHTS: Final[dict[str, tuple[float, float, float]]] = {
    "silhouette": (3.6296, 0.2872, 0.2015),
    "silhouette_by_group": (2.2133, 0.2328, 0.1947),
    "silhouette_squared": (-1.4021, 0.1231, 0.1301),
    "lone_credit": (-0.0191, 0.0943, 0.1476),
    "lone_credit_by_group": (0.5830, 0.1477, 0.1786),
    "misplaced": (0.1861, 0.0264, 0.0661),
    "clearance": (0.0039, 1.0999, 0.7383),
    "chance": (-0.4991, 0.2954, 0.3078),
    "chance_far": (0.5075, 0.0986, 0.1029),
    "refused": (-0.2131, 0.3212, 0.4516),
    "place_off": (-1.6628, 0.0978, 0.0966),
    "place": (-1.3537, 0.4514, 0.3045),
    "threshold": (0.0304, 0.6117, 0.2595),
    "threshold_squared": (-0.2067, 0.4416, 0.2892),
    "top": (0.1229, 0.4663, 0.3150),
    "bottom": (0.5300, 0.4291, 0.3396),
    "bottom_squared": (0.7820, 0.2995, 0.2820),
    "gap": (0.1860, 0.0373, 0.0901),
    "gap_root": (0.4880, 0.1489, 0.1229),
    "gap_by_items": (-0.6577, 0.1598, 0.3838),
    "gap_of_lone": (-0.1506, 0.0082, 0.0419),
    "top_of_lone": (-0.4277, 0.1845, 0.2658),
    "inner_gap": (-2.6715, 0.2048, 0.1631),
    "inner_gap_worst": (-0.2365, 0.4447, 0.2763),
    "inner_gap_by_items": (1.8966, 0.9525, 0.7848),
    "inner_gap_by_groups": (0.8079, 0.5885, 0.4852),
    "inner_gap_of_few": (0.7706, 0.0250, 0.0901),
    "silhouette_of_few": (-0.7925, 0.0182, 0.0787),
    "few_groups": (-0.0571, 0.0983, 0.2977),
    "lone_items": (4.3216, 0.2608, 0.3153),
    "groups_per_item": (-5.4952, 0.3893, 0.3069),
    "groups_log": (-0.7087, 0.6901, 0.2422),
    "size_log": (-1.6013, 1.6668, 1.2594),
    "size_log_of_items": (-1.3932, 0.3581, 0.2563),
    "typical": (1.8941, 0.6567, 0.2544),
    "typical_height": (-1.8351, 0.5281, 0.2857),
    "pairs_above": (-0.7746, 1.8106, 1.2859),
    "different_above": (0.4554, 0.0109, 0.0680),
    "one_group": (-1.7566, 0.0257, 0.1584),
    "one_group_top": (3.5325, 0.0060, 0.0512),
    "one_group_std": (0.1714, 0.0039, 0.0257),
    "one_group_skew": (-0.5336, 0.0294, 0.2475),
    "one_group_items": (-0.7979, 0.1140, 0.7155),
    "all_apart_mean": (0.3299, 0.0103, 0.0706),
    "all_apart_std": (-0.0338, 0.0045, 0.0277),
    "all_apart_skew": (-0.3510, 0.0310, 0.2504),
    "all_apart_bottom": (0.5440, 0.0261, 0.1523),
    "all_apart_items": (0.1235, 0.1287, 0.7574),
}
"""Weight, mean and standard deviation of each figure."""

_TABLE: Final = np.array([WEIGHTS[name] for name in FIGURES]).T


def weighed(figures: NDArray[np.float64]) -> float:
    """Log odds of a level, beside the others of its dendrogram. figures: (len(FIGURES),)."""
    weights, means, deviations = _TABLE
    return float((weights * np.clip((figures - means) / deviations, -CLIP, CLIP)).sum())
