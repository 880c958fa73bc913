"""Commands that start engines: every flag exists, what was reckoned is what is started, and who cannot says why."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib.resources import files

import pytest
from made_up import LATENT, make_architecture, make_devices, make_hardware, make_subject

from weighbridge.fit.answer import fit
from weighbridge.fit.architecture import Stored
from weighbridge.fit.launch.readable import why_not
from weighbridge.fit.records import ENGINES, Ask, Engine, Split, Subject
from weighbridge.fit.state_types import engine_keeps
from weighbridge.fit.weights import derive
from weighbridge.units import GIB

KNOWN = tomllib.loads((files("weighbridge.fit.launch") / "flags.toml").read_text())
ASKS = {
    "plain": Ask(),
    "long": Ask(context_tokens=65_536, concurrency=16, step_tokens=4096),
    "split": Ask(split=Split(tensor=2, pipeline=2, expert=2)),
    "drafting": Ask(draft_tokens=2, memory_fraction=0.8),
    "local": Ask(flash_attention=False, whole_windows=True, step_tokens=2048),
}


def command(subject: Subject, ask: Ask, engine: Engine, **device: object) -> str:
    ask = Ask(**{**{name: getattr(ask, name) for name in ask.__struct_fields__}, "engine": engine})
    if engine in ("llamacpp", "ollama") and ask.split.devices > 1:
        ask = Ask(**{**{name: getattr(ask, name) for name in ask.__struct_fields__}, "split": Split(pipeline=4)})
    return fit(subject, ask, make_devices(ask.split.devices, usable_bytes=400 * GIB, **device)).launch[engine]


def flags_of(line: str) -> set[str]:
    """Everything in a command that is a flag or a setting of the environment."""
    words = [word for part in line.splitlines() for word in shlex.split(part.replace("<(", "'<("), posix=False)]
    return {word.split("=")[0] for word in words if re.match(r"--?[a-z]|[A-Z_]+=", word)}


@pytest.mark.parametrize(
    ("engine", "kept"),
    [
        (engine, kept)
        for engine in ENGINES
        for kept in ("auto", "bf16", "fp8", "nvfp4", "q8_0", "q4_0")
        if engine_keeps(engine, kept)
    ],
)
@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_every_flag_was_seen_in_a_release(engine: Engine, ask: Ask, kept: str) -> None:
    asked = Ask(**{**{name: getattr(ask, name) for name in ask.__struct_fields__}, "kv_dtype": kept})
    quant = "Q4_K_M" if engine in ("llamacpp", "ollama") else "bf16"
    architecture = make_architecture(experts=16, mtp=make_architecture(layers=1).layers)

    line = command(make_subject(architecture, quant), asked, engine)

    assert not line.startswith("#")
    assert flags_of(line) <= set(KNOWN[engine]["flags"])


def test_the_table_says_release_date_and_source_of_each_engine() -> None:
    assert set(KNOWN) == set(ENGINES)
    for said in KNOWN.values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", said["checked"])
        assert said["release"]
        assert said["source"]


def test_what_was_reckoned_is_what_is_started() -> None:
    ask = Ask(context_tokens=9000, concurrency=3, kv_dtype="fp8", split=Split(tensor=2))
    local = Ask(context_tokens=9000, concurrency=3, kv_dtype="q8_0")

    assert command(make_subject(), ask, "vllm") == (
        "vllm serve lab/made --tensor-parallel-size 2 --max-model-len 9000 --max-num-seqs 3 "
        "--gpu-memory-utilization 0.92 --kv-cache-dtype fp8"
    )
    assert command(make_subject(), ask, "sglang") == (
        "sglang serve --model-path lab/made --tp-size 2 --context-length 9000 --max-running-requests 3 "
        "--kv-cache-dtype fp8_e4m3"
    )
    assert command(make_subject(), ask, "tensorrt-llm") == (
        "trtllm-serve lab/made --tp_size 2 --max_seq_len 9000 --max_batch_size 3 "
        "--extra_llm_api_options <(echo '{kv_cache_config: {dtype: fp8}}')"
    )
    assert command(make_subject(quant="Q4_K_M"), local, "llamacpp") == (
        "llama-server --model ./made-Q4_K_M.gguf --ctx-size 27648 --parallel 3 --flash-attn on "
        "--cache-type-k q8_0 --cache-type-v q8_0"
    )
    assert command(make_subject(quant="Q4_K_M"), local, "ollama").startswith(
        "OLLAMA_CONTEXT_LENGTH=9000 OLLAMA_NUM_PARALLEL=3 OLLAMA_FLASH_ATTENTION=1 OLLAMA_KV_CACHE_TYPE=q8_0 "
        "ollama serve"
    )


@pytest.mark.parametrize(
    ("engine", "quant", "device", "said"),
    [
        ("llamacpp", "awq", {}, "reads GGUF files, not awq"),
        ("ollama", "fp8", {}, "reads GGUF files, not fp8"),
        ("vllm", "Q4_K_M", {}, "reads no GGUF"),
        ("tensorrt-llm", "Q4_K_M", {}, "reads no GGUF"),
        ("tensorrt-llm", "bf16", {"vendor": "AMD"}, "NVIDIA's devices only"),
        ("vllm", "bf16", {"vendor": "Apple", "kind": "unified"}, "Apple's chips"),
        ("sglang", "4bit", {}, "MLX"),
        ("llamacpp", "4bit", {}, "MLX"),
        ("ollama", "Q4_K_M", {"vendor": "Huawei", "kind": "npu"}, "Huawei"),
        ("vllm", "nvfp4", {"vendor": "AMD"}, "only emulates NVFP4"),
        ("sglang", "nvfp4", {"vendor": "AMD"}, "petit-kernel"),
        ("vllm", "nvfp4", {"vendor": "Intel"}, "NVIDIA's devices only"),
    ],
)
def test_an_engine_that_cannot_says_why_in_a_comment(
    engine: Engine, quant: str, device: dict[str, str], said: str
) -> None:
    line = fit(make_subject(quant=quant), Ask(), make_devices(usable_bytes=400 * GIB, **device)).launch[engine]

    assert line.startswith("# ")
    assert said in line
    assert line == f"# {why_not(engine, make_subject(quant=quant), make_hardware(**device))}"


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_a_cache_in_nvfp4_is_asked_of_nvidias_devices_only(engine: Engine) -> None:
    """The command would start a server that ends with an error."""
    ask = Ask(kv_dtype="fp4")
    lines = {
        vendor: fit(make_subject(), ask, make_devices(usable_bytes=400 * GIB, vendor=vendor)).launch[engine]
        for vendor in ("NVIDIA", "AMD")
    }

    assert "nvfp4" in lines["NVIDIA"]
    assert lines["AMD"].startswith("# ")
    assert "NVIDIA's devices only; try --kv-dtype fp8" in lines["AMD"]


def test_a_checkpoint_that_is_nvfp4_itself_starts_on_nvidias_devices_only() -> None:
    """`native` names no format: what the config says of its packing counts."""
    subject = make_subject(make_architecture(stored=Stored("nvfp4", "modelopt", 4, (1, 16))), "native")

    assert "emulates" in str(why_not("vllm", subject, make_hardware(vendor="AMD")))
    assert why_not("vllm", subject, make_hardware(vendor="NVIDIA")) is None


def test_a_repository_already_in_the_format_is_loaded_as_it_is() -> None:
    stored = Stored("fp8", "finegrained", 8, (128, 128))
    architecture = make_architecture(LATENT, stored=stored)

    made_on_load = command(make_subject(quant="fp8"), Ask(), "vllm")
    as_stored = command(make_subject(architecture, "native"), Ask(), "vllm")
    elsewhere = Subject(
        model="lab/made", architecture=make_architecture(), weights=derive(make_architecture(), "fp8"), source="a/b-FP8"
    )

    assert made_on_load.endswith("--quantization fp8")
    assert "--quantization" not in as_stored
    assert command(elsewhere, Ask(), "vllm").startswith("vllm serve a/b-FP8 ")


def test_names_are_quoted_for_a_shell() -> None:
    odd = Subject(
        model="x", architecture=make_architecture(), weights=derive(make_architecture(), "Q8_0"),
        source="/tmp/a b;rm -rf.gguf", gguf=True,
    )  # fmt: skip

    assert "--model '/tmp/a b;rm -rf.gguf'" in command(odd, Ask(), "llamacpp")
