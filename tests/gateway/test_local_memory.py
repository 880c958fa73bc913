"""What `fit` says of memory holds for engines that run here: shortened with the figures, or not started."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from gateway_running import running
from llamacpp_running import needs_xllamacpp
from tiny_gguf import write_tiny_gguf

from patience import soon
from weighbridge.cli.compose_memory import within_memory
from weighbridge.engines import BackendRecord
from weighbridge.errors import WeightsError
from weighbridge.units import GIB, MIB

CONTEXT = 262_144


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    metadata = {"llama.context_length": CONTEXT}
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf", metadata=metadata)


def record(**settings: object) -> BackendRecord:
    """Steps of 16 tokens, so that the mask of a step is small beside what is kept."""
    return BackendRecord(
        name="here", kind="llamacpp", source="file:tiny.gguf", settings={"step_tokens": 16, **settings}
    )


def test_a_context_that_fits_is_left_alone(tiny: Path) -> None:
    asked = record(slots=1, context_tokens=CONTEXT)

    assert within_memory(asked, tiny, threads=1, available=16 * GIB) == asked
    assert within_memory(asked, tiny, threads=1, available=None) == asked, "unknown memory says nothing"


def test_one_that_does_not_is_shortened_and_the_log_has_the_figures(
    tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A token takes 2 layers x 32 numbers x 2 (keys, values) x 2 bytes = 256 bytes, so 262,144 of them 64 MiB."""
    least = 33 * MIB  # the process's own 30 MiB (fit/memory_llamacpp.py), weights and buffers

    fitted = within_memory(record(slots=1, context_tokens=CONTEXT), tiny, threads=1, available=least + 32 * MIB)

    tokens = fitted.settings["context_tokens"]
    assert 100_000 < tokens <= 131_072, "half of the 64 MiB, a step's mask taken off"
    assert tokens % 256 == 0
    assert f"the context is {tokens} tokens" in caplog.text
    assert "65.0 MiB" in caplog.text


def test_more_calls_at_once_share_the_same_memory(tiny: Path) -> None:
    contexts = [
        within_memory(record(slots=slots, context_tokens=CONTEXT), tiny, threads=1, available=64 * MIB).settings[
            "context_tokens"
        ]
        for slots in (1, 2, 4)
    ]

    assert contexts[0] > 1.8 * contexts[1] > 3 * contexts[2]


def test_a_smaller_kept_type_leaves_room_for_more(tiny: Path) -> None:
    def context(kind: str) -> int:
        asked = record(slots=1, context_tokens=CONTEXT, kv_type_k=kind, kv_type_v=kind)
        return int(within_memory(asked, tiny, threads=1, available=48 * MIB).settings["context_tokens"])

    assert context("q8_0") > 1.7 * context("f16")


def test_weights_that_do_not_fit_are_not_loaded(tiny: Path) -> None:
    with pytest.raises(WeightsError, match="does not fit: 1 calls at once of 512 tokens take 30") as caught:
        within_memory(record(slots=1), tiny, threads=1, available=10 * MIB)

    assert "there are 10.0 MiB" in str(caught.value)
    assert "weighbridge fit --file tiny.gguf" in str(caught.value)


def test_a_limit_of_the_config_counts_as_if_there_were_no_more(tiny: Path) -> None:
    with pytest.raises(WeightsError):
        within_memory(record(slots=1, memory_gib=0.01), tiny, threads=1, available=16 * GIB)


@needs_xllamacpp
def test_the_gateway_shortens_and_refuses(tmp_path: Path, tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    def config(memory_gib: float, context: int) -> bytes:
        settings = f"{{ slots = 1, threads = 1, context_tokens = {context}, memory_gib = {memory_gib} }}"
        return f"""
[[backend]]
name = "here"
kind = "llamacpp"
source = "file:{tiny}"
settings = {settings}
idle_stop_s = 0.3
[[route]]
model = "public"
to = [{{ backend = "here" }}]
retries = 0
""".encode()

    async def run() -> None:
        caplog.set_level(logging.WARNING)
        async with running(tmp_path / "shortened", {}, config=config(0.05, CONTEXT)) as gate:
            assert (await gate.chat()).status == 200
            assert "the context is" in caplog.text
            local = gate.gateway.doors["here"].local
            assert local is not None
            await soon(lambda: not local.is_running)
        async with running(tmp_path / "refused", {}, config=config(0.01, 512)) as gate:
            reply = await gate.chat()
            assert reply.status == 502
            assert "does not fit" in reply.json()["error"]["message"]

    asyncio.run(run())
