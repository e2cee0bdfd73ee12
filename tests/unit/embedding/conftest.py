"""Checkpoints are made once a session and family: transformers takes seconds to import, a model parts of one."""

from collections.abc import Callable

import pytest
import torch

from tests.tiny_checkpoints import MAKERS, Checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Callable[[str], Checkpoint]:
    made: dict[str, Checkpoint] = {}
    root = tmp_path_factory.mktemp("checkpoints")

    def make(name: str) -> Checkpoint:
        if name not in made:
            torch.manual_seed(sorted(MAKERS).index(name))
            made[name] = MAKERS[name](root / name)
        return made[name]

    return make


@pytest.fixture(autouse=True)
def _one_thread():
    """torch's number of threads is the process's: put back for the tests that follow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
