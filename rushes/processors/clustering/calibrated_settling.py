"""What people say, as hard facts of the policy `calibrated`: pins and rejections, and what follows when they change.

The words in force are those of `human.effective`. Words that no longer are go first, then rejections come, then pins:
so no word stands against another on the way. Whoever a word sets free is decided anew, a tracklet as a whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.processors.clustering.human import effective, mates
from rushes.processors.clustering.items import Changes, Item
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.told import Told, verdicts_told
from rushes.schemas.decisions import Decision
from rushes.schemas.ids import ClusterId

if TYPE_CHECKING:  # the rules call these functions
    from rushes.processors.clustering.calibrated_rules import CalibratedRules


@dataclass(frozen=True, slots=True)
class Settling:
    """Words carried out on a library's items of one kind, within the entry at hand."""

    rules: "CalibratedRules"
    library: Library
    changes: Changes

    def heed(self, items: Sequence[Item]) -> list[int]:
        """Make pins and rejections of these items what is in force now. Gives the items whose cluster that changed,
        those driven out among them.
        """
        partition = self.rules.clusterer.partition
        changed: list[int] = []
        said = {self.rules.number(item): effective(self.library, item) for item in items if item.human}
        for number, words in said.items():
            pin = partition.facts.pinned(number)
            if pin is not None and (words.pinned is None or self.rules.numbers.cluster(words.pinned) != pin):
                partition.unpin(number)
                self.rules.spoken_of(number, pin)
            for name in sorted(self.rules.rejected.get(number, set()) - words.rejected):
                gone_from = self.rules.cluster(name, founder=number)
                partition.unreject(number, gone_from)
                self.rules.spoken_of(number, gone_from)
                self.rules.rejected[number].discard(name)
        for number, words in said.items():
            for name in sorted(words.rejected - self.rules.rejected.get(number, set())):
                at = self.rules.numbers.cluster(name)
                if at is not None:  # an item that waits under this id is no cluster yet
                    changed += partition.reject(number, at)
                    self.rules.spoken_of(number, at)
                    self.rules.rejected.setdefault(number, set()).add(name)
        for number, words in said.items():
            if words.pinned is not None and partition.facts.pinned(number) is None:
                home = self.rules.cluster(words.pinned, founder=number)
                changed += partition.pin(number, home)
                self.rules.spoken_of(number, home)
                self.rules.clusterer.consolidator.note(number)
        return changed

    def heed_again(self, name: ClusterId) -> None:
        """What was said of a cluster that has come to be, or that others were merged into, is in force from now on."""
        items = [
            self.library.items[item_id]
            for item_id in sorted(self.library.spoken.get(name, ()))
            if item_id in self.library.items
        ]
        self._carry_over(self.heed(items), otherwise="rejected")

    def promote(self, item: Item) -> None:
        """An item that waits, and its tracklet, found the cluster that a person named."""
        waited_as = item.provisional_id
        assert waited_as is not None, "only an item in noise is promoted"
        partition = self.rules.clusterer.partition
        number = self.rules.number(item)
        unit = partition.facts.unit(number)
        at = self.rules.cluster(waited_as, founder=number)
        if at in partition.unit_forbidden(unit):
            return
        partition.place(unit, at)
        self.rules.follow(self.library, self.changes, [Told(each, "promoted", basis="person") for each in unit])

    def settle(self, item: Item, word: Decision) -> None:
        """Settle an item and its tracklet: where people say, else where they were, else by what they are like. Whoever
        is in their way in a frame gives way; whoever had given way comes back.
        """
        partition = self.rules.clusterer.partition
        number = self.rules.number(item)
        left = partition.cluster_of(number)
        around = [] if item.kind == "scene" else list(mates(self.library, item))
        changed = self.heed([item, *around])
        unit = partition.facts.unit(number)
        if word == "undone" and effective(self.library, item).pinned is None:
            changed += self._go_back(item, unit)
        if word == "rejected":
            changed += unit
        self._carry_over(changed, [Told(one, word, basis="person", anyway=one == number) for one in unit])
        if left is not None and partition.cluster_of(number) != left:
            self._come_back(around, left, word)

    def vacated(self, item: Item, left: ClusterId, word: Decision) -> None:
        """An item that was dropped left a cluster: words that it stood against are in force again."""
        if item.kind == "scene" or item.frame_id not in self.library.frames:
            return
        around = list(mates(self.library, item))
        self._carry_over(self.heed(around))
        at = self.rules.numbers.cluster(left)
        if at is not None:
            self._come_back(around, at, word)

    def seen_anew(self, item: Item) -> None:
        """A known item has another tracklet than before: it is registered again, and stays where it was if it may."""
        partition = self.rules.clusterer.partition
        number = self.rules.number(item)
        if self.rules.observation(item).tracklet == partition.entry(number).observation.tracklet:
            return
        cluster = partition.cluster_of(number)
        self.rules.forget(item)
        number = self.rules.number(item)
        changed = [*partition.evicted]
        partition.evicted.clear()
        changed += self.heed([item])
        if cluster is not None and partition.cluster_of(number) is None and partition.why_not(number, cluster) is None:
            partition.put(number, cluster)
        self.rules.clusterer.consolidator.note(number)
        self._carry_over([*changed, number], otherwise=None)

    def _go_back(self, item: Item, unit: tuple[int, ...]) -> list[int]:
        """A word on the item was taken back: it goes where the machine had it, if it still may; else nowhere yet."""
        partition = self.rules.clusterer.partition
        pin = partition.facts.unit_pin(unit[0])
        back = item.machine_cluster_id
        at = self.rules.numbers.cluster(self.library.resolve(back)) if back is not None else None
        if pin is not None:
            at = pin
        partition.place(unit, None)
        if at is not None and at not in partition.unit_forbidden(unit):
            partition.place(unit, at)
        return list(unit)

    def _come_back(self, around: Iterable[Item], left: int, word: Decision) -> None:
        """Those whom an undone correction had displaced from the cluster that was left now."""
        if word != "undone":
            return
        partition = self.rules.clusterer.partition
        told: list[Told] = []
        for mate in around:
            home = mate.machine_cluster_id
            record = mate.record
            displaced = record is not None and record.decision == "displaced"
            if not displaced or home is None or self.rules.numbers.cluster(self.library.resolve(home)) != left:
                continue
            unit = partition.facts.unit(self.rules.number(mate))
            if partition.facts.unit_pin(unit[0]) is None and left not in partition.unit_forbidden(unit):
                partition.place(unit, left)
                told += [Told(each, "undone", basis="person") for each in unit]
        self.rules.follow(self.library, self.changes, told)

    def _carry_over(
        self, changed: Sequence[int], told: Sequence[Told] = (), otherwise: Decision | None = "displaced"
    ) -> None:
        """Decide those that are in no cluster now, and tell of everybody who is elsewhere: `told` says it of some, a
        person's word of those whom it pins; of the rest `otherwise`, or (None) what was decided of them.
        """
        verdicts = self.rules.decide_freed(changed)
        decided = {one.item: one for one in verdicts}
        result = {one.item: one for one in verdicts_told(verdicts)}
        for number in dict.fromkeys(changed):
            words = effective(self.library, self.library.items[self.rules.numbers.item_id(number)])
            word = words.word or otherwise
            if word is not None:
                result[number] = Told(number, word, decided.get(number), "person")
            else:
                result.setdefault(number, Told(number, "moved", None, "tracklet"))
        for one in told:
            result[one.item] = Told(one.item, one.word, decided.get(one.item), one.basis, one.anyway)
        self.rules.follow(self.library, self.changes, result.values())
