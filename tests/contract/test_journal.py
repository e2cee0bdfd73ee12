"""What the journal promises beyond the contract of a log: kills, torn tails, damage, one writer."""

import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from rushes.infra.library_log import journal as journal_module
from rushes.infra.library_log.journal import JournalLibraryLog
from rushes.infra.library_log.port import LogPosition
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable
from rushes.schemas.log import PolicyChanged

FILE = "library-log.jsonl"

WRITER = """
import pathlib, sys, uuid
from rushes.infra.library_log.journal import JournalLibraryLog
from rushes.schemas.log import PolicyChanged
log = JournalLibraryLog(pathlib.Path(sys.argv[1]))
n = int(sys.argv[2])
while True:
    policies = [f"{n + i}:" + "x" * 20000 for i in range(5)]
    entries = [PolicyChanged(library_id="a", entry_id=str(uuid.uuid4()), policy=policy) for policy in policies]
    log.append(entries)
    n += len(entries)
    print(n, flush=True)
"""


def entry(number: int) -> PolicyChanged:
    return PolicyChanged(library_id="a", entry_id=str(uuid.uuid4()), policy=f"p{number}")


def numbers(log: JournalLibraryLog) -> list[int]:
    return [int(r.entry.policy.split(":")[0].lstrip("p")) for r in log.read(0) if isinstance(r.entry, PolicyChanged)]


def test_kill_nine_amid_appends_loses_no_acknowledged_entry_and_leaves_no_torn_line(tmp_path: Path) -> None:
    there = 0
    for acknowledgements in (1, 3, 2, 7, 4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(there)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(acknowledgements):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        said, _ = writer.communicate()
        acknowledged = max([acknowledged, *map(int, said.split())])

        log = JournalLibraryLog(tmp_path)
        records = list(log.read(0))
        found = numbers(log)
        log.close()
        there = len(records)
        assert found == list(range(there)), "a torn, lost or repeated line"
        assert there >= acknowledged
        assert (tmp_path / FILE).read_bytes().endswith(b"\n")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_append_torn_at_any_byte_costs_only_what_was_not_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    log = JournalLibraryLog(folder)
    acknowledged = [entry(n) for n in range(data.draw(st.integers(0, 3)))]
    log.append(acknowledged)
    kept = (folder / FILE).stat().st_size
    torn = [entry(n + 100) for n in range(data.draw(st.integers(1, 3)))]
    log.append(torn)
    log.close()
    whole = (folder / FILE).read_bytes()
    cut = data.draw(st.integers(kept, len(whole)))
    (folder / FILE).write_bytes(whole[:cut])

    with capture_logs() as lines:
        log = JournalLibraryLog(folder)
    complete = whole[kept:cut].count(b"\n")
    assert [r.entry for r in log.read(0)] == acknowledged + torn[:complete]
    assert bool(lines) == (not whole[:cut].endswith(b"\n") and cut > 0)

    after = entry(200)
    assert log.append([after]) == [LogPosition(0, len(acknowledged) + complete)]
    assert [r.entry for r in log.read(0)] == [*acknowledged, *torn[:complete], after]
    log.close()


def test_a_damaged_line_costs_one_entry_and_is_said_loudly(tmp_path: Path) -> None:
    log = JournalLibraryLog(tmp_path)
    sent = [entry(n) for n in range(3)]
    log.append(sent)
    log.close()
    lines = (tmp_path / FILE).read_bytes().splitlines()
    lines[1] = b"\0" * len(lines[1])
    (tmp_path / FILE).write_bytes(b"\n".join(lines) + b"\n")

    log = JournalLibraryLog(tmp_path)
    with capture_logs() as said:
        assert [r.entry for r in log.read(0)] == [sent[0], None, sent[2]]
    log.close()
    assert [(line["log_level"], line["offset"]) for line in said] == [("warning", 1)]


def test_a_second_writer_is_refused_by_name_until_the_first_ends(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), "0"], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    writer.stdout.readline()
    with pytest.raises(ConfigurationError, match=f"pid {writer.pid}"):
        JournalLibraryLog(tmp_path)
    writer.kill()
    writer.communicate()

    log = JournalLibraryLog(tmp_path)
    with pytest.raises(ConfigurationError, match="another process"):
        JournalLibraryLog(tmp_path)
    log.close()
    JournalLibraryLog(tmp_path).close()


def test_a_reader_beside_the_writer_sees_what_is_complete(tmp_path: Path) -> None:
    reader = JournalLibraryLog(tmp_path / "out", writable=False)
    assert list(reader.read(0)) == []
    writer = JournalLibraryLog(tmp_path / "out")
    first, second = entry(1), entry(2)
    writer.append([first])
    assert [r.entry for r in reader.read(0)] == [first]
    with (tmp_path / "out" / FILE).open("ab") as file:
        file.write(b'{"half a li')
    assert [r.entry for r in reader.read(0)] == [first]
    writer.append([second])
    writer.close()
    assert [r.entry for r in reader.read(0)] == [first, second]
    with pytest.raises(ConfigurationError, match="not open for writing"):
        reader.append([entry(3)])


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = JournalLibraryLog(tmp_path)
    first, last = entry(1), entry(3)
    log.append([first])
    before = (tmp_path / FILE).read_bytes()

    whole_write = journal_module.os.pwrite
    calls = iter(range(100))

    def half_then_full(descriptor: int, data: bytes, position: int) -> int:
        if next(calls):
            raise OSError(28, "No space left on device")
        return whole_write(descriptor, bytes(data)[: len(data) // 2], position)

    monkeypatch.setattr(journal_module.os, "pwrite", half_then_full)
    with pytest.raises(DependencyUnavailable, match="No space"):
        log.append([entry(2)])
    monkeypatch.undo()

    assert (tmp_path / FILE).read_bytes() == before
    log.append([last])
    assert [r.entry for r in log.read(0)] == [first, last]
    log.close()


def test_a_folder_that_cannot_be_written_is_the_operators_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="choose another folder"):
        JournalLibraryLog(tmp_path / "file" / "out")
