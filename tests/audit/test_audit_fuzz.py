"""Whatever the bytes are, an audit ends with an answer: no reader raises, hangs or believes a length."""

from __future__ import annotations

import pickle
import pickletools
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weighbridge.audit.audit import audit
from weighbridge.audit.blob import BytesBlob
from weighbridge.audit.content import Inside, inspect
from weighbridge.audit.licences.texts import identify
from weighbridge.audit.pickles.judge import look

SEEDS = {
    "a.pkl": hostile.state_dict(4),
    "b.pkl": hostile.evil(0),
    "c.pt": hostile.torch_zip(hostile.state_dict()),
    "d.pt": hostile.torch_legacy(hostile.state_dict()),
    "e.tar": hostile.tarred({"x/y.npy": hostile.npy(np.arange(4))}),
    "f.gz": hostile.compressed(hostile.state_dict()),
    "g.npy": hostile.npy(np.array([{}], dtype=object)),
    "h.onnx": hostile.onnx("data.bin"),
    "i.zip": hostile.zipped({"a/b.json": b'{"class_name": "Lambda"}', "c.py": b"import os\n"}),
    "j.safetensors": hostile.safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
}
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 255), st.sampled_from(["set", "cut", "insert", "drop"])), max_size=8
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(SEEDS)), CHANGES)
def test_bent_files_end_with_an_answer(name: str, changes: list[tuple[float, int, str]]) -> None:
    inspect(BytesBlob(_bent(SEEDS[name], changes), name), Inside())


@settings(max_examples=100)
@given(st.binary(max_size=400), st.sampled_from(["x.bin", "x.npy", "x.zip", "x.onnx", "x.json", "x"]))
def test_noise_ends_with_an_answer(data: bytes, name: str) -> None:
    inspect(BytesBlob(data, name), Inside())


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4) | st.tuples(inner)
    ),
    max_leaves=12,
)


@given(PLAIN, st.integers(0, 5))
def test_plain_data_is_never_suspect(value: Any, protocol: int) -> None:
    """No false alarm: numbers, texts and containers call nothing, in any protocol."""
    looked = look(BytesBlob(pickle.dumps(value, protocol), "x.pkl"))

    assert (looked.findings, looked.streams, looked.broken) == ((), 1, None)


@given(PLAIN, st.integers(0, 5))
def test_every_opcode_is_read_as_python_reads_it(value: Any, protocol: int) -> None:
    """The same end as pickletools finds: an opcode read too short or too long would end elsewhere."""
    data = pickle.dumps(value, protocol)

    assert (
        look(BytesBlob(data + b"rest", "x.pkl"), most_streams=1).end
        == max(at for _, _, at in pickletools.genops(data)) + 1
    )


@given(st.text(max_size=2000))
def test_any_text_is_some_licence_or_none(text: str) -> None:
    identify(text)


KEYS = (
    "model",
    "vocab",
    "merges",
    "added_tokens",
    "normalizer",
    "normalizers",
    "type",
    "pattern",
    "content",
    "id",
    "special",
    "auto_map",
    "weight_map",
    "chat_template",
    "name",
    "template",
    "text_config",
    "vocab_size",
    "num_hidden_layers",
    "post_processor",
    "special_tokens",
    "tokens",
    "decoder",
    "Replace",
    "BPE",
    "Unigram",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70_000) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=20,
)


@pytest.mark.slow
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(JSON, JSON, JSON)
def test_settings_of_any_shape_end_with_an_answer(tmp_path: Path, one: Any, two: Any, three: Any) -> None:
    names = ("config.json", "tokenizer.json", "model.safetensors.index.json")

    audit(hostile.write(tmp_path, dict(zip(names, (one, two, three), strict=True))))


def _bent(data: bytes, changes: list[tuple[float, int, str]]) -> bytes:
    bent = bytearray(data)
    for where, value, what in changes:
        at = min(int(where * len(bent)), len(bent) - 1)
        if at < 0:
            break
        if what == "set":
            bent[at] = value
        elif what == "insert":
            bent.insert(at, value)
        elif what == "drop":
            del bent[at]
        else:
            del bent[at + value :]
    return bytes(bent)
