"""Calibration profiles: learnt, exported, imported through the log, shown."""

from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from rushes.infra.results.calibration_plot import plot_calibration
from rushes.processors.clustering.fold import apply
from rushes.processors.clustering.library import Library
from rushes.processors.clustering.profiles import next_merges, prior_of, profile_of
from rushes.processors.gallery.pieces import at_once
from rushes.processors.identity.calibration import Calibration, Evidence, calibrate, combined
from rushes.processors.identity.clusterer import Clusterer
from rushes.processors.identity.grid import to_grid
from rushes.processors.identity.items import Observation
from rushes.processors.identity.linkage import agglomerate
from rushes.processors.identity.profile import BINS, look
from rushes.processors.identity.words import words
from rushes.schemas.errors import ConfigurationError, InvalidEvent
from rushes.schemas.profile import Profile
from rushes.streams.profile_files import read_profile
from rushes.streams.run.calibrating import imported
from rushes.streams.screens.calibration import lines_of
from tests.builders import DIM, GENERATION, LEFT, LibraryBuilder, axis, fixed_library, towards

T = TypeVar("T")


def people(count: int, each: int, spread: float = 0.5, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    made = [axis(i % count) + spread * rng.standard_normal(DIM) / np.sqrt(DIM) for i in range(count * each)]
    return [vector / np.linalg.norm(vector) for vector in made]


def library_of(vectors, library: str = "lib") -> LibraryBuilder:
    lib = LibraryBuilder(library)
    for place, vector in enumerate(vectors):
        lib.one(f"m{place}", faces=[(LEFT, vector)])
    lib.consolidate()
    return lib


def profile_in(lib: LibraryBuilder) -> Profile:
    profile = profile_of(lib.state, "face")
    assert profile is not None
    return profile


def thresholds(lib: LibraryBuilder):
    return lib.state.spaces["face"].rules.thresholds(None)


def test_what_a_library_learnt_separates_its_pairs_and_says_what_it_rests_on():
    profile = profile_in(library_of(people(6, 8)))
    assert profile.different.mean < profile.join < profile.same.mean
    assert profile.items == 48
    assert "library lib, 48 items in 6 clusters" in profile.source
    assert sum(profile.same.histogram) == profile.same.count == 6 * 8 * 7 // 2


def test_a_profile_survives_its_file_and_the_log_and_a_replay_begins_from_it(tmp_path):
    profile = profile_in(library_of(people(6, 8), "teacher"))
    file = tmp_path / "face.json"
    file.write_text(profile.model_dump_json(indent=1))
    lib = LibraryBuilder("pupil")
    entry = imported(lib.library_id, read_profile(file), file)
    assert entry.profile == profile
    lib.apply(entry)
    lib.one("a", faces=[(LEFT, axis(5))])
    assert thresholds(lib).join == profile.join
    assert thresholds(lib).source == "imported profiles"
    again = Library(lib.library_id, GENERATION)
    for each in lib.entries:
        apply(again, each)
    assert again.items[lib.item_id("a", 0, "face", LEFT)].record == lib.record(lib.item_id("a", 0, "face", LEFT))


def test_a_profile_counts_at_arrival_before_anything_is_learnt_here(tmp_path):
    """Two pictures of one person, of a likeness that a cold start takes for too little."""
    profile = profile_in(library_of(people(6, 8, spread=1.0), "teacher"))
    assert profile.join < 0.55
    pair = [towards(3, 9, 0.9), towards(3, 10, 0.64)]
    cold, taught = LibraryBuilder("cold"), LibraryBuilder("taught")
    taught.apply(imported(taught.library_id, profile, tmp_path / "p.json"))
    for lib in (cold, taught):
        for place, vector in enumerate(pair):
            lib.one(f"m{place}", faces=[(LEFT, vector)])
    second = "m1"
    assert cold.cluster_of(cold.item_id(second, 0, "face", LEFT)) is None
    assert taught.cluster_of(taught.item_id(second, 0, "face", LEFT)) is not None


def test_a_profile_of_another_model_waits_for_that_model_and_changes_nothing_here(tmp_path):
    lib = library_of(people(6, 8))
    before = thresholds(lib)
    other = profile_in(lib).model_copy(update={"model_id": "another", "join": 0.9})
    lib.apply(imported(lib.library_id, other, tmp_path / "p.json"))
    lib.consolidate("after")
    assert thresholds(lib) == before


def test_a_profile_that_is_not_of_what_its_entry_says_is_refused(tmp_path):
    lib = library_of(people(3, 4))
    entry = imported(lib.library_id, profile_in(lib), tmp_path / "p.json")
    with pytest.raises(InvalidEvent, match="expected a profile of scene"):
        lib.apply(entry.model_copy(update={"kind": "scene"}))


@pytest.mark.parametrize(
    ("content", "why"),
    [("# a text", "Invalid JSON"), ("{}", r"Field required; .* Field required; .*; and \d+ more$")],
)
def test_a_file_that_is_no_profile_is_refused_in_one_line(tmp_path, content, why):
    file = tmp_path / "p.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=why) as refused:
        read_profile(file)
    assert "\n" not in str(refused.value)
    assert "pydantic" not in str(refused.value)


def test_two_profiles_meet_between_and_what_they_disagree_by_is_uncertainty():
    one = Calibration(0.4, 0.1, 0.1, 0.7, 100, 0.05)
    other = Calibration(0.6, 0.2, 0.1, 0.8, 300, 0.05)
    both = combined(one, other)
    assert both.join == pytest.approx(0.5)
    assert both.uncertainty > one.uncertainty
    assert both.items == 400
    assert combined(one, one).uncertainty < one.uncertainty


def test_words_of_people_are_scores_to_the_rest_of_the_cluster_that_they_are_about():
    clusterer = Clusterer(DIM)
    vectors = [towards(0, 1, 0.9), towards(0, 2, 0.9), towards(0, 3, 0.9), axis(5)]
    for number, vector in enumerate(vectors):
        clusterer.observe([Observation(vector.astype(np.float16), frame=number)])
    partition = clusterer.partition
    home = partition.cluster_of(0)
    partition.pin(2, home)
    partition.reject(3, home)
    together, apart = words(partition)
    rows = [to_grid(vector.astype(np.float16)).astype(float) for vector in vectors]

    def mean(item: int, others: list[int]) -> float:
        return float(np.mean([rows[item] @ rows[other] for other in others])) / 2**28

    assert together.tolist() == pytest.approx([mean(2, [0, 1])], abs=1e-9)
    assert apart.tolist() == pytest.approx([mean(3, [0, 1, 2])], abs=1e-9)


def two_levels(within: float, between: float, background: float) -> np.ndarray:
    """Similarities of 6 persons, each with 3 looks of 4 pictures."""
    place = np.arange(72)
    person, look_ = place // 12, place // 4
    likeness = np.where(look_[:, None] == look_, within, np.where(person[:, None] == person, between, background))
    noise = 0.02 * np.random.default_rng(0).standard_normal((72, 72))
    similarity = likeness + (noise + noise.T) / 2
    np.fill_diagonal(similarity, 1.0)
    return similarity


def test_what_people_put_together_decides_between_two_levels_that_explain_as_well():
    similarity = two_levels(0.8, 0.5, 0.3)
    merges = at_once(agglomerate(similarity, np.ones(len(similarity))))
    nothing = np.zeros(0)

    def chosen(**said: np.ndarray) -> float:
        return at_once(calibrate(similarity, merges, Evidence(nothing, **said))).join

    assert chosen() > 0.5, "looks, not persons: the finer level"
    assert chosen(put_together=np.full(12, 0.5)) < 0.5
    assert chosen(kept_apart=np.full(12, 0.5)) > 0.5
    assert chosen(put_together=np.full(1, 0.5)) > 0.5, "one word may be about an exception"


def test_what_is_seen_of_a_partition_is_what_a_loop_over_its_pairs_sees():
    clusterer = Clusterer(DIM)
    vectors = people(4, 6)
    for number, vector in enumerate(vectors):
        clusterer.observe([Observation(vector.astype(np.float16), frame=number)])
    clusterer.settle()
    seen = look(clusterer.partition)
    rows = [to_grid(vector.astype(np.float16)).astype(float) / 2**14 for vector in vectors]
    same, different = [], []
    for one in range(len(rows)):
        for other in range(one + 1, len(rows)):
            at = [clusterer.partition.cluster_of(each) for each in (one, other)]
            if None not in at:
                (same if at[0] == at[1] else different).append(float(rows[one] @ rows[other]))
    assert (seen.same.count, seen.different.count) == (len(same), len(different))
    assert seen.same.mean == pytest.approx(np.mean(same))
    assert seen.different.std == pytest.approx(np.std(different))
    assert seen.same.histogram.tolist() == np.histogram(same, BINS, (-1, 1))[0].tolist()


def test_it_is_shown_with_both_distributions_the_threshold_and_what_would_merge_next(tmp_path):
    lib = library_of(people(6, 8))
    profile, merges = profile_in(lib), next_merges(lib.state, "face")
    shown = "\n".join(lines_of(profile, thresholds(lib), merges))
    assert f"joins from {profile.join:.2f}" in shown
    assert "#" in shown
    assert "." in shown
    assert merges[0].one[:8] in shown
    assert [one.similarity for one in merges] == sorted((one.similarity for one in merges), reverse=True)
    assert all(lib.state.resolve(one.one) != lib.state.resolve(one.other) for one in merges)
    plot_calibration(tmp_path / "plot.png", [(profile, [one.similarity for one in merges])])
    assert Image.open(tmp_path / "plot.png").size[0] > 500


def test_the_policy_fixed_learns_nothing():
    lib = fixed_library()
    lib.one("a", faces=[(LEFT, axis(5))])
    assert profile_of(lib.state, "face") is None
    assert next_merges(lib.state, "face") == []


def test_a_prior_gives_back_what_the_profile_says():
    profile = profile_in(library_of(people(6, 8)))
    prior = prior_of(profile)
    assert (prior.join, prior.uncertainty, prior.items) == (profile.join, profile.uncertainty, profile.items)
