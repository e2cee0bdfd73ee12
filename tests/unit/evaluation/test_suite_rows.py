"""The suite's runner: rows that a stopped run has are not measured again."""

import json

import identity_suite
import pytest

NAMES = ["few/tight/0", "few/tight/1", "same-frame/tight/0"]


@pytest.fixture(autouse=True)
def _no_sets(monkeypatch):
    monkeypatch.delenv("RUSHES_TEST_DATA", raising=False)
    identity_suite.variations.cache_clear()
    yield
    identity_suite.variations.cache_clear()


def test_the_best_cut_has_no_regret_and_facts_are_worth_something():
    few, _, told = identity_suite.rows(NAMES, "best-cut", 1, jobs=1, out=None, items=None)
    assert few.regret == pytest.approx(0.0)
    assert few.informed_f1 is None
    assert told.informed_f1 > told.best_cut_f1


def test_a_stopped_run_goes_on_where_it_was(tmp_path, monkeypatch):
    out = tmp_path / "rows.jsonl"
    first = identity_suite.rows(NAMES[:2], "best-cut", 1, jobs=1, out=out, items=None)
    monkeypatch.setattr(identity_suite, "measure", _only_the_last(identity_suite.measure))
    rows = identity_suite.rows(NAMES, "best-cut", 1, jobs=1, out=out, items=None)
    assert rows[:2] == first
    assert [json.loads(line)["name"] for line in out.read_text().splitlines()[1:]] == NAMES


def _only_the_last(measure):
    def measured(name, *asked):
        assert name == NAMES[-1], "measured again"
        return measure(name, *asked)

    return measured


def test_rows_of_another_policy_are_not_taken_for_this_one(tmp_path):
    out = tmp_path / "rows.jsonl"
    identity_suite.rows(NAMES[:1], "best-cut", 1, jobs=1, out=out, items=None)
    with pytest.raises(SystemExit, match="best-cut"):
        identity_suite.rows(NAMES[:1], "neighbours", 1, jobs=1, out=out, items=None)


def test_an_unknown_policy_is_refused_with_those_there_are():
    with pytest.raises(SystemExit, match="calibrated"):
        identity_suite.engine("best")


def test_a_warm_start_is_taught_by_another_library_of_the_same_model():
    taught = identity_suite.taught("tight")
    assert taught.items == 128
    (row,) = identity_suite.rows(NAMES[:1], identity_suite.WARM, 1, jobs=1, out=None, items=None)
    assert row.final_worst > 0.9
