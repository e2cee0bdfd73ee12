"""One made-up film with known cuts and dissolves in many formats. How many of all kinds, the benchmark says."""

import numpy as np
import pytest
from shot_material import MIXED, VARIANTS, mixed, truth_of, write
from shot_scenes import Clip

from rushes.infra.media.decoder import MediaDecoder
from rushes.infra.media.messages import FilmEnded, ShotFound
from rushes.infra.settings import DecodeLimits

SEED = 105


@pytest.fixture(scope="module")
def decoder():
    made = MediaDecoder(DecodeLimits())
    yield made
    made.close()


@pytest.fixture(scope="module")
def clip() -> Clip:
    return mixed(np.random.default_rng((SEED, MIXED)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_cuts_and_dissolves_are_found_in_any_format(decoder, clip, variant, tmp_path):
    how, change = VARIANTS[variant]
    changed = change(clip)
    truth = truth_of(changed, how)
    parts = list(decoder.film(write(tmp_path / f"film{how.suffix}", changed.frames, how)))
    (end,) = [part for part in parts if isinstance(part, FilmEnded)]
    assert end.frames == truth["frames_decoded"]
    shots = [part for part in parts if isinstance(part, ShotFound)]
    cuts = [shot.begin.start_frame for shot in shots if shot.begin.transition_in == "cut"]
    assert len(cuts) == len(truth["hard_cuts"])
    assert all(abs(cut - true) <= 1 for cut, true in zip(cuts, truth["hard_cuts"], strict=True))
    spans = [span for shot in shots for span in shot.transitions]
    assert [span.kind for span in spans] == [kind for _, _, kind in truth["gradual"]]
    for span, (start, end_frame, _) in zip(spans, truth["gradual"], strict=True):
        assert max(span.start_frame, start) < min(span.end_frame, end_frame)
    for shot in shots:
        assert all(shot.begin.start_frame <= span.start_frame < shot.end_frame for span in shot.transitions)
