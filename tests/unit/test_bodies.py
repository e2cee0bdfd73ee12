"""Bodies link faces within a scene and a day: as evidence that is weighed, never against what is certain."""

from datetime import UTC, datetime

import numpy as np
import pytest

from rushes.processors.clustering import bodies
from rushes.processors.clustering.cells import MOST_WITNESSES
from rushes.processors.clustering.explaining import explain
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.library import Library
from rushes.schemas import ids
from rushes.schemas.ids import Box, ItemId
from rushes.schemas.log import CandidateItem, KindItems
from rushes.schemas.vectors import encode_vector
from rushes.streams.screens.explanation import lines_of
from tests.broken_facts import broken_facts
from tests.builders import DIM, GENERATION, LEFT, RIGHT, LibraryBuilder, axis

KITCHEN, STREET = axis(15), axis(14)
LEANING = axis(13) + 0.2 * axis(8) - 0.3 * np.eye(DIM)[:8].sum(0)
"""A face turned away that is a little like somebody else's."""
PROFILE, OTHER_PROFILE, THIRD_PROFILE = (axis(13 - n) - 0.3 * np.eye(DIM)[:10].sum(0) for n in range(3))
"""Faces turned away: like nobody's, however chance has it."""


def body_box(face: Box) -> Box:
    return (face[0], face[1], face[2], face[3] + 0.5)


class Shoot:
    """People in places, a frame each time: their face, or only their profile, and their clothes."""

    def __init__(self, seed: int = 0) -> None:
        self.lib = LibraryBuilder()
        self.rng = np.random.default_rng(seed)
        self.count = 0

    def look(self, of: np.ndarray, spread: float = 0.25) -> np.ndarray:
        vector = of / np.linalg.norm(of) + spread * self.rng.standard_normal(DIM) / np.sqrt(DIM)
        return vector / np.linalg.norm(vector)

    def take(
        self, *seen: tuple[np.ndarray, int], scene=KITCHEN, day: int | None = 1, quality: float = 0.9
    ) -> list[str]:
        """A photo of people (face, clothes); ids of their faces."""
        self.count += 1
        media = f"m{self.count}"
        boxes = (LEFT, RIGHT)[: len(seen)]
        frame = self.lib.frame(
            media,
            0,
            scene=self.look(scene),
            faces=[(b, self.look(face)) for b, (face, _) in zip(boxes, seen, strict=True)],
        )
        persons = [ids.item_id(self.lib.library_id, frame.frame_id, "person", body_box(box)) for box in boxes]
        scenes, faces = frame.kinds
        faces = faces.model_copy(update={"items": tuple(
            item.model_copy(update={"body_item_id": body, "quality": quality})
            for item, body in zip(faces.items, persons, strict=True)
        )})  # fmt: skip
        bodies = KindItems(kind="person", model_id="m1-person", items=tuple(
            CandidateItem(item_id=body, box=body_box(box), quality=0.9, vector=encode_vector(self.look(axis(clothes))))
            for body, box, (_, clothes) in zip(persons, boxes, seen, strict=True)
        ))  # fmt: skip
        entry = self.lib.shot_entry(media, [frame.model_copy(update={"kinds": (scenes, faces, bodies)})])
        captured = None if day is None else datetime(2026, 5, day, 12, tzinfo=UTC)
        self.lib.apply(entry.model_copy(update={"captured_at": captured}))
        return [item.item_id for item in faces.items]

    def where(self, face: str) -> str | None:
        return self.lib.cluster_of(face)


def shoot(seed: int = 0) -> tuple[Shoot, list[str], list[str]]:
    """Anna in red and Ben in blue, six times each in the kitchen and in the street; others elsewhere."""
    made = Shoot(seed)
    for who in (6, 7, 8):
        for _ in range(4):
            made.take((axis(who), who + 3), scene=axis(13))
    anna, ben = [], []
    for scene in (KITCHEN, STREET):
        for _ in range(6):
            anna += made.take((axis(0), 4), scene=scene)
            ben += made.take((axis(1), 5), scene=scene)
    return made, anna, ben


@pytest.mark.parametrize("seed", range(5))
def test_a_turned_face_is_put_with_the_faces_of_its_body_in_its_scene_and_says_why(seed):
    made, anna, ben = shoot(seed)
    (turned,) = made.take((LEANING, 4), quality=0.3)
    made.lib.consolidate()
    assert made.where(turned) == made.where(anna[0]) != made.where(ben[0])
    record = made.lib.record(turned)
    assert record.basis == "body"
    assert record.decision in {"joined", "moved"}
    assert record.company is not None
    assert made.where(record.company.witness_item_id) == made.where(anna[0])
    assert record.company.faces == 6
    assert record.reason is not None
    assert "the same body" in record.reason
    assert "in this scene" in record.reason
    told = "\n".join(lines_of(explain(made.lib.state, made.lib.state.items[ItemId(turned)])))
    assert f"{record.company.probability:.0%}" in told
    assert record.company.witness_item_id[:8] in told


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_concluded_on_another_day_or_in_another_scene_or_of_media_without_a_day(seed):
    made, _, _ = shoot(seed)
    faces = made.take((PROFILE, 4), day=2, quality=0.3) + made.take((OTHER_PROFILE, 4), day=None, quality=0.3)
    for _ in range(2):
        faces += made.take((THIRD_PROFILE, 4), scene=axis(10), quality=0.3)
    made.lib.consolidate()
    assert all(made.lib.record(face).basis != "body" for face in faces)


def test_of_a_day_in_one_place_a_bounded_number_of_faces_speaks_and_is_looked_at(monkeypatch):
    made, anna, _ = shoot()
    for _ in range(MOST_WITNESSES + 4):
        anna += made.take((axis(0), 4))
    turned = [face for _ in range(12) for face in made.take((LEANING, 4), quality=0.3)]
    made.lib.consolidate()
    assert {made.where(face) for face in turned} == {made.where(anna[0])}
    assert {made.lib.record(face).company.faces for face in turned} == {MOST_WITNESSES}

    looked_at = []
    decide = bodies._Look._decide
    monkeypatch.setattr(bodies._Look, "_decide", lambda self, *told: looked_at.append(told) or decide(self, *told))
    later = 8
    for _ in range(later):
        anna += made.take((axis(0), 4))
    assert len(looked_at) <= later < len(turned)
    made.lib.consolidate("again")
    assert len(looked_at) >= len(turned)
    assert {made.where(face) for face in turned} == {made.where(anna[0])}


@pytest.mark.parametrize("seed", range(5))
def test_two_people_in_the_same_clothes_are_not_mixed(seed):
    made, _, _ = shoot(seed)
    twins = []
    for _ in range(6):
        twins += made.take((axis(2), 6))
        twins += made.take((axis(3), 6))
    turned = [*made.take((PROFILE, 6), quality=0.3), *made.take((OTHER_PROFILE, 6), quality=0.3)]
    made.lib.consolidate()
    assert all(made.lib.record(face).basis != "body" for face in turned)
    assert made.where(twins[0]) != made.where(twins[1])


@pytest.mark.parametrize("seed", range(5))
def test_a_face_of_another_is_not_put_with_a_character_for_its_clothes(seed):
    made, anna, _ = shoot(seed)
    (stranger,) = made.take((axis(9), 4))
    made.lib.consolidate()
    assert made.where(stranger) is None
    assert made.lib.record(stranger).basis != "body"
    more = [face for _ in range(3) for face in made.take((axis(9), 8))]
    made.lib.consolidate("again")
    assert made.where(stranger) == made.where(more[0]) != made.where(anna[0])


def test_a_body_never_puts_two_faces_of_one_picture_together_or_a_face_where_a_person_said_no():
    made, anna, _ = shoot()
    _, turned = made.take((axis(0), 7), (PROFILE, 4), quality=0.3)
    (other,) = made.take((OTHER_PROFILE, 4), quality=0.3)
    made.lib.consolidate()
    assert made.where(turned) != made.where(anna[0])
    character = made.where(anna[0])
    assert made.where(other) == character
    made.lib.reject("no", other, character)
    made.lib.consolidate("again")
    assert made.where(other) != character
    rules = made.lib.state.spaces["face"].rules
    assert broken_facts(rules.clusterer.partition) == []


def test_a_face_leaves_again_when_its_company_has_gone():
    made, anna, ben = shoot()
    (turned,) = made.take((PROFILE, 4), quality=0.3)
    made.lib.consolidate()
    assert made.where(turned) == made.where(anna[0])
    for face in anna[:6]:
        made.lib.remove(made.lib.record(face).media_id)
    made.lib.consolidate("again")
    assert made.lib.record(turned).basis != "body"
    assert made.where(ben[0]) is not None


def test_a_face_held_by_its_body_is_told_once_and_bridges_nothing():
    made, anna, ben = shoot()
    (turned,) = made.take((PROFILE, 4), quality=0.3)
    made.lib.consolidate()
    told = made.lib.record(turned).revision
    for round_ in range(4):
        for _ in range(4):
            anna += made.take((axis(0), 4))
            ben += made.take((axis(1), 5))
        made.lib.consolidate(f"again {round_}")
        assert made.where(turned) == made.where(anna[0])
        assert made.lib.record(turned).revision == told
    assert len({made.where(face) for face in anna}) == len({made.where(face) for face in ben}) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_decides_the_same_and_records_say_where_the_partition_has_everybody(seed):
    made, _, _ = shoot(seed)
    for _ in range(4):
        made.take((PROFILE, 4), quality=0.3)
        made.take((OTHER_PROFILE, 5), quality=0.3)
    made.lib.consolidate()
    again = Library(made.lib.library_id, GENERATION)
    for entry in made.lib.entries:
        apply(again, entry)
    assert {name: item.record for name, item in again.items.items()} == {
        name: item.record for name, item in made.lib.state.items.items()
    }
    for item in again.items.values():
        assert item.record is not None
        assert item.record.cluster_id == item.cluster_id
        rules = again.spaces[item.kind].rules
        at = rules.clusterer.partition.cluster_of(rules.number(item))
        assert (None if at is None else rules.numbers.cluster_id(at)) == item.cluster_id
