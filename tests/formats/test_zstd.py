"""Zstandard is unpacked as the format says, bounded, and never with another error than its own."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.formats.zstd import BadZstd, unpack_here, unpack_zstd

# JSON of 120 samples, packed by zstandard 0.25 at level 3: FSE-coded weights, four streams, repeated offsets.
PACKED = base64.b85decode(
    "D77#BU<w_T3IGDnC>?N1(gx&EuHRHDVp|NWu&V-Vgb<1BuEvx7|Dgl{DW&rHeCNA6-|c30vzgs&hmg?`GCDFkLg)PW{QUU*oMUcmjEyli#^$BGl;Toe"
    "%8S>#-`(|kS5>W7)$3I=GoATNr}KC;9*=0mBl_-lcX$3B9aFseH2#Q@QYt4H3JwjmSU4Eef*hrgNKhaYiWo<Z8bBxx5=D$Mgd#@?5Yz%7fVZe2^fvb"
    "IprfQ(4H7^g2q*{~=@5edw?G3w$i%o=Znaq7MhGW|gwSX<1f%6HT3SVGibQjQAX@67B{j68C^QEgAv6h&4;(&D2hMpI4v&+`AT)+^l(RA$r98uFNCJ9"
    ">!#w1f6=j?l0uMNXMVxVt$#lZ-**KYFIF53J>I|Y3goi*B0TKS8=!aq-N<KR!d(cDAclRF6w)VnTcSt8RlR7OxjZS|R"
)
DIGEST = "707f2bfbb73a8c3b9efa6b6f9ab658e58d6c8e6ede9a5b733f6b92a479ffe419"


def raw_frame(data: bytes) -> bytes:
    """A frame of one raw block, as anybody can write it: 8 bytes of size, a single segment."""
    block = (1 | (len(data) << 3)).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\xe0" + len(data).to_bytes(8, "little") + block + data


def test_data_packed_by_the_reference_library_comes_out_as_it_went_in() -> None:
    data = unpack_here(PACKED, 1 << 20)

    assert hashlib.sha256(data).hexdigest() == DIGEST
    assert json.loads(data)[119]["id"] == "q119"


def test_a_library_where_there_is_one_says_the_same() -> None:
    assert unpack_zstd(PACKED, 1 << 20) == unpack_here(PACKED, 1 << 20)


def test_frames_follow_each_other_and_skippable_ones_are_skipped() -> None:
    skipped = (0x184D2A53).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"

    assert unpack_here(raw_frame(b"one ") + skipped + raw_frame(b"two"), 100) == b"one two"


@given(st.sampled_from([1, 3, 9, 19]), st.lists(st.sampled_from(["alpha", "beta ", '{"id": 7}', "\0" * 50, "é"])))
def test_whatever_is_packed_is_unpacked(level: int, parts: list[str]) -> None:
    """Levels differ in block types, tables and streams."""
    pyarrow = pytest.importorskip("pyarrow")
    data = "".join(part * (place % 40 + 1) for place, part in enumerate(parts)).encode()

    packed = pyarrow.Codec("zstd", compression_level=level).compress(data, asbytes=True)

    assert unpack_here(packed, len(data)) == data


@given(st.binary(min_size=0, max_size=30_000))
def test_noise_is_unpacked_too(data: bytes) -> None:
    pyarrow = pytest.importorskip("pyarrow")

    assert unpack_here(pyarrow.Codec("zstd").compress(data, asbytes=True), len(data)) == data


def test_no_more_is_unpacked_than_is_allowed() -> None:
    """A frame of 12 bytes may say it holds a gigabyte."""
    bomb = b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(
        ((place == 9_999) | (1 << 1) | (100_000 << 3)).to_bytes(3, "little") + b"x" for place in range(10_000)
    )

    with pytest.raises(BadZstd, match=r"unpacks to more than 1\.0 MiB"):
        unpack_here(bomb, 1 << 20)


@given(st.lists(st.tuples(st.integers(0, len(PACKED) - 1), st.integers(0, 255)), max_size=4), st.integers(0, 400))
def test_damaged_data_is_refused_or_unpacked_and_nothing_else(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(PACKED)
    for place, value in changes:
        data[place] = value
    try:
        found = unpack_here(bytes(data[: len(data) - cut]), 1 << 20)
    except BadZstd:
        return
    assert len(found) <= 1 << 20


@pytest.mark.parametrize("data", [b"\x28\xb5\x2f\xfd", b"not zstd at all", raw_frame(b"abc")[:-1]])
def test_data_that_is_cut_off_is_named(data: bytes) -> None:
    with pytest.raises(BadZstd):
        unpack_here(data, 100)
