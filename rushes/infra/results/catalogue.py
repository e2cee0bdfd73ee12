"""The results arranged for looking at: clusters in order, their items beside each other, scenes and characters linked.

The order is a function of the results alone, so that two writes of one state give the same bytes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from rushes.infra.results.rows import ItemResult, Results
from rushes.schemas.event import KINDS, ItemKind

ClusterStatus = Literal["active", "merged", "hidden", "retired"]
_KIND_ORDER: Mapping[ItemKind, int] = {kind: place for place, kind in enumerate(KINDS)}
_LAST = 1 << 62
"""Sorts behind every index and every time."""


@dataclass(frozen=True, slots=True)
class Link:
    """Of a scene: a character in it. Of a character: a scene it appears in.

    `first` is the place of the first of `count` faces in `Catalogue.items`; they lie side by side.
    """

    cluster: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two clusters, by place, that may be one and are not alike enough to be sure: for a person to look at."""

    one: int
    other: int
    similarity: float
    probability: float | None

    @property
    def rank(self) -> tuple[float, float, int, int]:
        """Sorts the likeliest first."""
        return (-(self.probability or 0.0), -self.similarity, self.one, self.other)


@dataclass(frozen=True, slots=True)
class CatalogueCluster:
    """A cluster at its place in the catalogue; its items are `items[first:first + count]`. `ordinal`: from 1, among its
    kind.
    """

    cluster_id: str
    kind: ItemKind
    name: str | None
    status: ClusterStatus
    cover: ItemResult | None
    first: int
    count: int
    links: tuple[Link, ...]
    ordinal: int

    @property
    def label(self) -> str:
        """Its name, or what it is and a mark of its own in this catalogue: character A in scene 3."""
        mark = letters(self.ordinal) if self.kind == "face" else str(self.ordinal)
        return self.name or f"{NOUNS[self.kind][0]} {mark}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Clusters by kind (scenes first), the largest first, hidden ones last; then the noise bucket, by kind."""

    clusters: tuple[CatalogueCluster, ...]
    items: tuple[ItemResult, ...]
    cluster_of: tuple[int | None, ...]
    parent_of: tuple[int | None, ...]
    noise: Mapping[ItemKind, range]
    places: Mapping[str, int]
    """Of a cluster in `clusters`, by its id."""
    pairs: tuple[Pair, ...]
    """What may be one, the likeliest first."""

    def of_kind(self, kind: ItemKind) -> range:
        """Places of the clusters of a kind."""
        places = [place for place, cluster in enumerate(self.clusters) if cluster.kind == kind]
        return range(places[0], places[-1] + 1) if places else range(0)


NOUNS: Mapping[ItemKind, tuple[str, str]] = {
    "scene": ("Scene", "Scenes"),
    "face": ("Character", "Characters"),
    "person": ("Body", "Bodies"),
    "region": ("Region", "Regions"),
}
"""What people call a cluster of a kind, one and many."""


def letters(ordinal: int) -> str:
    """A to Z, then AA, AB and on.

    >>> [letters(n) for n in (1, 26, 27, 702, 703)]
    ['A', 'Z', 'AA', 'ZZ', 'AAA']
    """
    found = ""
    while ordinal:
        ordinal, place = divmod(ordinal - 1, 26)
        found = chr(ord("A") + place) + found
    return found


def short_id(cluster_id: str) -> str:
    """The first eight digits: enough to tell clusters apart by eye, and to type."""
    return cluster_id[:8]


def resolve_merged(results: Results) -> dict[str, str]:
    """For every merged cluster the one that it is part of now, however many merges lie between."""
    into = {
        row.changed.cluster_id: row.changed.merged_into
        for row in results.clusters
        if row.changed.status == "merged" and row.changed.merged_into is not None
    }
    resolved: dict[str, str] = {}
    for start, target in into.items():
        seen, at = {start}, target
        while at in into and at not in seen:
            seen.add(at)
            at = into[at]
        resolved[start] = at
    return resolved


def item_order(item: ItemResult) -> tuple[str, int, int, tuple[float, ...], str]:
    """By path, time, kind and box; the id settles the rest."""
    assigned = item.assigned
    time = -1 if assigned.time_us is None else assigned.time_us
    path = min(item.paths, default="")
    return path, time, _KIND_ORDER[assigned.kind], assigned.box or (), assigned.item_id


def arrange(results: Results) -> Catalogue:
    """The catalogue of the live items and the clusters that have any."""
    live = [item for item in results.items if item.live]
    merged = resolve_merged(results)
    places = _places(results, live)
    parents = {
        id(item): places.get(merged.get(parent, parent))
        for item in live
        if (parent := item.assigned.parent_cluster_id) is not None
    }

    def place(item: ItemResult) -> tuple[int, int, int]:
        cluster = places.get(item.assigned.cluster_id or "")
        parent = parents.get(id(item))
        kind = _KIND_ORDER[item.assigned.kind]
        return (_LAST if cluster is None else cluster, kind, _LAST if parent is None else parent)

    items = sorted(live, key=lambda item: (place(item), item_order(item)))
    cluster_of = tuple(places.get(item.assigned.cluster_id or "") for item in items)
    parent_of = tuple(parents.get(id(item)) for item in items)
    return Catalogue(
        clusters=_clusters(results, places, items, cluster_of, parent_of),
        items=tuple(items),
        cluster_of=cluster_of,
        parent_of=parent_of,
        noise=_noise(items, cluster_of),
        places=places,
        pairs=_pairs(results, places, merged),
    )


def _pairs(results: Results, places: Mapping[str, int], merged: Mapping[str, str]) -> tuple[Pair, ...]:
    """Each pair once, whichever of the two proposes it; what somebody hid is nothing to look at."""
    hidden = {row.changed.cluster_id for row in results.clusters if row.changed.status == "hidden"}
    found: dict[tuple[int, int], Pair] = {}
    for row in results.clusters:
        for proposed in row.changed.proposals:
            ids = [merged.get(each, each) for each in (row.changed.cluster_id, proposed.cluster_id)]
            if ids[0] == ids[1] or not all(each in places and each not in hidden for each in ids):
                continue
            one, other = sorted(places[each] for each in ids)
            pair = Pair(one, other, proposed.similarity, proposed.probability)
            found[one, other] = min(pair, found.get((one, other), pair), key=lambda each: each.rank)
    return tuple(sorted(found.values(), key=lambda pair: pair.rank))


def _places(results: Results, live: Iterable[ItemResult]) -> dict[str, int]:
    sizes = Counter(item.assigned.cluster_id for item in live if item.assigned.cluster_id is not None)
    kinds = {item.assigned.cluster_id: item.assigned.kind for item in live if item.assigned.cluster_id is not None}
    hidden = {row.changed.cluster_id for row in results.clusters if row.changed.status == "hidden"}
    order = sorted(kinds, key=lambda found: (_KIND_ORDER[kinds[found]], found in hidden, -sizes[found], found))
    return {cluster_id: place for place, cluster_id in enumerate(order)}


def _clusters(
    results: Results,
    places: Mapping[str, int],
    items: list[ItemResult],
    cluster_of: tuple[int | None, ...],
    parent_of: tuple[int | None, ...],
) -> tuple[CatalogueCluster, ...]:
    records = {row.changed.cluster_id: row.changed for row in results.clusters}
    firsts: dict[int, int] = {}
    counts: Counter[int] = Counter()
    runs: dict[tuple[int, int], Link] = {}
    for at, (cluster, parent) in enumerate(zip(cluster_of, parent_of, strict=True)):
        if cluster is None:
            continue
        firsts.setdefault(cluster, at)
        counts[cluster] += 1
        if parent is not None and items[at].assigned.kind != "scene":
            known = runs.get((cluster, parent))
            runs[cluster, parent] = Link(parent, known.first if known else at, known.count + 1 if known else 1)
    links: dict[int, list[Link]] = defaultdict(list)
    for (cluster, parent), run in runs.items():
        links[cluster].append(run)
        links[parent].append(Link(cluster, run.first, run.count))
    clusters = []
    counted: Counter[ItemKind] = Counter()
    for cluster_id, place in places.items():
        record = records.get(cluster_id)
        first, count = firsts[place], counts[place]
        cover_id = record.cover_item_id if record else None
        members = items[first : first + count]
        counted[members[0].assigned.kind] += 1
        clusters.append(
            CatalogueCluster(
                cluster_id=cluster_id,
                kind=members[0].assigned.kind,
                name=record.name if record else None,
                status=record.status if record else "active",
                cover=next((item for item in members if item.assigned.item_id == cover_id), members[0]),
                first=first,
                count=count,
                links=tuple(sorted(links[place], key=lambda link: (-link.count, link.cluster))),
                ordinal=counted[members[0].assigned.kind],
            )
        )
    return tuple(clusters)


def _noise(items: list[ItemResult], cluster_of: tuple[int | None, ...]) -> dict[ItemKind, range]:
    bucket: dict[ItemKind, range] = {}
    for at, (item, cluster) in enumerate(zip(items, cluster_of, strict=True)):
        if cluster is None:
            start = bucket[item.assigned.kind].start if item.assigned.kind in bucket else at
            bucket[item.assigned.kind] = range(start, at + 1)
    return bucket
