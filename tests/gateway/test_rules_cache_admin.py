"""Rules before backends, answers given again, keys over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from gateway_running import ADMIN_KEY, HELLO, running

from fault_server import Exchange, FaultServer, answers, chat_body, chat_events, response, streams
from weighbridge.dispatch.policy import Asking, Decision


class Residency:
    """Health data stays at `home`; data of the class `secret` goes nowhere."""

    def decide(self, asking: Asking, backend: str, model: str) -> Decision:
        if asking.data_class == "secret":
            return Decision(False, ("rule secret: nothing leaves",))
        if asking.data_class == "health" and backend != "home":
            return Decision(False, (f"rule health: {backend} is abroad",))
        return Decision(True)


def test_rules_are_asked_before_a_backend_is_chosen(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body())) as away,
            FaultServer(answers(chat_body())) as home,
            running(tmp_path, {"away": away, "home": home}, policy=Residency()) as gate,
        ):
            plain = await gate.chat()
            health = await gate.post("/v1/chat/completions", HELLO, x_data_class="health")
            secret = await gate.post("/v1/chat/completions", HELLO, x_data_class="secret")

            assert (plain.status, health.status, secret.status) == (200, 200, 403)
            assert (len(away.requests), len(home.requests)) == (1, 1)
            assert "rule secret" in secret.json()["error"]["message"]
            assert secret.json()["error"]["code"] == "policy"

    asyncio.run(run())


def test_a_key_may_say_which_data_its_calls_carry_and_no_header_takes_it_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body())) as away,
            FaultServer(answers(chat_body())) as home,
            running(tmp_path, {"away": away, "home": home}, policy=Residency()) as gate,
        ):
            _, key = gate.make_key(data_class="health")
            told: tuple[dict[str, str], ...] = ({}, {"x_data_class": "public"})
            statuses = [(await gate.post("/v1/chat/completions", HELLO, key=key, **headers)).status for headers in told]

            assert statuses == [200, 200]
            assert (len(away.requests), len(home.requests)) == (0, 2)

    asyncio.run(run())


def test_a_name_that_is_nearly_right_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            said = (await gate.chat(model="publik")).json()["error"]["message"]
            _, scoped = gate.make_key(routes=("other",))
            hidden = (await gate.chat(model="publik", key=scoped)).json()["error"]["message"]

            assert "Did you mean 'public'?" in said
            assert "'public'" not in hidden, "a key that may not ask for it is not told of it"

    asyncio.run(run())


def test_the_same_request_is_answered_again_for_the_same_key_only(tmp_path: Path) -> None:
    async def count(exchange: Exchange) -> None:
        exchange.write(response(200, chat_body(f"answer {exchange.number}")))

    async def run() -> None:
        async with FaultServer(count) as up, running(tmp_path, {"up": up}, route="cache = {}") as gate:
            _, other = gate.make_key()
            first, again, differs = await gate.chat(), await gate.chat(), await gate.chat(temperature=1)
            theirs = await gate.chat(key=other)

            assert first.body == again.body
            assert again.headers["x-weighbridge-cache"] == "hit"
            assert len({first.body, differs.body, theirs.body}) == 3
            assert [(row.outcome, row.usd) for row in gate.calls()][1] == ("cached", 0.0)

    asyncio.run(run())


def test_an_answer_given_again_says_what_its_backend_was_not_told_and_heeds_fields_of_the_dialect(
    tmp_path: Path,
) -> None:
    """`anthropic-beta` changes what the same bytes ask for."""
    marked = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]
    body = {"model": "public", "max_tokens": 10, "messages": [{"role": "user", "content": marked}]}

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}, route="cache = {}") as gate:
            replies = [await gate.post("/v1/messages", body) for _ in range(2)]
            replies += [await gate.post("/v1/messages", body, anthropic_beta="some-2026") for _ in range(2)]

            assert [each.headers.get("x-weighbridge-cache") for each in replies] == [None, "hit"] * 2
            assert [each.headers.get("x-weighbridge-left-out") for each in replies] == ["cache_control"] * 4
            assert len(up.requests) == 2

    asyncio.run(run())


@pytest.mark.parametrize("cache", ["cache = { seconds = 0.001 }", "cache = { bytes = 1024 }", ""])
def test_answers_that_are_old_too_large_or_not_asked_to_be_kept_are_asked_for_again(tmp_path: Path, cache: str) -> None:
    async def run() -> None:
        server = FaultServer(answers(chat_body("x" * 2000)))
        async with server as up, running(tmp_path, {"up": up}, route=cache) as gate:
            await gate.chat()
            await asyncio.sleep(0.12)  # more than a tick of the gateway's clock
            await gate.chat()

            assert len(up.requests) == 2

    asyncio.run(run())


def test_across_keys_only_where_the_route_says_so(tmp_path: Path) -> None:
    async def run() -> None:
        route = "cache = { across_keys = true }"
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}, route=route) as gate:
            await gate.chat()
            await gate.chat(key=gate.make_key()[1])
            await gate.chat(key=gate.make_key(routes=("other",))[1])

            assert len(up.requests) == 1

    asyncio.run(run())


def test_streams_and_failures_are_not_kept(tmp_path: Path) -> None:
    async def behave(exchange: Any) -> None:
        if exchange.json().get("stream"):
            await streams(chat_events("a"))(exchange)
        else:
            exchange.write(response(400, b"{}"))

    async def run() -> None:
        async with FaultServer(behave) as up, running(tmp_path, {"up": up}, route="cache = {}") as gate:
            for stream in (True, True, False, False):
                await gate.chat(stream=stream)

            assert len(up.requests) == 4

    asyncio.run(run())


def test_keys_are_made_listed_rotated_and_revoked_over_http(tmp_path: Path) -> None:
    async def run() -> None:
        server = 'admin_key = "env:ADMIN"'
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}, server=server) as gate:
            made = (await gate.post("/admin/keys", {"name": "ada", "budget": "5/day"}, key=ADMIN_KEY)).json()
            assert (await gate.chat(key=made["key"])).status == 200
            ask = f"GET /admin/keys HTTP/1.1\r\nhost: x\r\nx-api-key: {ADMIN_KEY}\r\n\r\n".encode()
            listed = (await gate.send(ask)).json()
            assert {"name": "ada", "budget_usd": 5.0}.items() <= listed[-1].items()
            assert listed[-1]["spent_usd"] == pytest.approx(10e-6)

            rotated = (await gate.post(f"/admin/keys/{made['id']}/rotate", b"", key=ADMIN_KEY)).json()
            assert (await gate.chat(key=rotated["key"])).status == 200
            assert (await gate.chat(key=made["key"])).status == 401
            await gate.post(f"/admin/keys/{made['id']}/revoke", b"", key=ADMIN_KEY)
            keyring = gate.gateway.callers.keyring
            generation = keyring.generation
            while keyring.generation == generation and (await gate.chat(key=rotated["key"])).status == 200:
                await asyncio.sleep(0.01)
            assert (await gate.chat(key=rotated["key"])).status == 401

    asyncio.run(run())


@pytest.mark.parametrize("server", ['admin_key = "env:ADMIN"', ""])
def test_without_the_admin_key_there_is_no_way_in(tmp_path: Path, server: str) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=f"[server]\n{server}\n".encode()) as gate:
            for path, body in (("/admin/keys", b'{"name":"x"}'), ("/admin/keys/x/revoke", b""), ("/admin/no", b"")):
                for key in (gate.key, "wrong", ADMIN_KEY[:-1]):
                    assert (await gate.post(path, body, key=key)).status == (401 if server else 404)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "says", "field"),
    [
        pytest.param(b"{", "no JSON object", None, id="half"),
        pytest.param(b"[]", "cannot be made", None, id="no-object"),
        pytest.param(b'{"name":1}', "expected `str`, got `int`", "name", id="kind"),
        pytest.param(b'{"name":"x","budget":"5"}', "Write dollars and a period", "budget", id="budget"),
        pytest.param(b'{"name":"x","budget":" 5/day"}', "Write it so: 5/day", "budget", id="budget-odd"),
        pytest.param(b'{"name":"x","budgt":"5/day"}', "mean 'budget'?", "budgt", id="misspelt"),
        pytest.param(b'{"name":"x","addresses":["no"]}', "192.0.2.7", "addresses", id="address"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(tmp_path: Path, body: bytes, says: str, field: str | None) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=b'[server]\nadmin_key = "env:ADMIN"\n') as gate:
            refused = await gate.post("/admin/keys", body, key=ADMIN_KEY)
            error = refused.json()["error"]

            assert (refused.status, error["param"]) == (400, field)
            assert says in error["message"]
            assert len(gate.gateway.callers.keyring.callers) == 1, "the one the test made"

    asyncio.run(run())


def test_a_key_for_a_route_that_is_not_there_is_made_and_told(tmp_path: Path) -> None:
    """It may come with the next config; a typo would let the key do nothing, and nobody know why."""

    async def run() -> None:
        server = 'admin_key = "env:ADMIN"'
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}, server=server) as gate:
            made = await gate.post("/admin/keys", {"name": "x", "routes": ["public", "publik"]}, key=ADMIN_KEY)

            assert made.status == 200
            (warning,) = made.json()["warnings"]
            assert "mean 'public'?" in warning

    asyncio.run(run())


def test_a_path_that_is_nearly_right_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path, {}, config=b"") as gate:
            said = (await gate.post("/v1/chat/completion", {})).json()["error"]["message"]
            assert "Did you mean '/v1/chat/completions'?" in said

    asyncio.run(run())


def test_a_small_budget_is_told_as_it_was_written(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}) as gate:
            said = (await gate.chat(key=gate.make_key("0.00001/hour")[1])).json()["error"]["message"]
            assert ", $0.00001 an hour, does not have the $" in said

    asyncio.run(run())


def test_whoever_holds_the_admin_key_may_read_metrics(tmp_path: Path) -> None:
    """So that what collects them needs no key that could make calls."""

    async def run() -> None:
        async with running(tmp_path, {}, config=b'[server]\nadmin_key = "env:ADMIN"\n') as gate:
            ask = "GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n"
            assert (await gate.send(ask.format(ADMIN_KEY).encode())).status == 200
            assert (await gate.send(ask.format(ADMIN_KEY[:-1]).encode())).status == 401

    asyncio.run(run())


def test_sums_over_http_do_not_overlook_a_misspelt_filter(tmp_path: Path) -> None:
    """Sums of all routes, where those of one were asked for, would be believed."""

    async def run() -> None:
        async with running(tmp_path, {}, config=b'[server]\nadmin_key = "env:ADMIN"\n') as gate:
            ask = f"GET /admin/ledger?ruote=a HTTP/1.1\r\nhost: x\r\nx-api-key: {ADMIN_KEY}\r\n\r\n".encode()
            refused = await gate.send(ask)
            assert refused.status == 400
            assert "mean 'route'?" in refused.json()["error"]["message"]

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat"])
def test_what_refuses_a_call_says_what_to_do_in_every_dialect(tmp_path: Path, path: str) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body())) as up,
            running(tmp_path, {"up": up}) as gate,
        ):
            asked = {"model": "publik", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "input": "x"}
            refused = await gate.post(path, asked)
            assert refused.status == 404
            assert b"Did you mean 'public'?" in refused.body

    asyncio.run(run())
