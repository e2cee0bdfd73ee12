"""Colour bars and slates are told from places."""

import cv2
import numpy as np
import pytest
import skimage.data

from rushes.processors.shots.cards import has_clapper, is_card, is_color_bars
from tests.making_cards import BARS, card, clapper, color_bars
from tests.making_media import scene

PLACES = ("astronaut", "coffee", "rocket", "chelsea", "cat", "retina", "colorwheel", "page", "text", "brick", "grass")


def place(name: str) -> np.ndarray:
    picture = getattr(skimage.data, name)()
    picture = picture if picture.ndim == 3 else np.stack([picture] * 3, axis=-1)
    factor = 640 / max(picture.shape[:2])
    return cv2.resize(np.ascontiguousarray(picture[..., :3]), None, fx=factor, fy=factor)


def grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def shipped(names):
    """The photographs among these that the installed scikit-image carries in its wheel."""
    for name in names:
        try:
            yield name, place(name)
        except (OSError, ModuleNotFoundError, AttributeError):
            continue


@pytest.mark.parametrize("kind", BARS)
def test_all_kinds_of_colour_bars_are_known_also_faded_and_noisy(kind: str):
    bars = color_bars(kind)
    worn = np.clip(bars * 0.6 + 20 + np.random.default_rng(0).normal(0, 8, bars.shape), 0, 255).astype(np.uint8)
    assert is_color_bars(bars)
    assert is_color_bars(worn)
    assert not is_color_bars(bars[:, ::-1])


def test_most_clappers_before_a_place_are_found():
    places = [cv2.resize(picture, (640, 360)) for _, picture in shipped(("astronaut", "coffee", "rocket", "chelsea"))]
    found = [has_clapper(grey(clapper(seed, places[seed % len(places)]))) for seed in range(100, 140)]
    assert np.mean(found) >= 0.8


def test_cards_of_writing_are_found():
    assert all(is_card(grey(card(seed))) for seed in range(20))


def test_no_place_is_a_card():
    pictures = [*shipped(PLACES), *((f"scene {seed}", scene(seed, 360, 640)) for seed in range(10))]
    assert len(pictures) > 14
    for name, picture in pictures:
        assert not is_color_bars(picture), name
        assert not has_clapper(grey(picture)), name
        assert not is_card(grey(picture)), name


def test_stripes_alone_are_no_clapper():
    zebra = np.full((360, 640), 60, np.uint8)
    for number in range(8):
        cv2.rectangle(zebra, (20 + 80 * number, 150), (55 + 80 * number, 260), 230, -1)
    assert not has_clapper(zebra)


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (64, 64)])
def test_tiny_and_flat_pictures_are_no_cards(shape):
    for level in (0, 128, 255):
        picture = np.full((*shape, 3), level, np.uint8)
        assert not is_color_bars(picture)
        assert not has_clapper(grey(picture))
        assert not is_card(grey(picture))
