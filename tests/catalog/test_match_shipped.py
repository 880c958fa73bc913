"""The shipped catalogue's own names, and names of providers whose meaning is known, through the index it gives."""

from __future__ import annotations

import pytest

from weighbridge.catalog import load_catalogue
from weighbridge.catalog.match import load_index, resolve_name

CATALOGUE = load_catalogue()


def test_every_id_and_every_listed_name_means_its_model() -> None:
    wrong = {
        name: resolve_name(load_index(), name)
        for model in CATALOGUE.models.values()
        for name in (model.id, *model.names)
        if resolve_name(load_index(), name).id != model.id
    }

    assert not wrong


def test_no_model_is_called_by_a_name_that_means_another() -> None:
    """The name it is shown under may be ambiguous; the bare name of its repository may be two labs'."""
    wrong = {
        (name, model.id): found.id
        for model in CATALOGUE.models.values()
        for name in (model.name, model.id.rpartition("/")[2])
        if (found := resolve_name(load_index(), name)).id not in (None, model.id)
    }

    assert not wrong


@pytest.mark.parametrize("name", ["Falcon-180B", "Falcon 180B", "Mistral-7B-v0.1", "stablelm-2-12b", "Llama-3.1-405B"])
def test_a_base_models_own_name_means_the_base_model(name: str) -> None:
    found = resolve_name(load_index(), name)

    assert found.id is not None
    assert CATALOGUE.models[found.id].facts["stage"][0].value == "base"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("deepseek.v3-v1:0", "deepseek-ai/DeepSeek-V3.1"),
        ("eu.mistral.mistral-large-2402-v1:0", "mistral/mistral-large-2402"),
        ("mistral.mistral-large-3-675b-instruct", "mistralai/Mistral-Large-3-675B-Instruct-2512"),
        ("pixtral-12b", "mistralai/Pixtral-12B-2409"),
        ("mistralai/mistral-large", None),
        ("deepseek-r1:7b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"),
        ("deepseek-r1:671b", None),
        ("gpt-5.6-sol_promax", "openai/gpt-5.6-sol"),
    ],
)
def test_names_of_providers_mean_what_they_serve_under_them(name: str, model: str | None) -> None:
    assert resolve_name(load_index(), name).id == model


def test_a_name_that_its_maker_took_back_gives_its_last_meaning_with_its_days() -> None:
    found = resolve_name(load_index(), "deepseek/deepseek-chat")

    assert found.id is None
    assert "from 2026-04-24 to 2026-07-24" in found.how
    assert found.alternatives[0] == "deepseek-ai/DeepSeek-V4-Flash"
