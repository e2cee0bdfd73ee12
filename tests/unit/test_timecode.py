"""Time codes against a frame-by-frame count, and known values of SMPTE ST 12-1."""

import pytest

from rushes.infra.results.timecode import time_label
from rushes.schemas.media import MediaFacts, Rational, Timecode


def facts(numerator: int, denominator: int = 1, start: str | None = None, *, drop: bool = False) -> MediaFacts:
    return MediaFacts(
        media_kind="video", container="mov", codec="h264", width=2, height=2,
        frame_rate=Rational(numerator=numerator, denominator=denominator),
        timecode=None if start is None else Timecode(text=start, drop_frame=drop),
    )  # fmt: skip


def test_a_photo_has_no_time_code():
    assert time_label(None, None) == "photo"


def test_without_a_frame_rate_it_is_seconds():
    assert time_label(1_500_000, None) == "1.500 s"


@pytest.mark.parametrize(
    ("time_us", "film", "label"),
    [
        (0, facts(25), "00:00:00:00"),
        (960_000, facts(25), "00:00:00:24"),
        (1_000_000, facts(25), "00:00:01:00"),
        (3_600_000_000, facts(24), "01:00:00:00"),
        (1_000_000, facts(25, 1, "10:59:59:00"), "11:00:00:00"),
        (1_000_000, facts(25, 1, "23:59:59:00"), "00:00:00:00"),
        (40_000, facts(25, 1, "not a time code"), "00:00:00:01"),
        (2_002_000, facts(30000, 1001, "00:00:58:00"), "00:01:00:00"),
        (2_002_000, facts(30000, 1001, "00:00:58;00", drop=True), "00:01:00;02"),
        (2_002_000, facts(30000, 1001, "00:09:58;00", drop=True), "00:10:00;00"),
        (2_002_000, facts(60000, 1001, "00:00:58;00", drop=True), "00:01:00;04"),
    ],
)
def test_known_time_codes(time_us, film, label):
    assert time_label(time_us, film) == label


@pytest.mark.parametrize(("nominal", "dropped"), [(30, 2), (60, 4)])
def test_drop_frame_agrees_with_counting_every_frame(nominal, dropped):
    film = facts(nominal * 1000, 1001, "00:00:00;00", drop=True)
    hours = minutes = seconds = frames = 0
    for number in range(nominal * 60 * 21):
        if number % 97 == 0 or frames < 6:
            expected = f"{hours:02d}:{minutes:02d}:{seconds:02d};{frames:02d}"
            assert time_label(round(number * 1001e6 / (nominal * 1000)), film) == expected
        frames += 1
        if frames == nominal:
            frames, seconds = 0, seconds + 1
        if seconds == 60:
            seconds, minutes = 0, minutes + 1
            if minutes % 10:
                frames = dropped
