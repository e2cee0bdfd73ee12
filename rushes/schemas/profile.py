"""A calibration profile: what a library learnt of a model's scores, as a prior for other libraries of that model."""

from typing import Annotated, Literal

from pydantic import Field

from rushes.schemas.event import ItemKind, Part

BINS = 40
"""Of a histogram: scores -1..1 in steps of .05."""

Similarity = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Deviation = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]


class ScoreSpread(Part):
    """Scores of pairs of one sort."""

    mean: Similarity
    std: Deviation
    count: Annotated[int, Field(ge=0)]
    histogram: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=BINS, max_length=BINS)] = Field(
        description="Counts of scores from -1 to 1, in steps of 0.05."
    )


class Profile(Part):
    """The calibration of one model and kind, and what it rests on. It holds no vector and no picture."""

    profile_version: Literal[1] = 1
    kind: ItemKind
    model_id: str
    join: Similarity = Field(description="Average likeness from which two groups are one.")
    uncertainty: Deviation = Field(description="Of `join`, one standard deviation.")
    background_mean: Similarity = Field(description="Average likeness of groups that differ.")
    background_std: Deviation
    same_typical: Annotated[float, Field(ge=-1, le=1.01)] = Field(description="An item's usual likeness to its group.")
    same: ScoreSpread = Field(description="Pairs within a cluster; a tracklet counts as one.")
    different: ScoreSpread = Field(description="Pairs of two clusters.")
    items: Annotated[int, Field(ge=0)] = Field(description="That the threshold was chosen on.")
    source: str = Field(description="Where it was learnt, in words.")
