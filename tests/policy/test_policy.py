"""A decision names the rule and the fact; what is not known never passes a rule that asks for it."""

# ruff: noqa: E501 - a table of cases is read line by line
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.records import Condition, Licence
from weighbridge.cli.compose_gate import GatewayPolicy
from weighbridge.cli.compose_serve import make_parts
from weighbridge.cli.main import main
from weighbridge.dispatch.policy import Asking
from weighbridge.engines import BackendRecord
from weighbridge.errors import InputError
from weighbridge.gateway.config import load_config
from weighbridge.policy import Facts, Figure, Known, Link, Policy, PolicyFile, decide, read_policy
from weighbridge.policy.file import Artefacts, Concentration, LicenceRules, Origin, Serving
from weighbridge.policy.use import Use
from weighbridge.settings import read_settings

FREE = Licence(
    id="MIT", name="MIT License", commercial_use="yes", source="spdx", read="2026-01-01", outputs_for_training="yes"
)
LIMITED = msgspec.structs.replace(
    FREE, id="L", commercial_use="conditional", conditions=(Condition("monthly_users", 700e6, "ask for a licence"),)
)
RESEARCH = msgspec.structs.replace(FREE, id="NC", commercial_use="no", outputs_for_training="no")
UNREAD = msgspec.structs.replace(FREE, id="U", commercial_use="unknown", outputs_for_training="unknown")
HOSTED = msgspec.structs.replace(
    FREE, id="H", commercial_use="conditional", conditions=(Condition("hosting", None, "ask first"),)
)

GOOD = Facts(
    model="lab/model",
    open_weights=True,
    licence=FREE,
    chain=(Link("lab", "lab", Known("FR", "register")), Link("base model", "other/base", Known("US", "register"))),
    provider="host",
    jurisdiction=Known("DE", "imprint"),
    trains_on_inputs=Known("no", "terms"),
    retention_days=Figure(7),
    audit="pass",
    pinned=True,
)


def rules(policy: PolicyFile, *, shares: Any = None, **facts: Any) -> list[str]:
    """The rules that speak against GOOD with these facts changed."""
    changed = msgspec.structs.replace(GOOD, **facts)
    return [reason.rule for reason in decide(Policy(policy, "policy.toml"), changed, shares).reasons]


def test_an_empty_policy_allows_what_may_be_used_commercially() -> None:
    assert rules(PolicyFile()) == []


CASES: dict[str, tuple[PolicyFile, dict[str, Any], list[str]]] = {
    "no commercial use": (PolicyFile(), {"licence": RESEARCH}, ["use"]),
    "licence not known": (PolicyFile(), {"licence": None}, ["use"]),
    "terms not known": (PolicyFile(), {"licence": UNREAD}, ["use"]),
    "not commercial": (PolicyFile(use=Use(commercial=False)), {"licence": RESEARCH}, []),
    "too many users": (PolicyFile(use=Use(monthly_users=800e6)), {"licence": LIMITED}, ["use"]),
    "few users": (PolicyFile(use=Use(monthly_users=5000)), {"licence": LIMITED}, []),
    "users not given": (PolicyFile(), {"licence": LIMITED}, ["use"]),
    "hosting": (PolicyFile(use=Use(hosting_for_others=True)), {"licence": HOSTED}, ["use"]),
    "training on outputs": (PolicyFile(use=Use(training_on_outputs=True)), {"licence": RESEARCH}, ["use"]),
    "denied licence": (PolicyFile(licence=LicenceRules(deny=("MIT",))), {}, ["licence.deny"]),
    "not on the list": (PolicyFile(licence=LicenceRules(allow=("Apache-2.0",))), {}, ["licence.allow"]),
    "closed": (PolicyFile(licence=LicenceRules(open_weights=True)), {"open_weights": False}, ["licence.open_weights"]),
    "open not known": (PolicyFile(licence=LicenceRules(open_weights=True)), {"open_weights": None}, ["licence.open_weights"]),
    "denied country": (PolicyFile(origin=Origin(deny_countries=("FR",))), {}, ["origin.deny_countries"]),
    "denied base": (PolicyFile(origin=Origin(deny_countries=("US",))), {}, ["origin.deny_countries"]),
    "base not counted": (PolicyFile(origin=Origin(deny_countries=("US",), chain=False)), {}, []),
    "union": (PolicyFile(origin=Origin(allow_countries=("EU", "US"))), {}, []),
    "country not known": (
        PolicyFile(origin=Origin(deny_countries=("CN",))), {"chain": (Link("lab", "lab", None),)}, ["origin"],
    ),
    "origin not known": (PolicyFile(origin=Origin(deny_countries=("CN",))), {"chain": ()}, ["origin"]),
    "jurisdiction": (PolicyFile(serving=Serving(allow_jurisdictions=("US",))), {}, ["serving.allow_jurisdictions"]),
    "jurisdiction not known": (
        PolicyFile(serving=Serving(deny_jurisdictions=("CN",))), {"jurisdiction": None}, ["serving.deny_jurisdictions"],
    ),
    "own engine": (PolicyFile(serving=Serving(local_only=True)), {"runs_here": True, "provider": None}, []),
    "not own engine": (PolicyFile(serving=Serving(local_only=True)), {}, ["serving.local_only"]),
    "trains": (
        PolicyFile(serving=Serving(no_training_on_inputs=True)),
        {"trains_on_inputs": Known("opt-out")},
        ["serving.no_training_on_inputs"],
    ),
    "training not known": (
        PolicyFile(serving=Serving(no_training_on_inputs=True)),
        {"trains_on_inputs": None},
        ["serving.no_training_on_inputs"],
    ),
    "kept too long": (PolicyFile(serving=Serving(most_retention_days=3)), {}, ["serving.most_retention_days"]),
    "class without a rule": (PolicyFile(), {"data_class": "secret"}, ["data"]),
    "class": (
        PolicyFile(data={"personal": Serving(allow_jurisdictions=("FR",))}),
        {"data_class": "personal"},
        ["data.personal.allow_jurisdictions"],
    ),
    "not audited": (
        PolicyFile(artefacts=Artefacts(audited=True)), {"runs_here": True, "audit": None}, ["artefacts.audited"],
    ),
    "audit failed": (
        PolicyFile(artefacts=Artefacts(audited=True)), {"runs_here": True, "audit": "fail"}, ["artefacts.audited"],
    ),
    "audit warned": (
        PolicyFile(artefacts=Artefacts(clean=True)), {"runs_here": True, "audit": "warn"}, ["artefacts.clean"],
    ),
    "pin not known": (
        PolicyFile(artefacts=Artefacts(pinned=True)), {"pinned": None, "runs_here": True}, ["artefacts.pinned"],
    ),
    "pin of another's": (PolicyFile(artefacts=Artefacts(pinned=True)), {"pinned": None}, []),
    "a name that moves": (
        PolicyFile(artefacts=Artefacts(no_aliases=True)), {"alias": Known("m-2")}, ["artefacts.no_aliases"],
    ),
    "a name that may move": (PolicyFile(artefacts=Artefacts(no_aliases=True)), {"pinned": None}, []),
    "a name without a date": (
        PolicyFile(artefacts=Artefacts(dated_names=True)), {"pinned": None}, ["artefacts.dated_names"],
    ),
    "a dated name": (PolicyFile(artefacts=Artefacts(dated_names=True)), {"pinned": True}, []),
    "other model served": (
        PolicyFile(artefacts=Artefacts(served_as_asked=True)), {"served_as_asked": False}, ["artefacts.served_as_asked"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_rule_says_what_it_is_for(name: str) -> None:
    policy, facts, wanted = CASES[name]

    assert rules(policy, **facts) == wanted


def test_too_much_on_one_lab_is_refused_and_the_next_is_not() -> None:
    policy = PolicyFile(concentration=(Concentration("lab", 0.5, 30),))
    shares = ({"lab": 0.61, "other": 0.2},)

    assert rules(policy, shares=shares) == ["concentration.lab"]
    assert rules(policy, shares=shares, chain=(Link("lab", "other", Known("US")),)) == []


UNKNOWN = ("licence", "jurisdiction", "trains_on_inputs", "retention_days", "audit", "pinned", "open_weights")
STRICT = PolicyFile(
    licence=LicenceRules(open_weights=True),
    origin=Origin(deny_countries=("KP",)),
    serving=Serving(deny_jurisdictions=("KP",), no_training_on_inputs=True, most_retention_days=30),
    artefacts=Artefacts(dated_names=True),
)


@given(st.sets(st.sampled_from([name for name in UNKNOWN if name != "audit"]), min_size=1))
def test_what_is_not_known_never_passes_a_rule_that_asks(missing: set[str]) -> None:
    assert rules(STRICT) == []
    assert len(rules(STRICT, **dict.fromkeys(missing))) >= len(missing)


BAD = {
    'name = "x"\n[origin]\ndeny_country = ["CN"]\n': "Did you mean 'deny_countries'",
    '[origin]\ndeny_countries = ["China"]\n': "no country is written 'China'",
    '[serving]\nallow_providers = ["a"]\ndeny_providers = ["a"]\n': "a is both allowed and denied",
    '[data.x]\nlocal_only = true\nallow_providers = ["a"]\n': "may go nowhere",
    '[[concentration]]\nby = "lab"\nmost = 1.5\n': "concentration[0].most",
    '[[test]]\nmodel = "m"\nallowed = true\ndata = "x"\n': "which the policy does not have",
    "[use\n": "not readable as TOML",
}


@pytest.mark.parametrize("text", BAD)
def test_a_mistake_is_told_with_its_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)

    with pytest.raises(InputError) as caught:
        read_policy(path)

    assert BAD[text] in str(caught.value)
    assert f"{path}:" in str(caught.value)


def weighbridge(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments])


def test_a_check_is_one_json_object_with_rule_fact_and_source(tmp_path: Path) -> None:
    path = str(tmp_path / "policy.toml")
    weighbridge("init", "us-federal-contractor", "--to", path)

    done = weighbridge("check", "deepseek-ai/DeepSeek-V3", "--policy", path, "--audit", "pass", "--pinned", "--json")

    found = json.loads(done.stdout)
    assert (done.exit_code, found["allowed"]) == (1, False)
    assert {(reason["rule"], reason["fact"]) for reason in found["reasons"]} == {
        ("origin.deny_countries", "country"),
        ("origin.deny_labs", "lab"),
        ("origin.deny_labs", "base model"),
    }
    assert all(reason["source"] for reason in found["reasons"])


def test_a_test_that_does_not_hold_fails_the_command(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[[test]]\nmodel = "openai/gpt-oss-120b"\nallowed = false\n')

    done = weighbridge("test", "--policy", str(path))

    assert done.exit_code == 1
    assert "FAIL 1. openai/gpt-oss-120b" in done.stdout


def record(name: str, url: str) -> BackendRecord:
    return BackendRecord(name=name, kind="openai", base_url=url, api_key="env:KEY")


def test_the_gateway_is_told_which_backend_may_not_be_asked_and_why(tmp_path: Path) -> None:
    """The same model: at its lab's own API abroad, and on an engine of one's own."""
    path = tmp_path / "policy.toml"
    path.write_text('[data.public]\n[data.personal]\nallow_jurisdictions = ["EEA"]\n')
    records = {"lab": record("lab", "https://api.deepseek.com/v1"), "here": record("here", "http://127.0.0.1:9/v1")}
    gate = GatewayPolicy(path, records, now=lambda: 0.0, unix=lambda: 1.8e9, tell=print)

    away = gate.decide(Asking("r", data_class="personal"), "lab", "deepseek-ai/DeepSeek-V3.2")

    assert not away.allowed
    assert "data.personal.allow_jurisdictions: deepseek is under the law of CN" in away.reasons[0]
    assert gate.decide(Asking("r", data_class="personal"), "here", "deepseek-ai/DeepSeek-V3.2").allowed
    assert gate.decide(Asking("r", data_class="public"), "lab", "deepseek-ai/DeepSeek-V3.2").allowed


def test_a_kind_that_has_its_vendors_address_is_no_engine_of_ones_own(tmp_path: Path) -> None:
    """A record that leaves its address out sends data to the vendor all the same."""
    path = tmp_path / "policy.toml"
    path.write_text("[serving]\nlocal_only = true\n")
    records = {"far": BackendRecord(name="far", kind="anthropic", api_key="env:KEY")}
    gate = GatewayPolicy(path, records, now=lambda: 0.0, unix=lambda: 1.8e9, tell=print)

    assert gate.decide(Asking("r"), "far", "anthropic/claude-sonnet-4.5").reasons == (
        "serving.local_only: it does not run on engines of your own",
    )


def test_a_model_nobody_knows_passes_no_rule_that_asks(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[origin]\ndeny_countries = ["KP"]\n')
    gate = GatewayPolicy(
        path, {"up": record("up", "http://127.0.0.1:9/v1")}, now=lambda: 0.0, unix=lambda: 1.8e9, tell=print
    )

    assert not gate.decide(Asking("r"), "up", "house/unheard-of").allowed


def test_a_policy_that_breaks_while_serving_leaves_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("[serving]\nlocal_only = true\n")
    clock, told = [0.0], []
    records = {"lab": record("lab", "https://api.deepseek.com/v1")}
    gate = GatewayPolicy(path, records, now=lambda: clock[0], unix=lambda: 1.8e9, tell=told.append)
    ask = Asking("r"), "lab", "deepseek-ai/DeepSeek-V3.2"
    before = gate.decide(*ask).allowed

    path.write_text("[serving]\nlocal_onl = true\n")
    clock[0] += 2
    broken = gate.decide(*ask).allowed
    path.write_text("[serving]\nlocal_only = false\n")
    clock[0] += 2
    mended = gate.decide(*ask).allowed

    assert (before, broken, mended) == (False, False, True)
    assert "Did you mean 'local_only'" in told[0]


def test_a_gateway_takes_its_policy_from_the_config(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("[data.personal]\nlocal_only = true\n")
    config = tmp_path / "weighbridge.toml"
    config.write_text(
        '[server]\npolicy = "policy.toml"\n[[backend]]\nname = "up"\nkind = "openai"\n'
        'base_url = "https://api.deepseek.com/v1"\n[[route]]\nmodel = "m"\nto = [{ backend = "up" }]\n'
    )

    parts = make_parts(load_config(config), read_settings({}))

    assert not parts.policy.decide(Asking("m", data_class="personal"), "up", "deepseek-ai/DeepSeek-V3.2").allowed
