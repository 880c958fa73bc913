"""Headers of safetensors files: what is right is read, what is wrong is named, and nothing a file says is believed."""

from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from safetensors_bytes import safetensors, table
from weighbridge.errors import WeightsError
from weighbridge.formats.safetensors import MAX_HEADER_BYTES, parse_header, read_safetensors

GOOD = table({"model.embed_tokens.weight": ("BF16", (10, 4)), "model.norm.weight": ("F32", (4,))})


def wrong(tmp_path: Path, content: bytes) -> str:
    """What the reader says of a file with this content."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_safetensors(path)
    assert str(path) in str(caught.value)
    return caught.value.what


def test_names_types_shapes_and_sizes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(GOOD | {"__metadata__": {"format": "pt"}}))

    header = read_safetensors(path)

    assert [(tensor.name, tensor.dtype, tensor.shape, tensor.bytes) for tensor in header.tensors] == [
        ("model.embed_tokens.weight", "BF16", (10, 4), 80),
        ("model.norm.weight", "F32", (4,), 16),
    ]
    assert (header.tensor_bytes, header.file_bytes) == (96, path.stat().st_size)
    assert header.metadata == {"format": "pt"}


def test_a_file_the_formats_own_library_wrote_is_read(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy", reason="the safetensors package is not installed")
    import numpy as np

    path = tmp_path / "model.safetensors"
    numpy.save_file({"a": np.zeros((3, 5), np.float16), "b": np.ones(7, np.int64)}, str(path))

    assert {tensor.name: tensor.bytes for tensor in read_safetensors(path).tensors} == {"a": 30, "b": 56}


def test_spaces_after_the_header_are_padding(tmp_path: Path) -> None:
    """The library pads headers to a multiple of eight bytes."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(json.dumps(GOOD).encode() + b"    ", bytes(96)))

    assert len(read_safetensors(path).tensors) == 2


def test_four_bit_types_take_half_a_byte() -> None:
    text = json.dumps({"w": {"dtype": "F4", "shape": [4, 8], "data_offsets": [0, 16]}}).encode()

    assert parse_header(text, len(text), 8 + len(text) + 16, "here").tensors[0].bytes == 16


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "ends inside the header's length", id="empty"),
        pytest.param(b"\x10\0\0", "ends inside the header's length", id="three-bytes"),
        pytest.param(safetensors(GOOD)[:40], "ends inside its header", id="cut-in-the-header"),
        pytest.param(safetensors(GOOD)[:-1], "it is cut", id="cut-in-the-data"),
        pytest.param(safetensors(GOOD) + b"x", "belong to none", id="bytes-behind"),
        pytest.param(safetensors(b"{}", b"", MAX_HEADER_BYTES + 1), "is not believed", id="huge-header"),
        pytest.param(struct.pack("<Q", 1 << 63) + b"{}", "no safetensors file", id="length-of-half-the-world"),
        pytest.param(b"GGUF\x03\0\0\0" + bytes(64), "no safetensors file", id="gguf"),
        pytest.param(safetensors(b"[]", b""), "does not begin with", id="a-list"),
        pytest.param(safetensors(b"{" * 20_000, b""), "no JSON", id="nested-braces"),
        pytest.param(safetensors(b'{"a":' + b"[" * 90_000, b""), "nests deeper", id="nested-lists"),
        pytest.param(safetensors(b'{"a": \xff}', b""), "not UTF-8", id="not-utf8"),
        pytest.param(safetensors(b'{"a": NaN}', b""), "no JSON", id="nan"),
        pytest.param(safetensors(b'{"a": {}, "a": {}}', b""), "twice", id="a-name-twice"),
        pytest.param(
            safetensors(b'{"a": {"dtype": "U8", "dtype": "F32", "shape": [], "data_offsets": [0, 1]}}', b"x"),
            "twice",
            id="a-field-twice",
        ),
        pytest.param(safetensors({"a": {"dtype": "U8", "shape": [1]}}, b"x"), "not described", id="no-offsets"),
        pytest.param(safetensors({"__metadata__": {"a": 1}}, b""), "no table of texts", id="metadata-of-numbers"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in wrong(tmp_path, content)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param({"dtype": "Q4_0"}, "unknown type", id="type"),
        pytest.param({"dtype": ["F32"]}, "unknown type", id="type-that-is-a-list"),
        pytest.param({"shape": [-1]}, "cannot be", id="negative"),
        pytest.param({"shape": [2.0]}, "cannot be", id="fraction"),
        pytest.param({"shape": [True]}, "cannot be", id="true"),
        pytest.param({"shape": [1] * 33}, "cannot be", id="dimensions"),
        pytest.param({"shape": [1 << 59, 1 << 59]}, "more elements", id="overflow"),
        pytest.param({"shape": [3]}, "its place has 16", id="shape-against-size"),
        pytest.param({"data_offsets": [16, 0]}, "no place", id="backwards"),
        pytest.param({"data_offsets": [0]}, "no place", id="one-offset"),
        pytest.param({"data_offsets": [-16, 0]}, "no place", id="before-the-data"),
        pytest.param({"data_offsets": [8, 24]}, "belong to none", id="hole"),
        pytest.param({"extra": 1}, "not described", id="another-field"),
    ],
)
def test_a_tensor_that_lies_is_named(tmp_path: Path, entry: dict[str, object], said: str) -> None:
    header = {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | entry}

    assert said in wrong(tmp_path, safetensors(header, bytes(24)))


def test_two_tensors_may_not_share_bytes(tmp_path: Path) -> None:
    """What reads one name and what reads the other would disagree about the same bytes."""
    one = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    two = {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}

    assert "overlap" in wrong(tmp_path, safetensors({"a": one, "b": two}, bytes(24)))


def test_empty_tensors_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(table({"empty": ("F32", (0, 5)), "one": ("F32", ())})))

    assert [tensor.bytes for tensor in read_safetensors(path).tensors] == [0, 4]


def test_a_folder_or_a_missing_file_is_an_error_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no file"):
        read_safetensors(tmp_path)
    with pytest.raises(WeightsError, match="cannot read"):
        read_safetensors(tmp_path / "missing.safetensors")


@settings(max_examples=300, deadline=None)
@given(some.binary(max_size=300), some.integers(0, 64))
def test_any_bytes_are_read_or_refused(content: bytes, length: int) -> None:
    """Nothing but WeightsError may come out, whatever the bytes are."""
    with contextlib.suppress(WeightsError):
        parse_header(content[8:], length, len(content), "fuzz")


@settings(max_examples=300, deadline=None)
@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
        lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=12), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    text = json.dumps({"w": value}).encode()
    with contextlib.suppress(WeightsError):
        parse_header(text, len(text), 8 + len(text) + 16, "fuzz")
