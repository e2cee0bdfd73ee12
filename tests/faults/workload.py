"""2,000 events for the fault test: uploads of photos and films, duplicates, bad input, new versions, deletions,
corrections, spread over libraries. A function of the seed.
"""

import hashlib
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data

from rushes.schemas import ids
from rushes.schemas.ids import LibraryId, MediaId

LIBRARIES = ("wedding", "archive", "series")
EVENTS = 2_000
BAD = 40
FILMS = 12
FEEDBACK = 60
VERSIONS = 40
DELETIONS = 40
DUPLICATES = 108


@dataclass
class Event:
    """One record to publish, on `media-uploaded` or `feedback`."""

    topic: str
    key: bytes
    value: bytes


@dataclass
class Expected:
    """What must be true when all is quiet."""

    complete: dict[tuple[str, str], int] = field(default_factory=dict)
    """(library, media) -> version that counts."""
    removed: dict[tuple[str, str], int] = field(default_factory=dict)
    films: set[tuple[str, str]] = field(default_factory=set)
    bad_events: int = 0
    failed_media: set[tuple[str, str]] = field(default_factory=set)
    scene_items: dict[tuple[str, str], str] = field(default_factory=dict)
    """The item that every complete photo must have."""
    pinned: dict[str, str] = field(default_factory=dict)
    """item -> the feedback that moved it."""


class Workload:
    """Makes the media below `folder`, then the events."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._random = random.Random(seed)
        self._rng = np.random.default_rng(seed)
        self._places = [self._place() for _ in range(24)]
        self._face = cv2.resize(skimage.data.astronaut()[0:200, 120:320], (96, 96), interpolation=cv2.INTER_AREA)
        self.expected = Expected()

    def events(self) -> list[Event]:
        """All events, shuffled so that every fault hits some of each kind; corrections and deletions come late."""
        photos = EVENTS - BAD - FILMS - FEEDBACK - VERSIONS - DELETIONS - DUPLICATES
        uploads = [self._photo(i) for i in range(photos)] + [self._film(i) for i in range(FILMS)]
        keys = list(self.expected.scene_items)
        changed = self._random.sample(keys, VERSIONS + DELETIONS)
        late: list[Event] = [self._new_version(key) for key in changed[:VERSIONS]]
        late += [self._deletion(key) for key in changed[VERSIONS:]]
        touched = set(changed)
        duplicates = [self._random.choice(uploads) for _ in range(DUPLICATES)]
        early = uploads + self._bad_events()
        self._random.shuffle(early)
        tail = late + duplicates + [self._feedback(i, key) for i, key in enumerate(self._untouched(keys, touched))]
        self._random.shuffle(tail)
        return early + tail

    def _untouched(self, keys: list[tuple[str, str]], touched: set[tuple[str, str]]) -> list[tuple[str, str]]:
        return self._random.sample([key for key in keys if key not in touched], FEEDBACK)

    def _place(self) -> np.ndarray:
        coarse = self._rng.integers(0, 255, (3, 4, 3), dtype=np.uint8)
        return cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC)

    def _picture(self, number: int) -> np.ndarray:
        place = self._places[number % len(self._places)]
        noisy = np.clip(place.astype(np.int16) + self._rng.integers(-9, 9, place.shape), 0, 255).astype(np.uint8)
        if number % 10 == 0:
            noisy[12:108, 30:126] = self._face
        return noisy

    def _write(self, name: str, picture: np.ndarray) -> Path:
        path = self._folder / name
        path.write_bytes(cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
        return path

    def _library(self, number: int) -> str:
        return LIBRARIES[number % len(LIBRARIES)]

    def _upload(self, library: str, media: str, path: Path, version: int, **more: object) -> Event:
        body = {
            "type": "MediaUploaded",
            "schema_version": 1,
            "library_id": library,
            "media_id": media,
            "version": version,
            "uri": path.as_uri(),
            **more,
        }
        return Event("media-uploaded", f"{library}/{media}".encode(), json.dumps(body).encode())

    def _photo(self, number: int) -> Event:
        library, media = self._library(number), f"photo-{number}"
        self.expected.complete[library, media] = 1
        frame = ids.frame_id(LibraryId(library), MediaId(media), 0, None)
        self.expected.scene_items[library, media] = ids.item_id(LibraryId(library), frame, "scene", None)
        return self._upload(library, media, self._write(f"{media}.jpg", self._picture(number)), 1)

    def _film(self, number: int) -> Event:
        library, media = self._library(number), f"film-{number}"
        path = self._folder / f"{media}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            for shot in range(3):
                for _ in range(20):
                    frame = av.VideoFrame.from_ndarray(self._picture((number * 7 + shot * 5) * 10 + 1), "rgb24")
                    container.mux(stream.encode(frame))
            container.mux(stream.encode())
        self.expected.complete[library, media] = 1
        self.expected.films.add((library, media))
        return self._upload(library, media, path, 1)

    def _new_version(self, key: tuple[str, str]) -> Event:
        library, media = key
        self.expected.complete[key] = 2
        path = self._write(f"{media}-v2.jpg", self._picture(self._random.randrange(24)))
        del self.expected.scene_items[key]  # the picture may differ, and then the item is another one
        return self._upload(library, media, path, 2)

    def _deletion(self, key: tuple[str, str]) -> Event:
        library, media = key
        del self.expected.complete[key]
        del self.expected.scene_items[key]
        self.expected.removed[key] = 1
        body = {"type": "MediaDeleted", "schema_version": 1, "library_id": library, "media_id": media, "version": 1}
        return Event("media-uploaded", f"{library}/{media}".encode(), json.dumps(body).encode())

    def _feedback(self, number: int, key: tuple[str, str]) -> Event:
        library, media = key
        item = self.expected.scene_items[key]
        self.expected.pinned[item] = f"feedback-{number}"
        anchor = {"media_id": media, "kind": "scene", "time_us": None, "box": None}
        ref = {"item_id": item, "anchor": anchor} if number % 2 else {"anchor": anchor}
        change: dict[str, object] = {"action": "move", "items": [ref], "to_cluster_id": None}
        body = {
            "type": "FeedbackGiven",
            "schema_version": 1,
            "library_id": library,
            "feedback_id": f"feedback-{number}",
            "actor": "ann",
            "change": change,
        }
        return Event("feedback", library.encode(), json.dumps(body).encode())

    def _bad_events(self) -> list[Event]:
        return list(itertools.islice(self._endless_bad(), BAD))

    def _endless_bad(self) -> Iterator[Event]:
        number = 0
        while True:
            library, media = self._library(number), f"bad-{number}"
            self.expected.bad_events += 1
            path = self._folder / f"{media}.mp4"
            match number % 5:
                case 0:
                    yield Event("media-uploaded", f"{library}/{media}".encode(), f'{{"type": "Media{number}'.encode())
                case 1:
                    self.expected.failed_media.add((library, media))
                    yield self._upload(library, media, path, 1)
                case 2:
                    path.write_text("this is no film")
                    self.expected.failed_media.add((library, media))
                    yield self._upload(library, media, path, 1)
                case 3:
                    path.write_bytes(b"")
                    self.expected.failed_media.add((library, media))
                    yield self._upload(library, media, path, 1)
                case _:
                    good = self._write(f"{media}.jpg", self._picture(number))
                    wrong = hashlib.sha256(b"other bytes").hexdigest()
                    self.expected.failed_media.add((library, media))
                    yield self._upload(library, media, good, 1, sha256=wrong)
            number += 1
