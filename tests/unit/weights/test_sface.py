"""SFace through OpenCV's class, with a tiny network of its signature: the real weights are not here."""

import cv2
import numpy as np
import onnxruntime
import pytest
from skimage import data

from rushes.processors.embedding.sface import SIDE, TEMPLATE, SfaceEmbedder
from rushes.processors.faces.alignment import aligned_face
from rushes.schemas.errors import ConfigurationError
from tests.tiny_onnx import tiny_embedder

ASTRONAUT = data.astronaut()
EYES_NOSE_MOUTH = ((0.396, 0.222), (0.489, 0.218), (0.447, 0.275), (0.404, 0.31), (0.483, 0.308))


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "sface.onnx"
    path.write_bytes(tiny_embedder(batch=1, size=SIDE, dim=128, seed=3))
    return path


def crops(count: int) -> list[np.ndarray]:
    return [np.roll(ASTRONAUT[:SIDE, :SIDE], 9 * n, axis=1) for n in range(count)]


def test_vectors_are_those_of_opencvs_class_normalised(model_file):
    rows = SfaceEmbedder(model_file).embed(crops(3))
    net = cv2.FaceRecognizerSF.create(str(model_file), "")
    for row, crop in zip(rows, crops(3), strict=True):
        expected = net.feature(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)).ravel()
        np.testing.assert_allclose(row, expected / np.linalg.norm(expected), atol=1e-6)
    assert rows.shape == (3, 128)
    assert rows.dtype == np.float32


def test_the_network_sees_red_green_blue_of_0_to_255(model_file):
    session = onnxruntime.InferenceSession(str(model_file), providers=["CPUExecutionProvider"])
    (crop,) = crops(1)
    (expected,) = session.run(None, {"images": crop.astype(np.float32).transpose(2, 0, 1)[None]})
    np.testing.assert_allclose(
        SfaceEmbedder(model_file).embed([crop])[0], expected[0] / np.linalg.norm(expected), atol=1e-5
    )


def test_crops_are_aligned_as_opencvs_class_does_it(model_file):
    picture = cv2.resize(ASTRONAUT, (640, 640), interpolation=cv2.INTER_AREA)
    net = cv2.FaceRecognizerSF.create(str(model_file), "")
    row = np.array([[0, 0, 1, 1, *(640 * value for point in EYES_NOSE_MOUTH for value in point), 1]], np.float32)
    theirs = net.alignCrop(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), row)[..., ::-1]
    ours = aligned_face(picture, EYES_NOSE_MOUTH, TEMPLATE, (SIDE, SIDE))
    assert np.abs(ours.astype(int) - theirs.astype(int)).mean() < 0.5


def test_a_crops_vector_does_not_depend_on_its_batch(model_file):
    model = SfaceEmbedder(model_file)
    together, alone = model.embed(crops(3)), np.concatenate([model.embed([crop]) for crop in crops(3)])
    np.testing.assert_array_equal(together, alone)
    assert model.embed([]).shape == (0, 128)


def test_its_id_names_the_weights(model_file, tmp_path):
    other = tmp_path / "other.onnx"
    other.write_bytes(tiny_embedder(batch=1, size=SIDE, dim=128, seed=4))
    assert SfaceEmbedder(model_file).model_id.startswith("sface/")
    assert SfaceEmbedder(model_file).model_id != SfaceEmbedder(other).model_id


def test_a_file_that_is_missing_or_no_network_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nothing\.onnx"):
        SfaceEmbedder(tmp_path / "nothing.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ConfigurationError, match=r"text\.onnx"):
        SfaceEmbedder(tmp_path / "text.onnx").load()


def test_loading_it_says_nothing(model_file, capfd):
    SfaceEmbedder(model_file).load()
    assert capfd.readouterr() == ("", "")
