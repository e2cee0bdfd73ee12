"""Integers for the ids of one kind, as the identity logic counts: items in order of arrival, clusters by age."""

from rushes.schemas.ids import ClusterId, ItemId


class Numbering:
    """Both ways between ids and integers; integers of frames, tracklets, shots and media are handed out as met."""

    def __init__(self) -> None:
        self._items: dict[ItemId, int] = {}
        self._item_ids: dict[int, ItemId] = {}
        self._clusters: dict[ClusterId, int] = {}
        self._cluster_ids: dict[int, ClusterId] = {}
        self._met: dict[tuple[str, str], int] = {}
        self._newly_named: list[ClusterId] = []
        self.next_item = 0

    def number(self, item_id: ItemId) -> int | None:
        """Of an item; None where it is not registered."""
        return self._items.get(item_id)

    def item_id(self, number: int) -> ItemId:
        return self._item_ids[number]

    def register(self, item_id: ItemId) -> int:
        """The number of an item that arrives now: they count up from 0."""
        number = self.next_item
        self.next_item += 1
        self._items[item_id] = number
        self._item_ids[number] = item_id
        return number

    def forget(self, item_id: ItemId) -> None:
        """An item is gone."""
        del self._item_ids[self._items.pop(item_id)]

    def cluster(self, cluster_id: ClusterId) -> int | None:
        """Number of a cluster; None where it has none yet."""
        return self._clusters.get(cluster_id)

    def cluster_id(self, number: int) -> ClusterId | None:
        """None where the cluster has no id yet."""
        return self._cluster_ids.get(number)

    def name(self, number: int, cluster_id: ClusterId) -> None:
        """A cluster has this id."""
        self._clusters[cluster_id] = number
        self._cluster_ids[number] = cluster_id
        self._newly_named.append(cluster_id)

    def newly_named(self) -> list[ClusterId]:
        """Ids given since this was last asked."""
        named, self._newly_named = self._newly_named, []
        return named

    def met(self, sort: str, name: str | None) -> int | None:
        """A number for whatever has this name among its sort; None for none."""
        return None if name is None else self._met.setdefault((sort, name), len(self._met))
