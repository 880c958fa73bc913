"""The reader against two real files, whose figures their publishers give."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.formats.gguf import GgufArray, read_gguf

pytestmark = pytest.mark.weights


def test_smollm2_is_read_as_its_publisher_describes_it(smollm2: Path) -> None:
    """Model card: 135M parameters (134,515,008 with tied embeddings), 8,192 tokens of context, vocabulary of 49,152."""
    header = read_gguf(smollm2)

    header.check_whole()
    assert (header.architecture, header.license, header.context_length) == ("llama", "apache-2.0", 8192)
    assert header.parameters == 134_515_008
    assert header.data_end == header.file_bytes == 98_362_432
    assert header.chat_template is not None
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, GgufArray)
    assert len(tokens) == 49_152
    assert tokens.head(2) == ("<|endoftext|>", "<|im_start|>")


def test_gemma3_is_a_base_model_with_a_quarter_million_tokens(gemma3: Path) -> None:
    """Model card: 268M parameters (170M of them embeddings of a 262,144-token vocabulary), 32K context."""
    header = read_gguf(gemma3)

    header.check_whole()
    assert (header.architecture, header.license, header.context_length) == ("gemma3", "gemma", 32_768)
    assert header.parameters == 268_098_176
    assert header.data_end == header.file_bytes == 253_113_024
    assert header.chat_template is None
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, GgufArray)
    assert sum(1 for _ in tokens) == 262_144
