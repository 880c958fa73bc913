"""`weighbridge fit` as somebody types it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from gguf_bytes import T, gguf
from weighbridge.cli.main import main

CONFIG = {
    "model_type": "qwen3", "num_hidden_layers": 36, "hidden_size": 4096, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936, "intermediate_size": 12_288,
    "tie_word_embeddings": False, "max_position_embeddings": 40_960,
}  # fmt: skip


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["fit", *words], env={"COLUMNS": "120"})


def answer(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return str(tmp_path / "config.json")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A whole GGUF file of one layer: 256 wide, 4 heads of 64, two of them kept, a window of 1,024."""
    metadata = {
        "general.architecture": "llama", "general.name": "Tiny", "general.file_type": 0, "llama.block_count": 1,
        "llama.embedding_length": 256, "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2,
        "llama.context_length": 4096, "llama.feed_forward_length": 512,
    }  # fmt: skip
    tensors = [
        T("token_embd.weight", (256, 1000)), T("output.weight", (256, 1000)), T("output_norm.weight", (256,)),
        T("blk.0.attn_q.weight", (256, 256)), T("blk.0.attn_k.weight", (256, 128)),
        T("blk.0.attn_v.weight", (256, 128)), T("blk.0.ffn_down.weight", (512, 256)),
        T("blk.0.ffn_gate.weight", (256, 512)), T("blk.0.ffn_up.weight", (256, 512)),
    ]  # fmt: skip
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf(metadata, tensors))
    return path


def test_one_device_gives_an_object_and_several_a_list(config: str) -> None:
    one = answer("--config", config, "--on", "H100-SXM")
    two = answer("--config", config, "--on", "H100-SXM", "--on", "2x RTX 4090")

    assert one == two[0]
    assert (two[1]["device"], two[1]["count"]) == ("RTX 4090", 2)
    assert one["kv_bytes_per_token"] == 36 * 8 * 256 * 2
    assert one["weights_bytes"] + one["kv_bytes"] + one["overhead_bytes"] == one["total_bytes"]


def test_a_file_is_exact(weights: Path) -> None:
    held = 4 * (2 * 256_000 + 256 + 256 * 256 + 2 * 256 * 128 + 3 * 256 * 512)

    found = answer("--file", str(weights), "--on", "RTX 4090", "--context", "4096")

    assert (found["weights_bytes"], found["kinds"]["weights_bytes"]) == (held, "exact")
    assert (found["model"], found["variant"], found["max_context"]) == ("Tiny", "F32", 4096)
    assert found["kv_bytes"] == 4096 * 2 * 2 * 64 * 2
    assert found["launch"]["llamacpp"].startswith(f"llama-server --model {weights} --ctx-size 4096 ")


def test_a_config_that_another_quantisation_is_asked_of_is_derived(config: str) -> None:
    sizes = [answer("--config", config, "--on", "H100-SXM", "--quant", name)["weights_bytes"]
             for name in ("bf16", "fp8", "Q4_K_M", "q2_k")]  # fmt: skip

    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4


def test_the_page_says_what_takes_the_memory_and_how_sure_each_figure_is(config: str) -> None:
    page = run("--config", config, "--on", "RTX 4090", "--quant", "Q4_K_M", "--context", "8k").output

    for word in ("fits", "weights", "state", "overhead", "capacity", "derived", "estimated", "longest context",
                 "decode", "llama-server --model", "GiB"):  # fmt: skip
        assert word in page
    assert " GB " not in page


def test_the_least_lossy_quantisation_is_pointed_at(config: str) -> None:
    page = run("--config", config, "--on", "RTX 3060", "--quant", "auto", "--engine", "llama.cpp").output
    found = answer("--config", config, "--on", "RTX 3060", "--quant", "auto", "--engine", "llama.cpp")

    assert f"Take {found['best']}" in page
    assert [one["fits"] for one in found["tried"]].index(True) == [one["variant"] for one in found["tried"]].index(
        found["best"]
    )


def test_the_smallest_set_for_users_names_devices_and_their_price(config: str) -> None:
    found = answer("--config", config, "--on", "H100-SXM", "--users", "200", "--context", "16k", "--tps", "15")

    assert found["users"] == 200
    for one in found["sets"]:
        assert one["groups"] * one["users_each"] >= 200
        assert one["devices"] == one["groups"] * one["fit"]["count"]
        assert one["tps_each"]["value"] >= 15 * 0.999


def test_the_concurrency_at_which_a_target_breaks_is_said(config: str) -> None:
    result = run("--config", config, "--on", "H100-SXM", "--tps", "30", "--details", "--json")

    users = json.loads(result.output)["users_within_target"]

    assert users > 1
    each = [
        json.loads(
            run("--config", config, "--on", "H100-SXM", "--concurrency", str(count), "--details", "--json").output
        )
        for count in (users, users + 1)
    ]
    assert each[0]["speeds"]["decode_tps_per_user"]["value"] >= 30
    assert each[1]["fit"]["fits"] is False or each[1]["speeds"]["decode_tps_per_user"]["value"] < 30


def test_bigger_numbers_may_be_written_short(config: str) -> None:
    assert answer("--config", config, "--on", "H100-SXM", "--context", "32k") == answer(
        "--config", config, "--on", "H100-SXM", "--context", "32_768"
    )


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--on", "H100-SXM"], 2, "say which model, once"),
        (["qwen3-8b", "--config", "x", "--on", "H100-SXM"], 2, "say which model, once"),
        (["qwen3-8c", "--on", "H100-SXM"], 2, "Did you mean Qwen/Qwen3-8B"),
        (["CONFIG", "--on", "RTX 4091"], 2, "RTX 4090"),
        (["CONFIG", "--on", "H100x0"], 2, "0 devices"),
        (["CONFIG", "--on", "H100-SXM", "--quant", "Q4_K_N"], 2, "Did you mean q4_k"),
        (["CONFIG", "--on", "H100-SXM", "--quant", "UD-Q4_K_XL"], 2, "gives every tensor a type of its own"),
        (["CONFIG", "--on", "H100-SXM", "--engine", "vlm"], 2, "did you mean vllm"),
        (["CONFIG", "--on", "H100-SXM", "--kv-dtype", "q8"], 2, "Did you mean q8_0"),
        (["CONFIG", "--on", "H100-SXM", "--kv-dtype", "q8_0"], 2, "vllm keeps no cache in q8_0"),
        (["CONFIG", "--on", "H100-SXM", "--context", "-5"], 2, "no whole number"),
        (["CONFIG", "--on", "H100-SXM", "--context", "1e400"], 2, "no whole number"),
        (["CONFIG", "--on", "H100-SXM", "--context", "9999999999"], 2, "can be reckoned with"),
        (["CONFIG", "--on", "H100-SXM", "--concurrency", "0"], 2, "can be reckoned with"),
        (["CONFIG", "--on", "H100-SXM", "--prompt", "9000"], 2, "does not go into a context"),
        (["CONFIG", "--on", "3xH100-SXM", "--tp", "3"], 2, "Possible on 3: --pp 3"),
        (["CONFIG", "--on", "2xH100-SXM", "--engine", "ollama", "--tp", "2"], 2, "cuts between layers"),
        (["CONFIG", "--on", "H100-SXM", "--engine", "llamacpp", "--quant", "awq"], 2, "reads GGUF files"),
        (["CONFIG", "--on", "M4-Max", "--engine", "vllm"], 2, "Apple"),
        (["CONFIG", "--on", "H100-SXM", "--memory-fraction", "nan"], 2, "no number to reckon with"),
        (["CONFIG", "--on", "H100-SXM", "--ttft", "inf"], 2, "no number to reckon with"),
        (["CONFIG", "--on", "H100-SXM", "--tps", "0"], 2, "not in the range"),
        (["--file", "/nonexistent.gguf", "--on", "H100-SXM"], 1, "No such file"),
        (["--config", "/nonexistent", "--on", "H100-SXM"], 1, "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_next_move(words: list[str], status: int, said: str, config: str) -> None:
    given = [part for word in words for part in (("--config", config) if word == "CONFIG" else (word,))]

    result = run(*given)

    assert result.exit_code == status
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a JSON object"),
        ("{", "no JSON"),
        ('{"model_type": "bert", "vocab_size": 30522, "hidden_size": 768}', "encoder"),
        ('{"model_type": "qwen3"}', "num_hidden_layers"),
        (json.dumps({**CONFIG, "num_hidden_layers": -3}), "num_hidden_layers"),
        (json.dumps({**CONFIG, "hidden_size": 10**30}), "hidden_size"),
    ],
    ids=["list", "cut", "encoder", "empty", "negative", "absurd"],
)
def test_a_config_that_is_none_is_refused_by_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config.json").write_text(text)

    result = run("--config", str(tmp_path), "--on", "H100-SXM")

    assert result.exit_code == 1
    assert said in result.stderr


def test_a_cut_file_and_a_missing_part_are_refused(weights: Path) -> None:
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1000])
    part = weights.with_name("tiny-00001-of-00002.gguf")
    part.write_bytes(whole)

    cut, alone = run("--file", str(weights), "--on", "H100-SXM"), run("--file", str(part), "--on", "H100-SXM")

    assert (cut.exit_code, alone.exit_code) == (1, 1)
    assert "truncated" in cut.stderr
    assert "a part of the model is missing" in alone.stderr


def test_a_file_is_in_the_format_it_is_in(weights: Path) -> None:
    result = run("--file", str(weights), "--on", "H100-SXM", "--quant", "Q8_0")

    assert result.exit_code == 2
    assert "the file holds F32, not Q8_0" in result.stderr


class Hub(BaseHTTPRequestHandler):
    """A hub with one repository of one file, and a file that answers whatever range is asked with all of itself."""

    files: ClassVar[dict[str, bytes]] = {}
    sent = 0

    def do_GET(self) -> None:
        body = self.files.get(self.path)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if body is None:
            self.send_error(404)
            return
        part = body
        if asked is not None and "deaf" not in self.path:
            part = body[int(asked[1]) : int(asked[2]) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {asked[1]}-{int(asked[1]) + len(part) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(part)
        type(self).sent += len(part)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    table = {"lm_head.weight": {"dtype": "BF16", "shape": [1000, 64], "data_offsets": [0, 128_000]}}
    text = json.dumps(table).encode()
    tensors = len(text).to_bytes(8, "little") + text + bytes(128_000)
    root = "/lab/model/resolve/main/"
    Hub.sent = 0
    Hub.files = {
        root + "config.json": json.dumps(CONFIG).encode(), root + "model.safetensors": tensors,
        "/tiny.gguf": weights.read_bytes(), "/deaf.gguf": weights.read_bytes() * 20,
    }  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    yield address
    server.shutdown()
    server.server_close()


def test_a_repository_is_read_by_its_headers(hub: str) -> None:
    found = answer("hf:lab/model", "--on", "H100-SXM")

    assert (found["weights_bytes"], found["kinds"]["weights_bytes"]) == (128_000, "exact")
    assert found["kv_bytes_per_token"] == 36 * 8 * 256 * 2
    assert found["launch"]["vllm"].startswith("vllm serve lab/model ")


def test_a_gguf_file_on_the_web_is_read_by_its_header(hub: str, weights: Path) -> None:
    there = answer(f"{hub}/tiny.gguf", "--on", "RTX 4090")
    here = answer("--file", str(weights), "--on", "RTX 4090")

    assert {**there, "launch": 0} == {**here, "launch": 0}
    assert Hub.sent < 2 << 20


@pytest.mark.parametrize(
    ("place", "said"),
    [("deaf.gguf", "ignores ranges"), ("nothing.gguf", "404"), ("hf:lab/none", "answers 404 instead of the config")],
)
def test_a_place_that_cannot_be_read_is_refused(hub: str, place: str, said: str) -> None:
    result = run(place if place.startswith("hf:") else f"{hub}/{place}", "--on", "H100-SXM")

    assert result.exit_code == 1
    assert said in result.stderr


def test_this_machine_is_looked_at_when_no_device_is_named(weights: Path) -> None:
    found = answer("--file", str(weights))

    assert isinstance(found, list) or found["capacity_bytes"] > 0


@pytest.mark.parametrize("device", ["2 x H100-SXM", "M4 Max 128GB", "RTX 4090"])
def test_the_first_lines_of_an_answer_fit_a_terminal_of_eighty_columns(device: str) -> None:
    lines = run("llama-3.1-8b-instruct", "--on", device).output.split("\n\n")[0].splitlines()

    assert max(map(len, lines)) <= 80
    assert "fits" in lines[0]


def test_a_checkpoint_whose_storage_nobody_states_is_an_estimate_and_says_so() -> None:
    """The catalogue's config of Llama 3.1 is a partial one; DeepSeek-V3's is whole."""
    partial = answer("llama-3.1-8b-instruct", "--on", "H100-SXM", "--details")
    whole = answer("deepseek-v3", "--on", "8xH200", "--details")

    assert partial["fit"]["kinds"]["weights_bytes"] == "estimated"
    assert any("16 bit assumed" in note for note in partial["notes"])
    assert whole["fit"]["kinds"]["weights_bytes"] == "derived"
    assert not any("16 bit assumed" in note for note in whole["notes"])
    assert answer("llama-3.1-8b-instruct", "--on", "H100-SXM", "--quant", "bf16")["kinds"]["weights_bytes"] == "derived"


def test_what_is_taken_beside_weights_on_apples_chips_is_not_hidden_by_a_table_in_the_same_memory() -> None:
    apple = answer("qwen3-8b", "--on", "M4 Pro 32GB", "--details")

    assert apple["need"]["host_bytes"] == 0
    assert apple["fit"]["overhead_bytes"] == sum(charge["bytes"] for charge in apple["need"]["charges"]) > 0


def test_a_name_that_means_two_models_lists_both_with_what_tells_them_apart() -> None:
    said = run("llama-3.1-8b", "--on", "H100-SXM").stderr

    assert "meta-llama/Llama-3.1-8B           base, 2024-07-23" in said
    assert "meta-llama/Llama-3.1-8B-Instruct  instruct, 2024-07-23" in said


def written(tmp_path: Path, **more: Any) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG | more))
    return str(path)


def test_a_config_with_the_infinity_that_python_writes_is_read(tmp_path: Path) -> None:
    """transformers writes `"time_limit": [0.0, Infinity]` for Mamba, which is no JSON; a size must still be one."""
    plain = answer("--config", written(tmp_path), "--on", "H100")
    assert answer("--config", written(tmp_path, time_step_limit=[0.0, float("inf")]), "--on", "H100") == plain
    refused = run("--config", written(tmp_path, hidden_size=float("nan")), "--on", "H100")
    assert refused.exit_code == 1
    assert "hidden_size is nan" in refused.output


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"peft_type": "LORA", "base_model_name_or_path": "some/model"}, "of an adapter (LORA of some/model)"),
        ({"tokenizer_class": "LlamaTokenizer"}, "of something else"),
        ({"bos_token_id": 1, "temperature": 0.6}, "of something else"),
        ({"model_type": "m", "text_config": {"is_encoder_decoder": True, "d_model": 8}}, "of an encoder-decoder (m)"),
        ({"model_type": "m", "encoder": {}, "decoder": {"d_model": 1024}}, "of an encoder-decoder (m)"),
    ],
)
def test_a_config_of_something_else_says_of_what(tmp_path: Path, config: dict[str, Any], says: str) -> None:
    """A list of missing sizes would send its reader looking for what such a file never has."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    result = run("--config", str(path), "--on", "H100")
    assert result.exit_code == 1
    assert says in result.output


def test_a_config_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    plain = answer("--config", written(tmp_path), "--on", "H100")
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(CONFIG).encode())
    assert answer("--config", str(tmp_path / "config.json"), "--on", "H100") == plain


def test_deepseeks_small_ones_without_latent_attention_keep_keys_and_values(tmp_path: Path) -> None:
    """`use_mla` is false in DeepSeek-VL2's language half, which has no rank for a latent vector."""
    config = written(tmp_path, model_type="deepseek_v2", use_mla=False, kv_lora_rank=None)
    assert answer("--config", config, "--on", "H100")["kv_bytes_per_token"] == 36 * 2 * 8 * 128 * 2


def test_groups_are_key_value_heads(tmp_path: Path) -> None:
    """Step's configs call them `num_attention_groups`."""
    config = written(tmp_path, model_type="step3p5", num_key_value_heads=None, num_attention_groups=4)
    assert answer("--config", config, "--on", "H100")["kv_bytes_per_token"] == 36 * 2 * 4 * 128 * 2


@pytest.mark.parametrize("quant", ["mxfp4", "gguf:mxfp4", "MXFP4"])
def test_mxfp4_for_llamacpp_is_the_gguf_file(tmp_path: Path, quant: str) -> None:
    """Both worlds know the name; llama.cpp's file packs the experts so and everything else in 8 bit."""
    sparse = written(tmp_path, model_type="qwen3_moe", num_experts=16, num_experts_per_tok=4, moe_intermediate_size=768)
    found = answer("--config", sparse, "--on", "H100", "--engine", "llamacpp", "--quant", quant)
    assert found["variant"] == "MXFP4"
    assert "MXFP4.gguf" in found["launch"]["llamacpp"]
    experts = 36 * 16 * 3 * 768 * 4096
    rest = (2 * 151_936 + 36 * (2 * 32 * 128 + 2 * 8 * 128)) * 4096
    assert found["weights_bytes"] == pytest.approx(experts * 17 / 32 + rest * 34 / 32, rel=0.01)


def test_mxfp4_of_a_dense_model_packs_its_layers(tmp_path: Path) -> None:
    """Only models with experts leave the rest as it was."""
    whole = answer("--config", written(tmp_path), "--on", "H100")["weights_bytes"]
    packed = answer("--config", written(tmp_path), "--on", "H100", "--quant", "mxfp4")["weights_bytes"]
    tables = 2 * 151_936 * 4096 * 2
    assert packed == pytest.approx(tables + (whole - tables) * 17 / 64, rel=0.001)


@pytest.mark.parametrize(
    "said",
    [
        {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"},
        {"quant_method": "fp8", "quantization": {"kv_cache_quant_algo": "FP8"}},
        {"quant_method": "fp8", "kv_cache_scheme": {"num_bits": 8, "type": "float"}},
    ],
)
def test_a_checkpoint_that_says_what_its_cache_is_kept_in_is_followed(tmp_path: Path, said: dict[str, Any]) -> None:
    """Servers do so unasked; a type that somebody asks for, and another format, go before it."""
    config = written(tmp_path, quantization_config=said)
    plain = 36 * 2 * 8 * 128 * 2
    found = answer("--config", config, "--on", "H100")
    assert found["kv_bytes_per_token"] == plain // 2
    assert "--kv-cache-dtype fp8" in found["launch"]["vllm"]
    assert answer("--config", config, "--on", "H100", "--kv-dtype", "bf16")["kv_bytes_per_token"] == plain
    assert answer("--config", config, "--on", "H100", "--quant", "bf16")["kv_bytes_per_token"] == plain
    assert answer("--config", config, "--on", "H100", "--engine", "llamacpp")["kv_bytes_per_token"] == plain


def test_experts_are_spread_where_ranks_would_cut_through_blocks_of_the_format(tmp_path: Path) -> None:
    """Eight ranks of 192 are no whole blocks of 128: vLLM does not start so, whether asked for or stored in fp8."""
    sizes = {"num_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 1536}
    config = written(tmp_path, model_type="qwen3_moe", **sizes)
    asked = answer("--config", config, "--on", "8xH100", "--quant", "fp8")
    assert "--enable-expert-parallel" in asked["launch"]["vllm"]
    assert "--ep-size 8" in asked["launch"]["sglang"]
    assert "--enable-expert-parallel" not in answer("--config", config, "--on", "8xH100")["launch"]["vllm"]
    refused = run("--config", config, "--on", "8xH100", "--quant", "fp8", "--tp", "8")
    assert refused.exit_code == 2
    assert "192 of an expert's 1536, which is no whole number of blocks of 128" in refused.output


def test_a_packing_nobody_knows_is_bounded_and_said(tmp_path: Path) -> None:
    """Taken for 16 bit in silence, it would be several times too big and called derived."""
    config = written(tmp_path, quantization_config={"quant_method": "zipzap", "bits": 3})
    found = answer("--config", config, "--on", "H100", "--details")
    assert found["fit"]["kinds"]["weights_bytes"] == "estimated"
    assert any("zipzap" in note and "16 bit is the most" in note for note in found["notes"])


def test_a_packing_of_amd_is_read(tmp_path: Path) -> None:
    """Quark names one scheme for everything that is not excluded; the head is."""
    scheme = {"weight": {"dtype": "fp4", "qscheme": "per_group", "group_size": 32}}
    said = {"quant_method": "quark", "global_quant_config": scheme, "exclude": ["lm_head"]}
    config = written(tmp_path, quantization_config=said)
    same = answer("--config", config, "--on", "H100", "--quant", "mxfp4")["weights_bytes"]
    assert answer("--config", config, "--on", "H100")["weights_bytes"] == same


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"quantization_config": "fp8"}, "quantization_config is 'fp8', not a table"),
        (
            {"num_experts": 8, "num_experts_per_tok": 100, "moe_intermediate_size": 64},
            "num_experts_per_tok is 100, of 8",
        ),
    ],
)
def test_a_config_that_contradicts_itself_is_refused(tmp_path: Path, more: dict[str, Any], says: str) -> None:
    """What cannot be is an error, not a guess."""
    result = run("--config", written(tmp_path, **more), "--on", "H100")
    assert result.exit_code == 1
    assert says in result.output


def test_a_type_nobody_knows_is_said_to_be_taken_for_bfloat16(tmp_path: Path) -> None:
    found = answer("--config", written(tmp_path, torch_dtype="float7"), "--on", "H100", "--details")
    assert any("float7 is not known" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("more", "quant", "is_told"),
    [
        ({}, "native", True),
        ({}, "bf16", False),
        ({"dtype": "bfloat16"}, "native", False),
        ({"torch_dtype": "float32"}, "native", False),
    ],
)
def test_weights_whose_type_nobody_says_are_told_to_be_taken_for_16_bit(
    tmp_path: Path, more: dict[str, Any], quant: str, is_told: bool
) -> None:
    """They would take twice the bytes in 32 bit."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | more))

    page = run("--config", str(tmp_path), "--on", "H100", "--quant", quant).output

    assert ("as what weights are stored: bfloat16 assumed" in page) is is_told


def test_what_is_assumed_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({k: v for k, v in CONFIG.items() if k != "tie_word_embeddings"}))

    assert run("--config", str(tmp_path), "--on", "H100").output.count("tie_word_embeddings") == 1


def test_a_folder_in_place_of_a_models_name_says_which_option_takes_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))

    result = run(str(tmp_path), "--on", "H100")

    assert result.exit_code == 2
    assert f"--config {tmp_path}" in result.stderr


def test_where_the_engine_cannot_start_it_the_reason_stands_in_place_of_a_command(config: str) -> None:
    page = run("--config", config, "--on", "MI300X", "--quant", "nvfp4").output

    assert "No command: vLLM only emulates NVFP4 on AMD's devices; try --quant fp8." in page
    assert "Start it" not in page
