"""What is said about terms, by whom, and what is not said."""

from __future__ import annotations

import pytest

from weighbridge.engines.pull.licence import claim_in_text, is_licence_text, judge_licence
from weighbridge.engines.pull.records import Claim


@pytest.mark.parametrize(
    "name", ["LICENSE", "LICENCE.txt", "a/b/COPYING", "NOTICE.md", "GEMMA_TERMS.html", "USE_POLICY.md"]
)
def test_texts_that_hold_terms_are_known_by_their_names(name: str) -> None:
    assert is_licence_text(name)


@pytest.mark.parametrize("name", ["README.md", "license.py", "licenses.json", "model.gguf", "config.json", ".licensed"])
def test_other_files_are_not(name: str) -> None:
    assert not is_licence_text(name)


def test_a_text_is_the_licence_it_names_first() -> None:
    """Gemma's terms mention the Apache licence of the code further down."""
    text = b"<h1>Gemma Terms of Use</h1>" + b"." * 500 + b"Apache License Version 2.0"

    assert claim_in_text("GEMMA_TERMS.html", text) == Claim("Gemma Terms of Use", "GEMMA_TERMS.html")


def test_a_notice_that_mentions_a_licence_claims_none() -> None:
    assert claim_in_text("NOTICE.md", b"parts are under the MIT License") is None


def test_claims_that_agree_in_other_words_are_one() -> None:
    licence = judge_licence([Claim("apache-2.0", "model card"), Claim("Apache 2.0", "METADATA")])

    assert (licence.name, licence.disputed) == ("Apache-2.0", False)
    assert licence.url == "https://www.apache.org/licenses/LICENSE-2.0"


def test_a_dispute_is_not_settled_by_us() -> None:
    licence = judge_licence([Claim("mit", "model card"), Claim("gemma", "GGUF general.license")])

    assert licence.disputed
    assert licence.name == "disputed: MIT (model card), Gemma Terms of Use (GGUF general.license)"
    assert licence.url is None


def test_no_claim_is_unknown_and_not_free() -> None:
    assert judge_licence([Claim(" ", "METADATA")]).name is None
