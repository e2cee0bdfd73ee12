"""Single-shot face detectors: numbers read as by a slow loop, and by OpenCV, on tiny nets of the same signature."""

import math

import cv2
import numpy as np
import onnxruntime
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.infra.face_detectors import open_face_detector
from rushes.processors.faces.decoding import RETINA_SIDES, Level, Raw, retinaface_faces, scrfd_faces, yunet_faces
from rushes.processors.faces.onnx_detector import OnnxFaceDetector, decoded
from rushes.processors.faces.yunet import YunetDetector
from rushes.processors.overlap import ious
from rushes.schemas.errors import ConfigurationError
from tests.tiny_detectors import tiny_yunet
from tests.tiny_onnx import tiny_embedder

SIZE = (64, 96)
PICTURES = [skimage.data.astronaut()[:200, :333], skimage.data.coffee()[:150, :96], skimage.data.chelsea()]


def levels(seed: int, anchors: int) -> list[Level]:
    rng = np.random.default_rng(seed)
    found = []
    for stride in (8, 16, 32):
        cells = (SIZE[0] // stride) * (SIZE[1] // stride) * anchors
        numbers = [rng.uniform(0, 1, cells), rng.normal(size=(cells, 4)), rng.normal(size=(cells, 10))]
        found.append(Level(stride, *(value.astype(np.float32) for value in numbers)))
    return found


def same(raw: Raw, slow: list[tuple]) -> bool:
    boxes, scores, points = zip(*slow, strict=True)
    return (
        np.allclose(raw.boxes, boxes, atol=1e-3)
        and np.allclose(raw.scores, scores)
        and np.allclose(raw.points, points, atol=1e-3)
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 999))
def test_yunet_is_read_as_by_a_slow_loop(seed):
    slow = []
    for level in levels(seed, 1):
        cells = [(r, c) for r in range(SIZE[0] // level.stride) for c in range(SIZE[1] // level.stride)]
        for place, (row, column) in enumerate(cells):
            if level.scores[place] >= 0.5:
                dx, dy, dw, dh = level.boxes[place].tolist()
                cx, cy = (column + dx) * level.stride, (row + dy) * level.stride
                w, h = math.exp(dw) * level.stride, math.exp(dh) * level.stride
                marks = level.points[place].tolist()
                points = [
                    ((marks[2 * k] + column) * level.stride, (marks[2 * k + 1] + row) * level.stride) for k in range(5)
                ]
                slow.append(((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), float(level.scores[place]), points))
    assert same(yunet_faces(levels(seed, 1), SIZE, 0.5), slow)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 999))
def test_scrfd_is_read_as_by_a_slow_loop(seed):
    slow = []
    for level in levels(seed, 2):
        place = 0
        for row in range(SIZE[0] // level.stride):
            for column in range(SIZE[1] // level.stride):
                for _ in range(2):
                    if level.scores[place] >= 0.5:
                        x, y = column * level.stride, row * level.stride
                        left, up, right, down = (level.boxes[place] * level.stride).tolist()
                        marks = (level.points[place] * level.stride).tolist()
                        points = [(x + marks[2 * k], y + marks[2 * k + 1]) for k in range(5)]
                        slow.append(((x - left, y - up, x + right, y + down), float(level.scores[place]), points))
                    place += 1
    assert same(scrfd_faces(levels(seed, 2), SIZE, 0.5), slow)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 999))
def test_retinaface_is_read_as_by_a_slow_loop(seed):
    every = levels(seed, 2)
    scores, boxes, points = (
        np.concatenate([getattr(one, name) for one in every]) for name in ("scores", "boxes", "points")
    )
    slow, place = [], 0
    for stride, sides in RETINA_SIDES.items():
        for row in range(SIZE[0] // stride):
            for column in range(SIZE[1] // stride):
                for side in sides:
                    if scores[place] >= 0.5:
                        x, y = (column + 0.5) * stride, (row + 0.5) * stride
                        dx, dy, dw, dh = boxes[place].tolist()
                        cx, cy, w, h = (
                            x + dx * 0.1 * side,
                            y + dy * 0.1 * side,
                            side * math.exp(dw * 0.2),
                            side * math.exp(dh * 0.2),
                        )
                        marks = points[place].tolist()
                        spots = [(x + marks[2 * k] * 0.1 * side, y + marks[2 * k + 1] * 0.1 * side) for k in range(5)]
                        slow.append(((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), float(scores[place]), spots))
                    place += 1
    assert same(retinaface_faces(scores, boxes, points, SIZE, 0.5), slow)


def test_the_outputs_of_scrfd_are_told_apart_by_shape_not_by_name():
    every = levels(3, 2)
    outputs = {}
    for number, level in enumerate(every):
        outputs[f"z{number}"] = level.points
        outputs[f"a{number}"] = level.scores[None, :, None]
        outputs[f"m{number}"] = level.boxes[None]
    raw, wanted = decoded("scrfd", outputs, SIZE), scrfd_faces(every, SIZE, 0.5)
    assert np.array_equal(raw.boxes, wanted.boxes)
    assert np.array_equal(raw.points, wanted.points)


@pytest.fixture(scope="module")
def yunet(tmp_path_factory):
    file = tmp_path_factory.mktemp("yunet") / "yunet.onnx"
    file.write_bytes(tiny_yunet())
    return file


def test_opencvs_yunet_and_onnxruntimes_find_the_same(yunet):
    """Two implementations that share no code; each also gives the candidates that it would suppress another way."""
    total = 0
    for picture in PICTURES:
        (ours,), (theirs,) = (
            OnnxFaceDetector(yunet, threads=1).detect([picture]),
            YunetDetector(yunet).detect([picture]),
        )
        assert theirs.error is None
        total += len(theirs.found)
        boxes = np.array([face.box for face in ours.found])
        for face in theirs.found:
            best = int(ious(np.array([face.box]), boxes)[0].argmax())
            assert np.allclose(ours.found[best].box, face.box, atol=5e-3)
            assert np.allclose(ours.found[best].landmarks, face.landmarks, atol=5e-3)
            assert ours.found[best].score == pytest.approx(face.score, abs=1e-2)
    assert total > 5


def test_a_net_of_a_fixed_size_sees_the_picture_on_a_board(tmp_path, yunet):
    """A picture that fills the board is seen as by the net of any size."""
    file = tmp_path / "fixed.onnx"
    file.write_bytes(tiny_yunet(size=(128, 160)))
    picture = np.ascontiguousarray(skimage.data.astronaut()[100:228, 100:260])
    (fixed,), (free,) = (OnnxFaceDetector(f, threads=1).detect([picture]) for f in (file, yunet))
    assert fixed.found
    assert np.allclose([f.box for f in fixed.found], [f.box for f in free.found], atol=1e-5)
    tall = cv2.resize(picture, (320, 512))
    assert all(0 <= value <= 1 for face in OnnxFaceDetector(file).detect([tall])[0].found for value in face.box)


def test_a_file_that_is_no_face_detector_is_refused_in_words(tmp_path):
    other = tmp_path / "embedder.onnx"
    other.write_bytes(tiny_embedder())
    with pytest.raises(ConfigurationError, match="YuNet, SCRFD or RetinaFace"):
        OnnxFaceDetector(other).load()
    with pytest.raises(ConfigurationError, match="YuNet in ONNX format"):
        YunetDetector(other).load()
    for name in ("yunet:" + str(tmp_path / "none.onnx"), "onnx:" + str(tmp_path / "none.onnx"), "haar", "mtcnn:x"):
        with pytest.raises(ConfigurationError, match="RUSHES_MODELS__FACE_DETECTOR"):
            open_face_detector(name, longest_side=1024, threads=1)


def test_nothing_and_pictures_of_one_pixel_give_no_faces(yunet):
    for detector in (YunetDetector(yunet), OnnxFaceDetector(yunet, threads=1)):
        assert detector.detect([]) == []
        assert [found.error for found in detector.detect([np.zeros((1, 1, 3), np.uint8)])] == [None]


def test_the_tiny_net_has_the_outputs_that_the_real_one_has(yunet):
    names = [output.name for output in onnxruntime.InferenceSession(str(yunet)).get_outputs()]
    assert names == [f"{name}_{stride}" for name in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)]
