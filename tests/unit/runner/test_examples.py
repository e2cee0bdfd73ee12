"""The examples in the runner's documentation are true."""

import doctest
from types import ModuleType

import pytest

from rushes.infra.kafka import in_process
from rushes.streams import event_time
from rushes.streams.runner import trace


@pytest.mark.parametrize("module", [trace, event_time, in_process], ids=lambda module: module.__name__)
def test_the_examples_of_a_module_are_true(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
