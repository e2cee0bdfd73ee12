"""How the embed stage reads: batches filled across messages, ahead of the models, no more pixels than they need."""

import itertools
import threading

import av
import cv2
import numpy as np
import pytest
import skimage.data

from rushes.processors.embedding.onnx_embedder import OnnxEmbedder
from rushes.processors.embedding.pixels import IMAGENET_MEAN, IMAGENET_STD, PixelRecipe
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.schemas.media import ProducerBox
from rushes.schemas.vectors import decode_vector
from rushes.streams.stages.embed import EmbedStage
from rushes.streams.stages.embed_reading import decoded
from tests.shots_of_pictures import DictBlobs, DictCache, entries, finals, incoming, jpeg, shot_of

COFFEE = skimage.data.coffee()
LARGE = np.ascontiguousarray(np.tile(COFFEE, (2, 2, 1))[:800])


class WatchedScenes(SceneDescriptor):
    """The descriptor; notes the sizes of the pictures it is given and of its batches."""

    batch = 4

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.batches: list[int] = []

    def prepare(self, image: np.ndarray) -> np.ndarray:
        self.shapes.append(image.shape)
        return super().prepare(image)

    def forward(self, prepared: list[np.ndarray]) -> np.ndarray:
        self.batches.append(len(prepared))
        return super().forward(prepared)


class WholeScenes:
    """An embedder that prepares nothing ahead."""

    def __init__(self) -> None:
        self._model = SceneDescriptor()
        self.model_id, self.dim, self.weak, self.batch = self._model.model_id, self._model.dim, False, 3
        self.shapes: list[tuple[int, ...]] = []

    def load(self) -> None:
        pass

    def unload(self) -> None:
        pass

    def embed(self, images: list[np.ndarray]) -> np.ndarray:
        self.shapes += [image.shape for image in images]
        return self._model.embed(images)


@pytest.fixture
def blobs():
    return DictBlobs()


def embedded(blobs, scene, shots, **options):
    stage = EmbedStage(blobs=blobs, cache=DictCache(), scene=scene, detector=None, face=None, **options)
    outcomes = list(stage.process([incoming(shot) for shot in shots]))
    stage.close()
    return outcomes


def vectors(outcomes) -> np.ndarray:
    return np.array([decode_vector(f.kinds[0].items[0].vector) for e in entries(outcomes) for f in e.frames])


def test_the_models_batches_are_filled_across_messages(blobs):
    scene = WatchedScenes()
    shots = [shot_of(blobs, [COFFEE[index:]], media=str(index)) for index in range(70)]
    outcomes = embedded(blobs, scene, shots)
    assert scene.batches == [32, 32, 6]
    assert [outcome.source.event.media_id for outcome in finals(outcomes)] == [str(index) for index in range(70)]


def test_a_scene_alone_is_decoded_no_larger_than_its_model_needs_and_keeps_its_vector(blobs):
    scene, whole = WatchedScenes(), WholeScenes()
    shots = [shot_of(blobs, [LARGE, LARGE[:640, :640].copy(), LARGE[:301, :401].copy()])]
    reduced, full = embedded(blobs, scene, shots), embedded(blobs, whole, shots)
    assert sorted(scene.shapes) == sorted([(400, 600, 3), (320, 320, 3), (301, 401, 3)])
    assert whole.shapes == [(800, 1200, 3), (640, 640, 3), (301, 401, 3)]
    assert (vectors(reduced) * vectors(full)).sum(axis=1).min() > 0.999


def test_the_producers_regions_are_cut_from_the_whole_picture(blobs):
    scene = WatchedScenes()
    box = ProducerBox(box=(0.25, 0.25, 0.5, 0.5), label="cup")
    embedded(blobs, scene, [shot_of(blobs, [LARGE], boxes=(box,))])
    assert scene.shapes[0] == LARGE.shape


def test_bytes_that_are_not_those_described_are_decoded_as_they_are(blobs):
    scene = WatchedScenes()
    shot = shot_of(blobs, [LARGE])
    blobs.files[shot.frames[0].image_uri.removeprefix("mem://")] = jpeg(LARGE[:600, :900])
    embedded(blobs, scene, [shot])
    assert scene.shapes == [(600, 900, 3)]


def test_a_picture_of_another_size_than_its_event_says_is_decoded_whole(blobs):
    scene = WatchedScenes()
    shot = shot_of(blobs, [LARGE])
    lying = shot.frames[0].model_copy(update={"width": 2400, "height": 1600})
    embedded(blobs, scene, [shot.model_copy(update={"frames": (lying,)})])
    assert scene.shapes == [LARGE.shape]


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_a_smaller_decode_is_the_mean_of_the_whole_with_its_colours_in_order(factor):
    data = jpeg(COFFEE)
    whole, small = decoded(data), decoded(data, factor)
    height, width = whole.shape[0] // factor, whole.shape[1] // factor
    mean = whole[: height * factor, : width * factor].reshape(height, factor, width, factor, 3).mean(axis=(1, 3))
    assert small.shape == (height, width, 3)
    assert np.abs(small - mean).mean() < 2


def test_the_next_pictures_are_read_while_the_models_work(blobs):
    reading = threading.Event()

    class Waiting(WatchedScenes):
        def forward(self, prepared):
            if not self.batches:
                assert reading.wait(10), "nobody reads while the model works"
            return super().forward(prepared)

    class Announcing(DictBlobs):
        def get(self, path_or_uri):
            data = super().get(path_or_uri)
            if sum(path.endswith(".jpg") for path in self.reads) == 2:
                reading.set()
            return data

    store = Announcing()
    shots = [shot_of(store, [COFFEE], media=name) for name in ("first", "second")]
    assert len(finals(embedded(store, Waiting(), shots, chunk_frames=1))) == 2


def test_no_more_than_three_chunks_are_in_memory(blobs):
    held: list[int] = []

    class Counting(WatchedScenes):
        def forward(self, prepared):
            held.append(len(self.shapes) - sum(self.batches))
            return super().forward(prepared)

    shots = [shot_of(blobs, [COFFEE[index:] for index in range(40)])]
    embedded(blobs, Counting(), shots, chunk_frames=5)
    assert max(held) <= 15


def test_the_models_see_the_next_pictures_while_the_last_ones_are_delivered(blobs):
    again = threading.Event()

    class Announcing(WatchedScenes):
        def forward(self, prepared):
            if len(self.batches) == 1:
                again.set()
            return super().forward(prepared)

    shots = [shot_of(blobs, [COFFEE], media=name) for name in ("first", "second")]
    stage = EmbedStage(
        blobs=blobs, cache=DictCache(), scene=Announcing(), detector=None, face=None, chunk_frames=1
    )  # fmt: skip
    outcomes = stage.process([incoming(shot) for shot in shots])
    assert next(outcomes).source.event.media_id == "first"
    assert again.wait(10), "the models wait for a delivery"
    assert len(finals(list(outcomes))) == 1
    stage.close()


def test_footage_decoded_smaller_keeps_its_vectors(blobs, test_data):
    with av.open(str(test_data / "videos/montage_people.mp4")) as container:
        frames = [
            frame.to_ndarray(format="rgb24") for frame in itertools.islice(container.decode(video=0), 0, 1600, 160)
        ]
    large = [cv2.resize(frame, (1920, 1080), interpolation=cv2.INTER_CUBIC) for frame in frames]
    mobilenet = OnnxEmbedder(test_data / "weights/scene_mobilenet_v1.onnx", threads=2)
    for model, factor in ((mobilenet, 2), (SceneDescriptor(), 4)):
        assert model.reduction(1080, 1920) == factor
        whole = model.embed([decoded(jpeg(picture)) for picture in large])
        small = vectors(embedded(blobs, model, [shot_of(blobs, large)]))
        assert (whole * small).sum(axis=1).min() > 0.999
    recipe = PixelRecipe(256, (224, 224), "bicubic", IMAGENET_MEAN, IMAGENET_STD)
    assert recipe.reduction(1080, 1920) == 2
    for data in (jpeg(picture) for picture in large):
        levels = [recipe.prepared(decoded(data, factor)) for factor in (1, 2)]
        first, second = mobilenet.forward([np.ascontiguousarray(one.transpose(2, 0, 1)) for one in levels])
        assert first @ second > 0.999
