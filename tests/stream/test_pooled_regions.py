"""The producers' boxes by crops or pooled: the same items, their vectors in spaces of their own."""

from collections.abc import Sequence

import numpy as np
import pytest
import skimage.data

from rushes.infra.models import vision_models
from rushes.infra.settings import ModelSettings
from rushes.processors.embedding.protocol import Image, Vectors
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import Box, ModelId
from rushes.schemas.media import ProducerBox
from rushes.schemas.vectors import decode_vector
from rushes.streams.stages.embed import EmbedStage
from tests.shots_of_pictures import DictBlobs, DictCache, entries, incoming, shot_of

PICTURES = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.rocket()]
BOXES = (ProducerBox(box=(0.1, 0.1, 0.5, 0.6), label="cup"), ProducerBox(box=(0.4, 0.3, 0.9, 0.9)))


class PoolingScenes(SceneDescriptor):
    """The descriptor; a box's pooled vector has the sum of its corners at the place of its picture's width."""

    def region_model_id(self) -> ModelId:
        return ModelId(f"{self.model_id}+roi1")

    def embed_regions(self, images: Sequence[Image], boxes: Sequence[Sequence[Box]]) -> list[Vectors]:
        found = []
        for image, own in zip(images, boxes, strict=True):
            rows = np.zeros((len(own), self.dim), np.float32)
            for row, box in zip(rows, own, strict=True):
                row[image.shape[1] % self.dim], row[int(100 * sum(box))] = 0.6, 0.8
            found.append(rows)
        return found


def entry_of(blobs: DictBlobs, cache: DictCache, *, pool_regions: bool):
    stage = EmbedStage(
        blobs=blobs, cache=cache, scene=PoolingScenes(), detector=None, face=None, pool_regions=pool_regions
    )
    (entry,) = entries(list(stage.process([incoming(shot_of(blobs, PICTURES, boxes=BOXES))])))
    return entry


def test_pooled_regions_are_the_items_of_crops_with_vectors_of_another_model():
    blobs, cache = DictBlobs(), DictCache()
    crops, pooled = entry_of(blobs, cache, pool_regions=False), entry_of(blobs, cache, pool_regions=True)
    assert crops.entry_id != pooled.entry_id
    for picture, cut, pool in zip(PICTURES, crops.frames, pooled.frames, strict=True):
        assert cut.kinds[0] == pool.kinds[0]
        before, after = cut.kinds[1], pool.kinds[1]
        assert after.kind == before.kind == "region"
        assert after.model_id == f"{before.model_id}+roi1"
        assert [item.model_copy(update={"vector": None}) for item in after.items] == [
            item.model_copy(update={"vector": None}) for item in before.items
        ]
        for item in after.items:
            vector = decode_vector(item.vector)
            assert vector[picture.shape[1] % len(vector)] == pytest.approx(0.6, abs=1e-3)
            assert vector[int(100 * sum(item.box))] == pytest.approx(0.8, abs=1e-3)


def test_a_model_without_a_map_is_refused_by_the_setting():
    with pytest.raises(ConfigurationError, match="RUSHES_MODELS__REGIONS"):
        vision_models(ModelSettings(scene="opencv", face_detector="off", regions="pooled"))
