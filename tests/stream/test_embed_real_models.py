"""The real models on real footage: who and where must come apart by cosine, through the whole stage."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from rushes.infra.models import vision_models
from rushes.infra.settings import ModelSettings
from rushes.schemas.vectors import decode_vector
from rushes.streams.stages.embed import EmbedStage
from tests.shots_of_pictures import DictBlobs, DictCache, entries, incoming, shot_of

SURE = 0.2
"""Quality from which the policy `fixed` lets a face found a character."""


def frames_of(film: Path, wanted: set[int]) -> list[np.ndarray]:
    with av.open(str(film)) as container:
        return [f.to_ndarray(format="rgb24") for i, f in enumerate(container.decode(video=0)) if i in wanted]


def embedded(settings: ModelSettings, shots: dict[str, list[np.ndarray]]) -> dict[str, list]:
    """Frames of the entries, by shot."""
    blobs, models = DictBlobs(), vision_models(settings)
    stage = EmbedStage(blobs=blobs, cache=DictCache(), scene=models.scene, detector=models.detector, face=models.face)
    events = [shot_of(blobs, pictures, media=name.replace("/", "-")) for name, pictures in shots.items()]
    sent = entries(list(stage.process([incoming(event) for event in events])))
    stage.close()
    return {name: list(entry.frames) for name, entry in zip(shots, sent, strict=True)}


def cosines(rows: list[np.ndarray], labels: list[str], shots: list[str]) -> dict[str, np.ndarray]:
    """Cosines of pairs within a shot, of one label across shots, and of different labels."""
    table = np.array(rows) @ np.array(rows).T
    name, shot = np.array(labels), np.array(shots)
    a, b = np.triu_indices(len(rows), 1)
    same, within = name[a] == name[b], shot[a] == shot[b]
    pairs = table[a, b]
    return {"shot": pairs[within], "same": pairs[same & ~within], "other": pairs[~same]}


@pytest.fixture(scope="module")
def montage(test_data) -> tuple[dict[str, list[np.ndarray]], dict[str, str]]:
    truth = json.loads((test_data / "videos/montage_people.json").read_text())
    wanted = {
        str(shot["shot"]): [shot["start"] + (shot["end"] - shot["start"]) * k // 10 for k in (2, 5, 8)]
        for shot in truth["shots"]
    }
    order = sorted(index for indices in wanted.values() for index in indices)
    pictures = dict(zip(order, frames_of(test_data / "videos/montage_people.mp4", set(order)), strict=True))
    shots = {name: [pictures[index] for index in indices] for name, indices in wanted.items()}
    return shots, {str(shot["shot"]): shot["scene"] for shot in truth["shots"]}


@pytest.fixture(scope="module")
def signers(test_data) -> tuple[dict[str, list[np.ndarray]], dict[str, str]]:
    who = json.loads((test_data / "videos/asl/signers.json").read_text())
    shots = {
        clip: frames_of(test_data / f"videos/asl/{clip}.mkv", {10, 30, 50}) for clips in who.values() for clip in clips
    }
    return shots, {clip: signer for signer, clips in who.items() for clip in clips}


def scene_cosines(settings: ModelSettings, montage) -> dict[str, np.ndarray]:
    shots, place = montage
    found = [
        (decode_vector(frame.kinds[0].items[0].vector), place[name], name)
        for name, frames in embedded(settings, shots).items()
        for frame in frames
    ]
    return cosines(*map(list, zip(*found, strict=True)))


def face_cosines(settings: ModelSettings, signers) -> dict[str, np.ndarray]:
    """Of the best face of each frame whose quality is sure: the skull on a sweater is not the signer."""
    shots, signer = signers
    found = []
    for name, frames in embedded(settings, shots).items():
        for frame in frames:
            sure = [item for item in frame.kinds[1].items if item.quality >= SURE and item.detection_score > 0.97]
            found += [(decode_vector(item.vector), signer[name], name) for item in sure[:1]]
    assert len(found) >= 50
    return cosines(*map(list, zip(*found, strict=True)))


def test_scenes_without_weights_keep_shots_together_and_places_apart(montage):
    pairs = scene_cosines(ModelSettings(face_detector="off"), montage)
    assert np.median(pairs["shot"]) > 0.95
    assert np.mean(pairs["shot"] >= 0.85) > 0.9
    assert np.median(pairs["same"]) > 0.85
    assert np.mean(pairs["other"] < 0.5) > 0.98
    assert pairs["other"].max() < 0.85


def test_scenes_of_an_onnx_file_tell_places_apart(montage, test_data):
    file = test_data / "weights/scene_mobilenet_v1.onnx"
    pairs = scene_cosines(ModelSettings(scene=f"onnx:{file}", face_detector="off"), montage)
    assert np.median(pairs["shot"]) > 0.9
    assert np.median(pairs["same"]) == pytest.approx(0.8, abs=0.05)
    assert np.median(pairs["other"]) == pytest.approx(0.56, abs=0.05)


def test_scene_vectors_are_those_of_the_files_reference(montage, test_data):
    """The preprocessing is right: for frames of one shot, vectors agree with those that come with the weights."""
    reference = np.load(test_data / "embeddings/scenes_montage.npz")
    rows = next(value for value in (reference[key] for key in reference.files) if value.ndim == 2)
    shots, _ = montage
    file = test_data / "weights/scene_mobilenet_v1.onnx"
    frames = embedded(ModelSettings(scene=f"onnx:{file}", face_detector="off"), shots)
    for shot in range(len(shots)):
        of_shot = rows[reference["shots"] == shot].astype(np.float64)
        for frame in frames[str(shot)]:
            assert (of_shot @ decode_vector(frame.kinds[0].items[0].vector)).max() > 0.8


def test_faces_of_an_onnx_file_tell_people_apart(signers, test_data):
    file = test_data / "weights/face_0095.onnx"
    pairs = face_cosines(ModelSettings(face=f"onnx:{file}", threads=2), signers)
    assert np.median(pairs["shot"]) > 0.8
    assert np.median(pairs["same"]) > 0.7
    assert np.median(pairs["other"]) < 0.3
    assert np.percentile(pairs["other"], 99) < 0.6


def test_faces_without_weights_never_join_different_people(signers):
    pairs = face_cosines(ModelSettings(threads=2), signers)
    assert pairs["other"].max() < 0.85
    assert np.median(pairs["other"]) < 0.5
    assert np.percentile(pairs["shot"], 90) > np.percentile(pairs["other"], 99)
