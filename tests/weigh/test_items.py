"""Items are read one at a time from files of any size, and what is wrong with one is named with its line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weighbridge.errors import InputError
from weighbridge.formats.problems import Problem, Problems
from weighbridge.weigh.items import MISSING, Items, look_up, open_items
from weighbridge.weigh.records import Item


def nothing_wrong(item: Item, line: int) -> Iterator[Problem]:
    return iter(())


def open_file(path: Path, *, id_field: str | None = None, max_item_bytes: int = 1 << 20) -> Items:
    problems = Problems(first_raises=True)
    items = open_items(
        path, path.name, id_field=id_field, max_item_bytes=max_item_bytes, look=nothing_wrong, problems=problems
    )
    assert items is not None
    return items


def try_to_open(path: Path, *, max_item_bytes: int = 1 << 20) -> tuple[Sequence[Item], str]:
    """The items and the file's name, or no items and the place of the mistake."""
    try:
        return open_file(path, max_item_bytes=max_item_bytes), path.name
    except InputError as error:
        return (), str(error.where)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_an_item_knows_its_place_its_id_and_its_fields(tmp_path: Path) -> None:
    items = open_file(write(tmp_path / "i.jsonl", '{"id": 7, "a": 1}\n\n{"id": "x", "a": {"b": [2]}}'))

    assert items[0] == Item(0, "7", {"id": 7, "a": 1})
    assert items[-1] == Item(1, "x", {"id": "x", "a": {"b": [2]}})
    assert [items.where(0), items.where(1, "a")] == ["i.jsonl:1", "i.jsonl:3: a"]


def test_items_without_ids_are_numbered_from_one(tmp_path: Path) -> None:
    items = open_file(write(tmp_path / "i.jsonl", '{"a": 1}\n{"a": 2}\n'))

    assert [item.id for item in items] == ["1", "2"]


def test_a_place_that_is_not_there_is_an_index_error(tmp_path: Path) -> None:
    items = open_file(write(tmp_path / "i.jsonl", '{"a": 1}\n'))

    with pytest.raises(IndexError):
        items[1]


def test_closed_items_give_their_file_back(tmp_path: Path) -> None:
    items = open_file(write(tmp_path / "i.jsonl", '{"a": 1}\n'))
    items.close()
    items.close()

    with pytest.raises(ValueError, match="closed"):
        items[0]


def test_a_byte_order_mark_is_no_part_of_the_first_field(tmp_path: Path) -> None:
    """Spreadsheets write one, and the first column's name would begin with it."""
    for name, content in (("i.csv", "text,n\nhello,1\n"), ("i.jsonl", '{"text": "hello", "n": "1"}\n')):
        items = open_file(write(tmp_path / name, b"\xef\xbb\xbf" + content.encode()))

        assert items[0].fields == {"text": "hello", "n": "1"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("i.csv", 'a,b\n"x, y",2\n', id="comma"),
        pytest.param("i.csv", 'a;b\n"x, y";2\n', id="semicolon"),
        pytest.param("i.tsv", "a\tb\nx, y\t2\n", id="tab"),
        pytest.param("i.csv", 'a,b\r\n"x, y",2\r\n', id="windows"),
        pytest.param("i.csv", 'a,b\n\n"x, y",2', id="no-last-line-end"),
    ],
)
def test_delimited_files_of_all_usual_kinds_are_read(tmp_path: Path, name: str, content: str) -> None:
    assert [item.fields for item in open_file(write(tmp_path / name, content))] == [{"a": "x, y", "b": "2"}]


BAD_CSV = [
    pytest.param("a,b\n1,2\n3\n", "i.csv:3", "1 column, the header has 2", id="short-row"),
    pytest.param("a,b\n1,2,3\n", "i.csv:2", "3 columns, the header has 2", id="long-row"),
    pytest.param('a,b\n1,2\n"3,4\n5,6\n', "i.csv:3", "never closed", id="open-quote"),
    pytest.param('a,b\n"1"x,2\n', "i.csv:2", "not readable as CSV", id="text-after-a-quote"),
    pytest.param("a,a\n1,2\n", "i.csv:1: a", "two columns are called 'a'", id="same-column-twice"),
    pytest.param("a,\n1,2\n", "i.csv:1", "column 2 has no name", id="nameless-column"),
    pytest.param(b"a,b\n1,\xff\n", "i.csv:2", "not UTF-8: byte 0xff at byte 3", id="not-utf-8"),
    pytest.param("a,b\n", "i.csv", "no items", id="only-a-header"),
    pytest.param("a,b\n1," + "x" * 3000 + "\n", "i.csv:2", "this item is 2.9 KiB", id="too-large"),
    pytest.param('a,b\n1,"' + "x\n" * 3000 + '"\n', "i.csv:2", "at most 1.0 KiB", id="too-large-over-many-lines"),
]


@pytest.mark.parametrize(("content", "where", "what"), BAD_CSV)
def test_a_bad_record_of_a_csv_is_named_with_its_line(
    tmp_path: Path, content: str | bytes, where: str, what: str
) -> None:
    with pytest.raises(InputError) as caught:
        open_file(write(tmp_path / "i.csv", content), max_item_bytes=1024)

    assert caught.value.where == where
    assert what in caught.value.what


texts = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=20)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(texts, texts), min_size=1, max_size=8))
def test_what_a_csv_writer_wrote_is_what_is_read(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    """Quotes, line ends and delimiters inside values included."""
    sheet = io.StringIO(newline="")
    csv.writer(sheet, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    path = write(tmp_path / "i.csv", sheet.getvalue())

    assert [(item.fields["a"], item.fields["b"]) for item in open_file(path)] == rows


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.dictionaries(texts.filter(lambda name: name != "id"), values, max_size=4), min_size=1, max_size=6)
)
def test_what_was_written_as_json_lines_is_what_is_read(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    path = write(tmp_path / "i.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    items = open_file(path)

    assert [item.fields for item in items] == rows
    assert [items.line(place) for place in range(len(items))] == list(range(1, len(rows) + 1))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200) | st.text('{}[]",:;0aé\\\n\r\t ', max_size=60).map(str.encode),
    name=st.sampled_from(["i.jsonl", "i.csv", "i.tsv"]),
)
def test_no_bytes_raise_anything_but_an_input_error(tmp_path: Path, content: bytes, name: str) -> None:
    path = write(tmp_path / name, content)

    items, place = try_to_open(path, max_item_bytes=64)

    assert place.startswith(name)
    assert all(isinstance(item.fields, dict) for item in items)


def test_ids_are_the_same_as_texts_whatever_their_type(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two items have the id '1': lines 1 and 2"):
        open_file(write(tmp_path / "i.jsonl", '{"id": 1}\n{"id": "1"}\n'))


def test_equal_hashes_of_different_ids_are_no_duplicates(tmp_path: Path) -> None:
    """Python hashes the whole numbers n and n + 2^61 - 1 alike, so ids are compared, not hashes."""
    import numpy as np

    from weighbridge.weigh.items.twins import same_ids

    items = open_file(write(tmp_path / "i.jsonl", '{"id": "a"}\n{"id": "b"}\n{"id": "c"}\n'))

    assert list(same_ids(items, np.array([5, 5, 5]))) == []


def test_many_duplicates_are_named_in_the_order_of_the_file_and_not_all(tmp_path: Path) -> None:
    path = write(tmp_path / "i.jsonl", '{"id": "a"}\n{"id": "b"}\n' + '{"id": "b"}\n{"id": "a"}\n' * 5_000)
    problems = Problems()

    open_items(path, "i.jsonl", id_field=None, max_item_bytes=1024, look=nothing_wrong, problems=problems)

    assert [problem.line for problem in problems.found] == list(range(3, 23))
    assert "lines 2 and 3" in problems.found[0].what


@pytest.mark.parametrize("path", ["a", "a.b", "a.b.0", "l.1.x", "dotted.name"])
def test_a_path_finds_its_value_step_by_step(path: str) -> None:
    fields = {"a": {"b": ["v"]}, "l": [1, {"x": 2}], "dotted.name": 3}
    expected = {"a": {"b": ["v"]}, "a.b": ["v"], "a.b.0": "v", "l.1.x": 2, "dotted.name": 3}

    assert look_up(fields, path) == expected[path]


@pytest.mark.parametrize("path", ["", "b", "a.c", "a.b.1", "l.-1", "l.__class__", "a.keys", "l.9999999999999"])
def test_a_path_that_leads_nowhere_reaches_nothing_else(path: str) -> None:
    """No attribute, no method, no counting from the end."""
    assert look_up({"a": {"b": ["v"]}, "l": [1]}, path) is MISSING


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "i.jsonl")

    with pytest.raises(InputError, match="not a regular file"):
        open_file(tmp_path / "i.jsonl")


MEASURE = """
import json, random, resource, sys
from pathlib import Path
from weighbridge.weigh.items import open_items
from weighbridge.formats.problems import Problems
path, count = Path(sys.argv[1]), int(sys.argv[2])
with path.open("w") as file:
    for number in range(count):
        file.write('{"id": "item-%d", "text": "a ticket of some words, number %d"}\\n' % (number, number))
items = open_items(path, "i", id_field=None, max_item_bytes=1024, look=lambda i, l: iter(()), problems=Problems())
for _ in range(1000):
    items[random.randrange(count)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.slow
def test_a_million_items_take_less_than_100_mb_more_than_ten_thousand(tmp_path: Path) -> None:
    """In processes of their own, because a peak never goes down."""
    peaks = [
        int(subprocess.check_output([sys.executable, "-c", MEASURE, str(tmp_path / "i.jsonl"), str(count)]))
        for count in (10_000, 1_000_000)
    ]

    assert peaks[1] - peaks[0] < 100_000_000
