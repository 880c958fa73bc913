"""What the policy decides of calls stands in the ledger, and what the ledger measures comes back as a decision."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from gateway_running import HELLO, Gate, query, running

from fault_server import FaultServer, answers, chat_body
from patience import soon
from weighbridge.cli.compose_gate import MEASURE_EVERY_S, MOST_KEPT, GatewayPolicy
from weighbridge.dispatch.policy import Asking
from weighbridge.engines import BackendRecord
from weighbridge.gateway.config import load_config

DEEPSEEK, GPT_OSS = "deepseek-ai/DeepSeek-V3", "openai/gpt-oss-120b"


def two_labs(away: FaultServer, home: FaultServer, *, policy: str = "") -> bytes:
    """One route to models of two labs, both on engines of one's own."""
    backends = "".join(
        f'[[backend]]\nname = "{name}"\nkind = "openai"\nbase_url = "{each.base_url}"\napi_key = "env:UP_KEY"\n'
        for name, each in (("cn", away), ("us", home))
    )
    price = "price = { input = 1, output = 1 }"
    to = f'{{ backend = "cn", model = "{DEEPSEEK}", {price} }}, {{ backend = "us", model = "{GPT_OSS}", {price} }}'
    return f'[server]\nport = 0\n{policy}{backends}[[route]]\nmodel = "public"\nto = [{to}]\n'.encode()


def gate_policy(tmp_path: Path, config: bytes, rules: str, now: Callable[[], float]) -> GatewayPolicy:
    path, file = tmp_path / "policy.toml", tmp_path / "weighbridge.toml"
    path.write_text(rules)
    file.write_bytes(config)
    records: dict[str, BackendRecord] = {record.name: record for record in load_config(file).backends}
    return GatewayPolicy(path, records, now=now, unix=time.time, tell=print)


def decisions(gate: Gate) -> dict[str, dict[str, Any]]:
    gate.calls()  # folds
    rows = query(gate.data_dir, "SELECT id, backend, allowed, policy_sha256, body FROM decisions")
    return {
        row[0]: {"backend": row[1], "allowed": bool(row[2]), "sha": row[3], **msgspec.json.decode(row[4])}
        for row in rows
    }


def test_each_call_leads_to_the_decision_that_allowed_or_refused_it(tmp_path: Path) -> None:
    rules = '[data.public]\n[data.official]\n[origin]\ndeny_countries = ["CN"]\n'

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as away, FaultServer(answers(chat_body())) as home:
            config = two_labs(away, home)
            policy = gate_policy(tmp_path, config, rules, lambda: 0.0)
            async with running(tmp_path, {}, config=config, policy=policy) as gate:
                for _ in range(3):
                    assert (await gate.chat()).status == 200
                refused = await gate.post("/v1/chat/completions", HELLO, x_data_class="secret")
                assert refused.status == 403
            made, calls = decisions(gate), gate.calls()

            assert (len(away.requests), len(home.requests)) == (0, 3)
            assert [made[row.decision or ""]["allowed"] for row in calls] == [True, True, True, False]
            assert [(row.outcome, row.reason, row.status, row.usd) for row in calls][3] == (
                "failed",
                "policy",
                403,
                0.0,
            )
            passed_over = next(
                each for each in made.values() if each["backend"] == "cn" and "data_class" not in each["facts"]
            )
            assert passed_over["reasons"][0]["rule"] == "origin.deny_countries"
            assert passed_over["facts"]["chain"][0]["country"]["source"]
            times = dict(query(gate.data_dir, "SELECT decision, sum(times) FROM decided GROUP BY decision"))
            assert sorted(times.values()) == [1, 1, 3, 3], "two backends, three calls and one"
            text = query(gate.data_dir, "SELECT sha256, text FROM policies")
            assert text == [(passed_over["sha"], rules)]

    asyncio.run(run())


def test_a_lab_with_too_large_a_share_of_traffic_makes_room_for_the_next_backend(tmp_path: Path) -> None:
    clock = [0.0]
    rules = '[[concentration]]\nby = "lab"\nmost = 0.6\nleast_calls = 4\n'

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as away, FaultServer(answers(chat_body())) as home:
            config = two_labs(away, home)
            policy = gate_policy(tmp_path, config, rules, lambda: clock[0])
            async with running(tmp_path, {}, config=config, policy=policy) as gate:
                for _ in range(4):
                    await gate.chat()
                assert (len(away.requests), len(home.requests)) == (4, 0), "too few calls to speak of shares"
                clock[0] += MEASURE_EVERY_S
                await soon(lambda: policy._shares == ({"deepseek": 1.0},))
                for _ in range(3):
                    await gate.chat()
                assert (len(away.requests), len(home.requests)) == (4, 3)
                clock[0] += MEASURE_EVERY_S
                await soon(lambda: policy._shares == ({},))
                await gate.chat()

            assert (len(away.requests), len(home.requests)) == (5, 3)
            refusals = [each for each in decisions(gate).values() if not each["allowed"]]
            assert [each["reasons"][0]["detail"] for each in refusals] == [
                "deepseek has 100% of calls over 30 days, allowed are 60%"
            ]

    asyncio.run(run())


def test_shares_are_known_before_the_first_call_of_a_new_gateway(tmp_path: Path) -> None:
    rules = '[[concentration]]\nby = "provider"\nmost = 0.5\nleast_calls = 1\n'

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as away, FaultServer(answers(chat_body())) as home:
            config = two_labs(away, home)
            async with running(tmp_path, {}, config=config) as gate:
                await gate.chat()
            policy = gate_policy(tmp_path, config, rules, lambda: 0.0)
            async with running(tmp_path, {}, config=config, policy=policy) as gate:
                refused = await gate.chat()

            assert refused.status == 403, "everything runs here, and that is more than half"
            assert "concentration.provider: local has 100% of calls" in refused.json()["error"]["message"]

    asyncio.run(run())


def test_a_backend_that_answers_with_another_model_is_passed_over_once_it_was_seen(tmp_path: Path) -> None:
    clock = [0.0]
    rules = "[artefacts]\nserved_as_asked = true\n"

    async def run() -> None:
        swapped = answers(chat_body(model="Qwen/Qwen3-8B"))
        async with FaultServer(swapped) as away, FaultServer(answers(chat_body(model=GPT_OSS))) as home:
            config = two_labs(away, home)
            policy = gate_policy(tmp_path, config, rules, lambda: clock[0])
            async with running(tmp_path, {}, config=config, policy=policy) as gate:
                await gate.chat()
                clock[0] += MEASURE_EVERY_S
                await soon(lambda: policy._seen != {})
                await gate.chat()

            assert (len(away.requests), len(home.requests)) == (1, 1)

    asyncio.run(run())


def test_a_class_of_data_that_a_caller_invents_fills_no_memory(tmp_path: Path) -> None:
    text = b'[[backend]]\nname = "cn"\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
    policy = gate_policy(tmp_path, text, "[data.public]\n", lambda: 0.0)

    for number in range(MOST_KEPT + 10):
        policy.decide(Asking("public", data_class=f"class {number}"), "cn", DEEPSEEK)

    assert len(policy._decisions) <= MOST_KEPT
    assert sum(line[3] for line in policy.take_counts()) == MOST_KEPT + 10
