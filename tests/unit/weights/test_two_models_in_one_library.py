"""Two workers with different settings on one library: their vectors do not meet, and somebody is told."""

import pytest
from skimage import data

from rushes.infra.models import vision_models
from rushes.infra.settings import ModelSettings
from rushes.infra.store.naming import collection_name
from rushes.infra.store.port import Space
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.library import Library
from rushes.schemas.ids import Generation, LibraryId, ModelId
from rushes.streams.stages.embed import EmbedStage
from tests.shots_of_pictures import DictBlobs, DictCache, entries, incoming, shot_of
from tests.tiny_onnx import tiny_embedder


@pytest.fixture
def settings(tmp_path) -> ModelSettings:
    return ModelSettings(folder=tmp_path, face_detector="off")


def embedded(settings: ModelSettings, media: str, blobs: DictBlobs) -> list:
    """The log entries of a shot, by a worker with these settings."""
    models = vision_models(settings)
    stage = EmbedStage(blobs=blobs, cache=DictCache(), scene=models.scene, detector=models.detector, face=models.face)
    sent = entries(list(stage.process([incoming(shot_of(blobs, [data.coffee()], media=media))])))
    stage.close()
    return sent


def test_a_worker_with_another_model_adds_nothing_to_the_library_and_the_refusal_names_both(settings, tmp_path):
    (tmp_path / "scene.onnx").write_bytes(tiny_embedder(dim=24))
    other = settings.model_copy(update={"scene": f"onnx:{tmp_path / 'scene.onnx'}"})
    blobs, library = DictBlobs(), Library(LibraryId("lib"), Generation("g1"))
    (first,), (second,) = embedded(settings, "a", blobs), embedded(other, "b", blobs)
    apply(library, first)
    refusals = list(apply(library, second).refusals.values())
    assert [refusal.code for refusal in refusals] == ["model-mismatch"]
    for part in ("opencv-scene/none", second.frames[0].kinds[0].model_id, "embed with the library's model"):
        assert part in refusals[0].reason
    assert {item.model_id for item in library.items.values()} == {first.frames[0].kinds[0].model_id}


def test_each_model_has_a_collection_of_its_own_in_the_store(settings, tmp_path):
    (tmp_path / "scene.onnx").write_bytes(tiny_embedder(dim=24))
    other = settings.model_copy(update={"scene": f"onnx:{tmp_path / 'scene.onnx'}"})
    spaces = {
        Space("scene", ModelId(str(model.model_id)), Generation("g1"), 24)
        for model in (vision_models(settings).scene, vision_models(other).scene)
    }
    assert len({collection_name("rushes", "items", space) for space in spaces}) == 2


def test_the_event_says_which_model_made_the_vector_and_whether_it_is_weak(tmp_path):
    blobs = DictBlobs()
    (entry,) = embedded(ModelSettings(folder=tmp_path, threads=1), "a", blobs)
    scene, face = entry.frames[0].kinds
    assert scene.model_id.startswith("opencv-scene/none/")
    assert (face.model_id, face.weak) == ("opencv-face/none/1", True)
    assert face.detector_id.startswith("mtcnn/")
