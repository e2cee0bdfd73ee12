"""One truth from one log: whatever the batches, the crashes, the owners and what is away when."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes.infra.store.memory import MemoryStore
from rushes.processors.clustering import fold
from rushes.schemas.channels import Channel
from rushes.schemas.errors import DependencyUnavailable
from rushes.schemas.ids import LibraryId
from rushes.schemas.log import EntrySkipped, ItemsEmbedded
from rushes.streams.replaying import compare, replay_library
from tests.builders import GENERATION, LEFT, LibraryBuilder, axis
from tests.random_library import POLICIES, random_library
from tests.unit.test_cluster_stage import LATE_S, Rig, told

ASSIGNED = frozenset({("embeddings", 0)})


class Topics:
    """What consumers hold: per key the record of the highest revision, and the last that came."""

    def __init__(self) -> None:
        self.best: dict = {}
        self.last: dict = {}
        self.contents: dict = {}
        self.letters: set[str] = set()

    def deliver(self, outcomes) -> None:
        for outcome in outcomes:
            for output in outcome.outputs:
                if output.channel is Channel.DEAD_LETTERS:
                    self.letters.add(output.key)
                    continue
                key = (output.channel, output.key)
                known = self.best.get(key)
                if known is None or known.revision < output.event.revision:
                    self.best[key] = output.event
                self.last[key] = output.event
                revision = (*key, output.event.revision)
                assert self.contents.setdefault(revision, output.event) == output.event, "one revision, one content"


def undisturbed(entries) -> tuple[Rig, Topics]:
    rig, topics = Rig(), Topics()
    for one in rig.append(*entries):
        topics.deliver(list(rig.stage.process([one])))
    return rig, topics


def flaky(call: Callable, chance: Callable[[], bool]) -> Callable:
    """A call that is refused by chance, before or after its effect."""

    def refuse() -> None:
        raise DependencyUnavailable("away for a moment")

    def maybe(*args, **kwargs):
        if chance():
            refuse()
        result = call(*args, **kwargs)
        if chance():
            refuse()
        return result

    return maybe


@pytest.mark.parametrize("size", range(1, 13))
def test_the_size_of_a_batch_changes_no_row_and_no_newest_record(size):
    entries = random_library(7, steps=40).entries
    alone, told_alone = undisturbed(entries)
    rig, topics = Rig(), Topics()
    incoming = rig.append(*entries)
    for first in range(0, len(incoming), size):
        topics.deliver(list(rig.stage.process(incoming[first : first + size])))
    assert rig.stored() == alone.stored()
    assert rig.stored_clusters() == alone.stored_clusters()
    assert topics.best == told_alone.best
    assert topics.best == topics.last
    assert topics.letters == told_alone.letters


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_nothing_is_lost_or_doubled_whatever_fails_when(policy, seed):
    """Batches of any size; the store away before or after a write; the stage closed before it goes on; the process
    killed and the entries not acknowledged read again.
    """
    rng = random.Random(seed)
    entries = random_library(seed, steps=20, policy=policy).entries
    alone, told_alone = undisturbed(entries)
    rig, topics = Rig(), Topics()
    rig.store.upsert = flaky(rig.store.upsert, lambda: rng.random() < 0.1)
    rig.store.delete = flaky(rig.store.delete, lambda: rng.random() < 0.1)
    incoming = rig.append(*entries)
    acked = 0
    while acked < len(incoming):
        batch = incoming[acked : acked + rng.randrange(1, 6)]
        if rng.random() < 0.1:
            rig.stage = rig.fresh_stage()
        stage = rig.stage.process(batch)
        try:
            for outcome in stage:
                if rng.random() < 0.1:
                    break  # the runner stops before it delivers
                topics.deliver([outcome])
                if rng.random() < 0.1:
                    break  # or before it acknowledges
                acked = outcome.source.record.offset + 1
        except DependencyUnavailable:
            continue
        stage.close()
    assert rig.stored() == alone.stored()
    assert rig.stored_clusters() == alone.stored_clusters()
    assert topics.best == told_alone.best
    assert topics.letters == told_alone.letters


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_two_owners_at_once_say_the_same_at_the_same_revision(policy, seed):
    rng = random.Random(seed)
    entries = random_library(seed, steps=20, policy=policy).entries
    _, told_alone = undisturbed(entries)
    rig, topics = Rig(), Topics()
    incoming = rig.append(*entries)
    owners = [(rig.stage, 0), (rig.fresh_stage(), rng.randrange(len(incoming)))]
    while owners:
        stage, at = owners.pop(rng.randrange(len(owners)))
        size = rng.randrange(1, 5)
        topics.deliver(list(stage.process(incoming[at : at + size])))
        if at + size < len(incoming):
            owners.append((stage, at + size))
    assert topics.best == told_alone.best


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000))
def test_the_log_replayed_into_a_fresh_store_gives_the_rows_of_the_live_one(seed):
    rig, _ = undisturbed(random_library(seed).entries)
    fresh = MemoryStore()
    counted = replay_library(rig.log, LibraryId("lib"), GENERATION, fresh)
    assert counted == rig.stage.library(LibraryId("lib")).n
    assert compare(rig.store, fresh, LibraryId("lib"), GENERATION, counted).same


def test_tenants_in_one_batch_are_told_each_with_an_event_of_its_own():
    rig = Rig()
    ours, theirs = LibraryBuilder("ours"), LibraryBuilder("theirs")
    ours.one("a", scene=axis(0))
    theirs.one("a", scene=axis(0))
    for outcome in rig.stage.process(rig.append(*ours.entries, *theirs.entries)):
        assert {output.event.library_id for output in outcome.outputs} == {outcome.source.event.library_id}


def test_a_revoked_partition_takes_nothing_along_that_another_one_has_to_tell():
    rig = Rig()
    rig.log.grow(8)
    kept, lost = LibraryBuilder("kept"), LibraryBuilder("lost-3")
    kept.one("a", scene=axis(0))
    lost.one("a", scene=axis(0))
    one, other = rig.append(*kept.entries, *lost.entries)
    assert one.record.partition != other.record.partition
    broken = rig.stage.process([one, other])
    next(broken)
    broken.close()
    rig.stage.on_revoked(frozenset({("embeddings", other.record.partition)}))
    kept.remove("a")
    again = list(rig.stage.process([one, *rig.append(kept.entries[-1])]))
    assert [record.decision for record in told(again).values()] == ["removed"]
    assert rig.stored("kept") == {}


# -- taking over


def scene_of_one(media: str, lib: LibraryBuilder):
    """A scene unlike the others: it changes nothing of them."""
    lib.one(media, scene=axis(ord(media) - ord("a")))
    return lib.entries[-1]


def test_what_a_cut_off_owner_writes_late_is_mended_and_told_again():
    rig, topics = Rig(), Topics()
    lib = LibraryBuilder()
    lib.one("a", scene=axis(0))
    lib.one("b", scene=axis(0))
    item = lib.item_id("b", 0, "scene", None)
    lib.move("f1", item, None)
    lib.one("c", scene=axis(1))
    first, second, third, last = rig.append(*lib.entries)
    zombie = rig.stage
    topics.deliver(list(zombie.process([first])))
    late_rows = []
    rig.store.upsert, write = (lambda items, clusters: late_rows.append((items, clusters))), rig.store.upsert
    late_records = list(zombie.process([second]))

    rig.store.upsert = write
    owner = rig.fresh_stage()
    owner.on_assigned(ASSIGNED)
    topics.deliver(list(owner.process([second, third])))
    for items, clusters in late_rows:
        write(items, clusters)
    topics.deliver(late_records)
    key = (Channel.CLUSTER_ASSIGNED, item)
    assert topics.last[key] != topics.best[key]
    assert rig.stored()[item] != topics.best[key]

    rig.now = LATE_S
    topics.deliver(list(owner.process([last])))
    assert topics.last == topics.best
    assert rig.stored()[item] == topics.best[key] == owner.library(LibraryId("lib")).items[item].record
    assert set(rig.stored_clusters()) == {c for c, s in owner.library(LibraryId("lib")).clusters.items() if s.members}


def test_what_is_told_again_after_a_takeover_is_told_once():
    rig = Rig()
    lib = LibraryBuilder()
    rig.stage.on_assigned(ASSIGNED)
    list(rig.stage.process(rig.append(scene_of_one("a", lib))))
    rig.now = LATE_S - 1
    assert len(told(rig.stage.process(rig.append(scene_of_one("b", lib))))) == 1
    rig.now = LATE_S
    assert len(told(rig.stage.process(rig.append(scene_of_one("c", lib))))) == 3
    assert len(told(rig.stage.process(rig.append(scene_of_one("d", lib))))) == 1


def test_a_partition_that_stays_is_not_told_again_when_another_one_comes():
    rig = Rig()
    lib = LibraryBuilder()
    rig.stage.on_assigned(ASSIGNED)
    rig.now = LATE_S
    list(rig.stage.process(rig.append(scene_of_one("a", lib))))
    rig.stage.on_assigned(ASSIGNED | {("embeddings", 1)})
    rig.now = 2 * LATE_S
    assert len(told(rig.stage.process(rig.append(scene_of_one("b", lib))))) == 1


def test_what_is_told_again_of_an_idle_library_comes_again_when_it_was_not_delivered():
    rig = Rig()
    idle, busy = LibraryBuilder("idle"), LibraryBuilder("busy")
    rig.stage.on_assigned(ASSIGNED)
    list(rig.stage.process(rig.append(scene_of_one("a", idle))))
    rig.now = LATE_S
    batch = rig.append(scene_of_one("a", busy))
    broken = rig.stage.process(batch)
    assert set(told([next(broken)])) == {*idle.state.items, *busy.state.items}
    broken.close()
    assert set(told(rig.stage.process(batch))) == {*idle.state.items, *busy.state.items}
    assert len(told(rig.stage.process(rig.append(scene_of_one("b", busy))))) == 1


# -- entries that can't be applied


def bomb(monkeypatch, bad: str) -> None:
    real = fold.arrivals.embedded

    def explode(library, changes, entry: ItemsEmbedded) -> None:
        real(library, changes, entry)
        if entry.entry_id == bad:
            raise ZeroDivisionError("a bug")

    monkeypatch.setattr(fold.arrivals, "embedded", explode)


def three_media() -> LibraryBuilder:
    lib = LibraryBuilder()
    for media in "abc":
        lib.one(media, scene=axis(0), faces=[(LEFT, axis(5))])
        lib.totals(media)
    return lib


@pytest.mark.expects_errors
def test_nothing_counts_twice_where_the_log_is_away_when_an_entry_must_be_skipped(monkeypatch):
    lib = three_media()
    bomb(monkeypatch, lib.entries[2].entry_id)
    rig = Rig()
    incoming = rig.append(*lib.entries)
    append = rig.log.append
    rig.log.append = lambda _: (_ for _ in ()).throw(DependencyUnavailable("Kafka is away"))
    with pytest.raises(DependencyUnavailable):
        list(rig.stage.process(incoming))
    rig.log.append = append
    topics = Topics()
    topics.deliver(list(rig.stage.process(incoming)))
    library = rig.stage.library(LibraryId("lib"))
    assert library.n == len(lib.entries)
    assert {item.media_id for item in library.items.values()} == {"a", "c"}
    fresh = MemoryStore()
    replay_library(rig.log, LibraryId("lib"), GENERATION, fresh)
    assert compare(rig.store, fresh, LibraryId("lib"), GENERATION, library.n).same
    assert {key: r for (channel, key), r in topics.best.items() if channel is Channel.CLUSTER_ASSIGNED} == rig.stored()


@pytest.mark.expects_errors
@pytest.mark.parametrize("totals_first", [False, True])
def test_a_media_whose_shot_was_skipped_ends_as_partial(monkeypatch, totals_first):
    lib = three_media()
    shot, totals = lib.entries[:2]
    bomb(monkeypatch, shot.entry_id)
    rig, topics = Rig(), Topics()
    topics.deliver(list(rig.stage.process(rig.append(*([totals, shot] if totals_first else [shot, totals])))))
    partition = rig.log.partition_of(LibraryId("lib"))
    (skip,) = [r for r in rig.log.read(partition) if isinstance(r.entry, EntrySkipped)]
    (incoming,) = rig.append(skip.entry)
    topics.deliver(list(rig.stage.process([incoming])))
    status = topics.best[Channel.MEDIA_STATUS, "lib/a/cluster"]
    assert status.state == "partial"
    assert "entry-skipped" in status.reason


@pytest.mark.expects_errors
def test_an_entry_that_the_owner_before_could_not_apply_is_taken_back_by_one_that_could(monkeypatch):
    lib = three_media()
    rig = Rig()
    incoming = rig.append(*lib.entries)
    with monkeypatch.context() as patched:
        bomb(patched, lib.entries[2].entry_id)
        list(rig.stage.process(incoming[:3]))  # skipped, and killed before anything was delivered
    rig.stage = rig.fresh_stage()
    partition = incoming[0].record.partition
    (skip,) = [r for r in rig.log.read(partition) if isinstance(r.entry, EntrySkipped)]
    list(rig.stage.process(incoming))
    assert len(rig.stored()) == 6
    (last,) = rig.append(lib.entries[0])
    catching_up = list(rig.stage.process([last]))
    assert skip.position.offset < last.record.offset
    library = rig.stage.library(LibraryId("lib"))
    assert {item.media_id for item in library.items.values()} == {"a", "c"}
    assert rig.stored() == {item_id: item.record for item_id, item in library.items.items()}
    gone = {record.item_id for record in told(catching_up).values() if record.cluster_id is None}
    assert gone == {lib.item_id("b", 0, "scene", None), lib.item_id("b", 0, "face", LEFT)}


@pytest.mark.expects_errors
def test_a_process_without_memory_skips_nothing(monkeypatch):
    def exhausted(*_):
        raise MemoryError

    lib = three_media()
    rig = Rig()
    incoming = rig.append(*lib.entries)
    with monkeypatch.context() as patched:
        patched.setattr(fold.arrivals, "embedded", exhausted)
        with pytest.raises(MemoryError):
            list(rig.stage.process(incoming))
    list(rig.stage.process(incoming))
    assert len(rig.stored()) == 6
    assert not [r for r in rig.log.read(incoming[0].record.partition) if isinstance(r.entry, EntrySkipped)]
