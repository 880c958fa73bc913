"""What fit makes of a model of the catalogue: its files' makers, how it is stored, and models nobody can have."""

from __future__ import annotations

import msgspec
import pytest

from weighbridge.catalog.facts import Fact
from weighbridge.catalog.records import Catalogue, Model, Variant
from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.cli.compose_source import from_catalogue
from weighbridge.errors import InputError

ID = "Qwen/Qwen3-8B"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def with_config(model: Model, fact: Fact) -> Model:
    return msgspec.structs.replace(model, facts=dict(model.facts) | {"config": (fact,)})


def test_a_publishers_file_follows_the_publishers_mixture(catalogue: Catalogue) -> None:
    """A file by who departs from llama.cpp has another size than the plain mixture."""
    model = catalogue.models[ID]
    places = ("hf:bartowski/Qwen_Qwen3-8B-GGUF", "hf:ggml-org/Qwen3-8B-GGUF")
    sizes = [
        from_catalogue(
            msgspec.structs.replace(model, variants=(Variant(format="IQ2_M", source=place),)), catalogue
        ).subject("iq2_m", "llamacpp").weights.total_bytes
        for place in places
    ]  # fmt: skip

    assert sizes[0] != sizes[1]


def test_a_partial_config_is_not_silently_taken_as_16_bit(catalogue: Catalogue) -> None:
    """Checkpoints in 8 bits and fewer say so in a key that a derived config may lack."""
    model = catalogue.models[ID]
    (fact, *_) = model.facts["config"]
    partial = with_config(model, msgspec.structs.replace(fact, kind="reported"))
    exact = with_config(model, msgspec.structs.replace(fact, kind="exact"))
    notes = [from_catalogue(each, catalogue).subject("native", "vllm").weights.notes for each in (partial, exact)]

    assert any("16 bit assumed" in note for note in notes[0])
    assert not any("16 bit assumed" in note for note in notes[1])
    assert not from_catalogue(partial, catalogue).subject("bf16", "vllm").weights.notes


def test_nobody_is_sent_to_fetch_a_closed_model(catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match="weights cannot be had"):
        from_catalogue(catalogue.models["openai/gpt-5"], catalogue)
