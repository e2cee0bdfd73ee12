"""What is kept of a face sample: its faces as they are in the whole picture, in a fraction of the bytes."""

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rushes.infra.media.decoder import Picture
from rushes.infra.media.jpeg import make_picture
from rushes.infra.settings import DecodeLimits
from rushes.processors.detection import Detections
from rushes.processors.embedding.face_descriptor import FaceDescriptor
from rushes.processors.embedding.protocol import FACE_TEMPLATE
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.processors.embedding.sface import TEMPLATE as SFACE_TEMPLATE
from rushes.processors.faces.alignment import aligned_face
from rushes.processors.faces.faces_only import BLOCK, faces_only
from rushes.processors.faces.finder import FaceFinder
from rushes.processors.faces.mtcnn import MtcnnDetector
from rushes.schemas.shots import FaceFinds
from rushes.schemas.vectors import decode_vector
from rushes.streams.stages.embed_reading import decoded
from rushes.streams.stages.faces_kept import FacesKept
from rushes.streams.stages.seen import SeenItem
from rushes.streams.stages.vision import Vision

NOISE = np.random.default_rng(3).integers(0, 256, (150, 210, 3), np.uint8)
"""No side is a multiple of a block."""

SHEET = 1.45
"""Side of the square that the contact sheet cuts out, in longer sides of the box (`page/cards.js`)."""

unit = st.floats(0, 1)


@st.composite
def boxes(draw):
    (x0, x1), (y0, y1) = (sorted((draw(unit), draw(unit))) for _ in range(2))
    return x0, y0, x1, y1


def blocks_of(image: np.ndarray) -> np.ndarray:
    """(rows, BLOCK, columns, BLOCK, 3): those at the border go on as they end."""
    height, width = image.shape[:2]
    whole = np.pad(image, ((0, -height % BLOCK), (0, -width % BLOCK), (0, 0)), mode="edge")
    return whole.reshape(whole.shape[0] // BLOCK, BLOCK, whole.shape[1] // BLOCK, BLOCK, 3)


@settings(deadline=None)
@given(st.lists(boxes(), max_size=3))
def test_all_that_the_contact_sheet_cuts_out_stays_and_the_rest_is_even_blocks(found):
    height, width = NOISE.shape[:2]
    kept = faces_only(NOISE, found)
    assert kept.shape == NOISE.shape
    for x0, y0, x1, y1 in found:
        reach = SHEET / 2 * max((x1 - x0) * width, (y1 - y0) * height)
        middle_x, middle_y = (x0 + x1) / 2 * width, (y0 + y1) / 2 * height
        rows = slice(max(int(middle_y - reach), 0), int(np.ceil(middle_y + reach)))
        columns = slice(max(int(middle_x - reach), 0), int(np.ceil(middle_x + reach)))
        assert np.array_equal(kept[rows, columns], NOISE[rows, columns])
    blocks, before = blocks_of(kept), blocks_of(NOISE)
    even = (blocks == blocks[:, :1, :, :1]).all(axis=(1, 3, 4))
    assert (even | (blocks == before).all(axis=(1, 3, 4))).all()
    assert np.array_equal(faces_only(kept, found), kept)


def test_without_faces_a_picture_is_the_means_of_its_blocks():
    whole = NOISE[:144, :208]
    expected = whole.reshape(9, 16, 13, 16, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(faces_only(whole, [])[::16, ::16] - expected).max() <= 0.5


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector(threads=1)


def turned(degrees: float) -> np.ndarray:
    """A portrait of usual size in a frame of 1080 lines, full of detail."""
    frame = cv2.resize(skimage.data.coffee(), (1920, 1080), interpolation=cv2.INTER_CUBIC)
    frame = np.clip(frame + np.random.default_rng(4).normal(0, 6, frame.shape), 0, 255).astype(np.uint8)
    portrait = skimage.data.astronaut()
    turn = cv2.getRotationMatrix2D((256, 256), degrees, 1)
    frame[300:812, 700:1212] = cv2.warpAffine(portrait, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    return frame


def picture_of(frame: np.ndarray, *, raw: bool = True) -> Picture:
    """As the decoding child gives it."""
    figures, payload = make_picture(Image.fromarray(frame), DecodeLimits(), why="face_sample", time_us=0, raw=raw)
    return Picture(figures, payload[: figures.image_bytes], payload[figures.image_bytes :])


@pytest.mark.parametrize("template", [FACE_TEMPLATE, SFACE_TEMPLATE])
@pytest.mark.parametrize("degrees", [0, 25, -40])
def test_what_an_embedder_is_given_of_a_face_is_the_same(detector, degrees, template):
    frame = turned(degrees)
    (found,) = FaceFinder(detector).find([frame])
    ((face, _),) = found.faces
    kept = faces_only(frame, [face.box])
    crops = [aligned_face(image, face.landmarks, template, (112, 112)) for image in (frame, kept)]
    assert np.array_equal(*crops)


def faces_in(vision: Vision, jpeg: bytes, faces: FaceFinds | None = None) -> tuple[SeenItem, ...]:
    image = decoded(jpeg)
    assert image is not None
    (seen,) = vision.see([vision.picture(image, (), whole=False, faces=faces)])
    return next(kind.items for kind in seen.kinds if kind.kind == "face")


def test_a_sample_has_the_faces_and_vectors_of_the_whole_picture_in_a_third_of_its_bytes(detector):
    frame = turned(10)
    picture = picture_of(frame, raw=False)
    sample = FacesKept(detector, DecodeLimits().jpeg_quality).sample_of(picture_of(frame))
    assert sample is not None
    assert sample.faces is not None
    assert 3 * len(sample.picture.image) < len(picture.image) + len(picture.thumbnail)
    assert not sample.picture.thumbnail
    vision = Vision(SceneDescriptor(), detector, FaceDescriptor())
    (whole,) = faces_in(vision, picture.image)
    (kept,) = faces_in(vision, sample.picture.image, sample.faces)
    assert (kept.box, kept.landmarks, kept.score) == (whole.box, whole.landmarks, whole.score)
    assert kept == whole
    (again,) = faces_in(vision, sample.picture.image)
    assert decode_vector(again.vector) @ decode_vector(whole.vector) > 0.99


def test_a_frame_without_a_face_is_no_sample(detector):
    wheel = skimage.data.stereo_motorcycle()[0]
    kept = FacesKept(detector, 90)
    assert detector.detect([wheel])[0].found, "the detector takes the wheel for a face"
    assert kept.sample_of(picture_of(wheel)) is None


def test_a_sample_that_the_detector_fails_on_stays_whole(detector):
    class Failing(MtcnnDetector):
        def detect(self, images):
            return [Detections(error="no memory left")] * len(images)

    frame = turned(0)
    sample = FacesKept(Failing(), 90).sample_of(picture_of(frame))
    assert sample is not None
    assert sample.faces is None
    whole = picture_of(frame, raw=False)
    assert np.array_equal(decoded(sample.picture.image), decoded(whole.image))
    assert sample.picture.figures.coding == "jpeg"


def test_a_sample_tells_no_figures_that_nobody_asks_for():
    quality = picture_of(turned(0)).figures.quality
    assert (quality.noise, quality.resolution) == (None, None)
    assert quality.sharpness > 0
