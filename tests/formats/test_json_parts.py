"""Parts of a large JSON document come out whole, wherever the window on the file happens to end."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.formats import json_parts as module
from weighbridge.formats.json_parts import BadJson, json_parts

TEXTS = st.text(st.sampled_from(list('ab"\\{}[],: ü\n\u2028')), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def parts(document: str | bytes, **asked: Any) -> list[tuple[tuple[str, ...], Any]]:
    raw = document if isinstance(document, bytes) else document.encode()
    return [(path, json.loads(part)) for path, part in json_parts(io.BytesIO(raw), **asked)]


@given(st.lists(VALUES, max_size=5), VALUES, st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_elements_and_values_are_those_of_the_document(
    rows: list[Any], other: Any, chunk: int, ascii_only: bool, indent: int | None
) -> None:
    document = {"before": other, "results": {"results": rows, "x": other}, "config": other}
    written = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    usual, module.CHUNK = module.CHUNK, chunk
    try:
        found = parts(written, each={("results", "results")}, whole={("config",)})
    finally:
        module.CHUNK = usual

    assert found == [*((("results", "results"), row) for row in rows), (("config",), other)]


def test_the_document_itself_may_be_the_array() -> None:
    assert parts("[1, [2], {}]", each={()}) == [((), 1), ((), [2]), ((), {})]


@given(st.text(st.sampled_from(list('{}[]",:\\ae1 ')), max_size=60))
def test_what_is_no_json_is_refused_or_stepped_over(text: str) -> None:
    """Never another error, and never an endless loop."""
    try:
        for _ in json_parts(io.BytesIO(text.encode()), each={("a",)}, whole={("e",)}):
            pass
    except (BadJson, ValueError):
        return


@pytest.mark.parametrize("cut", [1, 5, 20, 30])
def test_a_document_that_was_cut_off_is_named(cut: int) -> None:
    written = json.dumps({"results": {"results": [{"text": "some words"}]}})

    with pytest.raises(BadJson, match="cut off"):
        parts(written[:-cut], each={("results", "results")})


def test_a_part_that_is_too_large_is_refused_before_it_fills_memory() -> None:
    written = json.dumps({"samples": ["x" * 5_000_000]})

    with pytest.raises(BadJson, match="larger than"):
        list(json_parts(io.BytesIO(written.encode()), each={("samples",)}, most_bytes=1 << 20))
