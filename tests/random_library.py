"""Random histories of a library: arrivals in odd orders, versions, deletions, corrections of all sorts."""

import random

from rushes.processors.clustering.policy import PolicyName
from rushes.schemas import ids
from rushes.schemas.feedback import Confirm, ItemRef, Move, Reject
from rushes.schemas.log import PolicyChanged
from rushes.schemas.revision import Revision
from tests.builders import LEFT, RIGHT, LibraryBuilder, towards

PICTURES = ("0" * 16, "0" * 15 + "1", "f" * 16)
"""Perceptual hashes: two of the same picture, one of another."""

MEDIA = tuple(f"m{i}" for i in range(5))


POLICIES: tuple[PolicyName | None, ...] = ("calibrated", "fixed", None)
"""Of a history; None: it changes on the way."""


def random_library(
    seed: int, steps: int = 30, library: str = "lib", policy: PolicyName | None = "calibrated"
) -> LibraryBuilder:
    """A library after a random history, which its builder remembers."""
    rng = random.Random(seed)
    lib = LibraryBuilder(library)
    if policy == "fixed":
        _policy(lib, "fixed", {}, "first")
    for step in range(steps):
        what = rng.random()
        if what < 0.55 or not lib.state.clusters:
            _arrival(lib, rng)
        elif what < 0.62:
            lib.totals(rng.choice(MEDIA), version=rng.choice([1, 2, 3]))
        elif what < 0.68:
            lib.remove(rng.choice(MEDIA), version=rng.choice([1, 2, 3]))
        elif what < 0.70:
            name = policy or rng.choice(["calibrated", "fixed"])
            _policy(lib, name, {"join": rng.choice([0.8, 0.85, 0.9])} if name == "fixed" else {}, str(step))
        elif what < 0.74:
            lib.consolidate(str(step))
        else:
            _correction(lib, rng, step)
    return lib


def _arrival(lib: LibraryBuilder, rng: random.Random) -> None:
    media, version = rng.choice(MEDIA), rng.choice([1, 1, 2, 3])
    time = rng.randrange(4) * 1_000_000 + rng.choice([0, 0, 10_000])
    faces = [(LEFT, towards(rng.randrange(5, 8), 9, rng.choice([0.6, 0.8, 0.99])))]
    if rng.random() < 0.5:
        faces.append((RIGHT, towards(rng.randrange(5, 8), 10, 0.95)))
    frame = lib.frame(
        media,
        time,
        scene=towards(rng.randrange(3), 3, rng.choice([0.7, 0.99])) if rng.random() < 0.9 else None,
        faces=faces[rng.randrange(2) :] if rng.random() < 0.9 else [],
        quality=rng.choice([0.9, 0.9, 0.1]),
        phash=rng.choice(PICTURES),
        model=rng.choice(["m1"] * 9 + ["m2"]),
    )
    if rng.random() < 0.3:
        frame = lib.sample_of(frame, media, rng.randrange(4) * 1_000_000)
    frames = [frame]
    if rng.random() < 0.4:
        later = lib.frame(media, time + 500_000, faces=faces, quality=rng.choice([0.9, 0.1]))
        frames.append(lib.sample_of(later, media, time))
    entry = lib.shot_entry(media, frames, version=version, part=rng.choice([0, 0, 1]), final=rng.random() < 0.9)
    lib.apply(lib.in_tracklets(entry) if rng.random() < 0.6 else entry)
    if rng.random() < 0.3:
        lib.totals(media, version=version)


def _policy(lib: LibraryBuilder, name: str, parameters: dict[str, float], step: str) -> None:
    entry_id = ids.entry_id(lib.library_id, "PolicyChanged", step)
    lib.apply(PolicyChanged(library_id=lib.library_id, entry_id=entry_id, policy=name, parameters=parameters))


def _correction(lib: LibraryBuilder, rng: random.Random, step: int) -> None:
    cluster = rng.choice([*lib.state.clusters, *lib.state.in_noise])
    refs = tuple(_ref(lib, rng) for _ in range(rng.choice([1, 1, 2])))
    seen = Revision(n=rng.randrange(lib.state.n + 1), k=0) if rng.random() < 0.2 else None
    name = f"f{step}"
    match rng.randrange(6):
        case 0 | 1:
            lib.say(name, Move(items=refs, to_cluster_id=rng.choice([cluster, cluster, None])), based_on=seen)
        case 2:
            lib.say(name, Confirm(items=refs, cluster_id=rng.choice([cluster, None])), based_on=seen)
        case 3:
            lib.say(name, Reject(items=refs, cluster_id=cluster), based_on=seen)
        case _:
            lib.undo(name, rng.choice([*lib.state.feedback, "never given"]))


def _ref(lib: LibraryBuilder, rng: random.Random) -> ItemRef:
    """An item that is there, by id; or a place where one is, was, or will be."""
    if lib.state.items and rng.random() < 0.6:
        return ItemRef(item_id=rng.choice(list(lib.state.items)))
    media, time, box = rng.choice(MEDIA), rng.randrange(4) * 1_000_000, rng.choice([LEFT, RIGHT])
    if rng.random() < 0.3:
        return ItemRef(item_id=lib.item_id(media, time, "face", box))
    return lib.anchor(media, time, "face", box)
