"""Feeds with a page for each model: the Hugging Face Hub, ModelScope and Ollama's registry, in their real shapes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from feed_bench import Clock, bring, serves
from hypothesis import given, settings
from hypothesis import strategies as st
from test_feeds_prices import TREES

from fault_server import Exchange, answers, response, script, serving
from weighbridge.catalog import load_catalogue
from weighbridge.catalog.feeds.gather import Gather
from weighbridge.catalog.feeds.records import Harvest, Overlay
from weighbridge.catalog.feeds.registry import FEEDS
from weighbridge.errors import InputError, PullError, UsageError

MODEL = "Qwen/Qwen2.5-7B-Instruct"
PAGE = {
    "_id": "66e6d08f",
    "id": MODEL,
    "downloads": 9_000_000,
    "downloadsAllTime": 80_000_000,
    "likes": 812,
    "gated": False,
    "safetensors": {"parameters": {"BF16": 7_615_616_512}, "total": 7_615_616_512},
    "cardData": {"license": "apache-2.0", "base_model": "Qwen/Qwen2.5-7B", "language": ["en"]},
    "config": {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"},
}
CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 3584,
    "model_type": "qwen2",
    "num_attention_heads": 28,
    "num_hidden_layers": 28,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": False,
}
HUB: dict[str, Any] = {f"/api/models/{MODEL}": PAGE, f"/{MODEL}/resolve/main/config.json": CONFIG}


def merged(overlay: Overlay) -> Harvest:
    """All documents as one."""
    harvests = [document.harvest for document in overlay.documents]
    facts = {name: fact for each in harvests for name, fact in each.facts.get(MODEL, {}).items()}
    return Harvest(
        facts={MODEL: facts},
        adoption=tuple(count for each in harvests for count in each.adoption),
        variants={model: found for each in harvests for model, found in each.variants.items()},
    )


def hub(pages: dict[str, Any], held: Overlay | None = None, **more: Any) -> Any:
    with serving(serves(pages)) as server:
        return bring("huggingface", server.url, held, names=(MODEL,), **more)


def test_the_hub_says_what_the_files_hold_what_the_card_says_and_how_much_it_is_used() -> None:
    found = merged(hub(HUB).overlay)
    facts = found.facts[MODEL]

    assert (facts["exact_parameters"].value, facts["exact_parameters"].kind) == (7_615_616_512, "exact")
    assert facts["licence"].value == "Apache-2.0"
    assert facts["base_model"].value == "Qwen/Qwen2.5-7B"
    assert {count.metric: count.value for count in found.adoption} == {
        "hf_downloads_30d": 9_000_000,
        "hf_downloads_cumulative": 80_000_000,
        "hf_likes": 812,
    }


def test_of_a_config_what_fit_needs_is_kept() -> None:
    config = merged(hub(HUB).overlay).facts[MODEL]["config"].value

    assert config == {
        "hidden_size": 3584,
        "model_type": "qwen2",
        "num_attention_heads": 28,
        "num_hidden_layers": 28,
        "tie_word_embeddings": False,
    }


def test_packed_weights_are_said_to_be_packed() -> None:
    tensors = {"parameters": {"BF16": 1_000_000_000, "U8": 6_000_000_000}, "total": 7_000_000_000}

    facts = merged(hub({**HUB, f"/api/models/{MODEL}": {**PAGE, "safetensors": tensors}}).overlay).facts[MODEL]

    assert facts["exact_parameters"].note == "elements of the files; U8 may hold several weights each"


def test_a_gated_config_is_not_asked_for() -> None:
    with serving(serves({**HUB, f"/api/models/{MODEL}": {**PAGE, "gated": "manual"}})) as server:
        bring("huggingface", server.url, names=(MODEL,))

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"id": "someone/else"}, "the answer is about someone/else; it may have been renamed"),
        ({"downloads": -5}, "hf_downloads_30d: -5 is not plausible"),
        ({"safetensors": {"total": "7B"}}, "expected a whole number"),
        ({"safetensors": {"total": 7}}, "is not plausible"),
        ({"safetensors": [1]}, "expected an object"),
    ],
)
def test_a_page_that_is_wrong_leaves_what_was_held_of_that_model(wrong: dict[str, Any], why: str) -> None:
    before = hub(HUB).overlay

    with serving(serves({**HUB, f"/api/models/{MODEL}": {**PAGE, **wrong}})) as server:
        moved = msgspec.structs.replace(
            before,
            documents=tuple(
                msgspec.structs.replace(
                    each, url=server.url + each.url[each.url.index("/", 8) :], parent=each.parent and "x"
                )
                for each in before.documents
            ),
        )
        after = bring("huggingface", server.url, moved, names=(MODEL,))

    assert why in after.failed[0].what
    assert merged(after.overlay).facts == merged(before).facts


def test_the_first_page_that_fails_of_a_feed_never_held_is_an_error_only_when_nothing_comes() -> None:
    page = f"/api/models/{MODEL}"

    brought = hub({page: HUB[page]})

    assert [each.record.endswith("/resolve/main/config.json") for each in brought.failed] == [True]
    assert "exact_parameters" in merged(brought.overlay).facts[MODEL]


def test_a_hub_that_is_down_is_not_asked_about_every_model() -> None:
    """Without names every model of the catalogue would be asked for: five hundred."""
    with serving(answers(b"", 500)) as server, pytest.raises(PullError) as caught:
        bring("huggingface", server.url)

    assert "the server answered 500" in caught.value.what
    assert len(server.requests) == 3 * 6


def test_a_hub_that_goes_down_midway_keeps_what_came() -> None:
    async def one(exchange: Exchange) -> None:
        repo = exchange.target.partition("?")[0].removeprefix("/api/models/")
        exchange.write(response(200, json.dumps({"id": repo, "downloads": 5}).encode()))

    with serving(script(one, one, answers(b"", 502))) as server:
        brought = bring("huggingface", server.url)

    assert len(brought.overlay.documents) == 2
    assert len(brought.failed) == 3
    assert brought.left > 100


def test_what_was_not_asked_for_longest_comes_first_the_next_time() -> None:
    """A hub that lets us ask for some pages only would never let us have the last ones otherwise."""
    names = ("a/one", "a/two", "a/three")
    pages = {f"/api/models/{name}": {"id": name, "downloads": 5} for name in names}

    with serving(serves(pages)) as server:
        first = bring("huggingface", server.url, names=names[:2])
        bring("huggingface", server.url, first.overlay, names=names, now="2026-11-23T00:00:00Z")

    assert server.requests[2].target.startswith("/api/models/a/three?")


def test_ctrl_c_keeps_what_had_come() -> None:
    names = ("a/one", "a/two", "a/three")
    pages = {f"/api/models/{name}": {"id": name, "downloads": 5} for name in names}
    asked = []

    def tell(url: str) -> None:
        asked.append(url)
        if len(asked) == 2:
            raise KeyboardInterrupt

    with serving(serves(pages)) as server:
        brought = bring("huggingface", server.url, names=names, tell=tell)

    assert len(brought.overlay.documents) == 1
    assert brought.left == 2


def test_a_hub_that_wants_a_pause_gets_it_by_its_own_header() -> None:
    clock = Clock()
    busy = answers(b"", 429, ratelimit='"api";r=0;t=42')

    with serving(script(busy, serves(HUB))) as server:
        bring("huggingface", server.url, names=(MODEL,), clock=clock)

    assert clock.slept == [42.0]


def test_unchanged_pages_keep_what_they_led_to() -> None:
    with serving(serves(HUB, '"v1"')) as server:
        first = bring("huggingface", server.url, names=(MODEL,))
        second = bring("huggingface", server.url, first.overlay, names=(MODEL,))

    assert second.unchanged == 1
    assert merged(second.overlay) == merged(first.overlay)
    assert len(server.requests) == 3


def test_a_repository_that_is_gone_is_named_and_no_longer_held() -> None:
    other = "Qwen/Qwen2.5-14B-Instruct"
    pages = {f"/api/models/{name}": {"id": name, "cardData": {"license": "mit"}} for name in (MODEL, other)}

    with serving(script(serves(pages), serves(pages), serves({f"/api/models/{other}": {"id": other}}))) as server:
        first = bring("huggingface", server.url, names=(MODEL, other))
        second = bring("huggingface", server.url, first.overlay, names=(MODEL, other), accept_loss=True)

    assert [document.url.partition("?")[0].rpartition("models/")[2] for document in second.overlay.documents] == [other]
    assert "status 404" in second.failed[0].what


def test_a_name_that_is_no_repository_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(UsageError):
        bring("huggingface", "http://127.0.0.1:9", names=("../../etc/passwd",))


def test_modelscope_says_licence_and_downloads() -> None:
    page = {"Code": 200, "Data": {"License": "Apache License 2.0", "Downloads": 12345, "ChineseName": "通义千问"}}

    with serving(serves({"/api/v1/models/Qwen/Qwen2.5-7B-Instruct": page})) as server:
        found = merged(bring("modelscope", server.url, names=(MODEL,)).overlay)

    assert found.facts[MODEL]["licence"].value == "Apache-2.0"
    assert [(count.metric, count.value) for count in found.adoption] == [("modelscope_downloads", 12345)]


def test_modelscope_says_no_inside_an_answer_of_200() -> None:
    page = {"Code": 10010205001, "Message": "record not found", "Data": None}

    with serving(serves({"/api/v1/models/Qwen/Qwen2.5-7B-Instruct": page})) as server:
        brought = bring("modelscope", server.url, names=(MODEL,))

    assert "record not found" in brought.failed[0].what
    assert not brought.overlay.documents


BLOB = json.dumps({"model_format": "gguf", "model_family": "qwen2", "model_type": "7.6B", "file_type": "Q4_K_M"})
DIGEST = f"sha256:{hashlib.sha256(BLOB.encode()).hexdigest()}"
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": DIGEST, "size": len(BLOB)},
    "layers": [
        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:2b", "size": 4_683_073_184},
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:eb", "size": 1_615},
    ],
}
TAG = "qwen2.5:7b-instruct"
REGISTRY: dict[str, Any] = {
    "/v2/library/qwen2.5/manifests/7b-instruct": MANIFEST,
    f"/v2/library/qwen2.5/blobs/{DIGEST}": BLOB.encode(),
}


def ollama(pages: dict[str, Any]) -> Any:
    with serving(serves(pages)) as server:
        return bring("ollama", server.url, names=(TAG,))


def test_ollama_says_in_which_quantisation_and_how_large() -> None:
    (variant,) = merged(ollama(REGISTRY).overlay).variants[MODEL]

    assert (variant.format, variant.bytes) == ("Q4_K_M", 4_683_073_184)


def test_an_ollama_configuration_that_is_not_the_promised_one_is_refused() -> None:
    brought = ollama({**REGISTRY, f"/v2/library/qwen2.5/blobs/{DIGEST}": BLOB.replace("Q4", "Q8").encode()})

    assert not merged(brought.overlay).variants
    assert "not the one the manifest names" in brought.failed[0].what


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers": None},
        {"config": {"digest": "sha256:../../../x"}},
        {"layers": [{"mediaType": MANIFEST["layers"][0]["mediaType"], "size": -1}]},
    ],
)
def test_an_ollama_manifest_that_is_wrong_leads_nowhere(wrong: dict[str, Any]) -> None:
    brought = ollama({**REGISTRY, "/v2/library/qwen2.5/manifests/7b-instruct": {**MANIFEST, **wrong}})

    assert brought.asked == 1
    assert not brought.overlay.documents


def test_a_model_that_ollama_only_serves_has_no_variant_and_is_no_failure() -> None:
    brought = ollama({"/v2/library/qwen2.5/manifests/7b-instruct": {**MANIFEST, "layers": []}})

    assert not brought.failed
    assert brought.asked == 1


def pages_of(feed: str, name: str) -> Any:
    return FEEDS[feed].asks("http://hub", load_catalogue(), (name,))[0].read


@pytest.mark.parametrize(("feed", "name"), [("huggingface", MODEL), ("modelscope", MODEL), ("ollama", TAG)])
@settings(deadline=None)
@given(body=st.binary(max_size=100) | TREES.map(lambda tree: json.dumps(tree).encode()))
def test_any_page_is_read_or_refused(feed: str, name: str, body: bytes) -> None:
    gather = Gather("fuzz", "2026-11-22", lambda _: MODEL)
    try:
        pages_of(feed, name)(body, gather)
        gather.harvest()
    except (PullError, InputError):
        pass
