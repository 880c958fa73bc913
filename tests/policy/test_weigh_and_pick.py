"""weigh and pick ask the same decision as the gateway, before anything is asked or pulled, and it is in the ledger."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from weighbridge.cli.main import main

TASK = """\
[task]
items = "items.jsonl"
[prompt]
user = "{{text}}"
[[score]]
kind = "exact"
reference = "reference"
[[backend]]
name = "a"
kind = "echo"
[[backend]]
name = "b"
kind = "echo"
[[backend]]
name = "far"
kind = "openai"
base_url = "http://192.0.2.1:9/v1"
api_key = "env:NO_SUCH_KEY"
"""
"""`far` cannot be asked: nothing listens there and its key is not set, so that asking it would be another error."""
NEED = """\
[work]
kind = "coding"
[volume]
requests = "1000/day"
in = 1000
out = 200
[rules]
open_weights = true
policy = "policy.toml"
data = "personal"
[serve]
how = "either"
on = ["H100-SXM x2"]
engine = "vllm"
usd_hour = 3
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def weighbridge(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def make_task(folder: Path, more: str = "", **replaced: str) -> Path:
    folder.mkdir()
    text = TASK + more
    for old, new in replaced.items():
        text = text.replace(old, new)
    (folder / "task.toml").write_text(text)
    rows = ({"id": str(n), "text": f"say {n}", "reference": f"say {n}"} for n in range(40))
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def rows(home: Path, query: str) -> list[Any]:
    db = sqlite3.connect(home / "data" / "weighbridge" / "ledger.sqlite")
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def test_a_candidate_that_is_not_allowed_stops_the_run_before_anything_is_asked(home: Path) -> None:
    policy = home / "policy.toml"
    policy.write_text("[serving]\nlocal_only = true\n[licence]\n")

    done = weighbridge("weigh", make_task(home / "task"), "--policy", policy)

    assert done.exit_code == 1
    assert "does not allow a, b, far" in done.stderr
    assert "far: serving.local_only: it does not run on engines of your own" in done.stderr
    assert rows(home, "SELECT count(*) FROM calls") == [(0,)]
    assert rows(home, "SELECT DISTINCT caller, allowed FROM decisions") == [("weigh", 0)]


def test_the_task_names_its_policy_and_the_class_of_its_data(home: Path) -> None:
    (home / "policy.toml").write_text("[data.personal]\nlocal_only = true\n")
    task = make_task(home / "task", '[weigh]\npolicy = "../policy.toml"\n', **{"[task]\n": '[task]\ndata = "secret"\n'})

    done = weighbridge("weigh", task)

    assert done.exit_code == 2
    assert "the policy says nothing of data of class 'secret'" in done.stderr


def test_a_check_names_what_the_policy_would_refuse_and_writes_nothing_down(home: Path) -> None:
    (home / "policy.toml").write_text("[serving]\nlocal_only = true\n")
    task = make_task(home / "task", '[weigh]\npolicy = "../policy.toml"\n')

    done = weighbridge("weigh", task, "--check")

    assert done.exit_code == 1
    assert "task.toml: far: the policy does not allow it: serving.local_only: it does not run" in done.stdout
    assert not (home / "data" / "weighbridge" / "ledger.sqlite").exists()


def test_calls_of_a_run_that_is_allowed_lead_to_their_decisions(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's policy holds where nothing else names one; `model` says which model an engine runs."""
    policy = home / "policy.toml"
    policy.write_text('[origin]\ndeny_countries = ["CN"]\n')
    monkeypatch.setenv("WEIGHBRIDGE_POLICY", str(policy))
    task = make_task(home / "task")
    text = (task / "task.toml").read_text().replace('kind = "echo"\n', 'kind = "echo"\nmodel = "openai/gpt-oss-120b"\n')
    (task / "task.toml").write_text(text)

    done = weighbridge("weigh", task, "--candidates", "a,b", "--json")

    assert done.exit_code == 0, done.stderr
    found = rows(
        home, "SELECT DISTINCT d.backend, d.allowed, c.backend FROM calls c JOIN decisions d ON d.id = decision"
    )
    assert sorted(found) == [("a", 1, "a"), ("b", 1, "b")]
    assert rows(home, "SELECT count(*) FROM calls WHERE decision IS NULL") == [(0,)]


def test_every_model_that_a_policy_excludes_names_rule_and_fact(home: Path) -> None:
    rules = '[origin]\ndeny_countries = ["CN"]\n[artefacts]\naudited = true\n'
    (home / "policy.toml").write_text(rules + '[data.personal]\nallow_jurisdictions = ["EEA"]\n')
    (home / "need.toml").write_text(NEED.replace("either", "own"))

    answer = json.loads(weighbridge("pick", home / "need.toml", "--json").stdout)

    excluded = {each["id"]: each["because"] for each in answer["excluded"]}
    assert "policy origin.deny_countries: its lab alibaba is of CN" in excluded["Qwen/Qwen3-32B"]
    assert "base model" in excluded["NousResearch/Hermes-4-14B"], "a US lab's model made from one of China"
    ranked = {each["id"]: each["why"] for each in answer["ranked"]}
    assert any("due before it is used: artefacts.audited" in why for why in ranked["openai/gpt-oss-20b"])
    assert rows(home, "SELECT count(*) > 500 FROM decisions WHERE caller = 'pick'") == [(1,)]


def test_a_provider_that_the_policy_refuses_is_no_way_to_serve(home: Path) -> None:
    (home / "policy.toml").write_text("[data.personal]\nno_training_on_inputs = true\n")
    (home / "need.toml").write_text(
        NEED.replace('how = "either"\non = ["H100-SXM x2"]\nengine = "vllm"\nusd_hour = 3', 'how = "api"')
    )

    answer = json.loads(weighbridge("pick", home / "need.toml", "--json").stdout)

    because = " ".join(each["because"] for each in answer["excluded"])
    assert "policy data.personal.no_training_on_inputs: whether" in because
    used = {
        why.split(" a month at ")[1].split(",")[0]
        for each in answer["ranked"]
        for why in each["why"]
        if " a month at " in why
    }
    assert used
    assert "deepseek" not in used, "it trains on inputs unless one opts out"


def test_a_class_of_data_without_a_policy_is_a_mistake(home: Path) -> None:
    (home / "need.toml").write_text(NEED.replace('policy = "policy.toml"\n', ""))

    done = weighbridge("pick", home / "need.toml")

    assert done.exit_code == 2
    assert "no policy says what that means" in done.stderr


def test_the_report_counts_what_was_decided_and_shows_the_policy_word_for_word(home: Path) -> None:
    policy = home / "policy.toml"
    text = (
        "# with a ``` in it\n[serving]\nlocal_only = true\n"
        '[[because]]\nrule = "serving"\nsays = "house rule | of the board"\ndate = "2026-01-02"\n'
    )
    policy.write_text(text)
    task = make_task(home / "task")
    for _ in range(2):
        weighbridge("weigh", task, "--policy", policy)

    plain = json.loads(weighbridge("policy", "report", "--format", "json").stdout)
    page = weighbridge("policy", "report").stdout

    assert (plain["made"], plain["allowed"], plain["refused"], plain["distinct"]) == (6, 0, 6, 3)
    assert plain["by_caller"] == {"weigh": {"allowed": 0, "refused": 6}}
    local_only = next(rule for rule in plain["rules"] if rule["rule"] == "serving.local_only")
    assert (local_only["times"], local_only["because"]["date"]) == (2, "2026-01-02")
    assert plain["policies"][0]["text"] == text
    assert plain["policies"][0]["sha256"] in page
    assert "house rule \\| of the board" in page
    assert "````toml\n# with a ``` in it" in page
    assert "not legal advice" in page
    assert (
        json.loads(
            weighbridge("policy", "report", "--until", "2020-01-01", "--since", "2019-01-01", "--format", "json").stdout
        )["made"]
        == 0
    )


def test_a_report_of_nothing_says_so_and_a_window_that_ends_first_is_refused(home: Path) -> None:
    assert "Nothing was decided" in weighbridge("policy", "report").stdout
    assert weighbridge("policy", "report", "--since", "2026-02-01", "--until", "2026-01-01").exit_code == 2
    written = home / "report.md"
    assert weighbridge("policy", "report", "--to", written).exit_code == 0
    assert written.read_text().startswith("# Policy evidence report")
