"""The owner of a library: rows first, then outputs; recovery from the log; nothing lost between a write and a send."""

import json

import pytest

from rushes.infra.blobs.memory import MemoryBlobStore
from rushes.infra.library_log.memory import MemoryLibraryLog
from rushes.infra.store.memory import MemoryStore
from rushes.processors.clustering import fold
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import Envelope, Record
from rushes.schemas.errors import DependencyUnavailable
from rushes.schemas.ids import EventId, LibraryId, MediaId, media_folder
from rushes.schemas.log import EntrySkipped
from rushes.streams.stage import Incoming
from rushes.streams.stages import cluster
from rushes.streams.stages.cluster import ClusterStage, Timing
from rushes.streams.stages.feedback import FeedbackStage
from tests.builders import GENERATION, LEFT, LibraryBuilder, axis, towards
from tests.random_library import random_library

LATE_S = 90.0


class Rig:
    """A stage over in-memory parts, fed from its log."""

    def __init__(self) -> None:
        self.log = MemoryLibraryLog()
        self.store = MemoryStore()
        self.blobs = MemoryBlobStore()
        self.now = 0.0
        self.stage = self.fresh_stage()

    def fresh_stage(self) -> ClusterStage:
        return ClusterStage(self.log, self.store, self.blobs, GENERATION, Timing(lambda: self.now, LATE_S))

    def append(self, *entries) -> list[Incoming]:
        positions = self.log.append(list(entries))
        return [
            Incoming(
                Record("embeddings", position.partition, position.offset, entry.key.encode(), b""),
                entry,
                Envelope(EventId(entry.entry_id)),
            )
            for position, entry in zip(positions, entries, strict=True)
        ]

    def stored(self, library: str = "lib") -> dict:
        library_id = LibraryId(library)
        return {
            row.record.item_id: row.record
            for space in self.store.spaces()
            for row in self.store.items(library_id, space)
        }

    def stored_clusters(self, library: str = "lib") -> dict:
        library_id = LibraryId(library)
        return {
            row.record.cluster_id: row.record
            for space in self.store.spaces()
            for row in self.store.clusters(library_id, space)
        }


def told(outcomes, channel: Channel = Channel.CLUSTER_ASSIGNED) -> dict:
    return {o.key: o.event for outcome in outcomes for o in outcome.outputs if o.channel is channel}


def entries(count: int, library: str = "lib") -> list:
    lib = LibraryBuilder(library)
    for i in range(count):
        lib.one(f"m{i}", scene=axis(i % 3), faces=[(LEFT, towards(5 + i % 2, 9, 0.99))])
    return lib.entries


def test_rows_stand_in_the_store_when_their_records_go_out():
    rig = Rig()
    outcomes = list(rig.stage.process(rig.append(*entries(6))))
    assert [outcome.done for outcome in outcomes] == [True] * 6
    assert told(outcomes) == rig.stored()
    assert len(rig.stored()) == 12
    assert {k: v for k, v in told(outcomes, Channel.CLUSTERS).items() if v.status == "active"} == rig.stored_clusters()


@pytest.mark.parametrize("cut", range(7))
def test_an_owner_that_takes_over_decides_as_one_that_never_stopped(cut):
    undisturbed = Rig()
    list(undisturbed.stage.process(undisturbed.append(*entries(6))))
    rig = Rig()
    incoming = rig.append(*entries(6))
    if cut:
        list(rig.stage.process(incoming[:cut]))
    rig.stage = rig.fresh_stage()
    for one in incoming[max(0, cut - 2) :]:
        list(rig.stage.process([one]))
    assert rig.stored() == undisturbed.stored()
    assert rig.stored_clusters() == undisturbed.stored_clusters()


def test_what_was_written_but_not_delivered_is_sent_with_the_next_batch():
    rig = Rig()
    lib = LibraryBuilder()
    lib.one("a", scene=axis(0))
    lib.one("b", scene=axis(0))
    lib.remove("a")
    incoming = rig.append(*lib.entries)
    list(rig.stage.process(incoming[:2]))
    broken = rig.stage.process([incoming[2]])
    first = next(broken)
    broken.close()
    again = list(rig.stage.process([incoming[2]]))
    assert told(again) == told([first])
    assert [record.decision for record in told(again).values()] == ["removed"]


def test_a_store_that_is_away_loses_nothing():
    rig = Rig()
    incoming = rig.append(*entries(4))
    working = rig.store.upsert
    rig.store.upsert = lambda items, clusters: (_ for _ in ()).throw(DependencyUnavailable("Milvus is away"))
    with pytest.raises(DependencyUnavailable):
        list(rig.stage.process(incoming))
    rig.store.upsert = working
    outcomes = [outcome for one in incoming for outcome in rig.stage.process([one])]
    assert told(outcomes) == rig.stored()
    assert len(rig.stored()) == 8


def test_a_store_that_was_lost_is_built_again_from_the_log():
    rig = Rig()
    incoming = rig.append(*entries(6))
    list(rig.stage.process(incoming[:5]))
    rig.store = MemoryStore()
    rig.stage = rig.fresh_stage()
    list(rig.stage.process(incoming[5:]))
    undisturbed = Rig()
    list(undisturbed.stage.process(undisturbed.append(*entries(6))))
    assert rig.stored() == undisturbed.stored()
    assert len(rig.stored()) == 12


@pytest.mark.expects_errors
def test_an_entry_that_cannot_be_applied_is_skipped_for_ever(monkeypatch, caplog):
    rig = Rig()
    good, poison, last = entries(3)
    real = fold.arrivals.embedded

    def bomb(library, changes, entry):
        real(library, changes, entry)
        if entry.entry_id == poison.entry_id:
            raise ZeroDivisionError("a bug")

    monkeypatch.setattr(fold.arrivals, "embedded", bomb)
    incoming = rig.append(good, poison, last)
    outcomes = list(rig.stage.process(incoming))
    assert [outcome.error.code if outcome.error else None for outcome in outcomes] == [None, "entry-skipped", None]
    skips = [r.entry for r in rig.log.read(incoming[0].record.partition) if isinstance(r.entry, EntrySkipped)]
    assert [skip.skipped_entry_id for skip in skips] == [poison.entry_id]
    before = rig.stored()
    assert len(before) == 4
    monkeypatch.setattr(fold.arrivals, "embedded", real)
    caplog.clear()
    rig.stage = rig.fresh_stage()
    rig.stage.recover(incoming[0].record.partition, until=len(list(rig.log.read(incoming[0].record.partition))))
    assert {k: v.cluster_id for k, v in rig.stored().items()} == {k: v.cluster_id for k, v in before.items()}


def test_tenants_never_mix():
    rig = Rig()
    ours, theirs = entries(4, "ours"), entries(4, "theirs")
    mixed = [entry for pair in zip(ours, theirs, strict=True) for entry in pair]
    for one in rig.append(*mixed):
        list(rig.stage.process([one]))
    alone = Rig()
    for one in alone.append(*ours):
        list(alone.stage.process([one]))
    assert rig.stored("ours") == alone.stored("ours")
    assert not set(rig.stored("ours")) & set(rig.stored("theirs"))
    assert not set(rig.stored_clusters("ours")) & set(rig.stored_clusters("theirs"))


def test_a_deleted_media_leaves_no_row_and_tells_null():
    rig = Rig()
    lib = LibraryBuilder()
    lib.one("a", scene=axis(0), faces=[(LEFT, axis(5))])
    lib.remove("a")
    outcomes = [o for one in rig.append(*lib.entries) for o in rig.stage.process([one])]
    assert rig.stored() == {}
    assert rig.stored_clusters() == {}
    assert {record.cluster_id for record in told(outcomes).values()} == {None}
    assert told(outcomes, Channel.MEDIA_STATUS)["lib/a/cluster"].state == "removed"


def test_a_refused_correction_is_a_letter_that_says_why():
    rig = Rig()
    lib = LibraryBuilder()
    lib.one("a", scene=axis(0))
    lib.undo("f1", "never given")
    outcomes = [o for one in rig.append(*lib.entries) for o in rig.stage.process([one])]
    (letter,) = told(outcomes, Channel.DEAD_LETTERS).values()
    assert (letter.code, letter.stage) == ("invalid-feedback", "cluster")
    assert "never given" in letter.reason


def test_frames_with_human_decisions_become_anchors_for_the_next_split():
    rig = Rig()
    lib = LibraryBuilder()
    lib.one("a", 40_000, scene=axis(0))
    lib.move("f1", lib.item_id("a", 40_000, "scene", None), None)
    for one in rig.append(*lib.entries):
        list(rig.stage.process([one]))
    path = f"{media_folder(LibraryId('lib'), MediaId('a'))}/anchors.json"
    assert json.loads(rig.blobs.get(path)) == {"times_us": [40_000]}


def test_a_revoked_partition_is_forgotten_and_recovered_when_it_comes_back():
    rig = Rig()
    incoming = rig.append(*entries(3))
    list(rig.stage.process(incoming))
    partition = incoming[0].record.partition
    rig.stage.on_revoked(frozenset({("embeddings", partition)}))
    assert rig.stage.library(LibraryId("lib")) is None
    (more,) = rig.append(entries(4)[3])
    list(rig.stage.process([more]))
    library = rig.stage.library(LibraryId("lib"))
    assert library is not None
    assert library.n == 4


def test_feedback_under_another_librarys_key_is_refused():
    lib = LibraryBuilder()
    lib.undo("f1", "f0")
    given = lib.entries[0].feedback
    stage = FeedbackStage()

    def incoming(key: bytes) -> Incoming:
        return Incoming(Record("feedback", 0, 0, key, b""), given, Envelope(EventId("e")))

    good, bad = stage.process([incoming(b"lib"), incoming(b"other")])
    assert good.outputs[0].event.feedback == given
    assert good.outputs[0].channel is Channel.LIBRARY_LOG
    assert bad.error is not None
    assert bad.error.code == "invalid-feedback"


# -- background work


def test_a_library_that_is_quiet_asks_once_for_what_is_left_and_two_owners_ask_the_same():
    rig = Rig()
    incoming = rig.append(*entries(6))
    list(rig.stage.process(incoming))
    assert rig.stage.idle() == ()
    rig.now += 31.0
    (request,) = rig.stage.idle()
    assert request.channel is Channel.LIBRARY_LOG
    assert rig.stage.idle() == ()
    other = rig.fresh_stage()
    other.recover(incoming[0].record.partition, until=len(incoming))
    assert [output.event for output in other.idle()] == [request.event]
    (asked,) = rig.append(request.event)
    list(rig.stage.process([asked]))
    rig.now += 31.0
    assert rig.stage.idle() == ()


def settled_in_slices(rig, *, restart_at=None) -> int:
    """Let a quiet library ask until it has nothing to ask for; how often it did. The stage dies after `restart_at`."""
    rig.now += 31.0
    asked = 0
    while requests := rig.stage.idle():
        assert rig.stage.idle() == (), "the last request has not come back yet"
        (incoming,) = rig.append(*(request.event for request in requests))
        if asked == restart_at:
            rig.stage = rig.fresh_stage()
        list(rig.stage.process([incoming]))
        asked += 1
        assert asked < 1_000
    return asked


def test_what_a_quiet_library_asks_for_is_done_in_slices_and_ends_as_if_in_one(monkeypatch):
    monkeypatch.setattr(cluster, "IDLE_OPERATIONS", 20_000)
    monkeypatch.setattr(fold, "SLICE_OPERATIONS", 20_000)
    lib = LibraryBuilder()
    for i in range(60):
        lib.one(f"m{i}", scene=axis(i % 3), faces=[(LEFT, towards(5 + i % 4, 9 + i % 3, 0.9))])
    whole, sliced, restarted = Rig(), Rig(), Rig()
    for rig in (whole, sliced, restarted):
        for one in rig.append(*lib.entries):
            list(rig.stage.process([one]))
    lib.consolidate()
    list(whole.stage.process(whole.append(lib.entries[-1])))
    assert settled_in_slices(sliced) > 3
    assert settled_in_slices(restarted, restart_at=2) > 3

    def placed(rig):
        return {item_id: record.cluster_id for item_id, record in rig.stored().items()}

    assert placed(sliced) == placed(restarted)
    assert groups_of(placed(sliced)) == groups_of(placed(whole))
    library = sliced.stage.library(LibraryId("lib"))
    assert library.settled_n == library.n


def test_what_arrives_while_a_library_settles_is_decided_at_once(monkeypatch):
    monkeypatch.setattr(cluster, "IDLE_OPERATIONS", 20_000)
    monkeypatch.setattr(fold, "SLICE_OPERATIONS", 20_000)
    lib = LibraryBuilder()
    for i in range(60):
        lib.one(f"m{i}", faces=[(LEFT, towards(5 + i % 4, 9 + i % 3, 0.9))])
    rig = Rig()
    for one in rig.append(*lib.entries):
        list(rig.stage.process([one]))
    rig.now += 31.0
    (request,) = rig.stage.idle()
    list(rig.stage.process(rig.append(request.event)))
    assert rig.stage.library(LibraryId("lib")).settling
    lib.one("late", faces=[(LEFT, towards(5, 9, 0.9))])
    outcomes = list(rig.stage.process(rig.append(lib.entries[-1])))
    assert "late" in {record.media_id for record in told(outcomes).values()}
    assert settled_in_slices(rig) > 0
    assert not rig.stage.library(LibraryId("lib")).settling


def groups_of(placed) -> set:
    found: dict = {}
    for item_id, cluster_id in placed.items():
        found.setdefault(cluster_id or item_id, set()).add(item_id)
    return {frozenset(members) for members in found.values()}


def test_a_restart_completes_what_a_crash_left_of_consolidation():
    undisturbed, rig = Rig(), Rig()
    lib = LibraryBuilder()
    for i in range(40):
        lib.one(f"m{i}", faces=[(LEFT, towards(5 + i % 4, 9 + i % 3, 0.9))])
    lib.consolidate()
    for one in undisturbed.append(*lib.entries):
        list(undisturbed.stage.process([one]))
    incoming = rig.append(*lib.entries)
    for one in incoming[:-1]:
        list(rig.stage.process([one]))
    rig.store.upsert = lambda items, clusters: (_ for _ in ()).throw(DependencyUnavailable("killed in consolidation"))
    with pytest.raises(DependencyUnavailable):
        list(rig.stage.process(incoming[-1:]))
    del rig.store.upsert
    rig.stage = rig.fresh_stage()
    list(rig.stage.process(incoming[-1:]))
    assert rig.stored() == undisturbed.stored()
    assert rig.stored_clusters() == undisturbed.stored_clusters()


def test_churn_is_counted_once_and_not_by_a_silent_recovery():
    counted = []
    rig = Rig()
    timing = Timing(lambda: rig.now, LATE_S)
    rig.stage = ClusterStage(
        rig.log, rig.store, rig.blobs, GENERATION, timing, churn=lambda *both: counted.append(both)
    )
    lib = LibraryBuilder()
    for i in range(12):
        lib.one(f"m{i}", scene=axis(i % 3))
    incoming = rig.append(*lib.entries)
    list(rig.stage.process(incoming[:6]))
    list(rig.stage.process(incoming[3:]))
    assert sum(arrived for arrived, _ in counted) == 12


def test_a_batch_of_many_libraries_is_written_by_one_call():
    rig = Rig()
    calls: list[tuple[int, int]] = []
    write = rig.store.upsert
    rig.store.upsert = lambda items, clusters: (calls.append((len(items), len(clusters))), write(items, clusters))
    entries = []
    for number in range(20):
        builder = LibraryBuilder(f"lib-{number}")
        entries.append(builder.shot_entry("film", [builder.frame("film", 0, scene=axis(0))]))
    list(rig.stage.process(rig.append(*entries)))
    assert len(calls) == 1
    assert all(len(rig.stored(f"lib-{number}")) == 1 for number in range(20))


def histories_in_turn(seed: int) -> list:
    """Entries of three libraries; each is quiet for long in its turn, with its background work done."""
    names = ["ada", "bob", "cyd"]
    entries = {}
    for place, name in enumerate(names):
        builder = random_library(seed + place, library=name)
        builder.consolidate("pause")
        *came, pause = builder.entries
        entries[name] = [*came[:6], pause, *came[6:]]
    turns = [names[0]] * 7 + [names[1]] * 7 + [names[2]] * 7 + names * 30
    return [entries[name].pop(0) for name in turns if entries[name]]


@pytest.mark.parametrize("seed", range(6))
def test_a_library_that_left_memory_decides_as_if_it_had_stayed(seed):
    entries = histories_in_turn(seed * 10)
    told, away = [], 0
    for release_after in (None, 3):
        rig = Rig()
        rig.stage = ClusterStage(
            rig.log, rig.store, rig.blobs, GENERATION, Timing(lambda: 0.0, 0.0), release_after=release_after
        )
        outputs = []
        for start in range(0, len(entries), 2):
            for outcome in rig.stage.process(rig.append(*entries[start : start + 2])):
                outputs += [(output.event_id, output.event.model_dump_json()) for output in outcome.outputs]
            away += sum(rig.stage.library(LibraryId(name)) is None for name in ("ada", "bob")) if release_after else 0
        told.append((outputs, {name: rig.stored(name) for name in ("ada", "bob", "cyd")}))
    assert told[0] == told[1]
    assert away > 3, "libraries must have left"


def test_an_entry_that_comes_again_finds_its_library_whole_although_it_had_left():
    rig = Rig()
    rig.stage = ClusterStage(rig.log, rig.store, rig.blobs, GENERATION, Timing(lambda: 0.0, 0.0), release_after=1)
    one, two = LibraryBuilder("one"), LibraryBuilder("two")
    one.consolidate("pause")
    shots = [one.shot_entry(f"m{n}", [one.frame(f"m{n}", 0, scene=axis(n))]) for n in range(3)]
    mine = rig.append(*shots, one.entries[-1])
    others = rig.append(*(two.shot_entry(f"m{n}", [two.frame(f"m{n}", 0, scene=axis(n))]) for n in range(5)))
    for incoming in [*mine, *others]:
        list(rig.stage.process([incoming]))
    assert rig.stage.library(LibraryId("one")) is None
    list(rig.stage.process(mine[:1]))
    assert len(rig.stage.library(LibraryId("one")).items) == 3
    assert len(rig.stored("one")) == 3
