"""Hard facts that a partition breaks: always none."""

from rushes.processors.identity.partition import Partition


def broken_facts(partition: Partition) -> list[str]:
    """Each in words, of the partition as it stands."""
    facts = partition.facts
    found = []
    for item in partition.items():
        cluster = partition.cluster_of(item)
        if cluster is None:
            continue
        found += [
            f"{item} and {mate} of one frame"
            for mate in facts.frame_mates(item)
            if partition.cluster_of(mate) == cluster
        ]
        if cluster in facts.rejected(item):
            found.append(f"{item} in a cluster it was rejected from")
        pin = facts.unit_pin(item)
        if pin is not None and pin != cluster:
            found.append(f"{item} is not where it was pinned")
        if {partition.cluster_of(mate) for mate in facts.unit(item)} - {None, cluster}:
            found.append(f"the tracklet of {item} is torn")
    return found
