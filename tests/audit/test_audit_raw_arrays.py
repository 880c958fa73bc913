"""Pickles that go on behind bytes which are no opcodes: joblib's arrays, zeros, a damaged part."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path

import hostile
import numpy as np
import pytest
from hostile import evil, state_dict

from weighbridge.audit.audit import audit

CALL = b"cos\nsystem\nX\x04\x00\x00\x00true\x85R"


def joblib_list(rest: bytes) -> bytes:
    """joblib's stream of a list: an array of 200 numbers as raw bytes after its description, then `rest`."""
    head = (
        b"\x80\x04]\x94(cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(X\x08\x00\x00\x00subclasscnumpy\nndarray\n"
        b"X\x05\x00\x00\x00shapeK\xc8\x85X\x05\x00\x00\x00orderX\x01\x00\x00\x00CX\x05\x00\x00\x00dtypecnumpy\ndtype\n"
        b"(X\x02\x00\x00\x00f8\x89\x88tRX\x0a\x00\x00\x00allow_mmap\x88X\x1b\x00\x00\x00numpy_array_alignment_bytesK\x10ub"
    )
    padding = 16 - (len(head) + 1) % 16
    return head + bytes([padding]) + b"\xff" * padding + np.arange(200, dtype="f8").tobytes() + rest


HIDDEN = {
    "behind an array": joblib_list(CALL + b"e."),
    "behind a second array": joblib_list(b"0" + joblib_list(CALL + b"e.")[2:]),
    "behind zeros": state_dict() + bytes(64) + evil(),
    "behind letters": state_dict() + b"junkjunk" + evil(),
    "behind two megabytes": b"\x80\x02X\x00\x00\x20\x00" + b"a" * (2 << 20) + b"0" + evil()[2:],
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_call_behind_raw_bytes_is_seen(name: str, tmp_path: Path) -> None:
    """What stands after bytes that are no opcodes would still run: the walk goes on there."""
    path = tmp_path / "model.joblib"
    path.write_bytes(HIDDEN[name])
    assert audit(path).verdict == "fail"


def test_arrays_of_joblib_pass(tmp_path: Path) -> None:
    """Arrays alone are plain data, wherever their bytes would be opcodes."""
    path = tmp_path / "model.joblib"
    path.write_bytes(joblib_list(b"e."))
    assert audit(path).verdict == "pass"


def test_members_that_a_directory_hides_are_seen(tmp_path: Path) -> None:
    """A zip before the zip: readers that go from the start take the first one."""
    first = hostile.zipped({"archive/data.pkl": evil()}, stored=True)
    path = tmp_path / "model.pt"
    path.write_bytes(first[: first.find(b"PK\x01\x02")] + hostile.zipped({"archive/data.pkl": state_dict()}))
    assert audit(path).verdict == "fail"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_in_any_compression_is_seen(method: int, tmp_path: Path) -> None:
    """bzip2 and LZMA are methods of zip like the usual one."""
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("data.pkl", evil())
    assert audit(path).verdict == "fail"


STREAMS = {
    "second.pkl.gz": gzip.compress(b"hello") + gzip.compress(evil()),
    "small-window.joblib": zlib.compress(evil(), 6, wbits=12),
    "twice.pkl": zlib.compress(zlib.compress(evil())),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_call_in_any_stream_is_seen(name: str, tmp_path: Path) -> None:
    """A second member of a gzip, other windows of zlib, and one coat over another."""
    (tmp_path / name).write_bytes(STREAMS[name])
    assert audit(tmp_path / name).verdict == "fail"


SETTINGS = {
    "params.yaml": '!!python/object/apply:os.system ["true"]\n',
    "model.yml": "model:\n  _target_: os.system\n",
    "hook.pth": "import os; os.getcwd()\n",
    "config.json": '{"model": {"_target_": "builtins.exec"}}',
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_are_code_fail(name: str, tmp_path: Path) -> None:
    """Text that a careless reader runs."""
    (tmp_path / name).write_text(SETTINGS[name])
    assert audit(tmp_path / name).verdict == "fail"
