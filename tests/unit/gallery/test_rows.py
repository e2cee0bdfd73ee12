import numpy as np

from rushes.processors.gallery.rows import BLOCK_ROWS, FIRST_ROWS, Rows


def test_rows_stay_what_they_are_while_there_come_more() -> None:
    rows, count = Rows(3), 3 * BLOCK_ROWS + 5
    for number in range(count):
        if number == len(rows):
            rows.grow()
        rows[number][:] = [number, -number, 7]

    numbers = np.array([count - 1, 0, BLOCK_ROWS, BLOCK_ROWS - 1, 2 * BLOCK_ROWS, 0])
    assert (rows.taken(numbers) == np.stack([numbers, -numbers, np.full(6, 7)], axis=1)).all()
    assert len(rows) == 4 * BLOCK_ROWS
    assert rows.bytes == len(rows) * 3 * 4


def test_a_full_block_is_not_copied() -> None:
    rows = Rows(2)
    while len(rows) < BLOCK_ROWS:
        rows.grow()
    held = rows[BLOCK_ROWS - 1]
    rows.grow()
    held[:] = 5

    assert (rows[BLOCK_ROWS - 1] == 5).all()


def test_what_was_taken_is_a_copy() -> None:
    rows = Rows(2)
    rows.grow()
    assert len(rows) == FIRST_ROWS

    rows.taken(np.array([1]))[:] = 9
    assert not rows[1].any()
