"""Few shapes, rows in order whatever happens, and memory that runs out and comes back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.processors.embedding.fixed_batches import GROW_AFTER, FixedBatches
from rushes.schemas.errors import DependencyUnavailable


class OutOfMemory(Exception):
    pass


class FakeModel:
    """Doubles numbers; holds `room` pictures at once."""

    def __init__(self, room: int = 10_000) -> None:
        self.room = room
        self.shapes: list[int] = []
        self.released = 0

    def __call__(self, stack: np.ndarray) -> np.ndarray:
        if len(stack) > self.room:
            raise OutOfMemory(f"{len(stack)} of {self.room}")
        self.shapes.append(len(stack))
        return stack * 2

    def release(self) -> None:
        self.released += 1


def batches(model: FakeModel, *, largest: int = 8, pad: bool = True) -> FixedBatches:
    return FixedBatches(largest=largest, pad=pad, out_of_memory=OutOfMemory, release=model.release)


def numbers(count: int) -> list[np.ndarray]:
    return [np.array([index + 1], np.int64) for index in range(count)]


def rows(passes) -> list[int]:
    return [int(row[0]) for stack, count in passes for row in stack[:count]]


@given(
    count=st.integers(0, 70),
    largest=st.integers(1, 17),
    pad=st.booleans(),
    rooms=st.lists(st.integers(1, 20), min_size=1, max_size=4),
)
def test_every_picture_has_its_row_in_order_whatever_the_memory(count, largest, pad, rooms):
    model = FakeModel()
    sized = batches(model, largest=largest, pad=pad)
    for room in rooms:
        model.room = room
        assert rows(sized.run(model, numbers(count))) == [2 * (index + 1) for index in range(count)]
    assert set(model.shapes) <= set(sized.shapes())


def test_a_rest_is_filled_with_blanks_or_cut_into_smaller_shapes():
    padded, cut = FakeModel(), FakeModel()
    batches(padded).run(padded, numbers(13))
    batches(cut, pad=False).run(cut, numbers(13))
    assert padded.shapes == [8, 8]
    assert cut.shapes == [8, 4, 1]


def test_there_are_few_shapes_whatever_the_counts():
    model = FakeModel()
    sized = batches(model, largest=48)
    for count in range(1, 200):
        sized.run(model, numbers(count))
    assert set(model.shapes) <= {1, 2, 4, 8, 16, 32, 48}


def test_running_out_of_memory_halves_the_batch_and_loses_nothing():
    model = FakeModel(room=3)
    sized = batches(model)
    assert rows(sized.run(model, numbers(9))) == [2 * (index + 1) for index in range(9)]
    assert sized.limit == 2
    assert sized.halved == model.released == 2


def test_the_batch_grows_back_when_memory_does():
    model = FakeModel(room=2)
    sized = batches(model)
    sized.run(model, numbers(8))
    assert sized.limit == 2
    model.room = 8
    for _ in range(2 * 2 * GROW_AFTER + 1):
        sized.run(model, numbers(2))
    assert sized.limit == 8


def test_memory_that_stays_short_is_asked_for_ever_less_often():
    model = FakeModel(room=4)
    sized = batches(model)
    for _ in range(64 * GROW_AFTER):
        sized.run(model, numbers(4))
    assert sized.halved <= 8


def test_one_picture_too_much_for_the_device_says_so_and_is_tried_again_later():
    model = FakeModel(room=0)
    with pytest.raises(DependencyUnavailable, match="one picture"):
        batches(model).run(model, numbers(3))
