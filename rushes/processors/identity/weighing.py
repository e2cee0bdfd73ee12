"""How the figures of a level weigh, in nats: written by benchmarks/fit_weighing.py, not by hand."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushes.processors.identity.figures import FIGURES

CLIP: Final = 6.0
"""Standard deviations beyond which a figure says no more."""

WEIGHTS: Final[dict[str, tuple[float, float, float]]] = {
    "silhouette": (4.1659, 0.2872, 0.2015),
    "silhouette_by_group": (2.2902, 0.2328, 0.1947),
    "silhouette_squared": (-1.7298, 0.1231, 0.1301),
    "lone_credit": (-0.4941, 0.0943, 0.1476),
    "lone_credit_by_group": (0.6478, 0.1477, 0.1786),
    "misplaced": (0.2356, 0.0264, 0.0661),
    "clearance": (-0.0234, 1.0999, 0.7383),
    "chance": (-0.6397, 0.2954, 0.3078),
    "chance_far": (0.6580, 0.0986, 0.1029),
    "refused": (-0.2034, 0.3212, 0.4516),
    "place_off": (-1.4570, 0.0978, 0.0966),
    "place": (-1.3272, 0.4514, 0.3045),
    "threshold": (0.1547, 0.6117, 0.2595),
    "threshold_squared": (-0.4103, 0.4416, 0.2892),
    "top": (0.7143, 0.4663, 0.3150),
    "bottom": (0.0384, 0.4291, 0.3396),
    "bottom_squared": (0.5251, 0.2995, 0.2820),
    "gap": (-0.1173, 0.0373, 0.0901),
    "gap_root": (0.5748, 0.1489, 0.1229),
    "gap_by_items": (-0.6294, 0.1598, 0.3838),
    "gap_of_lone": (-0.1382, 0.0082, 0.0419),
    "top_of_lone": (0.1620, 0.1845, 0.2658),
    "inner_gap": (-2.3906, 0.2048, 0.1631),
    "inner_gap_worst": (-0.2521, 0.4447, 0.2763),
    "inner_gap_by_items": (1.6318, 0.9525, 0.7848),
    "inner_gap_by_groups": (0.8082, 0.5885, 0.4852),
    "inner_gap_of_few": (0.7536, 0.0250, 0.0901),
    "silhouette_of_few": (-0.7821, 0.0182, 0.0787),
    "few_groups": (-0.0199, 0.0983, 0.2977),
    "lone_items": (4.3089, 0.2608, 0.3153),
    "groups_per_item": (-5.4600, 0.3893, 0.3069),
    "groups_log": (-0.5336, 0.6901, 0.2422),
    "size_log": (-1.1320, 1.6668, 1.2594),
    "size_log_of_items": (-1.4880, 0.3581, 0.2563),
    "typical": (1.5198, 0.6567, 0.2544),
    "typical_height": (-1.2595, 0.5281, 0.2857),
    "pairs_above": (-0.7843, 1.8104, 1.2861),
    "different_above": (0.4630, 0.0109, 0.0680),
    "one_group": (-0.5994, 0.0000, 1.0000),
    "one_group_top": (6.1135, 0.0000, 0.3212),
    "one_group_std": (5.0793, 0.0000, 0.1621),
    "one_group_skew": (0.0072, 0.0000, 1.5539),
    "one_group_items": (-4.9446, 0.0000, 4.5164),
    "all_apart_mean": (0.7594, 0.0000, 0.4178),
    "all_apart_std": (0.8762, 0.0000, 0.1641),
    "all_apart_skew": (-0.9557, 0.0000, 1.4778),
    "all_apart_bottom": (1.5855, 0.0000, 0.9048),
    "all_apart_items": (0.3201, 0.0000, 4.4989),
}
"""Weight, mean and standard deviation of each figure."""

_TABLE: Final = np.array([WEIGHTS[name] for name in FIGURES]).T


def weighed(figures: NDArray[np.float64]) -> float:
    """Log odds of a level, beside the others of its dendrogram. figures: (len(FIGURES),)."""
    weights, means, deviations = _TABLE
    return float((weights * np.clip((figures - means) / deviations, -CLIP, CLIP)).sum())
