"""The embed stage: keyframes become entries of the library's log, each at most 512 KB, each derived from its origin."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import fakeredis
import numpy as np
import pytest
import skimage.data
from structlog.testing import capture_logs

from rushes.infra.blobs.removal import mark_removed
from rushes.infra.cache.redis import RedisCache
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.library import Library
from rushes.processors.detection import Detections
from rushes.processors.embedding.face_descriptor import FaceDescriptor
from rushes.processors.embedding.onnx_embedder import OnnxEmbedder
from rushes.processors.embedding.protocol import FACE_TEMPLATE, Facts
from rushes.processors.embedding.scene_descriptor import SceneDescriptor
from rushes.processors.faces.detector import DetectedFace
from rushes.processors.faces.finder import FaceFinder
from rushes.processors.faces.mtcnn import MtcnnDetector
from rushes.schemas import ids
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import decode, encode
from rushes.schemas.errors import DependencyUnavailable, MediaNotFound
from rushes.schemas.event import MAX_EVENT_BYTES
from rushes.schemas.ids import Generation, LibraryId, MediaId
from rushes.schemas.media import ProducerBox
from rushes.schemas.shots import ErasedKeyframe, FaceFind, FaceFinds, MediaErased, MediaSplit, PartFailure, ShotSplit
from rushes.schemas.status import DeadLetter
from rushes.schemas.vectors import decode_vector
from rushes.streams.runner.dead_letters import DeadLetters, Failure
from rushes.streams.stages.embed import EmbedStage
from tests.second_looks import confirmed, is_second_look
from tests.shots_of_pictures import DictBlobs, DictCache, entries, finals, incoming, shot_of
from tests.tiny_onnx import tiny_embedder

ASTRONAUT = skimage.data.astronaut()
COFFEE = skimage.data.coffee()


class CountingScenes(SceneDescriptor):
    """The descriptor, counting its pictures; pictures of one colour give no vector."""

    def __init__(self) -> None:
        self.pictures = 0

    def prepare(self, image: np.ndarray) -> np.ndarray:
        ready = super().prepare(image)
        return ready * np.nan if image.min() == image.max() else ready

    def forward(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        self.pictures += len(prepared)
        return super().forward(prepared)


class ListedFaces:
    """A detector that finds the same faces in every picture."""

    detector_id = "listed/none/1"
    batch = 8

    def __init__(self, boxes: Sequence[tuple[float, float, float, float]]) -> None:
        self.boxes = boxes
        self.pictures = 0

    def load(self) -> None:
        pass

    def unload(self) -> None:
        pass

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections[DetectedFace]]:
        self.pictures += len(images)
        listed = Detections(tuple(face_in(box) for box in self.boxes))
        return [confirmed() if is_second_look(image) else listed for image in images]


def face_in(box: tuple[float, float, float, float]) -> DetectedFace:
    x0, y0, x1, y1 = box
    return DetectedFace(box, tuple((x0 + x * (x1 - x0), y0 + y * (y1 - y0)) for x, y in FACE_TEMPLATE), 0.999)


ONE_FACE = [(0.3, 0.1, 0.5, 0.4)]


@pytest.fixture
def blobs() -> DictBlobs:
    return DictBlobs()


@pytest.fixture
def stage_of(blobs):
    """Builds stages over `blobs`, and closes them."""
    built = []

    def build(cache=None, scene=None, faces=ONE_FACE, detector=None, face=None, chunk_frames=None) -> EmbedStage:
        built.append(
            EmbedStage(
                blobs=blobs,
                cache=cache or DictCache(),
                scene=scene or CountingScenes(),
                detector=detector or ListedFaces(faces),
                face=face or FaceDescriptor(),
                chunk_frames=chunk_frames,
            )
        )
        return built[-1]

    yield build
    for stage in built:
        stage.close()


def run(stage: EmbedStage, *events) -> list:
    return list(stage.process([incoming(event) for event in events]))


def test_a_shot_gives_its_scenes_and_faces_scenes_first(stage_of, blobs):
    shot = shot_of(blobs, [ASTRONAUT, COFFEE], flags=("near_duplicate",))
    outcomes = run(stage_of(), shot)
    (entry,) = entries(outcomes)
    assert (entry.media_id, entry.version, entry.shot_id) == (shot.media_id, shot.version, shot.shot_id)
    assert (entry.part, entry.final, entry.start_us, entry.frame_duration_us) == (0, True, 0, 40_000)
    assert entry.kinds_expected == ("scene", "face")
    for frame, keyframe in zip(entry.frames, shot.frames, strict=True):
        assert frame.frame_id == keyframe.frame_id
        assert frame.time_us == keyframe.time_us
        assert frame.flags == ("near_duplicate",)
        scene, face = frame.kinds
        assert (scene.kind, scene.weak, scene.items[0].box) == ("scene", False, None)
        assert (face.kind, face.weak, face.detector_id) == ("face", True, "listed/none/1")
        assert face.items[0].box == ids.quantised(ONE_FACE[0])
        assert face.items[0].item_id == ids.item_id(LibraryId("lib"), keyframe.frame_id, "face", ONE_FACE[0])
        for item in (*scene.items, *face.items):
            assert np.linalg.norm(decode_vector(item.vector)) == pytest.approx(1, abs=1e-3)


def test_entries_go_to_the_librarys_log_under_its_key_and_their_own_id(stage_of, blobs):
    (outcome,) = finals(run(stage_of(), shot_of(blobs, [COFFEE])))
    (output,) = outcome.outputs
    assert (output.channel, output.key, output.event_id) == (Channel.LIBRARY_LOG, "lib", output.event.entry_id)
    assert decode(encode(output.event)) == output.event


def test_a_kind_that_was_looked_for_and_not_there_is_sent_empty(stage_of, blobs):
    (entry,) = entries(run(stage_of(faces=[]), shot_of(blobs, [COFFEE])))
    assert [(kind.kind, len(kind.items), kind.error) for kind in entry.frames[0].kinds] == [
        ("scene", 1, None),
        ("face", 0, None),
    ]


def sample_with(finder: str, shot: ShotSplit) -> ShotSplit:
    """The shot with its frames as samples of one face, which was found before."""
    face = face_in((0.6, 0.2, 0.8, 0.5))
    find = FaceFind(box=face.box, landmarks=face.landmarks, score=face.score, second_score=0.98)
    finds = FaceFinds(finder=finder, faces=(find,), rejected=(0.8, 0.75))
    frames = tuple(frame.model_copy(update={"why": "face_sample", "faces": finds}) for frame in shot.frames)
    return shot.model_copy(update={"frames": frames})


def test_faces_that_came_with_a_sample_are_taken_as_they_are(stage_of, blobs):
    detector = ListedFaces(ONE_FACE)
    sample = sample_with(FaceFinder(detector).finder_id, shot_of(blobs, [ASTRONAUT]))
    keyframe = shot_of(blobs, [COFFEE], media="other")
    sampled, looked_at = entries(run(stage_of(detector=detector), sample, keyframe))
    ((faces,),) = (frame.kinds for frame in sampled.frames)
    assert (faces.kind, [item.box for item in faces.items]) == ("face", [ids.quantised((0.6, 0.2, 0.8, 0.5))])
    (face,) = faces.items
    assert (faces.rejected, face.detection_score, face.quality_parts["second_look"]) == (2, 0.999, 0.425)
    assert [item.box for item in looked_at.frames[0].kinds[1].items] == [ids.quantised(ONE_FACE[0])]
    assert detector.pictures == 1 + 2, "the keyframe alone, and its second look"


def test_what_another_detector_found_in_a_sample_is_looked_for_anew(stage_of, blobs):
    sample = sample_with("another/none/1+look-2", shot_of(blobs, [ASTRONAUT]))
    ((faces,),) = (frame.kinds for frame in entries(run(stage_of(), sample))[0].frames)
    assert ([item.box for item in faces.items], faces.rejected) == ([ids.quantised(ONE_FACE[0])], 0)


def test_without_a_detector_only_scenes_are_expected(blobs):
    stage = EmbedStage(blobs=blobs, cache=DictCache(), scene=SceneDescriptor(), detector=None, face=None)
    (entry,) = entries(run(stage, shot_of(blobs, [ASTRONAUT])))
    stage.close()
    assert entry.kinds_expected == ("scene",)
    assert [kind.kind for kind in entry.frames[0].kinds] == ["scene"]


def test_the_producers_boxes_become_regions_with_their_labels(stage_of, blobs):
    box = ProducerBox(box=(0.25, 0.25, 0.75, 0.75), label="cup")
    (entry,) = entries(run(stage_of(), shot_of(blobs, [COFFEE], boxes=(box, box))))
    region = entry.frames[0].kinds[2]
    assert entry.kinds_expected == ("scene", "face", "region")
    assert (region.kind, len(region.items), region.items[0].label) == ("region", 1, "cup")
    height, width = COFFEE.shape[:2]
    crop = COFFEE[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4]
    expected = SceneDescriptor().embed([np.ascontiguousarray(crop)])[0]
    assert decode_vector(region.items[0].vector) @ expected > 0.98


def test_a_batch_across_media_and_libraries_gives_what_single_shots_give(stage_of, blobs):
    shots = [
        shot_of(blobs, [ASTRONAUT, COFFEE], media="a"),
        shot_of(blobs, [COFFEE], media="b"),
        shot_of(blobs, [COFFEE], media="b", library="other"),
        shot_of(blobs, [], media="c"),
    ]
    together = entries(run(stage_of(), *shots))
    alone = [entry for shot in shots for entry in entries(run(stage_of(), shot))]
    assert together == alone
    ids_of_items = [item.item_id for e in together for f in e.frames for k in f.kinds for item in k.items]
    assert len(set(ids_of_items)) == len(ids_of_items)


def test_the_same_work_redone_has_the_same_entry_and_another_model_another(stage_of, blobs, tmp_path):
    shot = shot_of(blobs, [COFFEE])
    (first,), (again,) = entries(run(stage_of(), shot)), entries(run(stage_of(), shot))
    assert first.entry_id == again.entry_id
    (tmp_path / "m.onnx").write_bytes(tiny_embedder())
    other = stage_of(scene=OnnxEmbedder(tmp_path / "m.onnx", threads=1))
    assert entries(run(other, shot))[0].entry_id != first.entry_id


def test_a_second_run_embeds_nothing_and_says_the_same(stage_of, blobs):
    cache, shot = DictCache(), shot_of(blobs, [ASTRONAUT, COFFEE], boxes=(ProducerBox(box=(0, 0, 0.5, 0.5)),))
    first = entries(run(stage_of(cache), shot))
    scenes, detector = CountingScenes(), ListedFaces(ONE_FACE)
    second = stage_of(cache, scene=scenes, detector=detector)
    with capture_logs() as logs:
        assert entries(run(second, shot)) == first
    assert (scenes.pictures, detector.pictures) == (0, 0)
    assert (second.cache.hits, second.cache.misses) == (2, 0)
    assert any(line.get("cache_hits") == 2 and line.get("cache_misses") == 0 for line in logs)


@pytest.mark.parametrize("damage", [b"", b"\x00\xff", b"{}", b'{"format": 1, "kinds": []}', None])
def test_a_damaged_cache_entry_counts_as_none(stage_of, blobs, damage):
    cache, shot = DictCache(), shot_of(blobs, [COFFEE])
    first = entries(run(stage_of(cache), shot))
    (key,) = cache.values
    if damage is None:
        packed = json.loads(cache.values[key])
        packed["kinds"][0]["items"][0]["vector"]["dim"] = 3
        damage = json.dumps(packed).encode()
    cache.values[key] = damage
    assert entries(run(stage_of(cache), shot)) == first


def test_libraries_share_no_cache_entry(stage_of, blobs):
    cache = DictCache()
    run(stage_of(cache), shot_of(blobs, [COFFEE]))
    scenes = CountingScenes()
    run(stage_of(cache, scene=scenes), shot_of(blobs, [COFFEE], library="other"))
    assert scenes.pictures == 1


def test_bytes_that_split_did_not_describe_are_not_cached_under_its_hash(stage_of, blobs):
    cache, shot = DictCache(), shot_of(blobs, [COFFEE])
    path = shot.frames[0].image_uri.removeprefix("mem://")
    blobs.files[path] = blobs.files[shot_of(blobs, [ASTRONAUT], media="x").frames[0].image_uri.removeprefix("mem://")]
    assert len(entries(run(stage_of(cache), shot))) == 1
    assert cache.values == {}


@pytest.mark.parametrize("data", [b"", b"not a jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF"], ids=["empty", "text", "header"])
def test_a_keyframe_that_is_no_picture_costs_only_itself(stage_of, blobs, data):
    cache = DictCache()
    (entry,) = entries(run(stage_of(cache), shot_of(blobs, [COFFEE, data, ASTRONAUT])))
    good, bad, other = entry.frames
    assert [kind.error for kind in (*good.kinds, *other.kinds)] == [None] * 4
    assert [kind.kind for kind in bad.kinds] == ["scene", "face"]
    assert all("expected a JPEG" in kind.error and not kind.items for kind in bad.kinds)
    assert len(cache.values) == 2


def test_a_picture_the_model_says_nothing_of_is_an_error_in_that_frame_only(stage_of, blobs):
    (entry,) = entries(run(stage_of(faces=[]), shot_of(blobs, [np.full((64, 64, 3), 128, np.uint8), COFFEE])))
    assert "found none" in entry.frames[0].kinds[0].error
    assert entry.frames[1].kinds[0].items


def test_a_missing_keyframe_fails_its_shot_and_no_other(stage_of, blobs):
    lost, kept = shot_of(blobs, [COFFEE], media="lost"), shot_of(blobs, [COFFEE], media="kept")
    blobs.delete(lost.frames[0].image_uri.removeprefix("mem://"))
    first, second = finals(run(stage_of(), lost, kept))
    assert isinstance(first.error, MediaNotFound)
    assert first.outputs == ()
    assert (second.error, len(second.outputs)) == (None, 1)


def test_a_shot_that_fails_for_good_is_told_to_the_log_so_that_its_media_completes_without_it(stage_of, blobs):
    lost, kept = shot_of(blobs, [COFFEE], start_us=0), shot_of(blobs, [COFFEE], start_us=40_000)
    stage, library = stage_of(), Library(LibraryId(lost.library_id), Generation("g1"))
    letter = DeadLetter(
        letter_id="letter-1", stage="embed", topic="frames", partition=0, offset=0, key_base64=None, value_base64=None,
        event_id="e", code="media-not-found", reason="there is no keyframe", attempts=1,
    )  # fmt: skip
    (told,) = stage.failed(incoming(lost), letter)
    assert told.channel is Channel.LIBRARY_LOG
    assert stage.failed(incoming(lost), letter) == (told,)
    totals = MediaSplit(
        library_id=lost.library_id, media_id=lost.media_id, version=1, shot_ids=(lost.shot_id, kept.shot_id),
        shot_count=2, frame_count=2,
    )  # fmt: skip
    for entry in (*entries(run(stage, kept)), told.event, *entries(run(stage, totals))):
        apply(library, entry)
    status = library.media[MediaId(lost.media_id)].status
    assert status.state == "partial"
    assert "there is no keyframe" in status.reason
    assert stage.failed(incoming(totals), letter) == ()


def test_a_store_that_does_not_answer_is_tried_again_not_blamed_on_the_shot(stage_of, blobs):
    shot = shot_of(blobs, [COFFEE])
    blobs.fail[shot.frames[0].image_uri.removeprefix("mem://")] = DependencyUnavailable("the store is away")
    (outcome,) = finals(run(stage_of(), shot))
    assert isinstance(outcome.error, DependencyUnavailable)
    blobs.fail.clear()
    assert len(entries(run(stage_of(), shot))) == 1


@pytest.mark.parametrize(("removed", "sent"), [(1, 1), (2, 0), (3, 0)])
def test_of_a_removed_version_nothing_is_sent(stage_of, blobs, removed, sent):
    shot = shot_of(blobs, [COFFEE], version=2)
    totals = MediaSplit(
        library_id="lib", media_id="film", version=2, shot_ids=(shot.shot_id,), shot_count=1, frame_count=1
    )
    mark_removed(blobs, LibraryId("lib"), MediaId("film"), removed)
    outcomes = finals(run(stage_of(), shot, totals))
    assert [(len(outcome.outputs), outcome.error) for outcome in outcomes] == [(sent, None)] * 2


def test_a_media_removed_while_it_is_embedded_sends_nothing(stage_of, blobs):
    shot = shot_of(blobs, [COFFEE])

    class Removing(ListedFaces):
        def detect(self, images):
            mark_removed(blobs, LibraryId("lib"), MediaId("film"), 1)
            return super().detect(images)

    (outcome,) = finals(run(stage_of(detector=Removing(ONE_FACE)), shot))
    assert (outcome.outputs, outcome.error) == ((), None)


def test_a_removed_media_whose_keyframes_are_gone_is_no_failure(stage_of, blobs):
    shot = shot_of(blobs, [COFFEE])
    blobs.files.clear()
    mark_removed(blobs, LibraryId("lib"), MediaId("film"), 1)
    (outcome,) = finals(run(stage_of(), shot))
    assert (outcome.outputs, outcome.error) == ((), None)


def test_an_older_removal_does_not_replace_a_newer_one(blobs):
    for version in (3, 2):
        mark_removed(blobs, LibraryId("lib"), MediaId("film"), version)
    assert json.loads(next(iter(blobs.files.values())))["version"] == 3


def erasure_of(*shots: ShotSplit) -> MediaErased:
    frames = [frame for shot in shots for frame in shot.frames]
    return MediaErased(
        library_id=shots[0].library_id,
        media_id=shots[0].media_id,
        version=shots[0].version,
        keyframes=tuple(ErasedKeyframe(sha256=frame.sha256, boxes=frame.boxes) for frame in frames),
    )


def test_of_an_erased_media_the_cache_keeps_nothing_and_of_all_others_everything(stage_of, blobs):
    cache, box = DictCache(), ProducerBox(box=(0.25, 0.25, 0.75, 0.75), label="cup")
    gone = [shot_of(blobs, [ASTRONAUT]), shot_of(blobs, [COFFEE], start_us=9, boxes=(box,))]
    kept = [
        shot_of(blobs, [ASTRONAUT, COFFEE], library="other"),
        shot_of(blobs, [ASTRONAUT[::-1].copy()], media="another"),
        shot_of(blobs, [COFFEE], media="another", boxes=(box.model_copy(update={"label": "saucer"}),)),
    ]
    stage = stage_of(cache)
    run(stage, *kept)
    before = dict(cache.values)
    run(stage, *gone)
    assert len(cache.values) == len(before) + 2
    (outcome,) = run(stage, erasure_of(*gone))
    assert (outcome.outputs, outcome.error, outcome.done) == ((), None, True)
    assert cache.values == before


def test_an_erasure_in_the_batch_of_its_shots_comes_behind_them(stage_of, blobs):
    cache, shot = DictCache(), shot_of(blobs, [ASTRONAUT, COFFEE, COFFEE[::-1].copy()])
    outcomes = finals(
        run(stage_of(cache, chunk_frames=1), shot, erasure_of(shot), shot_of(blobs, [ASTRONAUT], media="x"))
    )
    assert [len(outcome.outputs) for outcome in outcomes] == [1, 0, 1]
    assert {key.split(":")[2] for key in cache.values} <= {shot.frames[0].sha256}, "the other media's"


def test_a_shot_that_fails_half_way_puts_nothing_into_the_cache_behind_its_erasure(stage_of, blobs):
    cache, shot = DictCache(), shot_of(blobs, [ASTRONAUT, COFFEE, COFFEE[::-1].copy()])
    blobs.delete(shot.frames[1].image_uri.removeprefix("mem://"))
    failed, erased = finals(run(stage_of(cache, chunk_frames=1), shot, erasure_of(shot)))
    assert isinstance(failed.error, MediaNotFound)
    assert erased.error is None
    assert cache.values == {}


def test_what_a_slow_worker_kept_behind_the_erasure_it_forgets_with_the_shot(stage_of, blobs):
    cache, shot = DictCache(), shot_of(blobs, [COFFEE])

    class Erased(ListedFaces):
        def detect(self, images):
            mark_removed(blobs, LibraryId("lib"), MediaId("film"), 1)
            run(stage_of(cache), erasure_of(shot))
            return super().detect(images)

    (outcome,) = finals(run(stage_of(cache, detector=Erased(ONE_FACE)), shot))
    assert (outcome.outputs, outcome.error) == ((), None)
    assert cache.values == {}


def test_what_a_killed_worker_kept_is_forgotten_when_its_shot_comes_again(stage_of, blobs):
    cache, shot = DictCache(), shot_of(blobs, [COFFEE])
    run(stage_of(cache), shot)
    blobs.files.clear()
    mark_removed(blobs, LibraryId("lib"), MediaId("film"), 1)
    run(stage_of(cache), shot)
    assert cache.values == {}


def test_an_erasure_while_the_cache_is_away_is_no_failure_and_says_what_stays(stage_of, blobs):
    server = fakeredis.FakeServer()
    stage = stage_of(RedisCache(fakeredis.FakeRedis(server=server), ttl_s=60))
    shot = shot_of(blobs, [COFFEE])
    run(stage, shot)
    server.connected = False
    with capture_logs() as logs:
        (outcome,) = run(stage, erasure_of(shot))
    assert (outcome.outputs, outcome.error) == ((), None)
    (line,) = [line for line in logs if "until it expires" in line["event"]]
    assert (line["log_level"], line["media_id"], line["keyframes"]) == ("warning", "film", 1)


def test_an_erasure_that_ends_as_a_letter_tells_the_log_nothing(stage_of, blobs):
    event = incoming(erasure_of(shot_of(blobs, [COFFEE])))
    makes = DeadLetters("embed", worker=None, clock=lambda: datetime.now(UTC))
    letter = makes.letter(event.record, event.envelope, Failure("invalid-event", "why"))
    assert stage_of().failed(event, letter) == ()
    (written,) = makes.outputs(event.record, event.envelope, letter)
    assert written.event == letter


def crowd(count: int) -> list[tuple[float, float, float, float]]:
    side = int(np.ceil(np.sqrt(count)))
    return [(x / side, y / side, (x + 0.8) / side, (y + 0.8) / side) for x in range(side) for y in range(side)][:count]


@pytest.mark.parametrize(("part", "final"), [(0, True), (0, False), (2, True)])
def test_a_large_shot_is_cut_between_frames_into_entries_under_512_kb(stage_of, blobs, part, final):
    pictures = [ASTRONAUT, COFFEE, ASTRONAUT[::-1].copy(), COFFEE[::-1].copy(), ASTRONAUT[:, ::-1].copy()]
    shot = shot_of(blobs, pictures, part=part, final=final)
    cut = entries(run(stage_of(faces=crowd(64)), shot))
    assert len(cut) > 1
    assert all(len(encode(entry)) <= MAX_EVENT_BYTES for entry in cut)
    assert [frame.frame_id for entry in cut for frame in entry.frames] == [frame.frame_id for frame in shot.frames]
    assert all(len(frame.kinds[1].items) == 64 and frame.kinds[1].error is None for e in cut for frame in e.frames)
    assert len({entry.entry_id for entry in cut}) == len(cut)
    assert [entry.final for entry in cut] == [False] * (len(cut) - 1) + [final]
    whole = part == 0 and final
    assert [entry.part for entry in cut] == (list(range(len(cut))) if whole else [part] * len(cut))


def test_a_crowd_over_the_limit_loses_its_poorest_faces_and_says_so(stage_of, blobs):
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3)).astype(np.uint8)
    (entry,) = entries(run(stage_of(faces=crowd(400)), shot_of(blobs, [noise])))
    faces = entry.frames[0].kinds[1]
    assert len(encode(entry)) <= MAX_EVENT_BYTES
    assert 100 < len(faces.items) < 400
    assert f"{400 - len(faces.items)} of 400 items left out" in faces.error


def test_totals_follow_the_shots_and_carry_what_failed(stage_of, blobs):
    shot = shot_of(blobs, [COFFEE])
    failure = PartFailure(code="damaged-media", reason="the tail does not decode", start_us=9)
    split = MediaSplit(
        library_id="lib", media_id="film", version=1, shot_ids=(shot.shot_id,), shot_count=1, frame_count=1,
        frame_duration_us=40_000, partial="cut short", failed=(failure,),
    )  # fmt: skip
    outcomes = finals(run(stage_of(), shot, split))
    assert [type(output.event).__name__ for o in outcomes for output in o.outputs] == ["ItemsEmbedded", "MediaTotals"]
    totals = outcomes[1].outputs[0].event
    assert (totals.shot_ids, totals.shot_count, totals.partial) == ((shot.shot_id,), 1, "cut short")
    assert (totals.failed, totals.frame_duration_us) == ((failure,), 40_000)
    assert (outcomes[1].outputs[0].key, outcomes[1].outputs[0].channel) == ("lib", Channel.LIBRARY_LOG)


def test_a_long_list_of_shots_is_cut_too(stage_of):
    shots = tuple(ids.shot_id(LibraryId("lib"), MediaId("film"), 1, t) for t in range(20_000))
    split = MediaSplit(
        library_id="lib", media_id="film", version=1, shot_ids=shots, shot_count=20_000, frame_count=20_000
    )
    cut = entries(run(stage_of(), split))
    assert all(len(encode(entry)) <= MAX_EVENT_BYTES for entry in cut)
    assert tuple(shot for entry in cut for shot in entry.shot_ids) == shots
    assert [(entry.part, entry.final) for entry in cut] == [(0, False), (1, True)]


def test_every_event_has_exactly_one_last_outcome_and_long_work_beats(stage_of, blobs):
    shots = [shot_of(blobs, [ASTRONAUT, COFFEE, COFFEE], media=str(index)) for index in range(3)]
    outcomes = run(stage_of(chunk_frames=1), *shots)
    assert [outcome.source.event.media_id for outcome in finals(outcomes)] == ["0", "1", "2"]
    assert sum(not outcome.done for outcome in outcomes) >= 3
    assert all(outcome.outputs == () for outcome in outcomes if not outcome.done)


def test_an_empty_batch_is_fine(stage_of):
    assert run(stage_of()) == []


def test_a_weak_face_model_is_announced_with_the_way_out(stage_of):
    with capture_logs() as logs:
        stage_of()
    (line,) = [line for line in logs if line["log_level"] == "warning"]
    assert "rushes models fetch faces" in line["do"]


def test_a_real_face_model_is_not_weak_and_announces_nothing(stage_of, blobs, tmp_path):
    (tmp_path / "face.onnx").write_bytes(tiny_embedder(dim=32))
    with capture_logs() as logs:
        stage = stage_of(face=OnnxEmbedder(tmp_path / "face.onnx", threads=1))
    assert [line for line in logs if line["log_level"] != "info"] == []
    (entry,) = entries(run(stage, shot_of(blobs, [ASTRONAUT])))
    face = entry.frames[0].kinds[1]
    assert (face.weak, face.items[0].vector.dim) == (False, 32)
    assert face.model_id.startswith("onnx/")


def test_the_person_in_a_photograph_is_found_by_the_real_detector(stage_of, blobs):
    (entry,) = entries(run(stage_of(detector=MtcnnDetector(threads=2)), shot_of(blobs, [ASTRONAUT, COFFEE])))
    assert [len(frame.kinds[1].items) for frame in entry.frames] == [1, 0]
    face = entry.frames[0].kinds[1].items[0]
    assert face.quality > 0.5
    assert face.detection_score > 0.99
    assert len(face.landmarks) == 5


class StrayingScenes(SceneDescriptor):
    """A model that fell back to another precision."""

    facts = Facts(device="cuda:0", precision="float32", batch=64, notes=("float32 instead of bfloat16: it strays",))


def test_how_a_model_runs_is_logged_and_what_it_fell_back_to_is_a_warning(blobs):
    stage = EmbedStage(blobs=blobs, cache=DictCache(), scene=StrayingScenes(), detector=None, face=None)
    with capture_logs() as lines:
        stage.load()
    assert [(line["model"], line["device"]) for line in lines if line["event"] == "model ready"] == [
        (str(SceneDescriptor.model_id), "cuda:0")
    ]
    assert [line["why"] for line in lines if line["log_level"] == "warning"] == [
        "float32 instead of bfloat16: it strays"
    ]
