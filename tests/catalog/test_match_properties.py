"""What must hold for every name, and for every model that is shipped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_names import ENTRIES, known

from weighbridge.catalog.match import load_index, resolve_name
from weighbridge.errors import InputError

INDEX = known()
IDS = [entry.id for entry in ENTRIES]
TAILS = [
    "-AWQ",
    "-FP8",
    ".Q4_K_M.gguf",
    ":free",
    "-high",
    " (high)",
    "-00001-of-00003.gguf",
    "@default",
    "-GGUF",
    "-2025-01-01",
]
HEADS = ["hf:", "openrouter/", "us.", "@cf/", "models/", "https://huggingface.co/", "accounts/fireworks/models/", "ft:"]
WORDS = [
    "-thinking",
    "-VL",
    "-Coder",
    "-base",
    "-it",
    "7b",
    "3.1",
    "p",
    "~",
    "(",
    ")",
    "[",
    "]",
    ":",
    "/",
    "\\",
    "+",
    "v0:1",
]


@given(st.text(max_size=60))
def test_any_text_gets_an_answer_or_an_explained_error(name: str) -> None:
    try:
        found = resolve_name(INDEX, name)
    except InputError:
        return
    assert found.name == name
    assert found.id is None or found.id in INDEX.entries
    assert set(found.alternatives) <= set(INDEX.entries)


@given(st.lists(st.sampled_from([*HEADS, *TAILS, *WORDS, *IDS]), min_size=1, max_size=7))
def test_pieces_of_real_names_in_any_order_get_an_answer(pieces: list[str]) -> None:
    found = resolve_name(INDEX, "".join(pieces)[:500])

    assert found.id is None or found.id in INDEX.entries


@given(st.sampled_from(IDS), st.sampled_from(["", *HEADS[:2]]), st.sampled_from(["", *TAILS[:4]]))
def test_case_never_decides(model: str, head: str, tail: str) -> None:
    name = head + model + tail

    assert resolve_name(INDEX, name.upper()).id == resolve_name(INDEX, name.lower()).id == resolve_name(INDEX, name).id


@given(st.sampled_from(IDS), st.sampled_from(["-AWQ", "-FP8", "-GPTQ-Int4", "-GGUF", "-MLX-4bit", "-NVFP4"]))
def test_a_quantised_repository_is_its_model(model: str, suffix: str) -> None:
    assert resolve_name(INDEX, model + suffix).id == model


@pytest.mark.parametrize("word", ["-Vision", "-Coder-X", "-abliterated", "-3B", "-v9", "-distill", "-zz"])
def test_a_word_nobody_knows_makes_another_model(word: str) -> None:
    assert [model for model in IDS if resolve_name(INDEX, model + word).id] == []


def test_every_shipped_id_means_itself() -> None:
    index = load_index()

    assert [model for model in index.entries if resolve_name(index, model).id != model] == []


def test_every_shipped_name_means_its_model_or_moves() -> None:
    index = load_index()
    wrong = [
        (name, entry.id, found.id)
        for entry in index.entries.values()
        for name in entry.names
        if (found := resolve_name(index, name)).id != entry.id and not found.how.startswith("moving name")
    ]

    assert wrong == []


def test_every_shipped_moving_name_says_since_when() -> None:
    index = load_index()

    assert index.meanings
    assert [name for name in index.meanings if "moving name" not in resolve_name(index, name).how] == []
