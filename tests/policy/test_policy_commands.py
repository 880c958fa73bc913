"""The policy as people meet it: checks of models, sources and routes, tests of a file, names, presets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.main import main
from weighbridge.cli.policy import PRESETS

ROUTE = """\
[[backend]]
name = "lab"
kind = "openai"
base_url = "https://api.deepseek.com/v1"
api_key = "env:KEY"
[[backend]]
name = "box"
kind = "openai"
base_url = "http://10.1.2.3:8000/v1"
api_key = "env:KEY"
[[route]]
model = "support"
to = [{ backend = "lab", model = "deepseek-chat" }, { backend = "box", model = "deepseek-ai/DeepSeek-V3" }]
"""


def weighbridge(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["policy", *map(str, words)])


def written(folder: Path, text: str, name: str = "policy.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.toml")))
def test_every_preset_holds_its_own_tests_and_names_its_sources(preset: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"

    assert weighbridge("init", preset, "--to", path).exit_code == 0
    assert weighbridge("test", "--policy", path).exit_code == 0
    text = path.read_text()
    assert "not legal advice" in " ".join(text.replace("#", " ").split())
    assert text.count("[[test]]") >= 2
    assert all("date" in part and "says" in part for part in text.split("[[because]]")[1:])


def test_presets_cover_the_regimes_that_are_promised() -> None:
    listed = weighbridge("init").stdout

    for words in ("GDPR", "Articles 51, 53, 55", "PIPL", "NDAA", "Texas", "Ascend", "legal advice"):
        assert words in listed


def test_a_route_is_allowed_where_one_of_its_backends_is(tmp_path: Path) -> None:
    config = written(tmp_path, ROUTE, "weighbridge.toml")
    policy = written(tmp_path, '[own]\nhosts = ["10.0.0.0/8"]\n[data.personal]\nallow_jurisdictions = ["EEA"]\n')

    done = weighbridge("check", "support", "--policy", policy, "--config", config, "--data", "personal", "--json")

    found = json.loads(done.stdout)
    assert (done.exit_code, found["allowed"], found["reasons"]) == (0, True, [])
    assert [(each["backend"], each["allowed"]) for each in found["targets"]] == [("lab", False), ("box", True)]


def test_a_route_without_an_allowed_backend_says_why_of_each(tmp_path: Path) -> None:
    config = written(tmp_path, ROUTE, "weighbridge.toml")
    policy = written(tmp_path, "[serving]\nlocal_only = true\n")

    done = weighbridge("check", "support", "--policy", policy, "--config", config, "--json")

    found = json.loads(done.stdout)
    assert (done.exit_code, found["allowed"]) == (1, False)
    assert {each["rule"] for each in found["reasons"]} >= {"serving.local_only"}


def test_whoever_quantised_the_weights_counts_and_is_named(tmp_path: Path) -> None:
    policy = written(tmp_path, '[origin]\ndeny_countries = ["KP"]\n')

    done = weighbridge("check", "hf:somebody/Qwen3-8B-GGUF/q4.gguf", "--policy", policy)

    assert done.exit_code == 1
    assert "the country of its quantiser somebody is not known" in done.stdout


def test_a_hub_counts_only_where_the_policy_says_so(tmp_path: Path) -> None:
    plain = written(tmp_path, '[origin]\ndeny_countries = ["US"]\n')
    strict = written(tmp_path, '[origin]\ndeny_countries = ["US"]\nroles = ["lab", "storage"]\n', "strict.toml")

    assert weighbridge("check", "hf:Qwen/Qwen3-8B", "--policy", plain).exit_code == 0
    done = weighbridge("check", "hf:Qwen/Qwen3-8B", "--policy", strict)
    assert done.exit_code == 1
    assert "its storage huggingface is of US" in done.stdout


def test_what_was_agreed_with_a_provider_stands_in_for_what_holds_for_everybody(tmp_path: Path) -> None:
    rules = '[data.personal]\ndata_in = ["EEA"]\nmost_retention_days = 0\n'
    agreed = '[contract.openai]\ndata_location = "EU"\nretention_days = 0\nsource = "amendment of 2026-03-01"\n'
    plain, with_contract = written(tmp_path, rules), written(tmp_path, rules + agreed, "agreed.toml")
    ask = ("check", "gpt-5.2", "--provider", "openai", "--data", "personal", "--policy")

    before = weighbridge(*ask, plain)

    assert before.exit_code == 1
    assert "openai keeps inputs 30 days, allowed are 0" in before.stdout
    assert weighbridge(*ask, with_contract).exit_code == 0


def test_duties_of_a_licence_are_told_where_it_is_allowed(tmp_path: Path) -> None:
    policy = written(tmp_path, "[use]\nmonthly_users = 1000\n")

    done = weighbridge("check", "llama-3.3-70b", "--policy", policy)

    assert done.exit_code == 0
    assert "show `Built with Llama`" in done.stdout


def test_where_a_rule_comes_from_stands_beside_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    weighbridge("init", "us-federal-agency", "--to", path)

    done = weighbridge("check", "deepseek-v3", "--provider", "deepseek", "--policy", path)

    assert "because Commerce, NASA and the Navy bar DeepSeek on government devices (2025-03-17)" in done.stdout


def test_names_that_a_policy_may_use_are_listed() -> None:
    assert "deepseek" in weighbridge("names", "labs").stdout.splitlines()
    assert "Apache-2.0" in json.loads(weighbridge("names", "licences", "--json").stdout)


def test_a_test_that_fails_is_told_as_json_too(tmp_path: Path) -> None:
    policy = written(tmp_path, '[[test]]\nmodel = "openai/gpt-oss-120b"\nallowed = false\n')

    done = weighbridge("test", "--policy", policy, "--json")

    found = json.loads(done.stdout)
    assert (done.exit_code, found["failed"]) == (1, 1)
    assert found["tests"][0]["right"] is False


def test_a_preset_that_does_not_exist_gets_the_nearest_name() -> None:
    done = weighbridge("init", "eu-personal")

    assert done.exit_code == 2
    assert "Did you mean 'eu-personal-data'" in done.stderr


def test_a_misspelt_class_of_data_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """A policy that does not know a class lets it go nowhere, and a typo is the likeliest reason."""
    config = written(tmp_path, ROUTE, "weighbridge.toml")
    policy = written(tmp_path, "[data.personal]\nno_training_on_inputs = true\n")

    for subject in ("qwen3-8b", "support"):
        done = weighbridge("check", subject, "--policy", policy, "--config", config, "--data", "persnal")

        assert done.exit_code == 1
        assert "the policy has no class of data 'persnal'. Did you mean 'personal'?" in done.stdout

        asked = ("--policy", policy, "--config", config, "--data", "persnal", "--json")
        plain = weighbridge("check", subject, *asked)
        assert json.loads(plain.stdout)["allowed"] is False
        assert "Did you mean 'personal'?" in plain.stderr


def test_a_vendor_is_known_in_any_letters_and_one_that_nobody_knows_is_no_vendor(tmp_path: Path) -> None:
    """A misspelt one would pass every rule against it."""
    policy = written(tmp_path, '[hardware]\ndeny_vendors = ["Huawei"]\n')

    denied = weighbridge("check", "qwen3-8b", "--policy", policy, "--vendor", "huawei")
    misspelt = weighbridge("check", "qwen3-8b", "--policy", policy, "--vendor", "Huwei")

    assert (denied.exit_code, misspelt.exit_code) == (1, 2)
    assert "it runs on Huawei, which is denied" in denied.stdout
    assert "Did you mean 'Huawei'" in misspelt.stderr
