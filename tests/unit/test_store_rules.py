"""Rules of the item store that need no Milvus: names, literals, keys, and what it remembers to have written."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rushes.infra.store.known import KnownRows
from rushes.infra.store.naming import collection_name, literal, row_id, row_key, space_of_property, space_to_property
from rushes.infra.store.port import Space
from rushes.infra.store.rows import StoredRow
from rushes.schemas.event import KINDS
from rushes.schemas.ids import Generation, LibraryId, ModelId
from rushes.schemas.revision import Revision

texts = st.text(min_size=1, max_size=300)
spaces = st.builds(Space, st.sampled_from(KINDS), texts.map(ModelId), texts.map(Generation), st.integers(1, 16_384))


@given(space=spaces)
def test_every_space_has_a_name_that_milvus_takes(space):
    for table in ("items", "clusters"):
        name = collection_name("rushes", table, space)
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,254}", name)


@given(first=spaces, second=spaces)
def test_two_spaces_never_share_a_name(first, second):
    assert (collection_name("p", "items", first) == collection_name("p", "items", second)) == (first == second)
    assert collection_name("p", "items", first) != collection_name("p", "clusters", first)


@given(space=spaces)
def test_a_space_is_known_again_by_its_property(space):
    assert space_of_property(space_to_property(space)) == space


@given(value=st.one_of(st.none(), st.text(), st.just("{}"), st.just('{"kind": "scene"}')))
def test_a_property_of_someone_else_is_no_space(value):
    assert space_of_property(value) is None


@given(value=st.text(alphabet="ab\"\\'", max_size=20))
def test_a_literal_ends_where_its_string_ends(value):
    inside = literal(value)[1:-1]
    assert re.fullmatch(r'(?:[^"\\]|\\["\\])*', inside)
    assert re.sub(r"\\(.)", r"\1", inside) == value


@given(library=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True), row=st.text(max_size=40))
def test_a_key_gives_its_id_again(library, row):
    assert row_id(LibraryId(library), row_key(library, row)) == row


def stored(library: str, key: str, content: str) -> StoredRow:
    space = Space("scene", ModelId("m"), Generation("g"), 2)
    return StoredRow(space, library, key, Revision(n=1, k=0), "{}", np.ones(2, np.float32), content)


def test_a_row_is_unchanged_only_with_the_content_last_written():
    known = KnownRows()
    known.remember("c", [stored("a", "1", "x"), stored("a", "1", "y")])
    assert known.unchanged("c", stored("a", "1", "y"))
    assert not known.unchanged("c", stored("a", "1", "x"))
    assert not known.unchanged("d", stored("a", "1", "y"))
    assert not known.unchanged("c", stored("b", "1", "y"))


def test_a_library_or_a_collection_can_be_forgotten():
    known = KnownRows()
    rows = {(c, lib): stored(lib, "1", "x") for c in "cd" for lib in "ab"}
    for (collection, _), row in rows.items():
        known.remember(collection, [row])
    known.forget("c", "a")
    assert [known.unchanged(c, row) for (c, _), row in rows.items()] == [False, True, True, True]
    known.forget("d")
    assert [known.unchanged(c, row) for (c, _), row in rows.items()] == [False, True, False, False]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.booleans()), max_size=200))
def test_what_is_remembered_stays_bounded_and_what_is_forgotten_is_gone(steps):
    known = KnownRows(limit=10)
    last: dict[tuple[str, str], str] = {}
    for step, (library, number, forget) in enumerate(steps):
        if forget:
            known.forget("c", library)
            gone = [(key, content) for (lib, key), content in last.items() if lib == library]
            assert not any(known.unchanged("c", stored(library, key, content)) for key, content in gone)
            continue
        row = stored(library, f"{library}/{number}", str(step))
        known.remember("c", [row])
        assert known.unchanged("c", row)
        last[library, row.key] = row.content_hash
        remembered = [
            (lib, key, content)
            for (lib, key), content in last.items()
            if known.unchanged("c", stored(lib, key, content))
        ]
        assert len(remembered) <= 10
