"""Who is one person, who are two, and from when to when: what the embed stage writes of a shot's frames to the log."""

from collections.abc import Sequence

import numpy as np
import pytest
import skimage.data

from rushes.processors.detection import Detections
from rushes.processors.embedding.face_descriptor import FaceDescriptor
from rushes.processors.embedding.protocol import FACE_TEMPLATE
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.processors.faces.detector import DetectedFace
from rushes.schemas.envelope import encode
from rushes.schemas.event import MAX_EVENT_BYTES
from rushes.schemas.ids import ModelId
from rushes.schemas.log import ItemsEmbedded
from rushes.schemas.shots import ShotSplit
from rushes.streams.stages.embed import EmbedStage
from tests.second_looks import confirmed, is_second_look
from tests.shots_of_pictures import DictBlobs, DictCache, entries, incoming, shot_of

COFFEE = skimage.data.coffee()[:240, :320]

Boxes = Sequence[tuple[float, float, float, float]]


class FacesByFrame:
    """A detector that finds the listed boxes, by the brightness of the picture's corner."""

    detector_id = "listed/none/1"
    batch = 8

    def __init__(self, boxes: Sequence[Boxes]) -> None:
        self.boxes = boxes

    def load(self) -> None:
        pass

    def unload(self) -> None:
        pass

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections[DetectedFace]]:
        return [confirmed() if is_second_look(image) else self._listed(image) for image in images]

    def _listed(self, image: np.ndarray) -> Detections:
        frame = round(float(image[:16, :16].mean()) / 10)
        return Detections(tuple(face_in(box) for box in self.boxes[frame]))


def face_in(box: tuple[float, float, float, float]) -> DetectedFace:
    x0, y0, x1, y1 = box
    return DetectedFace(box, tuple((x0 + x * (x1 - x0), y0 + y * (y1 - y0)) for x, y in FACE_TEMPLATE), 0.999)


class OnePerson(FaceDescriptor):
    """An embedder to whom all faces are one person's. Its vectors count."""

    model_id = ModelId("one-person/none/1")
    weak = False

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.tile(np.eye(1, self.dim, dtype=np.float32), (len(images), 1))


class OnePlace(OnePerson):
    """The same, by the model that describes scenes."""

    model_id = SceneDescriptor.model_id


class CountingScenes(SceneDescriptor):
    """The descriptor, counting its pictures."""

    pictures = 0

    def forward(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        self.pictures += len(prepared)
        return super().forward(prepared)


@pytest.fixture
def embedded():
    """Embeds a shot with faces at these places, frame by frame; gives its entries."""
    stages = []

    def run(boxes: Sequence[Boxes], *, keyframes: Sequence[int], face=None, scenes=None) -> list[ItemsEmbedded]:
        blobs = DictBlobs()
        stage = EmbedStage(
            blobs=blobs, cache=DictCache(), scene=scenes or SceneDescriptor(), detector=FacesByFrame(boxes),
            face=face or FaceDescriptor(),
        )  # fmt: skip
        stages.append(stage)
        return entries(list(stage.process([incoming(shot(blobs, len(boxes), keyframes))])))

    yield run
    for stage in stages:
        stage.close()


def shot(blobs: DictBlobs, count: int, keyframes: Sequence[int]) -> ShotSplit:
    """Frames half a second apart, all samples but those in `keyframes`."""
    pictures = []
    for number in range(count):
        picture = COFFEE.copy()
        picture[:32, :32] = number * 10
        pictures.append(picture)
    made = shot_of(blobs, pictures)
    frames = [
        frame.model_copy(update={"time_us": 500_000 * number, "why": "start" if number in keyframes else "face_sample"})
        for number, frame in enumerate(made.frames)
    ]
    return made.model_copy(update={"frames": tuple(frames)})


STILL = (0.25, 0.25, 0.5, 0.625)
RIGHT = (0.625, 0.25, 0.875, 0.625)


def faces_of(entry: ItemsEmbedded):
    return [[item for group in frame.kinds if group.kind == "face" for item in group.items] for frame in entry.frames]


def test_a_sample_is_looked_at_for_faces_only_and_names_the_keyframe_whose_scene_it_is_in(embedded):
    scenes = CountingScenes()
    (entry,) = embedded([[STILL]] * 5, keyframes=(0, 4), scenes=scenes)
    assert scenes.pictures == 2
    assert [[group.kind for group in frame.kinds] for frame in entry.frames] == [
        ["scene", "face"], ["face"], ["face"], ["face"], ["scene", "face"],
    ]  # fmt: skip
    first, last = entry.frames[0].frame_id, entry.frames[4].frame_id
    assert [f.scene_frame_id for f in entry.frames] == [None, first, min(first, last), last, None]


def test_a_face_that_stays_is_one_tracklet_told_with_its_presence(embedded):
    (entry,) = embedded([[], [STILL], [STILL], [STILL], []], keyframes=(2,))
    (tracklet,) = entry.tracklets
    found = [item for faces in faces_of(entry) for item in faces]
    assert {item.tracklet_id for item in found} == {tracklet.tracklet_id}
    assert (tracklet.kind, tracklet.from_us, tracklet.to_us, tracklet.count) == ("face", 500_000, 1_500_000, 3)
    assert tracklet.best_item_id in {item.item_id for item in found}


def test_two_faces_of_one_frame_are_in_two_tracklets(embedded):
    (entry,) = embedded([[STILL, RIGHT], [RIGHT, STILL]], keyframes=(0,), face=OnePerson())
    assert len(entry.tracklets) == 2
    assert all(len({item.tracklet_id for item in faces}) == 2 for faces in faces_of(entry))


def test_vectors_that_describe_places_do_not_tell_who_somebody_is(embedded):
    walk = [[(0.25 + x, 0.25, 0.375 + x, 0.5)] for x in (0, 0.09375, 0.1875)]
    (known,) = embedded(walk, keyframes=(0,), face=OnePerson())
    assert [tracklet.count for tracklet in known.tracklets] == [3]
    (unknown,) = embedded(walk, keyframes=(0,), face=OnePlace())
    assert unknown.tracklets == ()


def test_a_face_seen_once_is_in_no_tracklet(embedded):
    (entry,) = embedded([[STILL], [], [], [STILL]], keyframes=(0,))
    assert entry.tracklets == ()
    assert all(item.tracklet_id is None for faces in faces_of(entry) for item in faces)


def test_the_same_shot_gives_the_same_tracklets_whatever_its_faces_rank(embedded):
    (one,) = embedded([[STILL, RIGHT], [STILL, RIGHT]], keyframes=(0,))
    (other,) = embedded([[RIGHT, STILL], [STILL, RIGHT]], keyframes=(0,))
    assert one.tracklets == other.tracklets


def test_every_entry_of_a_large_shot_says_all_of_the_tracklets_in_it(embedded):
    grid = [(x / 16, y / 16, (x + 0.75) / 16, (y + 0.75) / 16) for x in range(3, 11) for y in range(3, 12)]
    found = embedded([grid] * 4, keyframes=(0,))
    assert len(found) > 1
    told = {}
    for entry in found:
        assert len(encode(entry)) <= MAX_EVENT_BYTES
        used = {item.tracklet_id for faces in faces_of(entry) for item in faces} - {None}
        assert {tracklet.tracklet_id for tracklet in entry.tracklets} == used
        for tracklet in entry.tracklets:
            assert told.setdefault(tracklet.tracklet_id, tracklet) == tracklet
    counts: dict[str, int] = {}
    for entry in found:
        for faces in faces_of(entry):
            for item in faces:
                counts[item.tracklet_id] = counts.get(item.tracklet_id, 0) + 1
    assert {identity: tracklet.count for identity, tracklet in told.items()} == counts
    assert len(told) == len(grid)
