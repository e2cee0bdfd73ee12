"""Two workers, one real Redis, the same pictures at once: the same is said, models never mix, nothing stays stale."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skimage.data

from rushes.infra.blobs.removal import mark_removed
from rushes.infra.cache.redis import KEY_PREFIX, open_redis
from rushes.infra.settings import RedisSettings
from rushes.processors.embedding.onnx_embedder import OnnxEmbedder
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.schemas.ids import LibraryId, MediaId
from rushes.schemas.shots import ErasedKeyframe, MediaErased
from rushes.schemas.vectors import decode_vector
from rushes.streams.stages.embed import EmbedStage
from tests.shots_of_pictures import DictBlobs, DictCache, entries, finals, incoming, shot_of
from tests.tiny_onnx import tiny_embedder

PICTURES = [np.ascontiguousarray(skimage.data.coffee()[top : top + 200]) for top in range(0, 200, 10)]


@pytest.fixture
def blobs():
    return DictBlobs()


@pytest.fixture
def library():
    return f"lib-{uuid.uuid4().hex}"


@pytest.fixture
def worker(redis_url, blobs):
    """Makes workers with a connection each; closes them."""
    made = []

    def make(scene, cache=None) -> EmbedStage:
        opened = open_redis(RedisSettings(url=redis_url, timeout_s=5)) if cache is None else cache
        stage = EmbedStage(blobs=blobs, cache=opened, scene=scene, detector=None, face=None, chunk_frames=4)
        made.append((stage, opened))
        return stage

    yield make
    for stage, opened in made:
        stage.close()
        opened.close()


def onnx(folder, name, seed):
    (folder / name).write_bytes(tiny_embedder(seed=seed))
    return OnnxEmbedder(folder / name, threads=1)


def at_once(*works):
    """What each gives; all begin together."""
    start = threading.Barrier(len(works))

    def run(work):
        start.wait(10)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(30) for future in [pool.submit(run, work) for work in works]]


def said(stage, *events):
    return entries(list(stage.process([incoming(event) for event in events])))


def keys_of(redis_url, library):
    cache = open_redis(RedisSettings(url=redis_url, timeout_s=5))
    found = [key.decode() for key in cache._client.scan_iter(f"{KEY_PREFIX}emb:{library}:*")]
    cache.close()
    return found


@pytest.mark.redis
def test_two_workers_asked_for_the_same_pictures_at_once_say_the_same(worker, blobs, library, redis_url):
    shots = [shot_of(blobs, PICTURES, library=library, media=name) for name in ("a", "b")]
    alone = said(worker(SceneDescriptor(), DictCache()), *shots)
    first, second = worker(SceneDescriptor()), worker(SceneDescriptor())
    for _ in range(2):
        one, other = at_once(lambda: said(first, *shots), lambda: said(second, *reversed(shots)))
        assert one == list(reversed(other)) == alone
    assert len(keys_of(redis_url, library)) == len(PICTURES)
    assert min(first.cache.hits, second.cache.hits) >= 2 * len(PICTURES), "the second time, all"


@pytest.mark.redis
def test_workers_with_other_models_never_take_each_others_vectors(worker, blobs, library, redis_url, tmp_path):
    shot = shot_of(blobs, PICTURES, library=library)
    models = [onnx(tmp_path, f"{seed}.onnx", seed) for seed in (1, 2)]
    for _ in range(2):
        found = at_once(*[lambda model=model: said(worker(model), shot) for model in models])
        for model, (entry,) in zip(models, found, strict=True):
            assert {frame.kinds[0].model_id for frame in entry.frames} == {str(model.model_id)}
            rows = np.array([decode_vector(frame.kinds[0].items[0].vector) for frame in entry.frames])
            own = np.array(
                [decode_vector(f.kinds[0].items[0].vector) for f in said(worker(model, DictCache()), shot)[0].frames]
            )
            assert np.allclose(rows, own, atol=1e-3)
    assert len(keys_of(redis_url, library)) == 2 * len(PICTURES)


@pytest.mark.redis
def test_what_a_worker_is_embedding_while_another_erases_it_does_not_stay(worker, blobs, library, redis_url):
    shot, kept = (shot_of(blobs, PICTURES[:6], library=library, media=name) for name in ("gone", "kept"))
    erased = MediaErased(
        library_id=library, media_id="gone", version=1,
        keyframes=tuple(ErasedKeyframe(sha256=frame.sha256, boxes=frame.boxes) for frame in shot.frames),
    )  # fmt: skip
    seeing, go_on = threading.Event(), threading.Event()

    class Slow(SceneDescriptor):
        def forward(self, prepared):
            seeing.set()
            assert go_on.wait(10)
            return super().forward(prepared)

    def erase():
        assert seeing.wait(10)
        mark_removed(blobs, LibraryId(library), MediaId("gone"), 1)
        outcome = finals(list(worker(SceneDescriptor()).process([incoming(erased)])))
        go_on.set()
        return outcome

    slow, (erasure,) = at_once(lambda: finals(list(worker(Slow()).process([incoming(shot)]))), erase)
    assert [(outcome.outputs, outcome.error) for outcome in (*slow, erasure)] == [((), None)] * 2
    assert keys_of(redis_url, library) == []
    said(worker(SceneDescriptor()), kept)
    assert len(keys_of(redis_url, library)) == 6
