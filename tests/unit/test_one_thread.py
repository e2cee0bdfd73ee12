"""A detector in one thread finds what it would find elsewhere, and leaves the other models their threads."""

import threading

import skimage.data
import torch

from rushes.infra.models import face_detectors
from rushes.infra.settings import ModelSettings
from rushes.processors.faces.mtcnn import MtcnnDetector


def torch_threads_of_a_fresh_thread() -> int:
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    asking.start()
    asking.join()
    return found[0]


def test_a_search_in_one_thread_finds_the_same_faces_and_leaves_other_models_their_threads():
    before = torch_threads_of_a_fresh_thread()
    picture = skimage.data.astronaut()
    (detector,) = face_detectors(ModelSettings(face_detector="mtcnn"), 480)
    (found,) = detector.detect([picture])
    assert torch_threads_of_a_fresh_thread() == before
    detector.unload()
    (same,) = detector.detect([picture])
    assert same == found
    plain = MtcnnDetector(longest_side=480, threads=before)
    assert detector.detector_id == plain.detector_id
    (expected,) = plain.detect([picture])
    assert [tuple(round(side, 3) for side in face.box) for face in found.found] == [
        tuple(round(side, 3) for side in face.box) for face in expected.found
    ]


def test_faces_that_are_off_are_not_searched_for():
    assert face_detectors(ModelSettings(face_detector="off"), 480, 1024) == ()
