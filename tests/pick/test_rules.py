"""Rules: a fact that nobody states passes none that asks for it, and licences are read with the user's own figures."""

from __future__ import annotations

import pytest
from pick_cases import make_subject, need_of

from weighbridge.pick.languages import LANGUAGES, read_language
from weighbridge.pick.rules import rules_of
from weighbridge.pick.subject import Subject
from weighbridge.policy.places import EU, read_place, stays_in


def failures(need: str, subject: Subject) -> list[str]:
    return [finding.because for rule in rules_of(need_of(need)) if not (finding := rule.judge(subject)).passes]


EVERYTHING = """
[work]
kind = "coding"
tools = true
reasoning = true
takes = ["image"]
languages = ["en"]
context = 64_000
[rules]
use = "commercial"
open_weights = true
openness = "III"
origin = ["US"]
released_since = "2025-06"
"""
MEETS_IT = {"reasoning": True, "modalities": ["text", "image"]}


def test_a_model_that_meets_everything_passes_every_rule() -> None:
    assert failures(EVERYTHING, make_subject(**MEETS_IT)) == []


@pytest.mark.parametrize(
    "fact",
    [
        *("tools", "reasoning", "modalities", "languages", "context_tokens", "commercial_use", "open_weights"),
        *("openness", "country", "released"),
    ],
)
def test_a_fact_nobody_states_never_passes_a_rule_that_asks_for_it(fact: str) -> None:
    found = failures(EVERYTHING, make_subject(**MEETS_IT | {fact: None}))

    assert len(found) == 1
    assert "not known" in found[0]


@pytest.mark.parametrize(
    ("fact", "value", "word"),
    [
        ("tools", False, "call tools"),
        ("reasoning", False, "think"),
        ("modalities", ["text"], "not image"),
        ("languages", ["zh"], "English"),
        ("context_tokens", 32_768, "32,768"),
        ("open_weights", False, "weights"),
        ("openness", "none", "openness"),
        ("country", "CN", "CN"),
        ("released", "2025-05-31", "2025-05-31"),
        ("stage", "base", "base model"),
        ("modalities_out", ["embedding"], "embedding"),
    ],
)
def test_what_is_known_to_fail_is_named_with_the_fact(fact: str, value: object, word: str) -> None:
    found = failures(EVERYTHING, make_subject(**MEETS_IT | {fact: value}))

    assert found
    assert any(word in each for each in found)


@pytest.mark.parametrize("name", ["acme/gpt-oss-safeguard-20b", "acme/Llama-Guard-4", "acme/Embed-8B", "acme/OCR-2"])
def test_a_guard_or_an_embedder_is_no_model_that_answers(name: str) -> None:
    assert any("made for something else" in each for each in failures(EVERYTHING, make_subject(name, **MEETS_IT)))
    assert failures(EVERYTHING, make_subject("acme/Vanguard-8B", **MEETS_IT)) == []


@pytest.mark.parametrize(
    ("licence", "rules", "passes"),
    [
        ("MIT", 'use = "commercial"', True),
        ("NC", 'use = "commercial"', False),
        ("NC", 'use = "research"', True),
        ("Odd", 'use = "commercial"', None),
        ("Big", 'use = "commercial"\nmonthly_users = 1000', True),
        ("Big", 'use = "commercial"\nmonthly_users = 1000\nconditions = "refuse"', True),
        ("Big", 'use = "commercial"\nmonthly_users = 2_000_000', False),
        ("Big", 'use = "commercial"', None),
        ("Big", 'use = "commercial"\nconditions = "refuse"', None),
        ("Show", 'use = "commercial"', True),
        ("Show", 'use = "commercial"\nconditions = "refuse"', False),
        ("Show", 'use = "internal"\nconditions = "refuse"', True),
        ("NotEU", 'use = "commercial"\nbased_in = "DE"', False),
        ("NotEU", 'use = "commercial"\nbased_in = "US"', True),
    ],
)
def test_a_licence_is_held_against_the_use_and_the_size_of_the_user(
    licence: str, rules: str, passes: bool | None
) -> None:
    need = need_of(f'[work]\nkind = "coding"\n[rules]\n{rules}\n')

    findings = [rule.judge(make_subject(licence=licence)) for rule in rules_of(need)]

    assert [finding.passes for finding in findings if finding.passes is not True] == ([] if passes else [passes])


def test_rights_withheld_of_multimodal_models_do_not_touch_one_of_text() -> None:
    need = '[work]\nkind = "coding"\n[rules]\nuse = "commercial"\nbased_in = "FR"\n'

    assert failures(need, make_subject(licence="PicturesNotEU", modalities=["text"])) == []
    assert failures(need, make_subject(licence="PicturesNotEU", modalities=["text", "image"])) != []


@pytest.mark.parametrize(
    ("said", "stays"),
    [
        ("Paris, France", True),
        ("EU", True),
        ("China", False),
        ("its own data centres in North America", False),
        ("EU first; infrastructure in Sweden, Norway, the Netherlands, Belgium, France and the United States", False),
        ("US, EU or Asia-Pacific, by region", True),
        ("by region: Singapore, United States or China", False),
        ("anywhere, or the region a project is made for", None),
        ("stored in the United States; no choice of the EU", None),
        ("that of the provider a request is routed to", None),
        ("a good place", None),
    ],
)
def test_what_a_provider_says_of_its_data_is_taken_at_its_word_and_no_further(said: str, stays: bool | None) -> None:
    assert bool(stays_in(said, EU)) == bool(stays)
    if stays is not None:
        assert stays_in(said, EU) is stays


def test_languages_and_places_are_found_by_code_and_by_name() -> None:
    assert read_language("Deutsch") is None
    assert read_language("German") == read_language("de") == read_language("de-AT") == "de"
    assert all(read_language(name) == code for code, names in LANGUAGES.items() for name in names)
    assert read_place("Germany") == read_place("DE") == {"DE"}
    assert read_place("nowhere") is None
