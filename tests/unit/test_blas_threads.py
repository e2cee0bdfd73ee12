"""A cluster worker leaves BLAS one thread, whatever the environment says."""

import os
import subprocess
import sys
from pathlib import Path

ASKED = """
import threadpoolctl
from rushes.processors.gallery.threads import in_use
from rushes.streams.composition import take_threads

def blas():
    return {each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"}

before = blas()
take_threads(2)
print(before != {1}, blas(), in_use().count)
"""


def test_a_cluster_worker_limits_blas_to_one_thread_and_searches_in_as_many_as_are_asked_for():
    said = subprocess.run(
        [sys.executable, "-c", ASKED],
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.splitlines()[-1] == "True {1} 2"
