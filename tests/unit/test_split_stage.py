"""The stage `split`, without Kafka: what it sends, what it never sends twice, and what it does with bad files."""

import io
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rushes.infra.blobs.removal import mark_removed
from rushes.infra.media.decoder import Picture
from rushes.infra.media.messages import NextShot, PictureMade, ShotFound
from rushes.schemas import ids
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import encode
from rushes.schemas.errors import DependencyUnavailable
from rushes.schemas.event import MAX_EVENT_BYTES
from rushes.schemas.log import MediaRemoved
from rushes.schemas.media import MediaFacts, MediaUploaded, ProducerBox
from rushes.schemas.shots import FrameQuality, MediaErased, MediaSplit, ShotSplit
from rushes.streams.stages import split_events
from rushes.streams.stages.split_manifest import MediaFolder, Totals
from tests.making_media import claim_duration, pan, scene, still, write_film, write_png_bomb, write_sound
from tests.split_rig import LIBRARY, Rig, told

FAULTY = (sys.executable, str(Path(__file__).parent.parent / "faulty_child.py"))
LENGTHS = (30, 44, 27, 60, 33, 51)


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path)
    yield made
    made.close()


def write_cuts(rig: Rig, name: str = "film.mp4", lengths=LENGTHS, first: int = 0) -> Path:
    pictures = (p for seed, length in enumerate(lengths) for p in still(scene(first + seed), length))
    return write_film(rig.media / name, pictures)


def write_photo(rig: Rig, name: str, seed: int = 1) -> Path:
    path = rig.media / name
    Image.fromarray(scene(seed)).save(path)
    return path


def folder_of(media_id: str) -> str:
    return ids.media_folder(ids.LibraryId(LIBRARY), ids.MediaId(media_id))


def blobs_of(rig: Rig, media_id: str) -> list[str]:
    return list(rig.blobs.list(folder_of(media_id)))


# -- films


def test_a_film_is_told_shot_by_shot_and_closed(rig):
    write_cuts(rig)
    sent = rig.run(rig.upload("film.mp4", attributes={"day": 3}))
    assert [shot.start_frame for shot in sent.shots] == [0, 30, 74, 101, 161, 194]
    assert all(shot.attributes == {"day": 3} and shot.final for shot in sent.shots)
    assert sent.shots[0].media.size_bytes == (rig.media / "film.mp4").stat().st_size
    (closing,) = sent.splits
    assert closing.shot_ids == tuple(shot.shot_id for shot in sent.shots)
    assert (closing.shot_count, closing.frame_count, closing.partial) == (6, 6, None)
    assert (closing.duration_us, closing.frame_duration_us) == (9_800_000, 40_000)
    assert [status.state for status in sent.statuses][-1] == "split"
    assert {status.state for status in sent.statuses[:-1]} == {"splitting"}
    totals = [status.counters.total for status in sent.statuses]
    assert totals == sorted(totals)
    assert sent.last_outcomes() == 1
    assert sent.outcomes[-1].done


def test_shots_go_out_one_by_one_as_they_are_found(rig):
    write_cuts(rig)
    sent = rig.run(rig.upload("film.mp4"))
    per_outcome = [sum(isinstance(o.event, ShotSplit) for o in outcome.outputs) for outcome in sent.outcomes]
    assert max(per_outcome) == 1


def test_keyframes_are_stored_before_they_are_told(rig):
    write_cuts(rig)
    for outcome in rig.stage.process([rig.upload("film.mp4")]):
        for output in outcome.outputs:
            for frame in output.event.frames if isinstance(output.event, ShotSplit) else ():
                picture = Image.open(io.BytesIO(rig.blobs.get(frame.image_uri)))
                assert (picture.format, picture.size) == ("JPEG", (frame.width, frame.height))
                assert max(Image.open(io.BytesIO(rig.blobs.get(frame.thumbnail_uri))).size) <= 320


def test_ids_come_from_the_ids_module_and_are_the_same_again(rig, tmp_path):
    write_cuts(rig)
    sent = rig.run(rig.upload("film.mp4", version=7))
    for shot in sent.shots:
        assert shot.shot_id == ids.shot_id(ids.LibraryId(LIBRARY), ids.MediaId("film.mp4"), 7, shot.start_us)
        for frame in shot.frames:
            assert frame.frame_id == ids.frame_id(ids.LibraryId(LIBRARY), ids.MediaId("film.mp4"), 0, frame.time_us)
    assert len({output.event_id for output in sent.outputs}) == len(sent.outputs)
    (tmp_path / "other").mkdir()
    other = Rig(tmp_path / "other")
    other.media = rig.media
    other.fetcher._roots = (rig.media,)
    again = other.run(other.upload("film.mp4", version=7))
    assert [output.event_id for output in again.outputs] == [output.event_id for output in sent.outputs]
    other.close()


def test_the_same_bytes_again_send_only_the_closing_events(rig):
    write_cuts(rig)
    first = rig.run(rig.upload("film.mp4"))
    for version in (1, 2):
        again = rig.run(rig.upload("film.mp4", version=version))
        assert again.shots == []
        assert again.splits == first.splits
        assert [status.state for status in again.statuses] == ["split"]


def test_a_transport_that_forgets_gets_all_shots_again_without_decoding(rig, tmp_path):
    write_cuts(rig)
    write_photo(rig, "photo.jpg")
    first = rig.run(rig.upload("film.mp4"), rig.upload("photo.jpg"))
    forgetful = Rig(tmp_path, command=("/nonexistent",), resend=True)
    again = forgetful.run(forgetful.upload("film.mp4"), forgetful.upload("photo.jpg"))
    assert sorted(told(again.shots)) == sorted(told(first.shots))
    assert sorted(split.media_id for split in again.splits) == ["film.mp4", "photo.jpg"]
    forgetful.close()


@pytest.mark.parametrize("delivered", range(len(LENGTHS) + 1))
def test_an_interrupted_film_goes_on_and_sends_nothing_delivered_again(rig, tmp_path, delivered):
    write_cuts(rig)
    whole = rig.run(rig.upload("film.mp4", media_id="twin", uri=(rig.media / "film.mp4").as_uri()))
    seen = []

    def enough(outcome):
        seen.extend(o for o in outcome.outputs if isinstance(o.event, ShotSplit))
        return len(seen) > delivered or any(isinstance(o.event, MediaSplit) for o in outcome.outputs)

    before = rig.run_until(enough, rig.upload("film.mp4"))
    fresh = Rig(tmp_path)
    after = fresh.run(fresh.upload("film.mp4"))
    starts = [shot.start_frame for shot in before.shots[:delivered]] + [shot.start_frame for shot in after.shots]
    assert starts == [shot.start_frame for shot in whole.shots], "what was delivered for sure is not sent again"
    union = {shot.shot_id: shot for shot in (*before.shots, *after.shots)}
    assert [(s.start_us, s.end_us, s.dynamic, len(s.frames)) for s in union.values()] == [
        (s.start_us, s.end_us, s.dynamic, len(s.frames)) for s in whole.shots
    ]
    (closing,) = after.splits
    assert closing.shot_ids == tuple(union)
    assert closing.frame_count == whole.splits[0].frame_count
    fresh.close()


def test_an_interrupted_long_film_resumes_near_its_place(rig, tmp_path):
    """Four minutes of film, killed at 95 %: the figures say where the second run began to decode."""
    rng = np.random.default_rng(5)
    lengths = [int(n) for n in rng.integers(40, 140, 66)]
    write_cuts(rig, lengths=lengths)
    end_us = sum(lengths) * 40_000
    assert end_us > 200_000_000
    whole = rig.run(rig.upload("film.mp4", media_id="twin", uri=(rig.media / "film.mp4").as_uri()))
    assert len(whole.shots) == len(lengths)

    def at_95_percent(outcome):
        return any(isinstance(o.event, ShotSplit) and o.event.end_us >= 0.95 * end_us for o in outcome.outputs)

    before = rig.run_until(at_95_percent, rig.upload("film.mp4"))
    fresh = Rig(tmp_path)
    resumed_at: list[int] = []
    film = fresh.decoder.film

    def watched(path, resume, wanted_us):
        resumed_at.append(resume.shot.start_us)
        return film(path, resume, wanted_us)

    fresh.decoder.film = watched
    after = fresh.run(fresh.upload("film.mp4"))
    assert resumed_at == [before.shots[-1].start_us]
    assert resumed_at[0] >= 0.92 * end_us
    assert len(after.shots) <= 5
    union = {shot.start_frame: shot for shot in (*before.shots, *after.shots)}
    assert list(union) == [shot.start_frame for shot in whole.shots]
    frames = [[(f.time_us, f.why, f.sha256) for f in shot.frames] for shot in union.values()]
    assert frames == [[(f.time_us, f.why, f.sha256) for f in shot.frames] for shot in whole.shots]
    fresh.close()


def test_other_bytes_under_a_greater_version_are_split_anew(rig):
    write_cuts(rig)
    first = rig.run(rig.upload("film.mp4"))
    write_cuts(rig, lengths=(35, 35), first=40)
    second = rig.run(rig.upload("film.mp4", version=2))
    assert [shot.start_frame for shot in second.shots] == [0, 35]
    assert not {shot.shot_id for shot in first.shots} & {shot.shot_id for shot in second.shots}
    late = rig.run(rig.upload("film.mp4", version=1))
    assert (late.outputs, late.last_outcomes()) == ([], 1)


def test_half_a_split_of_other_bytes_is_not_continued(rig):
    write_cuts(rig)

    def third_shot(outcome):
        return any(isinstance(o.event, ShotSplit) and o.event.start_frame > 70 for o in outcome.outputs)

    rig.run_until(third_shot, rig.upload("film.mp4"))
    write_cuts(rig, lengths=(35, 35), first=40)
    sent = rig.run(rig.upload("film.mp4"))
    assert [shot.start_frame for shot in sent.shots] == [0, 35]


@pytest.mark.parametrize(("how", "code"), [("segfault", "crashed-repeatedly"), ("hang", "limit-exceeded")])
def test_a_film_that_breaks_its_decoder_half_way_keeps_its_shots_and_is_partial(tmp_path, how, code):
    rig = Rig(tmp_path, command=FAULTY, no_progress_s=2.0)
    write_cuts(rig, f"late-{how}.mp4")
    sent = rig.run(rig.upload(f"late-{how}.mp4"))
    assert sent.errors == {}
    assert sent.shots
    (closing,) = sent.splits
    assert closing.partial is not None
    assert [failure.code for failure in closing.failed] == [code]
    assert closing.shot_count == len(sent.shots)
    rig.close()


def test_a_truncated_film_is_partial(rig):
    noisy = (p // 2 + np.random.default_rng(i).integers(0, 60, p.shape).astype(np.uint8)
             for i, p in enumerate(p for seed in range(3) for p in still(scene(seed), 60)))  # fmt: skip
    film = write_film(rig.media / "film.mkv", noisy)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    sent = rig.run(rig.upload("film.mkv"))
    assert sent.errors == {}
    assert "could be decoded" in sent.splits[0].partial
    assert sent.statuses[-1].reason == sent.splits[0].partial


def test_anchored_frames_are_sent_again_as_anchors(rig):
    write_cuts(rig)
    rig.blobs.put(f"{folder_of('film.mp4')}/anchors.json", b'{"times_us": [40000, 1240000, 99000000]}')
    sent = rig.run(rig.upload("film.mp4"))
    anchors = [frame.time_us for shot in sent.shots for frame in shot.frames if frame.why == "anchor"]
    assert anchors == [40_000, 1_240_000]
    assert sent.splits[0].frame_count == 8


def test_boxes_of_the_producer_lie_on_frames_of_their_time(rig):
    write_cuts(rig)
    boxes = (
        ProducerBox(box=(0.1, 0.1, 0.5, 0.5), time_us=1_600_000, label="hat"),
        ProducerBox(box=(0, 0, 0.25, 0.25), label="logo"),
        ProducerBox(box=(0, 0, 0.25, 0.25), time_us=60_000_000, label="late"),
    )
    sent = rig.run(rig.upload("film.mp4", boxes=boxes))
    labels = {frame.time_us: [box.label for box in frame.boxes] for shot in sent.shots for frame in shot.frames}
    assert labels.pop(1_600_000) == ["hat", "logo"]
    assert set(map(tuple, labels.values())) == {("logo",)}
    assert "1 of the producer's boxes" in sent.splits[0].failed[0].reason


# -- photos and batches


def test_a_photo_is_a_shot_of_one_frame(rig):
    write_photo(rig, "photo.png")
    box = ProducerBox(box=(0.1, 0.1, 0.5, 0.5), label="hat")
    sent = rig.run(rig.upload("photo.png", boxes=(box,), captured_at="2024-01-02T03:04:05Z"))
    ((shot,), (closing,)) = sent.shots, sent.splits
    (frame,) = shot.frames
    assert (shot.start_us, shot.end_us, frame.time_us, frame.why) == (None, None, None, "photo")
    assert (shot.media.media_kind, shot.media.container, shot.clip) == ("photo", "png", None)
    assert shot.media.captured_at is not None
    assert frame.boxes == (box,)
    assert closing.shot_ids == (shot.shot_id,)
    assert rig.run(rig.upload("photo.png")).shots == []


def test_a_batch_of_photos_is_told_whole_and_broken_ones_fail_alone(rig):
    names = [f"photo{i}.jpg" for i in range(12)]
    for i, name in enumerate(names):
        write_photo(rig, name, seed=i)
    (rig.media / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (rig.media / "text.png").write_text("words")
    sent = rig.run(*(rig.upload(name) for name in ("broken.jpg", *names, "text.png")))
    assert sent.errors == {"broken.jpg": "damaged-media", "text.png": "unsupported-media"}
    assert sorted(shot.media_id for shot in sent.shots) == sorted(names)
    assert sent.last_outcomes() == 14


def test_every_bad_file_has_its_reason_within_its_limits(rig):
    (rig.media / "empty.mp4").write_bytes(b"")
    (rig.media / "empty.jpg").write_bytes(b"")
    (rig.media / "text.mp4").write_text("not a film\n" * 50)
    write_png_bomb(rig.media / "bomb.png", 30_000)
    write_sound(rig.media / "sound.mp4")
    claim_duration(write_cuts(rig, "claims.mp4", (30,)), hours=100)
    (rig.media / "claims-more.mp4").write_bytes((rig.media / "claims.mp4").read_bytes()[:3000])
    (rig.media / "A001_C001_0101AB_001.R3D").write_bytes(b"\x00\x00\x10\x00RED2" + bytes(500))
    names = (
        "empty.mp4", "empty.jpg", "text.mp4", "bomb.png", "sound.mp4", "claims-more.mp4", "none.mp4",
        "A001_C001_0101AB_001.R3D",
    )  # fmt: skip
    outside = rig.upload("outside", uri="file:///etc/passwd")
    sent = rig.run(*(rig.upload(name) for name in names), outside, rig.upload("claims.mp4"))
    assert sent.errors == {
        "empty.mp4": "damaged-media",
        "empty.jpg": "damaged-media",
        "text.mp4": "unsupported-media",
        "bomb.png": "limit-exceeded",
        "sound.mp4": "unsupported-media",
        "claims-more.mp4": "damaged-media",
        "claims.mp4": "limit-exceeded",
        "none.mp4": "media-not-found",
        "outside": "forbidden-uri",
        "A001_C001_0101AB_001.R3D": "needs-proxy",
    }
    assert sent.shots == []


def test_what_a_file_is_its_bytes_say(rig):
    write_photo(rig, "photo.png").rename(rig.media / "photo.mp4")
    write_cuts(rig, "film.mp4", (30, 30)).rename(rig.media / "film.jpg")
    sent = rig.run(
        rig.upload("photo.mp4"), rig.upload("film.jpg"), rig.upload("photo.mp4", media_id="x", media_kind="video")
    )
    assert {shot.media_id: shot.media.media_kind for shot in sent.shots} == {
        "photo.mp4": "photo", "film.jpg": "video", "x": "photo",
    }  # fmt: skip


def test_files_of_one_recording_say_so(rig):
    for name in ("GX010042.MP4", "GX020042.MP4", "GX010043.MP4"):
        write_cuts(rig, name, (30,))
    sent = rig.run(*(rig.upload(name) for name in ("GX020042.MP4", "GX010042.MP4", "GX010043.MP4")))
    spans = {shot.media_id: shot.media.span for shot in sent.shots}
    assert spans["GX010042.MP4"].span_id == spans["GX020042.MP4"].span_id != spans["GX010043.MP4"].span_id
    assert [spans[name].index for name in ("GX010042.MP4", "GX020042.MP4")] == [1, 2]
    assert spans["GX020042.MP4"].name == "GX0042"


def test_an_animated_picture_is_a_film_and_a_still_one_a_photo(rig):
    pictures = [Image.fromarray(scene(seed)) for seed in (1, 1, 2, 2)]
    moving = [picture.rotate(i) for i, picture in enumerate(pictures)]
    moving[0].save(rig.media / "moving.gif", save_all=True, append_images=moving[1:], duration=200)
    pictures[0].save(rig.media / "still.gif")
    sent = rig.run(rig.upload("moving.gif"), rig.upload("still.gif"))
    assert {shot.media_id: shot.media.media_kind for shot in sent.shots} == {
        "moving.gif": "video",
        "still.gif": "photo",
    }


def test_altered_bytes_are_refused_where_a_hash_was_given(rig):
    write_photo(rig, "photo.png")
    assert rig.run(rig.upload("photo.png", sha256="0" * 64)).errors == {"photo.png": "damaged-media"}


def test_a_version_left_out_is_the_events_time(rig):
    write_photo(rig, "photo.png")
    event = rig.upload("photo.png", version=None).event
    sent = rig.run(rig.incoming(event, time="2024-01-01T00:00:00.000007Z"))
    assert sent.shots[0].version == 1_704_067_200_000_007
    write_photo(rig, "other.png")
    assert rig.run(rig.upload("other.png", version=None)).shots[0].version == 1_700_000_000_000_000


def test_attributes_too_large_to_be_repeated_are_refused_with_advice(rig):
    write_photo(rig, "photo.png")
    sent = rig.run(rig.upload("photo.png", attributes={"blob": "x" * 200_000}))
    assert sent.errors == {"photo.png": "invalid-event"}


# -- deletions


def test_a_deletion_marks_tells_the_log_and_erases(rig):
    write_cuts(rig)
    write_photo(rig, "kept.png")
    rig.run(rig.upload("film.mp4", version=3), rig.upload("kept.png"))
    kept = blobs_of(rig, "kept.png")
    sent = rig.run(rig.delete("film.mp4", version=3))
    output = sent.outputs[0]
    assert [type(output.event) for output in sent.outputs] == [MediaRemoved, MediaErased]
    assert output.channel == Channel.LIBRARY_LOG
    assert isinstance(output.event, MediaRemoved)
    assert (output.event.version, output.event_id) == (3, output.event.entry_id)
    assert [path.rpartition("/")[2] for path in blobs_of(rig, "film.mp4")] == ["removed.json"]
    assert blobs_of(rig, "kept.png") == kept
    assert rig.run(rig.upload("film.mp4", version=3)).outputs == [], "a deletion wins ties"
    assert rig.run(rig.upload("film.mp4", version=2)).outputs == []
    back = rig.run(rig.upload("film.mp4", version=4))
    assert len(back.shots) == len(LENGTHS)


def test_a_late_deletion_leaves_a_later_version_alone(rig):
    write_cuts(rig)
    rig.run(rig.upload("film.mp4", version=5))
    before = [path for path in blobs_of(rig, "film.mp4") if "/v5/" in path or path.endswith("manifest.json")]
    sent = rig.run(rig.delete("film.mp4", version=4))
    assert [entry.version for entry in sent.of(MediaRemoved)] == [4]
    assert set(before) <= set(blobs_of(rig, "film.mp4"))
    assert len(rig.run(rig.upload("film.mp4", version=5)).splits) == 1


def test_uploads_and_deletions_of_a_media_in_one_batch_keep_their_order(rig):
    write_photo(rig, "photo.png")
    sent = rig.run(
        rig.upload("photo.png", version=1), rig.delete("photo.png", version=2), rig.upload("photo.png", version=3)
    )
    assert [type(output.event).__name__ for output in sent.outputs] == [
        "ShotSplit", "MediaSplit", "MediaStatus", "MediaRemoved", "MediaErased", "ShotSplit", "MediaSplit",
        "MediaStatus",
    ]  # fmt: skip
    assert [outcome.source.event.version for outcome in sent.outcomes] == [1, 2, 2, 2, 3]


def test_a_deletion_from_elsewhere_stops_a_split_in_flight(rig):
    write_cuts(rig)
    outcomes = rig.stage.process([rig.upload("film.mp4")])
    seen = []
    for outcome in outcomes:
        seen += [o for o in outcome.outputs if isinstance(o.event, ShotSplit)]
        if len(seen) == 2:
            break
    mark_removed(rig.blobs, ids.LibraryId(LIBRARY), ids.MediaId("film.mp4"), 1)
    rest = list(outcomes)
    (output,) = [output for outcome in rest for output in outcome.outputs]
    told_of = {frame.sha256 for o in seen for frame in o.event.frames}
    assert isinstance(output.event, MediaErased)
    assert told_of <= {keyframe.sha256 for keyframe in output.event.keyframes}
    assert rest[-1].done
    assert [path.rpartition("/")[2] for path in blobs_of(rig, "film.mp4")] == ["removed.json"]


# -- failures around the stage


class FailingBlobs:
    """A blob store that is away for writes of keyframes."""

    def __init__(self, real) -> None:
        self.real = real
        self.away = threading.Event()

    def put(self, path, data):
        if self.away.is_set() and "/frames/" in path:
            raise DependencyUnavailable("the blob store does not answer")
        return self.real.put(path, data)

    def __getattr__(self, name):
        return getattr(self.real, name)


@pytest.mark.parametrize("name", ["film.mp4", "photo.png"])
def test_an_absent_blob_store_is_waited_for_and_later_events_of_the_media_with_it(rig, name):
    write_cuts(rig)
    write_photo(rig, "photo.png")
    rig.stage._blobs = blobs = FailingBlobs(rig.blobs)
    blobs.away.set()
    sent = rig.run(rig.upload(name), rig.delete(name, version=2))
    assert [type(outcome.error) for outcome in sent.outcomes if outcome.error] == [DependencyUnavailable]
    assert sent.outputs == [] or {type(event).__name__ for event in (o.event for o in sent.outputs)} == {"MediaStatus"}
    blobs.away.clear()
    assert rig.run(rig.upload(name)).splits


def test_a_stage_that_is_stopped_half_way_ends_its_decoder(rig):
    write_cuts(rig)
    rig.run_until(lambda outcome: bool(outcome.outputs), rig.upload("film.mp4"))
    assert rig.decoder._pool.pids == ()


def test_long_work_is_told_by_heartbeats_of_events_that_are_not_over(tmp_path, monkeypatch):
    monkeypatch.setattr("rushes.streams.stages.split.HEARTBEAT_S", 0.1)
    rig = Rig(tmp_path, command=FAULTY, no_progress_s=1.5)
    for name in ("hang.png", "well.png", "also-well.png"):
        write_photo(rig, name)
    sent = rig.run(*(rig.upload(name) for name in ("well.png", "hang.png", "also-well.png")))
    over: set[str] = set()
    beats = 0
    for outcome in sent.outcomes:
        media_id = outcome.source.event.media_id
        assert media_id not in over
        if outcome.done or outcome.error is not None:
            over.add(media_id)
        else:
            beats += not outcome.outputs
    assert beats >= 5
    assert sent.errors == {"hang.png": "limit-exceeded"}
    rig.close()


def test_decoders_that_do_not_start_are_nobodys_fault(tmp_path):
    rig = Rig(tmp_path, command=(sys.executable, "-c", "import sys; sys.exit('no memory')"))
    write_photo(rig, "photo.png")
    sent = rig.run(rig.upload("photo.png"))
    assert sent.errors == {"photo.png": "dependency-unavailable"}
    rig.close()


def test_an_empty_batch_is_nothing(rig):
    assert rig.run().outcomes == []


# -- sizes


def _picture(index: int) -> Picture:
    figures = PictureMade(
        time_us=index * 40_000, frame_index=index, why="anchor", width=1920, height=1080,
        perceptual_hash="0" * 16, quality=FrameQuality(sharpness=0.5, exposure=0.5, contrast=0.5), image_bytes=1,
    )  # fmt: skip
    return Picture(figures, b"i", b"t")


def test_a_shot_of_thousands_of_frames_is_cut_into_events_that_fit(rig):
    upload = MediaUploaded(library_id=LIBRARY, media_id="m" * 256, uri="file:///x", attributes={"a": "x" * 90_000})
    version = split_events.Version(upload, 1)
    version.check_size()
    folder = MediaFolder(rig.blobs, version.library_id, version.media_id)
    frames = [split_events.keyframe(version, folder, _picture(i)) for i in range(1500)]
    found = ShotFound(
        begin=NextShot(), end_us=60_000_000, end_frame=1500, transition_out="end", dynamic=True, motion=0.1, resume=None
    )
    facts = MediaFacts(media_kind="video", container="mp4", codec="h264", width=10, height=10)
    parts = split_events.film_shot(version, facts, found, frames)
    assert len(parts) > 1
    assert all(len(encode(part)) <= MAX_EVENT_BYTES for part in parts)
    assert [part.part for part in parts] == list(range(len(parts)))
    assert [part.final for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [frame.frame_id for part in parts for frame in part.frames] == [frame.frame_id for frame in frames]
    assert len({output.event_id for output in split_events.shot_outputs(version.library_id, parts)}) == len(parts)


def test_a_film_of_many_shots_closes_in_events_that_fit():
    shot_ids = tuple(ids.derive("shot", "x", i) for i in range(20_001))
    outputs = list(split_events.closing_outputs("library", "media", 1, Totals(shot_ids=shot_ids, frame_count=1)))
    splits = [output.event for output in outputs if isinstance(output.event, MediaSplit)]
    assert all(len(encode(split)) <= MAX_EVENT_BYTES for split in splits)
    assert tuple(found for split in splits for found in split.shot_ids) == shot_ids
    assert [split.final for split in splits] == [False, False, True]


def test_a_pan_gives_three_keyframes(rig):
    write_film(rig.media / "pan.mp4", pan(3, 60))
    (shot,) = rig.run(rig.upload("pan.mp4")).shots
    assert shot.dynamic
    assert [frame.why for frame in shot.frames] == ["start", "middle", "end"]
