"""The GGUF reader believes nothing it has not counted."""

from __future__ import annotations

import struct
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gguf_bytes import (
    ARRAY,
    BOOL,
    FLOAT32,
    FLOAT64,
    INT64,
    Q4_0,
    STRING,
    TEMPLATE,
    UINT8,
    UINT64,
    T,
    Typed,
    gguf,
    scalar,
    small_model,
    text,
)
from weighbridge.errors import WeightsError
from weighbridge.formats.gguf import GgufArray, read_gguf

HEAD = b"GGUF" + struct.pack("<I", 3)
ONE = HEAD + struct.pack("<QQ", 0, 1)
"""A header that promises no tensor and one metadata pair."""


def write(folder: Path, content: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(content)
    return path


def refusal(folder: Path, content: bytes) -> str:
    with pytest.raises(WeightsError) as caught:
        read_gguf(write(folder, content))
    return str(caught.value)


def test_what_a_model_says_about_itself_is_read(tmp_path: Path) -> None:
    header = read_gguf(write(tmp_path, small_model()))

    header.check_whole()
    assert (header.version, header.architecture, header.name) == (3, "llama", "Tiny")
    assert header.context_length == 2048
    assert header.license == "apache-2.0"
    assert header.chat_template == TEMPLATE
    assert header.parameters == 1024 + 64
    assert header.data_bytes == 1024 * 4 + 2 * 18
    assert header.data_offset % 32 == 0
    assert [tensor.type_name for tensor in header.tensors] == ["F32", "Q4_0"]
    assert header.split_count == 1


def test_a_model_without_a_chat_template_says_so(tmp_path: Path) -> None:
    """The engine must not put such a model into somebody else's chat format."""
    assert read_gguf(write(tmp_path, small_model(template=False))).chat_template is None


@pytest.mark.parametrize("version", [2, 3])
def test_versions_2_and_3_are_read_alike(tmp_path: Path, version: int) -> None:
    assert read_gguf(write(tmp_path, gguf(version=version))).architecture == "llama"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (Typed(UINT8, 255), 255),
        (Typed(UINT64, 2**63), 2**63),
        (Typed(INT64, -5), -5),
        (Typed(FLOAT32, 0.5), 0.5),
        (Typed(FLOAT64, 0.1), 0.1),
        (Typed(BOOL, True), True),
        (Typed(STRING, "größer 大"), "größer 大"),
        (Typed(ARRAY, [1, 2, 3], UINT8), (1, 2, 3)),
        (Typed(ARRAY, [], STRING), ()),
    ],
)
def test_every_kind_of_value_comes_back(tmp_path: Path, typed: Typed, expected: Any) -> None:
    assert read_gguf(write(tmp_path, gguf({"key": typed}))).metadata["key"] == expected


def test_a_vocabulary_stays_in_the_file_until_it_is_asked_for(tmp_path: Path) -> None:
    tokens = [f"⟨{number}⟩" for number in range(5_000)]
    header = read_gguf(write(tmp_path, gguf({"tokens": tokens, "after": 7})))

    array = header.metadata["tokens"]

    assert isinstance(array, GgufArray)
    assert len(array) == 5_000
    assert array.head(2) == ("⟨0⟩", "⟨1⟩")
    assert list(array) == tokens
    assert header.metadata["after"] == 7


def test_strings_longer_than_the_window_are_stepped_over(tmp_path: Path) -> None:
    words = ["x" * 3_000_000, *(["y"] * 300), "z" * 2_000_000]

    header = read_gguf(write(tmp_path, gguf({"words": words, "after": 7})))

    assert header.metadata["after"] == 7
    assert [len(str(word)) for word in header.metadata["words"]] == [len(word) for word in words]  # type: ignore[union-attr]


def test_a_truncated_file_is_named_with_both_sizes(tmp_path: Path) -> None:
    whole = small_model()
    header = read_gguf(write(tmp_path, whole[:-40]))

    with pytest.raises(WeightsError, match=f"ends at byte {header.data_end} but the file has {len(whole) - 40} bytes"):
        header.check_whole()


def test_padding_behind_the_last_tensor_may_be_missing(tmp_path: Path) -> None:
    """Writers differ: the last tensor need not be padded."""
    whole = small_model()

    read_gguf(write(tmp_path, whole[: len(whole) - 28])).check_whole()  # 2 x 18 bytes of Q4_0, padded to 64


def test_a_tensor_of_an_unknown_type_is_kept_with_its_size_unknown(tmp_path: Path) -> None:
    header = read_gguf(write(tmp_path, gguf(tensors=[T("new", [32], 99)])))

    assert header.tensors[0].bytes is None
    assert header.data_bytes is None
    assert header.tensors[0].type_name == "type 99"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\0" * 100, "only zero bytes", id="zeros"),
        pytest.param(b"<!DOCTYPE html><html>404", "a web page", id="html"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer", id="lfs-pointer"),
        pytest.param(b"PK\x03\x04" + b"x" * 40, "zip archive", id="zip"),
        pytest.param(b"tjgg" + b"x" * 40, "GGJT", id="ggjt"),
        pytest.param(struct.pack("<Q", 40) + b'{"__metadata__":{}}', "safetensors", id="safetensors"),
        pytest.param(b"GGUF", "ends inside the GGUF header", id="magic-only"),
        pytest.param(b"GGUF" + struct.pack(">I", 3) + b"\0" * 16, "big-endian", id="big-endian"),
        pytest.param(b"GGUF" + struct.pack("<I", 1) + b"\0" * 16, "version 1 is not supported", id="version-1"),
        pytest.param(b"GGUF" + struct.pack("<I", 4) + b"\0" * 16, "version 4 is not supported", id="version-4"),
        pytest.param(HEAD + struct.pack("<QQ", 0, 2**60), "metadata pairs; more than", id="pairs"),
        pytest.param(HEAD + struct.pack("<QQ", 2**60, 0), "tensors; more than", id="tensors"),
        pytest.param(HEAD + struct.pack("<QQ", 0, 1000), "ends inside its 1000 metadata pairs", id="pairs-not-there"),
        pytest.param(HEAD + struct.pack("<QQ", 1000, 0), "ends inside its 1000 tensors", id="tensors-not-there"),
        pytest.param(
            HEAD + struct.pack("<QQQ", 0, 1, 2**63) + b"x" * 20, "a metadata key is 9223372036854775808", id="key"
        ),
        pytest.param(ONE + text(b"\xff\xfe") + b"\0" * 16, "not UTF-8", id="key-bytes"),
        pytest.param(
            ONE + text("k") + struct.pack("<IQ", STRING, 2**62),
            "ends inside the string 'k': 4611686018427387904 bytes",
            id="string-length",
        ),
        pytest.param(
            ONE + text("k") + struct.pack("<IIQ", ARRAY, 4, 2**61) + b"x" * 9,
            "elements of 'k'",
            id="array-length",
        ),
        pytest.param(
            ONE + text("k") + struct.pack("<IIQ", ARRAY, ARRAY, 1) + b"x" * 20,
            "array of arrays",
            id="nesting",
        ),
        pytest.param(ONE + text("k") + struct.pack("<II", 77, 0), "unknown type 77", id="type"),
        pytest.param(ONE + text("k") + struct.pack("<IB", BOOL, 2), "a boolean with", id="bool"),
        pytest.param(gguf({"general.alignment": 24}), "general.alignment is 24", id="alignment"),
        pytest.param(gguf({"general.alignment": 0}), "general.alignment is 0", id="alignment-zero"),
        pytest.param(gguf({"general.alignment": "32"}), "no whole number", id="alignment-text"),
        pytest.param(gguf(tensors=[T("a", [4]), T("a", [4])]), "'a' stands twice", id="tensor-twice"),
        pytest.param(gguf(tensors=[T("a", [4], offset=0), T("b", [64], offset=0)]), "overlap", id="overlap"),
        pytest.param(gguf(tensors=[T("a", [4], offset=3)]), "no multiple of 32", id="offset"),
        pytest.param(gguf(tensors=[T("a", [16], offset=2**63 - 32)])[:200], "beyond any file", id="offset-huge"),
        pytest.param(gguf(tensors=[T("a", [1] * 5)]), "5 dimensions", id="rank"),
        pytest.param(gguf(tensors=[T("a", [0])]), "cannot be", id="no-elements"),
        pytest.param(gguf(tensors=[T("a", [33], Q4_0)]), "no multiple of 32, the block of Q4_0", id="row"),
        pytest.param(gguf(tensors=[T("n" * 64, [1])]), "a tensor name is 64 bytes", id="tensor-name"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, content: bytes, said: str) -> None:
    message = refusal(tmp_path, content)

    assert said in message
    assert "model.gguf" in message


def test_dimensions_that_overflow_are_refused(tmp_path: Path) -> None:
    """2^32 x 2^32 is 0 in 64 bits: a reader in C that multiplies blindly allocates nothing and writes everything."""
    head = HEAD + struct.pack("<QQ", 1, 0) + text("a") + struct.pack("<IQQIQ", 2, 2**32, 2**32, 0, 0)

    assert "cannot be" in refusal(tmp_path, head + b"\0" * 64)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    pair = text("k") + struct.pack("<I", UINT8) + scalar(UINT8, 1)

    assert "'k' stands twice" in refusal(tmp_path, HEAD + struct.pack("<QQ", 0, 2) + pair + pair)


def test_declared_lengths_cost_no_memory(tmp_path: Path) -> None:
    """40 bytes that promise an exabyte are answered from 40 bytes."""
    content = ONE + text("k") + struct.pack("<IIQ", ARRAY, STRING, 2**59)
    path = write(tmp_path, content)
    tracemalloc.start()

    with pytest.raises(WeightsError):
        read_gguf(path)

    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_a_long_text_is_not_kept(tmp_path: Path) -> None:
    """A sparse file of 80 MiB costs nobody anything to send; holding its text in memory would cost us."""
    path = write(tmp_path, ONE + text("k") + struct.pack("<IQ", STRING, 80 << 20))
    with path.open("r+b") as file:
        file.truncate((80 << 20) + 100)

    with pytest.raises(WeightsError, match="is not kept"):
        read_gguf(path)


def test_a_flood_of_small_arrays_is_not_kept(tmp_path: Path) -> None:
    """Each is short enough to be held; all of them together would take sixty times their bytes in memory."""
    flood = {f"k{number}": Typed(ARRAY, [7] * 256, UINT8) for number in range(2_100)}

    assert "more than 524288 values" in refusal(tmp_path, gguf(flood))


def test_a_flood_of_empty_strings_is_not_walked(tmp_path: Path) -> None:
    path = write(tmp_path, ONE + text("k") + struct.pack("<IIQ", ARRAY, STRING, 2**27))
    with path.open("r+b") as file:
        file.truncate(2**30 + 100)
    began = time.process_time()

    with pytest.raises(WeightsError, match="that is not believed"):
        read_gguf(path)

    assert time.process_time() - began < 1


def test_what_is_not_there_and_what_is_no_file_say_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read_gguf(tmp_path / "none.gguf")
    with pytest.raises(WeightsError, match="this is no file"):
        read_gguf(tmp_path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_raises_anything_but_a_weights_error(tmp_path: Path, data: st.DataObject) -> None:
    """Every single-byte change and every cut of a small file: read, or refused in our words."""
    whole = bytearray(gguf({"a": "b", "n": [1, 2], "s": ["x", "y"]}, [T("t", [32], Q4_0), T("u", [8])]))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    path = write(tmp_path, bytes(whole[:cut]))

    with suppress(WeightsError):
        read_gguf(path).check_whole()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400))
def test_noise_behind_the_magic_is_refused_or_read(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, HEAD + content)

    with suppress(WeightsError):
        read_gguf(path)
