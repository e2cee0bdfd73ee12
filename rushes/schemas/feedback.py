"""What people say: `feedback`. A correction names its items by id and by place, so that it outlives any model."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, model_validator

from rushes.schemas.event import Event, GridBox, ItemKind, MediaName, Part, TimeUs, Uuid
from rushes.schemas.revision import Revision

FeedbackName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]


class Anchor(Part):
    """Where an item is, whatever its id: media, time and box."""

    media_id: MediaName
    kind: ItemKind
    stream: Annotated[int, Field(ge=0)] = 0
    time_us: TimeUs | None = Field(default=None, description="Null for a photo.")
    box: GridBox | None = Field(default=None, description="Null is the whole frame.")


class ItemRef(Part):
    """An item by id, by place, or both. The id is tried first."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"item_id": {"type": "string"}}, "required": ["item_id"]},
                {"properties": {"anchor": {"type": "object"}}, "required": ["anchor"]},
            ]
        }
    )

    item_id: Uuid | None = None
    anchor: Anchor | None = None

    @model_validator(mode="after")
    def _names_something(self) -> "ItemRef":
        if self.item_id is None and self.anchor is None:
            raise ValueError("an item is named by item_id, by anchor (media_id, kind, time_us, box), or by both")
        return self


ItemRefs = Annotated[tuple[ItemRef, ...], Field(min_length=1, max_length=1000)]


class Move(Part):
    """These items belong in that cluster; null is a new one."""

    action: Literal["move"] = "move"
    items: ItemRefs
    to_cluster_id: Uuid | None


class Confirm(Part):
    """These items are right where they are."""

    action: Literal["confirm"] = "confirm"
    items: ItemRefs
    cluster_id: Uuid | None = Field(default=None, description="Where the person saw them; null is wherever they are.")


class Reject(Part):
    """These items are not of that cluster ("not this person")."""

    action: Literal["reject"] = "reject"
    items: ItemRefs
    cluster_id: Uuid


class Merge(Part):
    """These clusters are one; the first one's id stays."""

    action: Literal["merge"] = "merge"
    cluster_ids: Annotated[tuple[Uuid, ...], Field(min_length=2, max_length=1000)]
    exemplars: tuple[ItemRef, ...] = ()


class Split(Part):
    """This cluster is several: each group leaves it for a new one."""

    action: Literal["split"] = "split"
    cluster_id: Uuid
    groups: Annotated[tuple[ItemRefs, ...], Field(min_length=1, max_length=100)]
    exemplars: tuple[ItemRef, ...] = ()


class Rename(Part):
    """The cluster's name; null takes it away."""

    action: Literal["rename"] = "rename"
    cluster_id: Uuid
    name: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None
    exemplars: tuple[ItemRef, ...] = ()


class Hide(Part):
    """Show the cluster no more, or again."""

    action: Literal["hide"] = "hide"
    cluster_id: Uuid
    hidden: bool = True


class Undo(Part):
    """Take an earlier feedback back. What it had overruled holds again."""

    action: Literal["undo"] = "undo"
    feedback_id: FeedbackName


FeedbackAction = Annotated[
    Move | Confirm | Reject | Merge | Split | Rename | Hide | Undo, Field(discriminator="action")
]


class FeedbackGiven(Event):
    """A person's correction. The same feedback_id is the same correction, however often sent."""

    type: Literal["FeedbackGiven"] = "FeedbackGiven"
    schema_version: Literal[1] = 1
    feedback_id: FeedbackName
    actor: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    given_at: AwareDatetime | None = None
    based_on_revision: Revision | None = Field(
        default=None, description="What the person was looking at. Stale only against a newer human decision."
    )
    change: FeedbackAction

    @property
    def key(self) -> str:
        return self.library_id
