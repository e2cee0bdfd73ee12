"""What the terminal shows while a run goes on and at its end."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rushes.infra.results.catalogue import arrange
from rushes.infra.results.rows import FileResult, Results
from rushes.infra.results.summary import summarise
from rushes.streams.screens.estimate import LEAST_S, Estimate
from rushes.streams.screens.progress import ProgressScreen, RunProgress, StageProgress
from rushes.streams.screens.summary import ROWS, RunReport, print_summary, summary_json
from rushes.streams.screens.wording import roughly
from tests.results_builder import HOSTILE, hostile_library, small_library


def report(results: Results, out: Path = Path("/films/out")) -> RunReport:
    return RunReport(summarise(arrange(results), results), "/films/day 1", out, 12.5)


def printed(results: Results, *, encoding: str = "utf-8", width: int = 120) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    print_summary(report(results), Console(file=stream, width=width, force_terminal=False))
    stream.flush()
    return raw.getvalue().decode(encoding)


def test_the_end_shows_scenes_characters_noise_failures_and_what_next():
    text = printed(small_library())
    for words in (
        "Scenes (2)", "Characters (2)", "Anna (1)", "1 face (not sure enough",
        "locked.mov", "media-not-found", "permission denied: make it readable", "copy of torn.mov", "partial",
        "2 files sorted, 2 files partial, 1 file failed; 8 items in 12.5 s",
        "without a trained model", "rushes models fetch faces",
        "/films/out/index.html", "/films/out/assignments.jsonl", "rushes run '/films/day 1' --out /films/out",
    ):  # fmt: skip
        assert words in text


def test_an_empty_run_says_so():
    text = printed(Results())
    assert "Scenes  none" in text
    assert "Noise bucket  empty" in text
    assert "no files; 0 items" in text


def test_long_tables_name_what_they_leave_out():
    files = tuple(FileResult(None, (f"{n:03d}.mov",), "failed", "damaged-media", "torn") for n in range(40))
    text = printed(Results(files=files))
    assert f"and {40 - ROWS} more in failed.jsonl" in text
    assert "40 files failed" in text


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_no_file_name_sends_a_control_character_or_stops_the_print(encoding):
    names = (*HOSTILE, "\x1b]0;owned\x07\x1b[2J.mov", "[bold red]x[/].mov", "\x9b31m.mov")
    text = printed(hostile_library(names), encoding=encoding, width=400)
    assert not {c for c in text if ord(c) < 32 and c != "\n"}
    assert "\x9b" not in text
    assert "[bold red]x[/].mov" in text


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_any_file_name_can_be_printed(name):
    files = (FileResult(None, (name,), "failed", "damaged-media", name),)
    assert "damaged-media" in printed(Results(files=files))


def test_the_json_summary_says_the_same_to_machines():
    value = json.loads(summary_json(report(small_library())))
    assert value["index"] == "/films/out/index.html"
    assert value["files"] == {"sorted": 2, "partial": 2, "failed": 1}
    assert value["noise"] == {"face": 1}
    assert {row["label"]: len(row["scenes"]) for row in value["characters"]}["Anna"] == 2
    assert {row["path"]: row["error"] for row in value["troubles"]}["locked.mov"] == "media-not-found"
    assert [model["weak"] for model in value["models"]] == [False, True]


def test_the_json_summary_is_one_ascii_line_whatever_the_names():
    text = summary_json(report(hostile_library()))
    assert text.isascii()
    assert "\n" not in text
    assert {row["path"] for row in json.loads(text)["troubles"]} == set(HOSTILE)


def observe(estimate: Estimate, *seen: tuple[float, float], total: float | None = 100.0) -> float | None:
    for now, done in seen:
        estimate.observe(now, done, total)
    return estimate.remaining_s


def test_a_steady_pace_gives_the_time_left():
    assert observe(Estimate(), *((float(n), 2.0 * n) for n in range(11))) == pytest.approx(40)


@pytest.mark.parametrize(
    ("seen", "total"),
    [
        ([(0, 0), (LEAST_S / 2, 50)], 100),
        ([(0, 0), (10, 1)], 100),
        ([(0, 0), (10, 50)], None),
        ([(0, 50), (10, 50)], 100),
        ([(0, 0), (10, 50), (75, 50), (80, 50)], 100),
    ],
    ids=["too early", "too little done", "total unknown", "only an earlier session's work", "stalled for a minute"],
)
def test_nothing_is_said_where_it_can_not_be_known(seen, total):
    assert observe(Estimate(), *seen, total=total) is None


def test_work_of_an_earlier_session_is_no_pace():
    assert observe(Estimate(), (0, 90), (5, 91), (10, 92)) == pytest.approx(40)


def test_the_pace_is_that_of_the_last_minute():
    slow = [(float(n), n * 0.1) for n in range(100)]
    fast = [(100.0 + n, 10.0 + n) for n in range(61)]
    assert observe(Estimate(), *slow, *fast) == pytest.approx(30, rel=0.05)


def test_a_finished_stage_needs_no_time():
    assert observe(Estimate(), (0, 100)) == 0


@given(st.floats(0, 1e6))
def test_a_rounded_time_is_never_too_short_and_little_too_long(seconds):
    text = roughly(seconds)
    parts = text.split()
    said = sum(int(n) * {"s": 1, "min": 60, "h": 3600}[unit] for n, unit in zip(parts[::2], parts[1::2], strict=True))
    assert seconds - 1e-6 <= said <= seconds + max(5, 0.2 * seconds, 60 if seconds > 60 else 0) + 1e-6


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def at(share: float, **changes) -> RunProgress:
    stages = (
        StageProgress("Read and split", min(share * 2, 1.0), 1.0, f"{int(share * 100)} frames"),
        StageProgress("Embed", share, 1.0),
        StageProgress("Sort", share, 1.0),
    )
    return replace(RunProgress(stages, int(share * 10), 10), **changes)


def test_without_a_terminal_a_plain_line_comes_every_few_seconds():
    stream, clock = io.StringIO(), Clock()
    with ProgressScreen(Console(file=stream, force_terminal=False), clock=clock, plain_every_s=5) as screen:
        for second in range(21):
            clock.now = float(second)
            screen.update(at(second / 40, files_failed=1))
    lines = stream.getvalue().splitlines()
    assert [line[:7] for line in lines] == ["[00:00]", "[00:05]", "[00:10]", "[00:15]", "[00:20]", "[00:20]"]
    assert "estimating the time left" in lines[0]
    assert "Read and split 50% (25 frames), Embed 25%" in lines[2]
    assert "2 of 10 files, 1 failed; about 30 s left" in lines[2]
    assert "\x1b" not in stream.getvalue()


def test_before_a_file_is_known_it_says_what_it_does():
    stream = io.StringIO()
    with ProgressScreen(Console(file=stream, force_terminal=False), clock=Clock()) as screen:
        screen.update(at(0.1, files_total=0))
        assert "looking for files" in stream.getvalue()
        screen.update(at(1, files_total=0))
    assert "0 of 0 files; finishing" in stream.getvalue()


def test_the_estimate_is_that_of_the_slowest_stage():
    clock = Clock()
    screen = ProgressScreen(Console(file=io.StringIO(), force_terminal=False), clock=clock)
    for second in range(11):
        clock.now = float(second)
        progress = RunProgress((StageProgress("a", second * 9, 100), StageProgress("b", second, 100)), 0, 1)
        screen.update(progress)
    assert screen.remaining(progress.stages) == "about 2 min left"
    assert screen.remaining(progress.stages[:1]) == "about 5 s left"
    assert screen.remaining(()) == "finishing"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_on_a_terminal_a_bar_per_stage_is_drawn(encoding):
    raw, clock = io.BytesIO(), Clock()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=stream, force_terminal=True, width=100)
    with ProgressScreen(console, clock=clock) as screen:
        for second in range(11):
            clock.now = float(second)
            screen.update(at(second / 20))
        screen.say("A001.mov: only a part could be decoded")
    stream.flush()
    text = raw.getvalue().decode(encoding)
    for words in ("Read and split", "100%", "Embed", "50%", "5 of 10 files", "about 10 s left", "only a part"):
        assert words in text


def test_the_screens_load_no_heavy_library():
    code = (
        "import sys, rushes.streams.screens.progress, rushes.streams.screens.summary;"
        "print(sorted({'torch', 'cv2', 'av', 'faust', 'pymilvus', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
