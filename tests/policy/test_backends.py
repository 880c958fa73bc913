"""What a policy knows of backends: whose address it is, which files an engine opens, what a name means today."""

from __future__ import annotations

from pathlib import Path

import pytest

from gguf_bytes import small_model
from weighbridge.cli.compose_policy import Backends, audit_verdict, model_named, pulled_weights, same_model
from weighbridge.engines import BackendRecord
from weighbridge.engines.pull import pull
from weighbridge.policy import Policy, PolicyFile, decide
from weighbridge.policy.file import Artefacts, Own
from weighbridge.settings import read_settings

TODAY = "2026-11-22"


def policy(**sections: object) -> Policy:
    return Policy(PolicyFile(**sections), "policy.toml")  # type: ignore[arg-type]


def hosted(url: str, **fields: str) -> BackendRecord:
    return BackendRecord(name="up", kind="openai", base_url=url, api_key="env:KEY", **fields)


def test_origin_law_and_place_of_data_are_three_facts() -> None:
    backends = Backends(policy(), None, TODAY)

    facts = backends.facts(hosted("https://api.z.ai/api/paas/v4"), "zai-org/GLM-5")

    assert [(link.role, link.name, link.country and link.country.value) for link in facts.chain] == [
        ("lab", "zai", "CN"),
        ("server", "zai", "SG"),
    ]
    assert facts.jurisdiction is not None
    assert (facts.jurisdiction.value, facts.data_location and facts.data_location.value) == ("SG", "Singapore")
    assert facts.retention_days is not None
    assert "2026-06-12" in facts.retention_days.source


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://gpu1.corp.example:8000/v1", True),
        ("http://10.2.3.4/v1", True),
        ("http://192.0.2.1/v1", False),
    ],
)
def test_engines_of_ones_own_are_on_this_machine_or_at_hosts_that_are_named(url: str, here: bool) -> None:
    own = policy(own=Own(("*.corp.example", "10.0.0.0/8")))

    assert Backends(own, None, TODAY).facts(hosted(url), "openai/gpt-oss-20b").runs_here is here


@pytest.mark.parametrize(
    ("name", "pinned", "moves"),
    [
        ("mistral-large-latest", False, True),
        ("gpt-4o-2024-08-06", True, False),
        ("mistral-large-2411", True, False),
        ("some-model", None, False),
    ],
)
def test_a_name_is_known_to_move_known_to_stand_or_neither(name: str, pinned: bool | None, moves: bool) -> None:
    facts = Backends(policy(), None, TODAY).facts(hosted("https://api.mistral.ai/v1"), name)

    assert (facts.pinned, facts.alias is not None) == (pinned, moves)


def test_an_alias_whose_time_is_over_says_what_it_meant() -> None:
    facts = Backends(policy(), None, TODAY).facts(hosted("https://api.deepseek.com/v1"), "deepseek-chat")

    assert facts.alias is not None
    assert facts.alias.value == "nothing that is known; until 2026-07-24 it meant deepseek-ai/DeepSeek-V4-Flash"


def test_weights_that_nobody_audited_are_refused_until_somebody_has(tmp_path: Path) -> None:
    settings = read_settings({"HOME": str(tmp_path)})
    file = tmp_path / "tiny.gguf"
    file.write_bytes(small_model())
    record = BackendRecord(name="here", kind="llamacpp", source=f"file:{file}", sha256="0" * 64)
    strict = policy(artefacts=Artefacts(audited=True, pinned=True))

    before = Backends(strict, settings, TODAY).facts(record, None)
    pulled = pull(f"file:{file}", settings=settings)
    after = Backends(strict, settings, TODAY).facts(record, None)

    rules = [{reason.rule for reason in decide(strict, facts).reasons} for facts in (before, after)]
    assert "artefacts.audited" in rules[0]
    assert before.pinned, "a hash pins"
    assert pulled_weights(f"file:{file}", settings) == pulled
    assert after.audit == audit_verdict(pulled, settings) is not None
    assert "artefacts.audited" not in rules[1] or after.audit == "fail"


def test_the_quantiser_of_weights_is_who_published_them_unless_it_is_the_lab() -> None:
    ours = BackendRecord(name="a", kind="llamacpp", source="hf:Qwen/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf")
    theirs = BackendRecord(name="b", kind="llamacpp", source="hf:bartowski/Qwen_Qwen3-8B-GGUF/q4.gguf")
    backends = Backends(policy(), None, TODAY)

    roles = [[link.role for link in backends.facts(each, "qwen3-8b").chain] for each in (ours, theirs)]

    assert roles == [["lab", "base model", "storage"], ["lab", "base model", "quantiser", "storage"]]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("qwen3-8b", "Qwen/Qwen3-8B", True),
        ("qwen3-8b", "Qwen/Qwen3-14B", False),
        ("house-model", "house-model", True),
        ("house-model", "/models/other.gguf", False),
        ("gpt-4", "gpt-4o", False),
    ],
)
def test_two_names_of_one_model_are_no_swap(one: str, other: str, same: bool) -> None:
    assert same_model(one, other) is same


def test_a_source_of_weights_means_the_model_of_its_repository() -> None:
    found = [model_named(name) for name in ("hf:Qwen/Qwen3-8B@main/x.gguf", "file:/models/nothing-known.gguf")]

    assert [model and model.id for model in found] == ["Qwen/Qwen3-8B", None]
