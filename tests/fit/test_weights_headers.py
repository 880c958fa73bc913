"""Exact sizes from headers: of a folder here, and of files on a server that may do anything with a range."""

from __future__ import annotations

import asyncio
import json
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from fault_server import Behaviour, Exchange, FaultServer, answers, response, serving
from gguf_bytes import T, gguf
from safetensors_bytes import safetensors, table
from weighbridge.cli.compose_headers import MOST_TRAFFIC, HeaderReader, hub_folder
from weighbridge.cli.shards import local_weights
from weighbridge.errors import InputError, PullError, WeightsError
from weighbridge.fit.reading import read_architecture
from weighbridge.settings import read_settings
from weighbridge.units import KIB, MIB

FIRST = table(
    {"model.embed_tokens.weight": ("BF16", (10, 4)), "model.layers.0.mlp.experts.0.up_proj.weight": ("BF16", (8, 4))}
)
SECOND = table({"model.norm.weight": ("F32", (4,)), "lm_head.weight": ("BF16", (10, 4))})
NAMES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def index(total: int | None = 256) -> bytes:
    names = dict.fromkeys(FIRST, NAMES[0]) | dict.fromkeys(SECOND, NAMES[1])
    metadata = {} if total is None else {"metadata": {"total_size": total}}
    return json.dumps({**metadata, "weight_map": names}).encode()


def checkpoint(folder: Path) -> Path:
    """Two shards and their index."""
    (folder / NAMES[0]).write_bytes(safetensors(FIRST))
    (folder / NAMES[1]).write_bytes(safetensors(SECOND))
    (folder / "model.safetensors.index.json").write_bytes(index())
    return folder


# --- here


def test_a_folder_of_shards_is_summed_to_the_byte(tmp_path: Path) -> None:
    weights = local_weights(checkpoint(tmp_path))

    assert weights.kind == "exact"
    assert weights.total_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert weights.total_bytes - weights.container_bytes == 80 + 64 + 16 + 80
    assert {part.name: part.bytes for part in weights.parts} == {
        "embedding": 80,
        "experts": 64,
        "dense": 16,
        "head": 80,
    }


def test_a_file_by_itself_and_a_folder_without_an_index_count_too(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(safetensors(FIRST))

    assert local_weights(tmp_path) == local_weights(tmp_path / "model.safetensors")


def test_packed_words_count_as_the_weights_they_hold(tmp_path: Path) -> None:
    """AWQ: eight 4-bit weights in a word; scales and zeros are no parameters."""
    packed = {
        "model.layers.0.mlp.up_proj.qweight": ("I32", (64, 16)),
        "model.layers.0.mlp.up_proj.qzeros": ("I32", (1, 16)),
        "model.layers.0.mlp.up_proj.scales": ("BF16", (1, 128)),
    }
    (tmp_path / "model.safetensors").write_bytes(safetensors(table(packed)))

    assert local_weights(tmp_path).parameters_total == 64 * 128


def test_layers_beyond_the_last_are_drafts(tmp_path: Path) -> None:
    """DeepSeek stores its draft layer as one layer more."""
    config = {"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 4, "num_attention_heads": 1,
              "intermediate_size": 8, "vocab_size": 10}  # fmt: skip
    tensors = {"model.layers.0.mlp.up_proj.weight": ("BF16", (8, 4)), "model.layers.1.eh_proj.weight": ("BF16", (4, 8))}
    (tmp_path / "model.safetensors").write_bytes(safetensors(table(tensors)))

    weights = local_weights(tmp_path, read_architecture(config))

    assert {part.name for part in weights.parts} == {"dense", "mtp"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"{", "no JSON", id="cut"),
        pytest.param(b"[]", "no weight_map", id="a-list"),
        pytest.param(b'{"weight_map": {"a": "../../etc/passwd"}}', "no file name", id="path"),
        pytest.param(b'{"weight_map": {"a": 7}}', "no file name", id="number"),
        pytest.param(index().replace(b"lm_head", b"other"), "does not hold", id="tensor-that-is-not-there"),
    ],
)
def test_an_index_that_lies_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (checkpoint(tmp_path) / "model.safetensors.index.json").write_bytes(content)

    with pytest.raises(WeightsError, match=said):
        local_weights(tmp_path)


def test_a_shard_with_more_than_the_index_names_is_an_error(tmp_path: Path) -> None:
    checkpoint(tmp_path)
    extra = SECOND | {"z": {"dtype": "U8", "shape": [1], "data_offsets": [96, 97]}}
    (tmp_path / NAMES[1]).write_bytes(safetensors(extra))

    with pytest.raises(WeightsError, match="which the index does not name"):
        local_weights(tmp_path)


def test_a_missing_shard_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no safetensors files"):
        local_weights(tmp_path)
    (checkpoint(tmp_path) / NAMES[1]).unlink()
    with pytest.raises(WeightsError, match="cannot read"):
        local_weights(tmp_path)


# --- on the web


def ranges(files: Mapping[str, bytes], sizes: Mapping[str, int] | None = None) -> Behaviour:
    """A server that knows ranges; sizes: how long a file is whose end was not written out."""

    async def behave(exchange: Exchange) -> None:
        name = exchange.target.rsplit("/", 1)[-1]
        body = files.get(name)
        if body is None:
            exchange.write(response(404, b"no such file", "text/plain"))
            return
        total = (sizes or {}).get(name, len(body))
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", exchange.headers.get("range", ""))
        assert asked, "every question is for a range"
        begin, last = int(asked[1]), min(int(asked[2]), total - 1)
        if begin >= total:
            exchange.write(response(416, b"", "text/plain"))
            return
        part = body[begin : last + 1].ljust(last + 1 - begin, b"\0")
        place = f"bytes {begin}-{last}/{total}"
        exchange.write(response(206, part, "application/octet-stream", content_range=place))

    return behave


@contextmanager
def reader(behave: Behaviour) -> Iterator[tuple[HeaderReader, FaultServer]]:
    with serving(behave) as server:
        settings = read_settings({"HOME": "/nonexistent", "HF_ENDPOINT": server.url, "NO_PROXY": "*"})
        yield HeaderReader(settings), server


def test_one_remote_file_costs_one_range(tmp_path: Path) -> None:
    files = {"model.safetensors": safetensors(FIRST)}

    with reader(ranges(files, {"model.safetensors": len(files["model.safetensors"])})) as (read, server):
        found = read.read(f"{server.url}/model.safetensors")

        assert found.file_bytes == len(files["model.safetensors"])
        assert found.weights is not None
        assert found.weights.kind == "exact"
        assert len(server.requests) == 1


def test_a_header_longer_than_the_first_range_is_asked_for_exactly() -> None:
    header = table({f"layer.{i}": ("U8", (1,)) for i in range(3000)})
    file = safetensors(header)
    length = struct.unpack("<Q", file[:8])[0]
    assert length > 64 * KIB

    with reader(ranges({"model.safetensors": file})) as (read, server):
        found = read.read(f"{server.url}/model.safetensors")

        assert found.traffic_bytes == 8 + length
        assert found.weights is not None
        assert found.weights.total_bytes == len(file)


def test_a_repository_is_read_by_its_index(tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in checkpoint(tmp_path).iterdir()}

    with reader(ranges(files)) as (read, _):
        found = read.read("hf:owner/name")

    assert found.weights == local_weights(tmp_path)


def test_a_repository_without_an_index_has_one_file() -> None:
    file = safetensors(FIRST)

    with reader(ranges({"model.safetensors": file})) as (read, _):
        assert read.read("hf:owner/name").file_bytes == len(file)


def test_an_index_too_long_to_read_gives_the_total_it_states() -> None:
    """DeepSeek-V3's index has nine megabytes; its total stands in the first hundred bytes."""
    start = b'{"metadata": {"total_size": 688586727753}, "weight_map": {"a": "b.safetensors", "'
    files = {"model.safetensors.index.json": start}

    with reader(ranges(files, {"model.safetensors.index.json": 9 * MIB})) as (read, _):
        found = read.read("hf:deepseek-ai/DeepSeek-V3")

    assert found.file_bytes == 688586727753
    assert found.weights is None
    assert "index states" in found.note
    assert found.traffic_bytes <= MOST_TRAFFIC


def test_a_remote_gguf_header_is_read_in_pieces() -> None:
    file = gguf({"tokenizer.ggml.tokens": ["token" * 20] * 2000}, [T("token_embd.weight", (32, 4))])
    assert len(file) > 128 * KIB

    with reader(ranges({"m.gguf": file})) as (read, server):
        found = read.read(f"{server.url}/m.gguf")

    assert found.gguf is not None
    assert [tensor.name for tensor in found.gguf.tensors] == ["token_embd.weight"]
    assert found.file_bytes == len(file)


def test_a_gguf_header_beyond_the_bound_still_gives_the_files_size() -> None:
    file = gguf({"tokenizer.ggml.tokens": ["token" * 50] * 40_000}, [])
    assert len(file) > MOST_TRAFFIC

    with reader(ranges({"m.gguf": file}, {"m.gguf": 40 * 2**30})) as (read, server):
        found = read.read(f"{server.url}/m.gguf")

    assert (found.file_bytes, found.gguf) == (40 * 2**30, None)
    assert found.traffic_bytes <= MOST_TRAFFIC


def test_a_gguf_file_that_is_none_is_refused_at_once() -> None:
    with reader(ranges({"m.gguf": b"<html>not found</html>" + bytes(100_000)})) as (read, server):
        with pytest.raises(WeightsError, match="no GGUF file"):
            read.read(f"{server.url}/m.gguf")
        assert len(server.requests) == 1


# --- servers that lie


async def endless(exchange: Exchange) -> None:
    """Says nothing of a length and goes on."""
    exchange.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n\r\n")
    while not exchange.left.is_set():
        exchange.write(bytes(4096))
        await exchange.drain()
        await asyncio.sleep(0)


def says(place: str, body: bytes = bytes(64), status: int = 206) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        exchange.write(response(status, body, "application/octet-stream", content_range=place))

    return behave


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        pytest.param(answers(bytes(200_000), content_type="application/octet-stream"), "ignores ranges", id="ignored"),
        pytest.param(endless, "ignores ranges", id="endless"),
        pytest.param(says("bytes 0-63/*"), "how long the file is", id="length-unknown"),
        pytest.param(says("bytes 100-163/1000"), "not the one asked for", id="another-place"),
        pytest.param(says("bytes 0-999/1000"), "not the one asked for", id="fewer-bytes-than-said"),
        pytest.param(says("bytes 0-63/10"), "not the one asked for", id="beyond-the-end"),
        pytest.param(says("octets"), "how long the file is", id="another-unit"),
        pytest.param(answers(b"", 416, "text/plain"), "416", id="416"),
        pytest.param(answers(b"no", 403, "text/plain"), "403", id="forbidden"),
    ],
)
def test_a_server_that_does_anything_else_gets_a_clear_error(behave: Behaviour, said: str) -> None:
    with reader(behave) as (read, server), pytest.raises(PullError, match=said) as caught:
        read.read(f"{server.url}/model.safetensors?signature=secret")

    assert "secret" not in str(caught.value)


def test_a_small_file_from_a_server_without_ranges_is_read_whole() -> None:
    file = safetensors(FIRST)

    with reader(answers(file, content_type="application/octet-stream")) as (read, server):
        assert read.read(f"{server.url}/model.safetensors").file_bytes == len(file)


def test_redirects_are_followed() -> None:
    """Hubs send large files from another address."""
    file = safetensors(FIRST)
    serve = ranges({"real.safetensors": file})

    async def behave(exchange: Exchange) -> None:
        if "real" in exchange.target:
            await serve(exchange)
        else:
            exchange.write(response(302, b"", "text/plain", location="/real.safetensors"))

    with reader(behave) as (read, server):
        assert read.read(f"{server.url}/model.safetensors").file_bytes == len(file)


def test_redirects_without_end_are_refused() -> None:
    with (
        reader(answers(b"", 302, "text/plain", location="/again")) as (read, server),
        pytest.raises(PullError, match="redirects"),
    ):
        read.read(f"{server.url}/model.safetensors")


def test_tries_that_fail_are_paid_from_the_same_bound() -> None:
    """A server that answers 503 for ever may not make us ask for more than the bound."""
    with reader(answers(b"", 503, "text/plain", retry_after="0")) as (read, server):
        with pytest.raises(PullError):
            read.read(f"{server.url}/model.safetensors")
        assert len(server.requests) * 64 * KIB <= MOST_TRAFFIC


def test_a_place_that_is_no_repository_is_refused() -> None:
    settings = read_settings({"HOME": "/nonexistent"})

    assert hub_folder(settings, "hf:a/b@v1") == "https://huggingface.co/a/b/resolve/v1/"
    for place in ("hf:", "hf:a", "hf:../..", "hf:a/b/c"):
        with pytest.raises(InputError, match="no repository"):
            hub_folder(settings, place)
