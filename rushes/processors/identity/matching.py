"""One-to-one matching of the items of a frame to places: clusters, or waiting items to be one with."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

TIE: Final = 1e-13
"""Preference for the older of two places, per place: far below any difference of scores that comes from the vectors
(grid steps), far above float64's own resolution near 1."""

Place = tuple[bool, int]
"""(waiting?, cluster or waiting item): clusters sort before waiting items, older before younger."""


def match(options: Sequence[Mapping[Place, float]]) -> list[Place | None]:
    """The assignment of the greatest total (Kuhn 1955), each place taken once; an option's worth is positive."""
    columns = sorted({place for each in options for place in each})
    if not columns:
        return [None] * len(options)
    if len(options) == 1:
        return [min(options[0], key=lambda place: (-options[0][place], place))]
    cost = np.zeros((len(options), len(columns) + len(options)))
    for row, each in enumerate(options):
        for column, place in enumerate(columns):
            worth = each.get(place)
            cost[row, column] = 1.0 if worth is None else -worth + TIE * column
    rows, chosen = linear_sum_assignment(cost)
    result: list[Place | None] = [None] * len(options)
    for row, column in zip(rows.tolist(), chosen.tolist(), strict=True):
        if column < len(columns) and columns[column] in options[row]:
            result[row] = columns[column]
    return result
