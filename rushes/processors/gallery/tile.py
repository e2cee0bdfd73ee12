"""Products of a tile of rows and probes, in vectors of the processor: four rows and four probes are read once for
sixteen products, where one row and one probe would be read for each.

The compiler doesn't find this by itself from loops, so the vectors are written down, in LLVM's own language and for no
processor in particular: it makes of them what the processor has (of x86 `vpdpwssd` with VNNI, `pmaddwd` without). Rows
come from memory, so those of the tile after next are asked for meanwhile. Tiles as in Goto and van de Geijn 2008,
"Anatomy of high-performance matrix multiplication".
"""

from collections.abc import Callable
from itertools import product
from typing import Any, Final, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from rushes.processors.gallery.integers import Steps16

TILE: Final = 4
"""Rows of a tile, and probes. Measured for 352 rows and 256 probes: 1 and 4 518 us, 2 and 4 533, 4 and 2 382, 4 and 4
359; written as loops 1,074."""

WIDTH: Final = 32
"""Components that are taken at once, a line of the cache; 16 take 451 us."""

AHEAD: Final = 2 * TILE
"""Rows ahead that are asked for: 8 probes with 345 rows that are in no cache take 14 us; without 35, and one tile ahead
18. Reading the rows alone takes 12 to 14."""

INT16, INT32, INT64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
TAKEN = ir.VectorType(INT16, WIDTH)
PRODUCTS = ir.VectorType(INT32, WIDTH)
SUMS = ir.VectorType(INT32, WIDTH // 2)
BYTES, NOTHING = ir.IntType(8).as_pointer(), ir.VoidType()
ASK_FOR: Final = "llvm.prefetch.p0"
ADD_UP: Final = f"llvm.vector.reduce.add.v{WIDTH // 2}i32"


def _signature(_context: Any, rows: Any, row: Any, probes: Any, chosen: Any, place: Any, sums: Any) -> Any:  # noqa: PLR0917 (Numba's way)
    return types.void(rows, row, probes, chosen, place, sums), _written


def _written(context: Any, builder: ir.IRBuilder, signature: Any, given: Any) -> Any:
    def array(number: int) -> Any:
        return context.make_array(signature.args[number])(context, builder, given[number])

    rows, probes, chosen, sums = array(0), array(2), array(3), array(5)
    dim = builder.extract_value(rows.shape, 1)
    numbers = range(TILE)
    of_rows = [builder.gep(rows.data, [builder.mul(_plus(builder, given[1], number), dim)]) for number in numbers]
    asked = [builder.load(builder.gep(chosen.data, [_plus(builder, given[4], number)])) for number in numbers]
    of_probes = [builder.gep(probes.data, [builder.mul(number, dim)]) for number in asked]

    before, loop, after = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    component = builder.phi(INT64)
    component.add_incoming(ir.Constant(INT64, 0), before)
    totals = [builder.phi(SUMS) for _ in range(TILE * TILE)]
    for start in of_rows:
        _ask_for(builder, builder.gep(start, [builder.mul(dim, ir.Constant(INT64, AHEAD))]), component)
    of_rows, of_probes = ([_taken(builder, start, component) for start in starts] for starts in (of_rows, of_probes))
    for total, (row, probe) in zip(totals, product(of_rows, of_probes), strict=True):
        total.add_incoming(ir.Constant(SUMS, None), before)
        total.add_incoming(builder.add(total, _pairs(builder, builder.mul(row, probe))), loop)
    later = _plus(builder, component, WIDTH)
    component.add_incoming(later, loop)
    builder.cbranch(builder.icmp_signed("<", later, dim), loop, after)

    builder.position_at_end(after)
    add_up = _intrinsic(builder, ADD_UP, ir.FunctionType(INT32, [SUMS]))
    for number, total in enumerate(totals):
        last = next(value for value, block in total.incomings if block is loop)
        builder.store(builder.call(add_up, [last]), builder.gep(sums.data, [ir.Constant(INT64, number)]))
    return context.get_dummy_value()


def _plus(builder: ir.IRBuilder, value: Any, number: int) -> Any:
    return builder.add(value, ir.Constant(INT64, number))


def _taken(builder: ir.IRBuilder, start: Any, component: Any) -> Any:
    """The next components, widened; a row begins anywhere in memory."""
    place = builder.bitcast(builder.gep(start, [component]), TAKEN.as_pointer())
    return builder.sext(builder.load(place, align=INT16.width // 8), PRODUCTS)


def _ask_for(builder: ir.IRBuilder, start: Any, component: Any) -> None:
    """Have components brought into the cache, to be read; beyond the end of memory nothing happens."""
    place = builder.bitcast(builder.gep(start, [component]), BYTES)
    ask = _intrinsic(builder, ASK_FOR, ir.FunctionType(NOTHING, [BYTES, INT32, INT32, INT32]))
    to_read, into_all, of_data = (ir.Constant(INT32, number) for number in (0, 3, 1))
    builder.call(ask, [place, to_read, into_all, of_data])


def _intrinsic(builder: ir.IRBuilder, name: str, kind: ir.FunctionType) -> Any:
    return builder.module.globals.get(name) or ir.Function(builder.module, kind, name)


def _pairs(builder: ir.IRBuilder, products: Any) -> Any:
    """Sums of two neighbours: what the instructions named above give."""
    nothing = ir.Constant(PRODUCTS, ir.Undefined)
    places = ir.VectorType(INT32, WIDTH // 2)
    even, odd = (
        builder.shuffle_vector(products, nothing, ir.Constant(places, list(range(first, WIDTH, 2)))) for first in (0, 1)
    )
    return builder.add(even, odd)


multiply_tile = cast(
    "Callable[[Steps16, int, Steps16, NDArray[np.int64], int, NDArray[np.int32]], None]", intrinsic(_signature)
)
"""`multiply_tile(rows, row, probes, chosen, place, sums)`, in compiled functions only: products of the rows, (n, d),
from `row` on with the probes, (b, d), that `chosen`, (c,), names from `place` on, into `sums`, (`TILE` ** 2,), row by
row. Nothing is checked: `d` is a multiple of `WIDTH`, and there are `TILE` rows and places.
"""
