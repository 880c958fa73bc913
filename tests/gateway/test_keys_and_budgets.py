"""Who may call, how often and for how much; nothing is spent beyond what was held."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from gateway_running import calls, query, running

from fault_server import Exchange, FaultServer, answers, chat_body, response
from patience import soon
from weighbridge.ledger.connect import connect
from weighbridge.ledger.keys import revoke_key, rotate_key


def test_without_a_good_key_nothing_is_sent(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            for key in ("sk-wb-nonsense", "", "Bearer"):
                reply = await gate.chat(key=key or " ")
                assert reply.status == 401
                assert reply.json()["error"]["code"] == "invalid_api_key"
                assert key not in str(reply.json()) or not key.startswith("sk-")

            assert not up.requests

    asyncio.run(run())


def test_a_running_gateway_sees_keys_that_are_made_revoked_and_rotated(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            key_id, secret = gate.make_key()
            assert (await gate.chat(key=secret)).status == 200, "at once: an unknown key makes it look again"

            db = connect(gate.data_dir / "ledger.sqlite")
            rotate_key(db, key_id, "sk-wb-new")
            assert (await gate.chat(key="sk-wb-new")).status == 200
            assert (await gate.chat(key=secret)).status == 401
            revoke_key(db, key_id, time.time())
            db.close()
            before = gate.gateway.callers.keyring.generation
            await soon(lambda: gate.gateway.callers.keyring.generation > before)
            reply = await gate.chat(key="sk-wb-new")
            assert (reply.status, reply.json()["error"]["code"]) == (401, "invalid_api_key")

    asyncio.run(run())


@pytest.mark.parametrize("route", ["", "hedge = { after_s = 60 }", "continuations = 1"])
def test_what_a_budget_pays_for_a_call_that_nobody_counted_stands_in_the_ledger(tmp_path: Path, route: str) -> None:
    """Else a restart would make it unspent, and until then it would be missing from every later period's budget."""
    uncounted = answers(b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}')

    async def run() -> None:
        async with FaultServer(uncounted) as up, running(tmp_path, {"up": up}, route=route) as gate:
            key_id, secret = gate.make_key("1/day")
            reply = await gate.chat(key=secret)

            assert reply.status == 200
            (row,) = gate.calls()
            assert (row.outcome, row.output_tokens, row.usd_is) == ("ok", None, "held")
            assert row.usd is not None
            assert row.usd > 0
            (caller,) = (each for each in gate.gateway.callers.keyring.callers if each.id == key_id)
            ((leased,),) = query(gate.data_dir, "SELECT usd FROM leases")
            assert caller.purse is not None
            assert leased == pytest.approx(caller.purse.free)
            assert query(gate.data_dir, "SELECT usd FROM spent WHERE scope = 'key'") == [(pytest.approx(row.usd),)]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        pytest.param({"routes": ("other",)}, 404, "model_not_found", id="another-route"),
        pytest.param({"expires_at": 1.0}, 401, "invalid_api_key", id="expired"),
        pytest.param({"addresses": ("10.0.0.0/8",)}, 403, "address_not_allowed", id="another-network"),
        pytest.param({"addresses": ("127.0.0.0/8",)}, 200, None, id="this-network"),
        pytest.param({"routes": ("public",)}, 200, None, id="this-route"),
    ],
)
def test_a_key_is_good_for_what_it_was_made_for(
    tmp_path: Path, fields: dict[str, object], status: int, code: str | None
) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            reply = await gate.chat(key=gate.make_key(**fields)[1])

            assert reply.status == status
            assert len(up.requests) == (status == 200)
            assert code is None or reply.json()["error"]["code"] == code

    asyncio.run(run())


def test_requests_a_minute_are_counted_exactly(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            _, secret = gate.make_key(rpm=3)
            replies = [await gate.chat(key=secret) for _ in range(4)]

            assert [reply.status for reply in replies] == [200, 200, 200, 429]
            assert 1 <= int(replies[-1].headers["retry-after"]) <= 61
            assert len(up.requests) == 3

    asyncio.run(run())


def test_tokens_a_minute_count_what_was_used(tmp_path: Path) -> None:
    """Each call is counted with the 10 tokens of its answer, not with what it might have taken."""

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            _, secret = gate.make_key(tpm=60)
            statuses = [(await gate.chat(key=secret, max_tokens=5)).status for _ in range(6)]

            assert statuses[:2] == [200, 200]
            assert statuses[-1] == 429

    asyncio.run(run())


def test_a_thousand_calls_at_once_do_not_spend_a_nearly_empty_budget_twice(tmp_path: Path) -> None:
    """What is admitted fits the budget by what was held; the calls cost no more than that."""
    most = 0
    now = 0

    async def slow(exchange: Exchange) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        exchange.write(response(200, chat_body()))

    async def run() -> None:
        async with FaultServer(slow) as up, running(tmp_path, {"up": up}) as gate:
            _, secret = gate.make_key("0.002/day")
            replies = await asyncio.gather(*(gate.chat(key=secret) for _ in range(1000)))

            statuses = [reply.status for reply in replies]
            assert set(statuses) == {200, 429}
            rows = [row for row in gate.calls() if row.outcome == "ok"]
            spent = sum(row.usd or 0.0 for row in rows)
            assert len(rows) == statuses.count(200) > 5
            assert spent <= 0.002
            held_each = (len(up.requests[0].body) + 64 + 10) * 1e-6
            assert most * held_each <= 0.002 + held_each, "never more under way than the budget could pay"

    asyncio.run(run())


def test_a_budget_that_is_spent_refuses_and_says_so_and_what_was_spent_outlives_the_gateway(tmp_path: Path) -> None:
    async def run(expected: tuple[int, ...], secret: str | None) -> str:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            secret = secret or gate.make_key("0.00022/day")[1]
            replies = [await gate.chat(key=secret) for _ in expected]
            assert tuple(reply.status for reply in replies) == expected
            error = replies[-1].json()["error"]
            assert (error["code"], error["type"]) == ("insufficient_quota", "insufficient_quota")
            assert replies[-1].headers["x-should-retry"] == "false"
            return secret

    # 10 tokens cost $0.00001 a call; the hold is about $0.00015, so after seven calls the rest is too small.
    secret = asyncio.run(run((200,) * 7 + (429,), None))
    asyncio.run(run((429,), secret))


def test_a_price_that_is_not_known_cannot_be_paid_from_a_budget(tmp_path: Path) -> None:
    async def run(server: str) -> int:
        how = {"price": None, "server": server}
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}, **how) as gate:
            assert (await gate.chat()).status == 200, "without a budget there is nothing to overspend"
            return (await gate.chat(key=gate.make_key("5/day")[1])).status

    assert asyncio.run(run("")) == 403
    assert asyncio.run(run('unknown_price = "allow"')) == 200
    assert [row.usd for row in calls(tmp_path / "data" / "weighbridge")] == [None, None, None]


def test_teams_and_routes_have_budgets_of_their_own(tmp_path: Path) -> None:
    async def run(folder: str, more: str, route: str, team: str | None) -> list[int]:
        how = {"more": more, "route": route}
        async with FaultServer(answers(chat_body())) as up, running(tmp_path / folder, {"up": up}, **how) as gate:
            keys = [gate.make_key(team=team)[1] for _ in range(2)]
            return [(await gate.chat(key=keys[number % 2])).status for number in range(9)]

    team = asyncio.run(run("a", '[[team]]\nname = "red"\nbudget = "0.00022/day"\n', "", "red"))
    route = asyncio.run(run("b", "", 'budget = "0.00022/day"', None))

    assert team == route == [200] * 7 + [429] * 2


def test_nothing_stays_lent_when_a_gateway_has_ended(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            await gate.chat(key=gate.make_key("5/day")[1])

    asyncio.run(run())

    data_dir = tmp_path / "data" / "weighbridge"
    assert query(data_dir, "SELECT count(*) FROM leases") == [(0,)]
    assert query(data_dir, "SELECT scope, round(usd, 9) FROM spent") == [("key", 1e-05), ("route", 1e-05)]
    assert not list((data_dir / "journal").iterdir())


def test_a_call_that_cost_more_than_was_held_is_flagged(tmp_path: Path) -> None:
    """The backend wrote more than it was told to: nobody could have held that."""
    body = b'{"model":"private","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5000}}'

    async def run() -> None:
        async with FaultServer(answers(body)) as up, running(tmp_path, {"up": up}) as gate:
            await gate.chat(key=gate.make_key("5/day")[1])

            assert gate.calls()[0].flags == "over-hold"

    asyncio.run(run())
