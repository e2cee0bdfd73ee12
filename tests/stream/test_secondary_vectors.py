"""Named secondary vectors travel beside the primary one, small ones in the entry, large ones in a blob it names."""

from collections.abc import Sequence

import numpy as np
import pytest
import skimage.data

from rushes.infra.blobs.removal import mark_removed
from rushes.processors.embedding.protocol import Embedded, Image, Prepared
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.schemas.errors import DamagedMedia, MediaNotFound
from rushes.schemas.ids import LibraryId, MediaId
from rushes.schemas.vectors import decode_vector
from rushes.streams.stages.embed import EmbedStage
from rushes.streams.stages.secondary import INLINE_BYTES, read_secondary
from tests.shots_of_pictures import DictBlobs, DictCache, entries, incoming, shot_of

PICTURES = [skimage.data.astronaut(), skimage.data.coffee()]


class LevelledScenes(SceneDescriptor):
    """The descriptor, with the picture's quarters as secondary vectors of `dim` values more or less."""

    def __init__(self, repeated: int = 1) -> None:
        self.repeated = repeated
        self.pictures = 0

    def secondary_id(self) -> str:
        return f"quarters-1-{self.repeated}"

    def prepare(self, image: Image) -> Prepared:
        height, width = image.shape[:2]
        quarters = [image[y : y + height // 2, x : x + width // 2] for y in (0, height // 2) for x in (0, width // 2)]
        return np.stack([SceneDescriptor.prepare(self, view) for view in (image, *quarters)])

    def forward(self, prepared: Sequence[Prepared]) -> np.ndarray:
        return super().forward([views[0] for views in prepared])

    def forward_all(self, prepared: Sequence[Prepared]) -> Embedded:
        self.pictures += len(prepared)
        named = []
        for views in prepared:
            rows = super().forward(list(views[1:]))
            named.append({f"tiles/{place}": np.tile(row, self.repeated) for place, row in enumerate(rows)})
        return Embedded(self.forward(prepared), tuple(named))


def stage_of(scene: SceneDescriptor, blobs: DictBlobs, cache: DictCache | None = None) -> EmbedStage:
    return EmbedStage(blobs=blobs, cache=cache or DictCache(), scene=scene, detector=None, face=None)


def quarter(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return SceneDescriptor().embed([picture[: height // 2, : width // 2]])[0]


def test_secondary_vectors_are_in_the_entry_beside_the_primary_one():
    blobs = DictBlobs()
    event = shot_of(blobs, PICTURES)
    (plain,) = entries(list(stage_of(SceneDescriptor(), blobs).process([incoming(event)])))
    (entry,) = entries(list(stage_of(LevelledScenes(), blobs).process([incoming(event)])))
    for frame, before, picture in zip(entry.frames, plain.frames, PICTURES, strict=True):
        (item,) = frame.kinds[0].items
        assert decode_vector(item.vector) @ decode_vector(before.kinds[0].items[0].vector) > 0.999
        assert frame.kinds[0].model_id == before.kinds[0].model_id
        assert sorted(item.secondary) == ["tiles/0", "tiles/1", "tiles/2", "tiles/3"]
        assert decode_vector(read_secondary(blobs, item, "tiles/0")) @ quarter(picture) > 0.97  # JPEG lies between
    assert entry.entry_id != plain.entry_id


def test_a_frame_with_many_has_them_in_a_blob_that_the_entry_names():
    blobs = DictBlobs()
    event = shot_of(blobs, PICTURES)
    before = set(blobs.files)
    stage = stage_of(LevelledScenes(repeated=20), blobs)
    (entry,) = entries(list(stage.process([incoming(event)])))
    assert len(entry.model_dump_json()) < INLINE_BYTES
    for frame, picture in zip(entry.frames, PICTURES, strict=True):
        (item,) = frame.kinds[0].items
        assert all(found.vector is None and found.uri for found in item.secondary.values())
        packed = decode_vector(read_secondary(blobs, item, "tiles/0")).reshape(20, -1)[3]
        assert packed @ quarter(picture) / np.linalg.norm(packed) > 0.97
    written = set(blobs.files) - before
    assert len(written) == 2
    again = entries(list(stage.process([incoming(event)])))
    assert again == [entry]
    assert set(blobs.files) - before == written


def test_what_the_cache_kept_has_its_secondary_vectors_and_serves_no_model_without_them():
    blobs, cache = DictBlobs(), DictCache()
    event = shot_of(blobs, PICTURES)
    scenes = LevelledScenes()
    first = entries(list(stage_of(scenes, blobs, cache).process([incoming(event)])))
    second = entries(list(stage_of(scenes, blobs, cache).process([incoming(event)])))
    assert scenes.pictures == len(PICTURES)
    assert first == second
    (plain,) = entries(list(stage_of(SceneDescriptor(), blobs, cache).process([incoming(event)])))
    assert not plain.frames[0].kinds[0].items[0].secondary


def test_a_media_removed_while_its_blobs_are_written_leaves_none_behind():
    class RemovedMeanwhile(DictBlobs):
        def put(self, path: str, data: bytes) -> str:
            uri = super().put(path, data)
            if "/secondary/" in path:
                mark_removed(self, LibraryId(event.library_id), MediaId(event.media_id), event.version)
            return uri

    blobs = RemovedMeanwhile()
    event = shot_of(blobs, PICTURES)
    assert entries(list(stage_of(LevelledScenes(repeated=20), blobs).process([incoming(event)]))) == []
    assert not [path for path in blobs.files if "/secondary/" in path]


def test_a_blob_that_is_gone_or_holds_something_else_is_told_apart():
    blobs = DictBlobs()
    (entry,) = entries(list(stage_of(LevelledScenes(repeated=20), blobs).process([incoming(shot_of(blobs, PICTURES))])))
    item, other = (frame.kinds[0].items[0] for frame in entry.frames)
    path = (item.secondary["tiles/0"].uri or "").removeprefix("mem://")
    blobs.files[path] = blobs.files[(other.secondary["tiles/0"].uri or "").removeprefix("mem://")]
    with pytest.raises(DamagedMedia):
        read_secondary(blobs, item, "tiles/0")
    del blobs.files[path]
    with pytest.raises(MediaNotFound):
        read_secondary(blobs, item, "tiles/0")
