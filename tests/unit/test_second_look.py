"""What a detector takes for faces, looked at again."""

from pathlib import Path

import av
import cv2
import matplotlib as mpl
import numpy as np
import pytest
import skimage.data

from rushes.infra.models import vision_models
from rushes.infra.settings import ModelSettings
from rushes.processors.detection import Detections
from rushes.processors.faces.detector import DetectedFace
from rushes.processors.faces.mtcnn import MtcnnDetector
from rushes.processors.faces.second_look import Find, second_scores
from rushes.streams.stages.vision import Picture, Vision

HOPPER = cv2.cvtColor(cv2.imread(str(Path(mpl.get_data_path()) / "sample_data/grace_hopper.jpg")), cv2.COLOR_BGR2RGB)
PORTRAITS = {"astronaut": skimage.data.astronaut(), "hopper": np.asarray(HOPPER, np.uint8)}
MOTORCYCLE = skimage.data.stereo_motorcycle()[0]


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector(threads=1)


def finds_in(detector, image) -> list[Find]:
    return [Find(image, face) for face in detector.detect([image])[0].found]


def test_a_wheel_that_looks_like_a_face_is_not_found_again(detector):
    finds = finds_in(detector, MOTORCYCLE)
    assert finds
    assert not any(second_scores(detector, finds))


SPOILED = {
    "as it is": lambda p: p,
    "small": lambda p: cv2.resize(p, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA),
    "turned": lambda p: cv2.warpAffine(
        p, cv2.getRotationMatrix2D((p.shape[1] / 2, p.shape[0] / 2), 35, 1), p.shape[1::-1], borderMode=1
    ),
    "blurred": lambda p: cv2.GaussianBlur(p, (0, 0), 3),
    "compressed": lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 12])[1], cv2.IMREAD_COLOR),
    "dark": lambda p: (p * 0.25).astype(np.uint8),
    "at the edge": lambda p: np.ascontiguousarray(p[:, : round(p.shape[1] * 0.7)]),
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("portrait", PORTRAITS)
def test_a_face_that_is_spoiled_is_found_again_where_it_was_found(detector, portrait, how):
    finds = finds_in(detector, np.asarray(SPOILED[how](PORTRAITS[portrait]), np.uint8))
    assert len(finds) == 1
    assert second_scores(detector, finds)[0] > 0.7


def test_each_find_has_its_own_answer(detector):
    face, wheel = finds_in(detector, PORTRAITS["astronaut"])[0], finds_in(detector, MOTORCYCLE)[0]
    assert [score > 0 for score in second_scores(detector, [wheel, face, wheel])] == [False, True, False]
    assert second_scores(detector, []) == []


class Failing:
    """FaceDetector that has run out of memory."""

    detector_id = "failing/0/0"
    batch = 1

    def load(self) -> None: ...

    def unload(self) -> None: ...

    def detect(self, images):
        return [Detections(error="out of memory") for _ in images]


def test_a_detector_that_fails_at_the_second_look_rejects_nothing():
    marks = ((0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.43, 0.6), (0.57, 0.6))
    find = Find(PORTRAITS["astronaut"], DetectedFace((0.3, 0.3, 0.7, 0.7), marks, 0.8))
    assert second_scores(Failing(), [find]) == [0.8]


def test_a_rejected_find_is_no_item_and_is_counted():
    models = vision_models(ModelSettings(threads=1))
    vision = Vision(models.scene, models.detector, models.face)
    wheel, portrait = (seen.kinds[1] for seen in vision.see([Picture(MOTORCYCLE), Picture(PORTRAITS["astronaut"])]))
    assert (len(wheel.items), wheel.error) == (0, None)
    assert wheel.rejected > 0
    assert (len(portrait.items), portrait.rejected) == (1, 0)


def test_the_skull_on_a_sweater_is_no_face_and_its_wearer_is(test_data, detector):
    skulls = 0
    for clip, frame in (("no", 60), ("student", 0), ("yes", 0)):
        with av.open(str(test_data / f"videos/asl/{clip}.mkv")) as film:
            picture = next(f.to_ndarray(format="rgb24") for i, f in enumerate(film.decode(video=0)) if i == frame)
        finds = finds_in(detector, picture)
        skulls += len(finds) - 1
        kept = [find for find, again in zip(finds, second_scores(detector, finds), strict=True) if again]
        assert len(kept) == 1
        assert kept[0].face.box[3] < 0.6
    assert skulls > 0
