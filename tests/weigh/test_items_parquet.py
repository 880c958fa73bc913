"""Parquet is read through pyarrow (extra `parquet`) into the same items."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_items import open_file, try_to_open

from weighbridge.errors import InputError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def write(path: Path, columns: dict[str, list[object]]) -> Path:
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_rows_become_items_with_nested_values(tmp_path: Path) -> None:
    columns = {
        "id": [1, 2],
        "text": ["ä", None],
        "more": [{"a": [1]}, {"a": []}],
        "day": [datetime.date(2026, 1, 2)] * 2,
    }

    items = open_file(write(tmp_path / "i.parquet", columns))

    assert [item.id for item in items] == ["1", "2"]
    assert items[0].fields == {"id": 1, "text": "ä", "more": {"a": [1]}, "day": "2026-01-02"}
    assert items[1].fields["text"] is None


def test_nan_is_a_missing_number_as_in_pandas(tmp_path: Path) -> None:
    items = open_file(write(tmp_path / "i.parquet", {"x": [1.5, float("nan")]}))

    assert [item.fields["x"] for item in items] == [1.5, None]


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        pytest.param({"x": [1.0, float("inf")]}, "infinity is no number", id="infinity"),
        pytest.param({"id": ["a", "a"]}, "two items have the id 'a'", id="same-id"),
        pytest.param({"x": ["a", "b" * 3000]}, "this item is 2.9 KiB", id="too-large"),
    ],
)
def test_a_bad_row_is_named_with_its_number(tmp_path: Path, columns: dict[str, list[object]], what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        open_file(write(tmp_path / "i.parquet", columns), max_item_bytes=1024)

    assert str(caught.value.where).startswith("i.parquet:2")


def test_a_table_without_rows_has_no_items(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no items"):
        open_file(write(tmp_path / "i.parquet", {"x": pyarrow.array([], pyarrow.string())}))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 600), noise=st.binary(min_size=1, max_size=30), whole=st.booleans())
def test_a_damaged_file_is_an_input_error(tmp_path: Path, start: int, noise: bytes, whole: bool) -> None:
    path = write(tmp_path / "i.parquet", {"x": ["a", "b"], "y": [1, 2]})
    sound = path.read_bytes()
    path.write_bytes(noise if whole else sound[:start] + noise + sound[start + len(noise) :])

    items, place = try_to_open(path)

    assert place.startswith("i.parquet")
    assert all(isinstance(item.fields, dict) for item in items)
