"""Members of a zip are read one at a time, bounded, and what is wrong with one is said."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.formats.zip_members import BadZip, ZipMembers


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_come_out_as_they_went_in(tmp_path: Path, method: int) -> None:
    path = zipped(tmp_path / "a.zip", {"one": b"1" * 5_000, "two": b""}, method)

    with ZipMembers(path) as members:
        assert (members.names, members.read("one"), members.read("two")) == (("one", "two"), b"1" * 5_000, b"")


def test_of_two_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    """A log that is appended to writes its header again."""
    path = tmp_path / "a.zip"
    zipped(path, {"header.json": b"old"})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as file:
        file.writestr("header.json", b"new")

    with ZipMembers(path) as members:
        assert members.read("header.json") == b"new"


def test_a_bomb_is_refused_at_the_bound(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bomb": bytes(20_000_000)})

    with ZipMembers(path) as members, pytest.raises(BadZip, match=r"unpacks to more than 1\.0 MiB"):
        members.read("bomb", 1 << 20)


def test_a_member_whose_checksum_is_another_is_damaged(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"one": b"hello world"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"hello", b"jello"))

    with ZipMembers(path) as members, pytest.raises(BadZip, match="checksum"):
        members.read("one")


@given(st.integers(0, 400), st.integers(0, 255), st.integers(0, 200))
def test_a_damaged_zip_is_refused_and_nothing_else(place: int, value: int, cut: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("header.json", "samples/a_epoch_1.json"):
            file.writestr(name, b'{"a": 1}' * 30)
    data = bytearray(buffer.getvalue())
    data[place % len(data)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.zip"
        path.write_bytes(bytes(data[: len(data) - cut]))
        try:
            with ZipMembers(path) as members:
                for name in members.names:
                    members.read(name)
        except BadZip:
            return
