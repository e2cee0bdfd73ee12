"""The robustness suite is a function of names, and its facts are true."""

import numpy as np
import pytest

from rushes.processors.evaluation.embedders import LabelledSet, Synthetic, separation
from rushes.processors.evaluation.material import Material, arrival_orders
from rushes.processors.evaluation.variations import INFORMED, Half, large_suite, suite


def made_up_set(name="made-up"):
    groups = Synthetic("any", 64, same=0.6).draw(np.random.default_rng(3), [8] * 20)
    return LabelledSet(name, np.concatenate(groups).astype(np.float32), np.repeat(np.arange(20), 8))


@pytest.fixture(scope="module")
def variations():
    return suite([made_up_set(name) for name in ("one", "two", "three")])


def test_there_are_over_three_hundred_with_names_of_their_own_and_about_half_are_held_back(variations):
    assert len({variation.name for variation in variations}) == len(variations) > 300
    held = sum(variation.half is Half.HELD_BACK for variation in variations)
    assert 0.4 < held / len(variations) < 0.6


def test_a_variation_is_the_same_whatever_was_drawn_before(variations):
    for variation in variations[::17]:
        first, second = variation.material(), variation.material()
        assert np.array_equal(first.vectors, second.vectors)
        assert np.array_equal(first.labels, second.labels)


def test_facts_are_true_and_vectors_are_unit(variations):
    for variation in variations[::3]:
        material = variation.material()
        assert np.allclose(np.linalg.norm(material.vectors, axis=1), 1.0, atol=1e-5)
        assert 10 <= len(material) <= 450
        for frame in np.unique(material.frames) if material.frames is not None else ():
            inside = material.labels[material.frames == frame]
            assert len(set(inside.tolist())) == len(inside)
        if material.tracklets is not None:
            for tracklet in np.unique(material.tracklets[material.tracklets >= 0]):
                assert len(set(material.labels[material.tracklets == tracklet].tolist())) == 1


def test_a_large_library_has_every_size_of_identity_many_times():
    large = large_suite([made_up_set(name) for name in ("one", "two", "three")], 1_200)
    assert {"look-alikes", "mixture", "crowd"} < {variation.family for variation in large}
    for variation in large[::9]:
        assert 1_200 <= len(variation.material()) <= 2_400
    repeated = [variation for variation in large if variation.family in {"many", "poor", "skewed"}][::4]
    assert repeated
    for variation in repeated:
        _, identities = np.unique(np.bincount(variation.material().labels), return_counts=True)
        assert np.gcd.reduce(identities) > 1


def test_only_the_informed_families_know_more_than_vectors(variations):
    for variation in variations[::5]:
        known = variation.material()
        facts = [known.frames, known.quality, known.times, known.shots, known.tracklets, known.media]
        assert any(fact is not None for fact in facts) == (variation.family in INFORMED)


def test_sanity_is_how_well_an_embedder_separates_pairs_and_nothing_else():
    assert separation(Synthetic("good", 128, same=0.7)).sane
    assert not separation(Synthetic("blind", 128, same=0.12)).sane
    assert not separation(Synthetic("crowded", 128, same=0.97, base=0.9)).sane


def test_an_order_holds_every_item_once_and_keeps_frames_together():
    frames = np.array([0, 0, 1, 2, 2, -1, -1])
    material = Material(np.eye(7, dtype=np.float32), np.arange(7), frames=frames)
    orders = arrival_orders(material, 5)
    for order in orders:
        assert sorted(np.concatenate(order).tolist()) == list(range(7))
        assert sorted(frame.tolist() for frame in order) == [[0, 1], [2], [3, 4], [5], [6]]
    assert np.concatenate(orders[0]).tolist() == list(range(7))
    assert len({tuple(np.concatenate(order).tolist()) for order in orders}) > 1


def test_shots_with_tracklets_arrive_whole_and_in_time():
    frames = np.array([3, 2, 1, 0])
    material = Material(
        np.eye(4, dtype=np.float32),
        np.zeros(4, np.int64),
        frames=frames,
        times=frames.astype(float),
        shots=np.array([1, 1, 0, 0]),
        tracklets=np.zeros(4, np.int64),
    )
    seen = {tuple(np.concatenate(order).tolist()) for order in arrival_orders(material, 20)}
    assert seen == {(3, 2, 1, 0), (1, 0, 3, 2)}


def test_columns_of_another_length_are_refused():
    with pytest.raises(ValueError, match="3 values in frames"):
        Material(np.eye(3, dtype=np.float32), np.arange(3), frames=np.arange(2))
