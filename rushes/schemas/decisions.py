"""What the clusterer says: `cluster-assigned` and `clusters`, compacted, each record explaining itself."""

from typing import Annotated, Literal

from pydantic import Field

from rushes.schemas.event import Event, GridBox, ItemKind, MediaName, Part, TimeUs, Uuid
from rushes.schemas.media import MediaVersion
from rushes.schemas.revision import Revision

CLUSTERER_VERSION = "2"
"""Version of the deciding code. Records and rows carry it: equal revisions of unequal content are told apart by it."""

Decision = Literal[
    "joined", "founded", "noise", "promoted", "merged", "split", "moved", "confirmed", "rejected",
    "undone", "displaced", "remapped", "retired", "removed",
]  # fmt: skip


Basis = Literal["likeness", "tracklet", "person", "evidence", "body"]
"""What a decision rests on: likeness to what is there; a tracklet, whose items are one; a person's word; all of the
evidence together, weighed again by consolidation; or the company that a face's body keeps in its scene on that day."""


class Presence(Part):
    """From when to when an item's tracklet is seen in its shot: times of its first and last frame."""

    from_us: TimeUs
    to_us: TimeUs


class Neighbour(Part):
    """A cluster near the item, and a member to look at."""

    cluster_id: Uuid
    similarity: float
    exemplar_item_id: Uuid | None = None
    probability: float | None = Field(default=None, description="That the item is one with it, as calibrated.")


class Company(Part):
    """Whose faces a face's body is seen with: in one scene, on one day, bodies of one cluster."""

    body_item_id: Uuid
    body_cluster_id: Uuid
    witness_item_id: Uuid = Field(description="A face of the character with a body of this cluster.")
    faces: int = Field(description="Of the character with such a body, there and then; a tracklet counts once.")
    agreement: float = Field(description="Probability that faces of this body cluster, there and then, are one person.")
    certainty: float = Field(description="Probability that the body is of its cluster rather than of one around.")
    probability: float = Field(description="That the face is the character's, all in all.")


class Thresholds(Part):
    """What the similarity was held against."""

    join: float
    join_in_scene: float | None = None
    found: float
    uncertainty: float | None = Field(
        default=None, description="Of `join`, one standard deviation; null for a threshold set by hand."
    )
    source: str | None = Field(default=None, description="What `join` was learnt from; null where set by hand.")


class MergeProposal(Part):
    """Another cluster that may be the same one: not sure enough to merge, worth a person's look."""

    cluster_id: Uuid
    similarity: float
    probability: float | None = Field(default=None, description="That they are one, as calibrated.")


class Cause(Part):
    """The log entry, or the feedback, that led to the decision."""

    entry_id: Uuid
    feedback_id: str | None = None


class ClusterAssigned(Event):
    """Where an item belongs now, and why. The record of the highest revision is the truth."""

    type: Literal["ClusterAssigned"] = "ClusterAssigned"
    schema_version: Literal[1] = 1
    item_id: Uuid
    kind: ItemKind
    cluster_id: Uuid | None = Field(description="Null in noise, and when the item is removed.")
    provisional_id: Uuid | None = Field(default=None, description="The id under which it waits in noise.")
    parent_cluster_id: Uuid | None = Field(default=None, description="The scene of the item's frame.")
    previous_cluster_id: Uuid | None = None
    decision: Decision
    basis: Basis | None = None
    reason: str | None = Field(default=None, description="Why, in words for a person.")
    similarity: float | None = Field(
        default=None,
        description="To the cluster or the pair's other: the average cosine to its items (`calibrated`), or the cosine "
        "to its mean (`fixed`).",
    )
    margin: float | None = Field(default=None, description="Similarity less that of the second best.")
    nearest: tuple[Neighbour, ...] = ()
    thresholds: Thresholds | None = None
    policy: str
    pinned: bool = Field(default=False, description="A person said so: no re-cluster moves it.")
    model_id: str
    weak: bool = False
    adapter_version: str = "identity"
    generation: str
    revision: Revision
    clusterer_version: str = CLUSTERER_VERSION
    cause: Cause
    media_id: MediaName
    media_version: MediaVersion
    shot_id: Uuid
    frame_id: Uuid
    time_us: TimeUs | None = None
    box: GridBox | None = None
    tracklet_id: Uuid | None = Field(default=None, description="Items of one tracklet are one person; in films only.")
    presence: Presence | None = Field(default=None, description="Of the tracklet.")
    company: Company | None = Field(default=None, description="Of a face that is where it is for its body (`body`).")
    quality: float | None = None
    image_uri: str | None = None
    thumbnail_uri: str | None = None

    @property
    def key(self) -> str:
        return self.item_id


class ClusterChanged(Event):
    """A cluster as it is now. The record of the highest revision is the truth."""

    type: Literal["ClusterChanged"] = "ClusterChanged"
    schema_version: Literal[1] = 1
    cluster_id: Uuid
    kind: ItemKind
    name: str | None = None
    status: Literal["active", "merged", "hidden", "retired"]
    merged_into: Uuid | None = None
    size: Annotated[int, Field(ge=0)]
    exemplar_item_ids: tuple[Uuid, ...] = ()
    cover_item_id: Uuid | None = None
    cover_uri: str | None = None
    proposals: tuple[MergeProposal, ...] = Field(default=(), description="Of active clusters: the likeliest first.")
    model_id: str
    generation: str
    revision: Revision
    clusterer_version: str = CLUSTERER_VERSION
    cause: Cause

    @property
    def key(self) -> str:
        return self.cluster_id


class GenerationMark(Event):
    """Brackets a promotion on `clusters`: begin and end, with the count of `remapped` records between."""

    type: Literal["GenerationMark"] = "GenerationMark"
    schema_version: Literal[1] = 1
    mark: Literal["begin", "end"]
    generation: str
    previous_generation: str
    remapped: Annotated[int, Field(ge=0)]
    revision: Revision

    @property
    def key(self) -> str:
        return f"{self.library_id}/{self.generation}/{self.mark}"
