"""A deletion tells, before anything is erased, which keyframes go: whoever keeps something of them deletes it then."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from rushes.infra.blobs.removal import removed_version
from rushes.schemas import ids
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import encode
from rushes.schemas.event import MAX_EVENT_BYTES
from rushes.schemas.ids import LibraryId, MediaId
from rushes.schemas.log import MediaRemoved
from rushes.schemas.media import ProducerBox
from rushes.schemas.shots import ErasedKeyframe, MediaErased, ShotSplit
from rushes.streams.stages import split_erasure
from rushes.streams.stages.split_manifest import MediaFolder
from tests.making_media import scene, still, write_film
from tests.split_rig import LIBRARY, Rig, Sent

LENGTHS = (30, 44, 27)
BOX = ProducerBox(box=(0.25, 0.25, 0.75, 0.75), label="cup")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def write_cuts(rig: Rig, first: int = 0) -> None:
    write_film(rig.media / "film.mp4", (p for seed, n in enumerate(LENGTHS) for p in still(scene(first + seed), n)))


def write_photo(rig: Rig, name: str = "photo.png", seed: int = 1) -> None:
    Image.fromarray(scene(seed)).save(rig.media / name)


def keyframes_of(sent: Sent) -> set[ErasedKeyframe]:
    """What embed was told of, and so may have cached."""
    return {ErasedKeyframe(sha256=f.sha256, boxes=f.boxes) for shot in sent.shots for f in shot.frames}


def erased(sent: Sent) -> set[ErasedKeyframe]:
    return {keyframe for event in sent.of(MediaErased) for keyframe in event.keyframes}


def pictures_of(rig: Rig, media_id: str) -> list[str]:
    folder = ids.media_folder(LibraryId(LIBRARY), MediaId(media_id))
    return [path for path in rig.blobs.list(folder) if path.endswith(".jpg")]


def test_a_deletion_tells_which_keyframes_are_erased_behind_their_shots(rig):
    write_cuts(rig)
    write_photo(rig)
    known = rig.run(rig.upload("film.mp4", version=3, boxes=(BOX,)))
    rig.run(rig.upload("photo.png"))
    sent = rig.run(rig.delete("film.mp4", version=3))
    (output,) = [output for output in sent.outputs if isinstance(output.event, MediaErased)]
    assert (output.channel, output.key) == (Channel.FRAMES, known.shots[0].key)
    assert (output.event.version, output.event.part, output.event.final) == (3, 0, True)
    assert erased(sent) == keyframes_of(known)
    assert any(keyframe.boxes for keyframe in erased(sent))


def test_keyframes_are_told_after_the_log_and_before_the_bytes_go(rig):
    write_cuts(rig)
    rig.run(rig.upload("film.mp4"))
    told = []
    for outcome in rig.stage.process([rig.delete("film.mp4")]):
        told += [type(output.event) for output in outcome.outputs]
        assert removed_version(rig.blobs, LibraryId(LIBRARY), MediaId("film.mp4")) == 1
        assert bool(pictures_of(rig, "film.mp4")) == (not outcome.done)
    assert told == [MediaRemoved, MediaErased]


@pytest.mark.parametrize("kills", [1, 2, 3])
def test_a_deletion_killed_after_any_of_its_outputs_tells_all_keyframes_again(rig, monkeypatch, kills):
    monkeypatch.setattr(split_erasure, "PART_BYTES", 200)
    write_cuts(rig)
    known = keyframes_of(rig.run(rig.upload("film.mp4")))
    left = iter(range(kills - 1, -1, -1))
    first = rig.run_until(lambda outcome: bool(outcome.outputs) and next(left) == 0, rig.delete("film.mp4"))
    assert len(first.outputs) == kills
    assert pictures_of(rig, "film.mp4")
    again = rig.run(rig.delete("film.mp4"))
    assert erased(again) == known
    assert [o.event_id for o in again.outputs][:kills] == [o.event_id for o in first.outputs], "the same work"
    assert pictures_of(rig, "film.mp4") == []


def test_what_all_versions_up_to_the_removed_one_showed_is_told_and_no_more(rig):
    known = []
    for version, first in ((1, 0), (2, 10), (5, 20)):
        write_cuts(rig, first)
        known.append(keyframes_of(rig.run(rig.upload("film.mp4", version=version))))
    assert erased(rig.run(rig.delete("film.mp4", version=3))) == known[0] | known[1]
    assert erased(rig.run(rig.delete("film.mp4", version=9))) == known[2]


def test_where_nothing_is_known_nothing_is_told(rig):
    write_photo(rig)
    rig.run(rig.upload("photo.png"), rig.delete("photo.png"))
    for media_id in ("photo.png", "never-seen"):
        sent = rig.run(rig.delete(media_id))
        assert [type(output.event) for output in sent.outputs] == [MediaRemoved]
        assert sent.last_outcomes() == 1


def test_a_shot_that_was_delivered_by_a_split_killed_before_it_noted_so_is_told_too(rig):
    write_cuts(rig)
    upload = rig.upload("film.mp4")
    sent = rig.run_until(lambda outcome: any(isinstance(o.event, ShotSplit) for o in outcome.outputs), upload)
    assert MediaFolder(rig.blobs, LibraryId(LIBRARY), MediaId("film.mp4")).steps(1) == []
    assert keyframes_of(sent) <= erased(rig.run(rig.delete("film.mp4")))


def test_a_step_that_does_not_read_costs_no_keyframe(rig):
    write_cuts(rig)
    known = keyframes_of(rig.run(rig.upload("film.mp4")))
    folder = ids.media_folder(LibraryId(LIBRARY), MediaId("film.mp4"))
    steps = list(rig.blobs.list(f"{folder}/v1/steps"))
    rig.blobs.put(steps[0], b"{")
    rig.blobs.delete(steps[1])
    assert erased(rig.run(rig.delete("film.mp4"))) == known


def test_hashes_are_those_of_the_pictures(rig):
    write_photo(rig)
    rig.run(rig.upload("photo.png"))
    (picture,) = [path for path in pictures_of(rig, "photo.png") if "/frames/" in path]
    sha256 = hashlib.sha256(rig.blobs.get(picture)).hexdigest()
    assert {keyframe.sha256 for keyframe in erased(rig.run(rig.delete("photo.png")))} == {sha256}


class LongFolder:
    """A folder that knows very many keyframes."""

    def __init__(self, keyframes: list[ErasedKeyframe]) -> None:
        self.keyframes = keyframes

    def known_keyframes(self, up_to_version: int) -> Iterator[tuple[ErasedKeyframe, ...]]:
        return ((keyframe,) for keyframe in self.keyframes)


def test_a_long_list_is_cut_into_events_that_fit_and_is_read_with_signs_of_life():
    boxes = tuple(ProducerBox(box=(0, 0, x / 1024, 1), label="é" * 100) for x in range(1, 300))
    keyframes = [ErasedKeyframe(sha256=f"{n:064x}", boxes=boxes if n % 50 == 0 else ()) for n in range(5_000)]
    groups = list(split_erasure.erasure_groups(LongFolder(keyframes * 2), LibraryId(LIBRARY), MediaId("é" * 256), 7))
    events = [output.event for group in groups for output in group]
    assert len(events) > 5
    assert all(len(encode(event)) <= MAX_EVENT_BYTES for event in events)
    assert [keyframe for event in events for keyframe in event.keyframes] == keyframes
    assert [(event.part, event.final) for event in events] == [(n, n == len(events) - 1) for n in range(len(events))]
    assert len({output.event_id for group in groups for output in group}) == len(events)
    assert groups.count(()) == 10_000 // split_erasure.BEAT_READS
