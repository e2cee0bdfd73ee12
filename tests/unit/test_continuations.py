"""Files of one recording are known by time code, reel and clock, and takes that merely share a reel stay apart."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.infra.results.continuations import with_continuations
from rushes.infra.results.timecode import FrameCodes
from rushes.schemas.ids import LibraryId
from rushes.schemas.media import MediaFacts, Rational, Span, Timecode

LIBRARY = LibraryId("wedding")
BEGAN = datetime(2026, 6, 5, 14, 3, 20, tzinfo=UTC)
RATES = [(24, 1, False), (25, 1, False), (30000, 1001, False), (30000, 1001, True), (60000, 1001, True), (50, 1, False)]


def film(first_frame: int, frames: int, rate=(25, 1, False), **more: object) -> MediaFacts:
    """A film whose time code begins `first_frame` frames after 10:00:00:00, and whose clock goes with it."""
    numerator, denominator, drop = rate
    fps = Fraction(numerator, denominator)
    mark = ";" if drop else ":"
    blank = MediaFacts(
        media_kind="video", container="mov,mp4", codec="h264", width=1920, height=1080, reel="A001",
        frame_rate=Rational(numerator=numerator, denominator=denominator),
        timecode=Timecode(text=f"10:00:00{mark}00", drop_frame=drop), duration_us=round(frames / fps * 1_000_000),
        captured_at=(BEGAN + timedelta(seconds=float(first_frame / fps))).replace(microsecond=0),
    )  # fmt: skip
    start = FrameCodes(blank).label(round(first_frame / fps * 1_000_000))
    return blank.model_copy(update={"timecode": Timecode(text=start, drop_frame=drop), **more})


def recordings(films: dict[str, MediaFacts]) -> list[list[str]]:
    """Names of films of one recording, in order."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name, facts in with_continuations(LIBRARY, films).items():
        if facts.span is not None:
            found.setdefault(facts.span.span_id, []).append((facts.span.index, name))
    return sorted([name for _, name in sorted(files)] for files in found.values())


@given(
    rate=st.sampled_from(RATES),
    lengths=st.lists(st.integers(50, 200_000), min_size=2, max_size=6),
    start=st.integers(0, 3_000_000),
    seed=st.randoms(use_true_random=False),
)
def test_a_recording_cut_anywhere_comes_together_in_order(rate, lengths, start, seed):
    names = [f"clip-{number}" for number in range(len(lengths))]
    films, first = {}, start
    for name, frames in zip(names, lengths, strict=True):
        films[name] = film(first, frames, rate)
        first += frames
    mixed = list(films.items())
    seed.shuffle(mixed)
    assert recordings(dict(mixed)) == [names]


def test_a_recording_that_passes_midnight_comes_together():
    before = film(0, 250).model_copy(update={"timecode": Timecode(text="23:59:55:00", drop_frame=False)})
    after = film(250, 250).model_copy(update={"timecode": Timecode(text="00:00:05:00", drop_frame=False)})
    assert recordings({"one": before, "two": after}) == [["one", "two"]]


def test_takes_whose_time_code_only_counts_while_recording_stay_apart():
    later = film(1000, 500)
    assert recordings({"one": film(0, 1000), "two": later}) == [["one", "two"]]
    assert later.captured_at is not None
    waited = later.model_copy(update={"captured_at": later.captured_at + timedelta(seconds=4)})
    assert recordings({"one": film(0, 1000), "two": waited}) == []


@pytest.mark.parametrize(
    "more",
    [
        {"reel": "A002"},
        {"reel": None},
        {"camera": "another"},
        {"timecode": None},
        {"timecode": Timecode(text="no time code", drop_frame=False)},
        {"captured_at": None},
        {"width": 1280},
        {"codec": "prores"},
        {"frame_rate": Rational(numerator=50, denominator=1)},
        {"captured_at": datetime(2026, 6, 5, 14, 4, 0)},  # noqa: DTZ001 - a container without a zone
    ],
)
def test_what_differs_in_anything_is_no_continuation(more):
    assert recordings({"one": film(0, 1000), "two": film(1000, 500, **more)}) == []


def test_a_frame_missing_between_them_is_no_continuation():
    assert recordings({"one": film(0, 1000), "two": film(1001, 500)}) == []


@pytest.mark.parametrize("twice", ["one", "two"])
def test_where_two_could_be_meant_none_is(twice):
    films = {"one": film(0, 1000), "two": film(1000, 500)}
    films["copy"] = films[twice]
    assert recordings(films) == []


def test_what_a_name_says_goes_before():
    named = Span(span_id="00000000-0000-0000-0000-000000000001", name="GX0123", index=2)
    films = {"one": film(0, 1000), "two": film(1000, 500, span=named)}
    assert with_continuations(LIBRARY, films) == films


def test_the_same_recording_of_two_tenants_has_two_ids():
    films = {"one": film(0, 1000), "two": film(1000, 500)}
    spans = [with_continuations(LibraryId(library), films)["one"].span for library in ("wedding", "archive")]
    assert spans[0] is not None
    assert spans[1] is not None
    assert spans[0].span_id != spans[1].span_id


def test_a_large_library_is_not_compared_pair_by_pair(monkeypatch):
    counted = []
    number = FrameCodes.number
    monkeypatch.setattr(FrameCodes, "number", lambda self, at: (counted.append(1), number(self, at))[1])
    films = {f"{take}-{half}": film(take * 5000 + half * 100, 100) for take in range(300) for half in range(2)}
    assert len(recordings(films)) == 300
    assert len(counted) <= 2 * len(films)
