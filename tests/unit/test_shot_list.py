"""Shot lists as other tools read them."""

import csv
import io
from itertools import pairwise

import pytest

from rushes.infra.media.messages import FilmEnded, KeyframePlace, NextShot, ShotFound
from rushes.infra.results.shot_list import ShotList, shot_list_csv, shot_list_edl, shot_list_json
from rushes.schemas.media import MediaFacts, Rational, Timecode
from rushes.schemas.shots import Transition, TransitionSpan


def listed(*starts: int, rate: tuple[int, int] = (25, 1), begins: tuple[Transition, ...] = (), **facts) -> ShotList:
    """Shots that begin at `starts`, the last number being the film's length, in frames."""

    def us(frame: int) -> int:
        return round(frame * 1_000_000 * rate[1] / rate[0])

    kinds = begins or ("start", *["cut"] * len(starts))
    shots = tuple(
        ShotFound(
            begin=NextShot(start_us=us(start), start_frame=start, transition_in=kinds[number]),
            end_us=us(end), end_frame=end, transition_out="cut", dynamic=bool(number), motion=0.0, resume=None,
            keyframes=(KeyframePlace(frame_index=start + 3, time_us=us(start + 3), why="static"),),
        )
        for number, (start, end) in enumerate(pairwise(starts))
    )  # fmt: skip
    media = MediaFacts(
        media_kind="video", container="mov", codec="h264", width=2, height=2,
        frame_rate=Rational(numerator=rate[0], denominator=rate[1]), **facts,
    )  # fmt: skip
    return ShotList("folder/A film.mov", media, shots, FilmEnded(duration_us=us(starts[-1]), frames=starts[-1]))


def test_json_counts_cuts_as_the_first_frames_of_their_shots():
    told = shot_list_json(listed(0, 50, 125, begins=("start", "cut")))
    assert (told["frames"], told["fps"], told["cuts"]) == (125, 25.0, [50])
    assert told["shots"][1] == {
        "start_frame": 50, "end_frame": 125, "start_s": 2.0, "end_s": 5.0, "transition_in": "cut", "score": None,
        "threshold": None, "dynamic": True, "motion": 0.0,
        "keyframes": [{"frame": 53, "time_s": 2.12, "why": "static"}],
    }  # fmt: skip


def test_json_tells_gradual_transitions_apart_from_cuts():
    found = listed(0, 50, 125, begins=("start", "dissolve"))
    span = TransitionSpan(kind="dissolve", start_us=0, end_us=0, start_frame=38, end_frame=50)
    known = found.shots[0].model_copy(update={"transitions": (span,)})
    told = shot_list_json(ShotList(found.file, found.facts, (known, found.shots[1]), found.end))
    assert told["cuts"] == []
    assert told["transitions"] == [{"start": 38, "end": 50, "kind": "dissolve"}]


def test_csv_counts_frames_as_pyscenedetect_does():
    rows = list(
        csv.DictReader(
            io.StringIO(shot_list_csv(listed(0, 50, 125, timecode=Timecode(text="10:00:00:00", drop_frame=False))))
        )
    )
    assert [(row["Start Frame"], row["End Frame"], row["Length (frames)"]) for row in rows] == [
        ("1", "50", "50"),
        ("51", "125", "75"),
    ]
    assert rows[1]["Start Timecode"] == "10:00:02:00"
    assert (rows[1]["Start Time (seconds)"], rows[1]["Length (timecode)"]) == ("2.000", "00:00:03:00")


@pytest.mark.parametrize(
    ("start", "drop", "events"),
    [
        (
            "00:00:58;00", True,
            [
                "001  AX       V     C        00:00:58;00 00:01:00;02 01:00:00;00 01:00:02;00",
                "002  AX       V     C        00:01:00;02 00:01:01;02 01:00:02;00 01:00:03;00",
            ],
        ),
        (
            "00:00:58:00", False,
            [
                "001  AX       V     C        00:00:58:00 00:01:00:00 01:00:00:00 01:00:02:00",
                "002  AX       V     C        00:01:00:00 00:01:01:00 01:00:02:00 01:00:03:00",
            ],
        ),
    ],
)  # fmt: skip
def test_an_edl_follows_the_start_time_code_with_frame_numbers_dropped_or_not(start, drop, events):
    timecode = Timecode(text=start, drop_frame=drop)
    lines = shot_list_edl(listed(0, 60, 90, rate=(30000, 1001), timecode=timecode)).splitlines()
    assert lines[:2] == ["TITLE: A film.mov", f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}"]
    assert [line for line in lines if line[:3].isdigit()] == events


def test_an_edl_names_the_reel_and_joins_a_take_cut_for_size():
    lines = shot_list_edl(listed(0, 50, 125, begins=("start", "continued"), reel="A003_C012_0506XY")).splitlines()
    assert [line for line in lines if line[:3].isdigit()] == [
        "001  A003_C01 V     C        00:00:00:00 00:00:05:00 01:00:00:00 01:00:05:00"
    ]
