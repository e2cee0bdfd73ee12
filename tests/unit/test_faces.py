"""Faces found, aligned and judged, on portraits that installed packages ship."""

from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import pytest
import skimage.data
import torch
from facenet_pytorch import MTCNN
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.processors.embedding.face_descriptor import FaceDescriptor
from rushes.processors.embedding.protocol import FACE_TEMPLATE
from rushes.processors.faces import cascade
from rushes.processors.faces.alignment import aligned_face, similarity_transform
from rushes.processors.faces.cascade import Cascade
from rushes.processors.faces.detector import DetectedFace, best_first
from rushes.processors.faces.mtcnn import MtcnnDetector
from rushes.processors.faces.quality import face_quality
from rushes.schemas import ids


def grace_hopper() -> np.ndarray:
    file = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.asarray(cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB), np.uint8)


ASTRONAUT = skimage.data.astronaut()
CAMERA = np.stack([skimage.data.camera()] * 3, axis=-1)
HOPPER = grace_hopper()


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector(threads=1)


def iou(a, b) -> float:
    x = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    y = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return x * y / (sum(areas) - x * y)


def crop_of(image: np.ndarray, face: DetectedFace, size: int = 128) -> np.ndarray:
    return aligned_face(image, face.landmarks, FACE_TEMPLATE, (size, size))


@pytest.mark.parametrize(
    ("image", "nose"), [(ASTRONAUT, (0.44, 0.22)), (CAMERA, (0.49, 0.33)), (HOPPER, (0.5, 0.4))], ids=["a", "c", "h"]
)
def test_a_portrait_has_its_face(detector, image, nose):
    (found,) = detector.detect([image])
    assert found.error is None
    (face,) = found.found
    assert face.score > 0.99
    assert face.box[0] < face.landmarks[2][0] < face.box[2]
    assert face.landmarks[2] == pytest.approx(nose, abs=0.08)
    left, right = face.landmarks[:2]
    assert left[0] < right[0]


def test_pictures_without_faces_or_too_small_for_one_give_none(detector):
    pictures = [skimage.data.coffee(), np.zeros((5, 5, 3), np.uint8), np.zeros((9, 3000, 3), np.uint8)]
    assert [found.found for found in detector.detect(pictures)] == [(), (), ()]
    assert [found.error for found in detector.detect(pictures)] == [None] * 3
    assert detector.detect([]) == []


def test_a_batch_of_unequal_pictures_finds_what_single_ones_find(detector):
    pictures = [ASTRONAUT, HOPPER, skimage.data.coffee(), CAMERA, ASTRONAUT[:, ::-1].copy(), HOPPER]
    together = detector.detect(pictures)
    for picture, found in zip(pictures, together, strict=True):
        (alone,) = detector.detect([picture])
        assert len(alone.found) == len(found.found)
        for a, b in zip(alone.found, found.found, strict=True):
            assert iou(a.box, b.box) > 0.98
            assert np.allclose(a.landmarks, b.landmarks, atol=2e-3)


@pytest.mark.parametrize("scene", ["portraits", "crowd", "nobody", "small", "odd"])
def test_the_cascade_finds_the_faces_that_facenet_pytorch_finds(scene):
    """The library itself, a picture at a time, is the oracle."""
    thirds = [cv2.resize(p, (260, 251), interpolation=cv2.INTER_AREA) for p in (ASTRONAUT, CAMERA, HOPPER)]
    crowd = np.vstack([np.hstack(thirds), np.hstack(thirds[::-1])[:, ::-1]])
    pictures = {
        "portraits": [ASTRONAUT, CAMERA, HOPPER],
        "crowd": [np.ascontiguousarray(crowd)],
        "nobody": [skimage.data.coffee(), skimage.data.rocket(), np.stack([skimage.data.brick()] * 3, -1)],
        "small": [cv2.resize(HOPPER, (90, 107), interpolation=cv2.INTER_AREA)],
        "odd": [ASTRONAUT[:333, 101:], HOPPER[7:, :399]],
    }[scene]
    oracle = MTCNN(keep_all=True, select_largest=False, min_face_size=20)
    for picture, found in zip(pictures, Cascade().detect(pictures, [20] * len(pictures)), strict=True):
        boxes, scores, points = oracle.detect(picture.copy(), landmarks=True)
        assert len(found.boxes) == (0 if boxes is None else len(boxes))
        for box, score, marks in zip(found.boxes, found.scores, found.points, strict=True):
            best = max(range(len(boxes)), key=lambda index: iou(boxes[index], box))
            assert iou(boxes[best], box) > 0.9
            assert scores[best] == pytest.approx(score, abs=0.02)
            assert np.allclose(points[best], marks, atol=0.05 * (box[2] - box[0]))


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.integers(1, 30), st.integers(0, 99))
def test_means_over_windows_are_those_of_torch(height, width, rows, columns, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    slow = torch.nn.functional.interpolate(tensor, size=(rows, columns), mode="area")[0].permute(1, 2, 0).numpy()
    assert np.allclose(cascade._level(cascade._sums(picture), rows, columns), slow, atol=1e-3)
    side = max(rows, columns)
    slow = torch.nn.functional.interpolate(tensor, size=(side, side), mode="area")[0].permute(1, 2, 0).numpy()
    box = np.array([[1.5, -3.0, width + 9.0, height]], np.float32)
    assert np.allclose(cascade._crops(cascade._sums(picture), box, side)[0], slow, atol=1e-3)


def test_a_picture_over_the_limit_is_looked_at_smaller(detector):
    large = cv2.resize(ASTRONAUT, (3000, 3000), interpolation=cv2.INTER_CUBIC)
    (small,), (found,) = detector.detect([ASTRONAUT])[0].found, detector.detect([np.asarray(large, np.uint8)])[0].found
    assert iou(small.box, found.box) > 0.8


def test_a_picture_that_upsets_the_detector_costs_only_itself(detector, monkeypatch):
    nets = detector._ready()
    detect = nets.detect

    def upset(pictures, smallest):
        if any(picture.max() == 7 for picture in pictures):
            raise RuntimeError("out of memory")
        return detect(pictures, smallest)

    monkeypatch.setattr(nets, "detect", upset)
    found = detector.detect([ASTRONAUT, np.full_like(ASTRONAUT, 7), ASTRONAUT])
    assert [len(detections.found) for detections in found] == [1, 0, 1]
    assert [detections.error is not None for detections in found] == [False, True, False]


def test_the_detectors_id_tells_its_input_size_apart():
    assert MtcnnDetector(longest_side=640).detector_id != MtcnnDetector(longest_side=1024).detector_id


@given(st.permutations(range(4)))
def test_the_order_of_faces_is_that_of_the_faces_not_of_their_arrival(order):
    faces = [DetectedFace((i / 10, 0.1, i / 10 + 0.1, 0.2), (), score) for i, score in enumerate((0.9, 0.99, 0.9, 0.8))]
    assert best_first([faces[i] for i in order]) == best_first(faces)


@given(st.integers(0, 1023), st.integers(0, 1023), st.floats(-0.49, 0.49))
def test_a_box_moved_by_less_than_half_a_step_keeps_the_id(x, y, shift):
    frame = ids.frame_id(ids.LibraryId("lib"), ids.MediaId("m"), 0, 0)
    box = (x / 1024, y / 1024, (x + 100) / 1024, (y + 100) / 1024)
    moved = tuple(value + shift / 1024 for value in box)
    same = [ids.item_id(ids.LibraryId("lib"), frame, "face", b) for b in (box, moved)]
    assert same[0] == same[1]


@given(st.floats(0.05, 20), st.floats(-3.1, 3.1), st.floats(-500, 500), st.floats(-500, 500), st.integers(0, 10**6))
def test_the_transform_undoes_rotation_scale_and_shift(scale, angle, dx, dy, seed):
    points = np.random.default_rng(seed).uniform(0, 100, (5, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = scale * points @ turn.T + (dx, dy)
    matrix = similarity_transform(points, moved)
    assert np.allclose(matrix[:, :2], scale * turn, atol=1e-6 * max(scale, 1))
    assert np.allclose(points @ matrix[:, :2].T + matrix[:, 2], moved, atol=1e-5 * max(scale, 1))


def test_the_transform_of_a_mirrored_face_does_not_mirror():
    points = np.array(FACE_TEMPLATE)
    matrix = similarity_transform(points, points * (-1, 1))
    assert np.linalg.det(matrix[:, :2]) > 0


def test_points_at_one_place_are_refused():
    with pytest.raises(ValueError, match="different places"):
        similarity_transform(np.ones((5, 2)), np.array(FACE_TEMPLATE))


def test_an_aligned_face_has_its_landmarks_at_the_template():
    image = np.zeros((400, 600, 3), np.uint8)
    turn = np.array([[0.9, -0.3], [0.3, 0.9]])
    spots = (np.array(FACE_TEMPLATE) - 0.5) @ turn.T * 150 + (300, 200)
    for x, y in spots:
        cv2.circle(image, (round(x), round(y)), 4, (255, 255, 255), -1)
    crop = aligned_face(image, [(x / 600, y / 400) for x, y in spots], FACE_TEMPLATE, (112, 112))
    assert crop.shape == (112, 112, 3)
    for x, y in FACE_TEMPLATE:
        assert crop[round(y * 112), round(x * 112)].min() > 128


@pytest.mark.parametrize("scale", [2, 5, 9])
def test_a_close_up_is_aligned_as_its_small_copy(detector, scale):
    (face,) = detector.detect([HOPPER])[0].found
    large = np.asarray(cv2.resize(HOPPER, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    small, from_large = crop_of(HOPPER, face), crop_of(large, face)
    assert np.abs(small.astype(int) - from_large).mean() < 4


def test_a_face_at_the_border_is_aligned_all_the_same(detector):
    (face,) = detector.detect([ASTRONAUT])[0].found
    x = round(face.landmarks[2][0] * 512)
    half = np.ascontiguousarray(ASTRONAUT[:, x:])
    marks = [((px * 512 - x) / half.shape[1], py) for px, py in face.landmarks]
    assert aligned_face(half, marks, FACE_TEMPLATE, (112, 112)).shape == (112, 112, 3)


def test_quality_falls_with_size_blur_scores_and_pose(detector):
    (face,) = detector.detect([HOPPER])[0].found
    crop = crop_of(HOPPER, face)
    good = face_quality(crop, face.landmarks, HOPPER.shape[:2], face.score)
    blurred = np.asarray(cv2.GaussianBlur(crop, (0, 0), 12), np.uint8)
    small = (HOPPER.shape[0] // 14, HOPPER.shape[1] // 14)
    beyond = (2 * face.landmarks[1][0] - face.landmarks[2][0], face.landmarks[2][1])
    turned = [*face.landmarks[:2], beyond, *face.landmarks[3:]]
    assert good.value > 0.9
    worse = {
        "size": face_quality(crop, face.landmarks, small, face.score),
        "sharpness": face_quality(blurred, face.landmarks, HOPPER.shape[:2], face.score),
        "score": face_quality(crop, face.landmarks, HOPPER.shape[:2], 0.8, face.score),
        "second_look": face_quality(crop, face.landmarks, HOPPER.shape[:2], face.score, 0.8),
        "pose": face_quality(crop, turned, HOPPER.shape[:2], face.score),
    }
    for part, quality in worse.items():
        assert quality.parts[part] < good.parts[part] - 0.4
        assert quality.value < good.value
    assert worse["pose"].value < 0.3
    assert face_quality(blurred, face.landmarks, small, 0.8).value < 0.2


@pytest.fixture(scope="module")
def crops(detector):
    return [crop_of(image, detector.detect([image])[0].found[0]) for image in (ASTRONAUT, CAMERA, HOPPER)]


def test_different_people_are_far_apart_without_weights(crops):
    rows = FaceDescriptor().embed(crops)
    assert (rows @ rows.T)[np.triu_indices(3, 1)].max() < 0.5


@pytest.mark.parametrize("image", [ASTRONAUT, HOPPER], ids=["astronaut", "hopper"])
def test_nearly_the_same_picture_of_a_face_is_sure_without_weights(detector, image):
    again = cv2.imdecode(cv2.imencode(".jpg", np.ascontiguousarray(image[3:, 5:, ::-1]))[1], cv2.IMREAD_COLOR_RGB)
    crops = [crop_of(p, detector.detect([p])[0].found[0]) for p in (image, np.asarray(again, np.uint8))]
    rows = FaceDescriptor().embed(crops)
    assert rows[0] @ rows[1] >= 0.85


def test_the_descriptor_says_that_it_is_weak():
    assert FaceDescriptor().weak
    assert FaceDescriptor().embed([]).shape == (0, FaceDescriptor.dim)


def test_a_flat_crop_gives_no_vector_rather_than_a_likeness():
    rows = FaceDescriptor().embed([np.full((128, 128, 3), 90, np.uint8)])
    assert np.isnan(rows).all()
