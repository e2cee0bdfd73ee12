"""Persons found, linked to their faces and carried on the events, with tiny detectors in the real formats."""

import json
from itertools import permutations

import numpy as np
import onnxruntime
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from transformers import AutoImageProcessor, AutoModelForObjectDetection

from rushes.infra.models import vision_models
from rushes.infra.settings import ModelSettings
from rushes.processors.detection import Detections
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.processors.embedding.shrinking import resized
from rushes.processors.faces.mtcnn import MtcnnDetector
from rushes.processors.overlap import best_apart, ious
from rushes.processors.persons import linking
from rushes.processors.persons.detector import (
    DetectedPerson,
    PersonModels,
    person_labels,
    persons_at,
    query_persons,
)
from rushes.processors.persons.linking import bodies_of_faces
from rushes.processors.persons.onnx_detector import OnnxPersonDetector
from rushes.processors.persons.transformers_detector import TransformersPersonDetector
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.vectors import decode_vector
from rushes.streams.stages.embed import EmbedStage
from rushes.streams.stages.vision import Picture, Vision
from tests.shots_of_pictures import DictBlobs, DictCache, entries, incoming, shot_of
from tests.stream.test_pooled_regions import PoolingScenes
from tests.tiny_detectors import save_tiny_detr, tiny_detr_onnx, with_labels, without_weights
from tests.tiny_onnx import tiny_embedder

PICTURES = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.astronaut()[:, ::-1].copy()]
FAMILIES = ("rt_detr", "rt_detr_v2", "d_fine")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {family: save_tiny_detr(tmp_path_factory.mktemp(family), family) for family in FAMILIES}


def closest(persons, box) -> float:
    return max((ious(np.array([person.box]), np.array([box]))[0, 0] for person in persons), default=0.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_finds_the_persons_that_the_library_finds(folders, family):
    """Its own processor, forward pass and post-processing are the oracle, a picture at a time."""
    found = TransformersPersonDetector(folders[family], threads=1, least=0.3).detect(PICTURES)
    model = AutoModelForObjectDetection.from_pretrained(folders[family]).eval()
    processor = AutoImageProcessor.from_pretrained(folders[family])
    total = 0
    for picture, detections in zip(PICTURES, found, strict=True):
        with torch.inference_mode():
            outputs = model(**processor(images=picture, return_tensors="pt"))
        (result,) = processor.post_process_object_detection(outputs, threshold=0, target_sizes=[(1, 1)])
        least = max(0.3, float(result["scores"].min()))  # it keeps as many finds as there are queries, of all labels
        wanted = [
            (float(score), box.clamp(0, 1).numpy().astype(np.float64))
            for score, label, box in zip(result["scores"], result["labels"], result["boxes"], strict=True)
            if model.config.id2label[int(label)] == "Person" and score >= least
        ]
        total += len(wanted)
        assert detections.error is None
        assert all(closest(detections.found, box) > 0.8 for _, box in wanted)
        for person in (person for person in detections.found if person.score > least):
            score, box = max(wanted, key=lambda one, p=person: ious(one[1][None], np.array([p.box]))[0, 0])
            assert np.allclose(box, person.box, atol=1e-3)
            assert score == pytest.approx(person.score, abs=1e-3)
    assert total > 3


def test_a_batch_finds_what_single_pictures_find(folders):
    detector = TransformersPersonDetector(folders["rt_detr"], threads=1, least=0.3, batch=2)
    for picture, together in zip(PICTURES, detector.detect(PICTURES), strict=True):
        (alone,) = detector.detect([picture])
        assert len(alone.found) == len(together.found)
        for a, b in zip(alone.found, together.found, strict=True):
            assert np.allclose(a.box, b.box, atol=1e-4)


def test_what_is_no_detector_of_persons_is_refused_in_words(tmp_path):
    folder = save_tiny_detr(tmp_path / "cats", "rt_detr")
    with pytest.raises(ConfigurationError, match="person, people"):
        TransformersPersonDetector(with_labels(folder, {0: "cat", 1: "dog", 2: "cow"}))
    with_labels(folder, {0: "cat", 1: "person", 2: "cow"})
    with pytest.raises(ConfigurationError, match="fetch the folder anew"):
        TransformersPersonDetector(without_weights(folder))
    with pytest.raises(ConfigurationError, match=r"no config\.json there"):
        TransformersPersonDetector(tmp_path)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ConfigurationError, match="found bert"):
        TransformersPersonDetector(folder)


def test_the_setting_is_named_where_a_detector_is_missing(tmp_path):
    for name in ("rtdetr:" + str(tmp_path), "onnx:" + str(tmp_path / "no.onnx"), "yolo"):
        with pytest.raises(ConfigurationError, match="RUSHES_MODELS__PERSON_DETECTOR"):
            vision_models(ModelSettings(face_detector="off", person_detector=name))
    assert vision_models(ModelSettings(face_detector="off")).persons is None


def test_an_onnx_file_finds_what_its_numbers_say(tmp_path):
    file = tmp_path / "detr.onnx"
    file.write_bytes(tiny_detr_onnx())
    detector = OnnxPersonDetector(file, threads=1)
    found = detector.detect(PICTURES)
    session = onnxruntime.InferenceSession(str(file))
    for picture, detections in zip(PICTURES, found, strict=True):
        small = resized(picture, (64, 64)).astype(np.float32) / 255
        logits, boxes = session.run(None, {"pixel_values": small.transpose(2, 0, 1)[None]})
        slow = slow_persons(logits[0], boxes[0], [0], 0.5)
        assert len(slow) > 1
        assert [p.score for p in detections.found] == pytest.approx([s for s, _ in slow], abs=1e-4)
        assert np.allclose([p.box for p in detections.found], [b for _, b in slow], atol=1e-4)


def slow_persons(logits, boxes, labels, least) -> list[tuple[float, tuple]]:
    """One query after the other."""
    found = []
    for row, (cx, cy, w, h) in zip(logits.tolist(), boxes.tolist(), strict=True):
        score = max(1 / (1 + np.exp(-row[label])) for label in labels)
        corners = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
        box = tuple(min(max(value, 0.0), 1.0) for value in corners)
        if score >= least and box[0] < box[2] and box[1] < box[3]:
            found.append((score, box))
    kept = []
    for score, box in sorted(found, key=lambda one: -one[0]):
        if all(slow_iou(box, other) <= 0.8 for _, other in kept):
            kept.append((score, box))
    return kept


def slow_iou(a, b) -> float:
    x = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    y = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    whole = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - x * y
    return x * y / whole if whole > 0 else 0.0


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_queries_become_the_persons_of_a_slow_loop(seed, queries):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(queries, 4)).astype(np.float32)
    boxes = rng.uniform(size=(queries, 4)).astype(np.float32)
    found = query_persons(logits, boxes, [1, 3])
    slow = slow_persons(logits, boxes, [1, 3], 0.5)
    assert [p.score for p in found] == pytest.approx([s for s, _ in slow])
    assert np.allclose([p.box for p in found], [b for _, b in slow])


def test_numbers_that_are_none_are_no_persons():
    boxes = np.array([[0.1, 0.1, np.nan, 0.5], [0.2, 0.2, 0.1, 0.5], [1.2, 0, 1.5, 0.4], [0.1, 0.1, 0.4, 0.5]])
    (person,) = persons_at(boxes, np.full(4, 0.9))
    assert person.box == (0.1, 0.1, 0.4, 0.5)


def test_suppression_keeps_the_best_of_those_that_overlap():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [0, 0, 10, 10]], np.float64)
    assert best_apart(boxes, np.array([0.5, 0.9, 0.1, 0.9]), 0.5).tolist() == [1, 2]


def test_labels_are_found_by_name_whatever_their_case():
    assert person_labels({3: "Person", 4: "Car", 7: "pedestrian"}, "x") == (3, 7)


LEFT, RIGHT = (0.1, 0.1, 0.4, 1.0), (0.5, 0.15, 0.8, 1.0)
BEHIND = (0.35, 0.05, 0.6, 0.9)


def face_of(body, height=0.12) -> tuple[float, float, float, float]:
    middle = (body[0] + body[2]) / 2
    return (middle - 0.04, body[1] + 0.03, middle + 0.04, body[1] + 0.03 + height)


def test_each_face_gets_the_body_that_begins_at_its_forehead():
    bodies = [LEFT, RIGHT, BEHIND]
    for order in permutations(range(3)):
        assert bodies_of_faces([face_of(bodies[i]) for i in order], bodies) == list(order)


def test_a_face_without_a_body_and_a_body_without_a_face_stay_alone():
    assert bodies_of_faces([(0.85, 0.1, 0.95, 0.2), face_of(LEFT)], [RIGHT, LEFT]) == [None, 1]
    assert bodies_of_faces([], [LEFT]) == []
    assert bodies_of_faces([face_of(LEFT)], []) == [None]


def test_a_face_on_a_shirt_or_at_the_feet_is_not_the_bodys_own():
    assert bodies_of_faces([(0.2, 0.85, 0.3, 0.97)], [LEFT]) == [None]
    assert bodies_of_faces([(0.2, 0.4, 0.3, 0.5), face_of(LEFT)], [LEFT]) == [None, 0]


def test_a_smaller_person_behind_a_taller_one_keeps_their_own_face():
    tall, small = (0.2, 0.0, 0.8, 1.0), (0.45, 0.3, 0.65, 0.9)
    assert bodies_of_faces([face_of(small, 0.08), face_of(tall, 0.2)], [tall, small]) == [1, 0]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_the_assignment_is_the_best_of_all(seed, faces, bodies):
    rng = np.random.default_rng(seed)
    boxes = []
    for count, side in ((faces, 0.2), (bodies, 0.7)):
        low = rng.uniform(0, 1 - side, (count, 2))
        boxes.append(np.concatenate([low, low + rng.uniform(side / 2, side, (count, 2))], axis=1).tolist())
    linked = bodies_of_faces(*boxes)
    assert len({body for body in linked if body is not None}) == sum(body is not None for body in linked)

    fits = linking.fits(boxes[0], boxes[1])

    def worth(pairs) -> float:
        return sum(fits[face, body] for face, body in pairs)

    wide = [*range(bodies), *[None] * faces]
    best = max(worth((f, b) for f, b in enumerate(order) if b is not None) for order in permutations(wide, faces))
    assert worth((f, b) for f, b in enumerate(linked) if b is not None) == pytest.approx(best)


class FixedPersons:
    """PersonDetector that finds the same box in every picture."""

    detector_id = "fixed/1/1"
    batch = 4

    def load(self) -> None: ...

    def unload(self) -> None: ...

    def detect(self, images):
        return [Detections((DetectedPerson((0.15, 0.02, 0.75, 1.0), 0.9),)) for _ in images]


def test_a_face_carries_its_body_on_the_event_and_a_body_its_own_vector():
    blobs, scene = DictBlobs(), SceneDescriptor()
    face = vision_models(ModelSettings(threads=1)).face
    stage = EmbedStage(
        blobs=blobs, cache=DictCache(), scene=scene, detector=MtcnnDetector(threads=1), face=face,
        persons=PersonModels(FixedPersons(), scene),
    )  # fmt: skip
    try:
        for _ in range(2):  # the second time from the cache
            (entry,) = entries(list(stage.process([incoming(shot_of(blobs, [PICTURES[0]]))])))
            assert entry.kinds_expected == ("scene", "face", "person")
            kinds = {kind.kind: kind for kind in entry.frames[0].kinds}
            (head,), (body,) = kinds["face"].items, kinds["person"].items
            assert head.body_item_id == body.item_id
            assert body.detection_score == 0.9
            assert kinds["person"].detector_id == "fixed/1/1"
            assert kinds["person"].model_id == str(scene.model_id)
            assert body.vector != kinds["scene"].items[0].vector
    finally:
        stage.close()


def test_persons_can_be_pooled_from_the_pass_over_the_picture():
    scene = PoolingScenes()
    vision = Vision(scene, None, None, PersonModels(FixedPersons(), scene, scene))
    (entry,) = vision.see([Picture(PICTURES[0])])
    (body,) = entry.kinds[1].items
    assert vision.person_model_id == f"{scene.model_id}+roi1"
    assert np.allclose(decode_vector(body.vector), scene.embed_regions([PICTURES[0]], [[body.box]])[0], atol=1e-3)


def test_persons_by_a_file_are_embedded_upright(tmp_path):
    (tmp_path / "reid.onnx").write_bytes(tiny_embedder(size=None, dim=8))
    (tmp_path / "detr.onnx").write_bytes(tiny_detr_onnx())
    models = vision_models(
        ModelSettings(
            face_detector="off", threads=1,
            person_detector=f"onnx:{tmp_path / 'detr.onnx'}", person=f"onnx:{tmp_path / 'reid.onnx'}",
        )
    )  # fmt: skip
    assert models.persons is not None
    assert models.persons.embedder.crop_size == (256, 128)
    vision = Vision(models.scene, models.detector, models.face, models.persons)
    (seen,) = vision.see([Picture(PICTURES[0])])
    assert [kind.kind for kind in seen.kinds] == ["scene", "person"]
    assert len(seen.kinds[1].items) > 1
    assert all(item.vector.dim == 8 for item in seen.kinds[1].items)


def test_without_weights_persons_are_off_and_said_so_once():
    models = vision_models(ModelSettings(face_detector="off"))
    with capture_logs() as said:
        EmbedStage(blobs=DictBlobs(), cache=DictCache(), scene=models.scene, detector=None, face=None).close()
    assert [line["event"] for line in said].count("persons are off: bodies are not looked for") == 1
