"""`make bench` runs every benchmark there is."""

from run_all import BENCHES, HERE


def test_every_benchmark_is_run_by_make_bench():
    assert sorted(bench.name for bench in BENCHES) == sorted(path.stem for path in HERE.glob("bench_*.py"))
