"""Libraries as footage gives them: media of shots of frames in which people are seen, with what the pipeline knows of
them for certain. A cut through a dendrogram can use none of it.
"""

from dataclasses import dataclass, replace

import numpy as np

from rushes.processors.evaluation.embedders import Embedder
from rushes.processors.evaluation.layouts import POOR_SHARE, blurred, junk, told_quality
from rushes.processors.evaluation.material import Floats, Material, unit_rows

PERIOD_S = 0.5
"""Seconds between two samples of a shot, as the pipeline takes them."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Ranges (both ends included) and shares of what is filmed."""

    cast: tuple[int, int] = (6, 14)
    shots: tuple[int, int] = (20, 40)
    frames: tuple[int, int] = (2, 4)
    seen: tuple[int, int] = (1, 3)
    twins: float = 0.0
    """How much of a look-alike's vector is that of the other; look-alikes are filmed together."""
    turning: float = 0.0
    """How far heads turn: the weight of a direction that all profiles share."""
    poor: float = 0.0
    extras: float = 0.0
    """Chance that a shot shows somebody who is never seen again."""
    non_faces: float = 0.0
    """Chance that a frame holds a find that is no face."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One item: what it looks like, who it is, where it was seen."""

    row: Floats
    label: int
    frame: int
    moment: int
    shot: int
    tracklet: int
    media: int


def same_frame(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Look-alikes side by side in photos: only who is in a frame with whom is known."""
    filmed = film(embedder, rng, Scenario(frames=(1, 1), shots=(40, 80), seen=(2, 4), twins=0.55))
    return replace(filmed, quality=None, times=None, shots=None, tracklets=None, media=None)


def tracklets(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Heads that turn: profiles look like other profiles, and the tracklet leads from one to the other."""
    return replace(film(embedder, rng, Scenario(frames=(3, 6), shots=(15, 30), turning=1.0)), quality=None)


def all_facts(embedder: Embedder, rng: np.random.Generator) -> Material:
    """Footage with everything at once: look-alikes, turning heads, poor items, extras, finds that are no faces."""
    scenario = Scenario(
        shots=(15, 25), seen=(1, 4), twins=0.4, turning=0.7, poor=POOR_SHARE, extras=0.4, non_faces=0.05
    )
    return film(embedder, rng, scenario)


def film(embedder: Embedder, rng: np.random.Generator, scenario: Scenario) -> Material:
    """Shots of a cast, all facts told."""
    reel: list[_Seen] = []
    shots, people = _between(rng, scenario.shots), _between(rng, scenario.cast) // 2 * 2
    takes = 2 * shots * scenario.seen[1] // people + 2
    groups = embedder.draw(rng, [takes] * people + [2] * shots)
    regulars = _alike(groups[:people], scenario.twins, rng)
    dim = groups[0].shape[1]
    profile = rng.standard_normal(dim) / np.sqrt(dim)
    used = [0] * people
    frame = tracklet = strangers = media = 0
    for shot in range(shots):
        media += int(rng.random() < 1 / 3)
        length = _between(rng, scenario.frames)
        who = _seen(rng, people, _between(rng, scenario.seen), together=scenario.twins > 0)
        on_screen: list[tuple[int, Floats]] = []
        for person in who:
            first, last = regulars[person][[used[person] % takes, (used[person] + 1) % takes]]
            used[person] += 2
            on_screen.append((person, _take((first, last), length, scenario.turning * profile, rng)))
        if rng.random() < scenario.extras:
            first, last = groups[people + shot]
            on_screen.append((people + shot, _take((first, last), length, scenario.turning * profile, rng)))
        for place, (person, looks) in enumerate(on_screen):
            reel += [
                _Seen(row, person, frame + moment, moment, shot, tracklet + place, media)
                for moment, row in enumerate(looks)
            ]
        for moment in range(length):
            if rng.random() < scenario.non_faces:
                strangers += 1
                odd = junk(1, dim, rng)[0][0]
                reel.append(_Seen(odd, people + shots + strangers, frame + moment, moment, shot, -1, media))
        frame += length
        tracklet += len(on_screen)
    return _material(reel, rng, scenario)


def _between(rng: np.random.Generator, limits: tuple[int, int]) -> int:
    return int(rng.integers(limits[0], limits[1] + 1))


def _alike(groups: list[Floats], twins: float, rng: np.random.Generator) -> list[Floats]:
    """Every second person made to look like the one before."""
    if not twins:
        return groups
    alike = []
    for number, group in enumerate(groups):
        if number % 2:
            share = twins + rng.uniform(-0.1, 0.1)
            alike.append(unit_rows((1 - share) * group + share * groups[number - 1].mean(axis=0)).astype(np.float64))
        else:
            alike.append(group)
    return alike


def _seen(rng: np.random.Generator, people: int, count: int, *, together: bool) -> list[int]:
    """Who is in a shot; look-alikes mostly come in pairs."""
    chosen: list[int] = []
    for person in rng.permutation(people).tolist():
        pair = [person, person ^ 1] if together and rng.random() < 0.7 else [person]
        chosen += [one for one in pair if one not in chosen]
        if len(chosen) >= count:
            break
    return chosen[:count]


def _take(ends: tuple[Floats, Floats], length: int, profile: Floats, rng: np.random.Generator) -> Floats:
    """One person through a shot: from one of their items to another, the head turning as it goes. The longer `profile`
    is, the further heads turn.
    """
    first, last = ends
    way = np.linspace(0.0, 1.0, length)[:, None] if length > 1 else np.zeros((1, 1))
    turned = rng.uniform(0.0, 1.0, 2)
    angle = turned[0] + way * (turned[1] - turned[0])
    jitter = 0.25 * rng.standard_normal((length, len(first))) / np.sqrt(len(first))
    moved = (1 - way) * first + way * last
    facing = 1 - 0.6 * min(float(np.linalg.norm(profile)), 1.0) * angle
    return unit_rows(facing * moved + angle * profile + jitter).astype(np.float64)


def _material(reel: list[_Seen], rng: np.random.Generator, scenario: Scenario) -> Material:
    bad = rng.random(len(reel)) < scenario.poor
    return Material(
        unit_rows(blurred(np.stack([seen.row for seen in reel]), bad, rng)),
        np.array([seen.label for seen in reel], np.int64),
        frames=np.array([seen.frame for seen in reel], np.int64),
        quality=told_quality(bad, rng),
        times=np.array([60.0 * seen.shot + PERIOD_S * seen.moment for seen in reel]),
        shots=np.array([seen.shot for seen in reel], np.int64),
        tracklets=np.array([seen.tracklet for seen in reel], np.int64),
        media=np.array([seen.media for seen in reel], np.int64),
    )
