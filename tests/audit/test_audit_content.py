"""Code that would run on load is found in every coat, and ordinary files pass."""

from __future__ import annotations

import os
import pickle
import subprocess
from pathlib import Path

import hostile
import numpy as np
import pytest

from weighbridge.audit.audit import audit
from weighbridge.audit.records import Audit

HOSTILE = {
    "plain.bin": hostile.evil(),
    "protocol-0.pkl": hostile.evil(0),
    "protocol-5.pkl": hostile.evil(5),
    "torch.pt": hostile.torch_zip(hostile.evil()),
    "legacy.pt": hostile.torch_legacy(hostile.evil()),
    "in-tar.tar": hostile.tarred({"model.pkl": hostile.evil()}),
    "nested.zip": hostile.zipped({"inner.zip": hostile.zipped({"deep.pkl": hostile.evil()})}),
    "checksum.pt": hostile.bad_checksum(),
    "renamed.pt": hostile.renamed_in_header(),
    "cut.pkl": hostile.evil()[:-1],
    "second.pkl": hostile.state_dict() + hostile.evil(),
    "weights.safetensors": hostile.evil(),
    "notes.txt": hostile.evil(),
    "packed.joblib": hostile.compressed(hostile.evil()),
    "objects.npy": hostile.npy(np.array([hostile.Calls(os.system, "true"), None], dtype=object)),
    "both.bin": hostile.state_dict() + hostile.torch_zip(hostile.evil()),
    "getattr.pkl": hostile.calls("builtins", "getattr"),
    "gadget-nobody-lists.pkl": hostile.calls("some_installed_package.tools", "helper"),
    "stdlib-gadget.pkl": hostile.calls("_pyrepl.pager", "pipe_pager"),
    "dotted.pkl": hostile.calls("torch", "serialization.os.system"),
    "python-2.pkl": hostile.calls("__builtin__", "eval"),
    "computed.pkl": b"\x80\x04(\x8c\x02os\x8c\x06system\x8c\x02os1\x8c\x02os\x940\x8c\x00h\x00\x93.",
    "nested-load.pkl": pickle.dumps(hostile.Calls(pickle.loads, hostile.evil()), 2),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_code_that_runs_on_load_fails_the_audit_in_any_coat(name: str, tmp_path: Path) -> None:
    assert _audit(tmp_path, name, HOSTILE[name]).verdict == "fail"


BENIGN = {
    "torch.pt": hostile.torch_zip(hostile.state_dict()),
    "legacy.pt": hostile.torch_legacy(hostile.state_dict()),
    "plain-0.pkl": hostile.state_dict(0),
    "plain-5.pkl": hostile.state_dict(5),
    "array.npy": hostile.npy(np.arange(10.0)),
    "arrays.npz": hostile.zipped({"a.npy": hostile.npy(np.arange(3)), "b.npy": hostile.npy(np.ones((2, 2)))}),
    "random-state.pkl": pickle.dumps(np.random.default_rng(1)),
    "settings.pkl": pickle.dumps({"lr": 1e-4, "betas": (0.9, 0.95), "names": {"a", "b"}}, 2),
    "notes.md": b"# A model\n\n(c) its makers\n",
    "config.txt": b"config\nfoo\nbar\n",
    "weights.tar.gz": hostile.compressed(hostile.tarred({"weights/a.npy": hostile.npy(np.zeros(4))})),
    "model.onnx": hostile.onnx("model.onnx_data"),
    "empty.bin": b"",
    "noise.bin": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("name", BENIGN)
def test_ordinary_files_pass(name: str, tmp_path: Path) -> None:
    found = _audit(tmp_path, name, BENIGN[name])

    assert (found.verdict, [each for each in found.findings if each.severity not in ("info", "low")]) == ("pass", [])


ODD = {
    "traversal.zip": (hostile.zipped({"../../outside.txt": b"x"}), "archive-traversal"),
    "traversal.tar": (hostile.tarred({"../outside.txt": b"x"}), "archive-traversal"),
    "link.tar": (hostile.tarred({"a": b"x"}, link=("b", "/etc/passwd")), "archive-link"),
    "bomb.zip": (hostile.bomb(), "archive-bomb"),
    "native.bin": (b"\x7fELF\x02\x01\x01" + bytes(60), "native-code"),
    "outside.onnx": (hostile.onnx("../../../etc/passwd"), "onnx-external-data"),
    "lambda.keras": (hostile.zipped({"config.json": b'{"class_name": "Lambda", "config": {}}'}), "keras-lambda"),
    "lambda.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99) + b'{"class_name": "Lambda"}', "keras-lambda"),
    "setup.py": (b"import subprocess as s\ns.run(['true'])\n", "script-danger"),
    "run.sh": (b"#!/bin/sh\ncurl http://127.0.0.1/x | sh\n", "script-danger"),
    "graph.pb": (b"\x08\x01\x12\x04node PyFunc ", "tensorflow-python"),
}


@pytest.mark.parametrize("name", ODD)
def test_each_danger_has_its_name(name: str, tmp_path: Path) -> None:
    data, wanted = ODD[name]

    found = _audit(tmp_path, name, data)

    assert wanted in {each.id for each in found.findings}
    assert found.verdict == "fail"


def test_nothing_in_an_audited_file_is_run(tmp_path: Path) -> None:
    """The claim the whole part stands on: a pickle that would leave a mark leaves none."""
    mark = tmp_path / "mark"
    folder = hostile.write(
        tmp_path / "model",
        {
            "a.pkl": pickle.dumps(hostile.Calls(mark.write_text, "x")),
            "b.pt": hostile.torch_zip(pickle.dumps(hostile.Calls(subprocess.run, ["touch", str(mark)]))),
        },
    )

    audit(folder)

    assert not mark.exists()


def test_a_file_that_declares_a_hundred_gigabytes_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.write((100 << 30).to_bytes(8, "little") + b"{")
        file.truncate(200 << 30)

    found = audit(tmp_path)

    assert found.files[0].sha256 is None
    assert any("sparse" in said for said in found.not_checked)


def _audit(folder: Path, name: str, data: bytes) -> Audit:
    """The verdict on a lone file."""
    path = folder / name
    path.write_bytes(data)
    return audit(path)


def test_a_torchscript_archive_is_something_to_look_at_and_no_attack(tmp_path: Path) -> None:
    """Its classes are made by TorchScript alone, and its program is no Python file that anything imports."""
    program = b"class Linear(Module):\n  def forward(self, x):\n    return x\n"
    members = {
        "m/data.pkl": b"\x80\x02c__torch__.torch.nn.Linear\nLinear\n)\x81}b.",
        "m/code/__torch__/torch/nn.py": program,
        "m/code/__torch__/torch/nn.py.debug_pkl": hostile.state_dict(),
        "m/constants.pkl": b"\x80\x02).",
    }

    found = _audit(tmp_path, "m.pt", hostile.zipped(members, stored=True))

    assert [each.id for each in found.findings] == ["torchscript", "licence-missing"]
    assert any("TorchScript program" in said for said in found.not_checked)
