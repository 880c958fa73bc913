"""A route with a router: who is asked, what the client gets, what is written down and paid."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import pytest
from gateway_running import Gate, running

from fault_server import FaultServer, answers, chat_body, chat_events, stalls, streams
from patience import PATIENCE_S, soon
from routed_samples import EASY, HARD, rows, write
from weighbridge.errors import InputError
from weighbridge.gateway.config import read_config
from weighbridge.routers import Goal, JudgeSaid, Places, Router, encode_artefact, read_samples, train

KEEP = {1: 0.9, 2: 0.98}


@cache
def router(tmp: Path, *, cheap: int) -> bytes:
    """A cascade of two cheap models that agree, or a router that reads the prompt."""
    items = rows(1200, cheap=cheap)
    voters = tuple(f"small-{n}" for n in range(cheap)) if cheap > 1 else ("small",)
    said = tuple(f"{voter}.answer" for voter in voters)
    path = write(tmp / "samples.csv", items, only=("prompt", *voters, *said, "big"))
    method = "cascade" if cheap > 1 else "ridge"
    samples = read_samples(Places(path), voters, "big")
    goal = Goal(KEEP[cheap], method=method)
    trained = train(samples, voters, "big", goal, made="2027-01-01", versions={}, costs={})
    assert trained.artefact is not None
    return encode_artefact(trained.artefact)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("router")


def config(servers: dict[str, FaultServer], *, route: str = "", server: str = "") -> bytes:
    parts = [f"[server]\nport = 0\n{server}\n"]
    parts += [
        f'[[backend]]\nname = "{name}"\nkind = "openai"\nbase_url = "{each.base_url}"\n'
        for name, each in servers.items()
    ]
    to = ", ".join(
        f'{{ backend = "{name}", model = "{name}", price = {{ input = 1.0, output = 1.0 }} }}' for name in servers
    )
    parts.append(f'[[route]]\nmodel = "public"\nkind = "cascade"\nrouter = "router.json"\nto = [{to}]\n{route}\n')
    return "\n".join(parts).encode()


def routed(tmp_path: Path, made: Path, servers: dict[str, FaultServer], *, cheap: int, **how: str):
    (tmp_path / "router.json").write_bytes(router(made, cheap=cheap))
    return running(tmp_path, servers, config=config(servers, **how))


async def ask(gate: Gate, text: str, **more: object):
    return await gate.post(
        "/v1/chat/completions", {"model": "public", "messages": [{"role": "user", "content": text}], **more}
    )


def asked(server: FaultServer) -> int:
    return len(server.requests)


def test_the_prompt_alone_decides_who_answers(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("cheap"))) as small,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small": small, "big": big}, cheap=1) as gate,
        ):
            easy = [(await ask(gate, f"{each} for case 7, part 9")).body for each in EASY]
            hard = [(await ask(gate, f"{each} for case 7, part 9")).body for each in HARD]

            assert easy == [chat_body("cheap")] * 4
            assert hard == [chat_body("dear")] * 4
            assert [row.model_asked for row in gate.calls()] == ["small"] * 4 + ["big"] * 4

    asyncio.run(run())


def test_a_stream_that_the_prompt_decides_is_forwarded_as_it_comes(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(streams(chat_events("che", "ap"))) as small,
            FaultServer(streams(chat_events("de", "ar"))) as big,
            routed(tmp_path, made, {"small": small, "big": big}, cheap=1) as gate,
        ):
            easy = await ask(gate, f"{EASY[0]} for case 7, part 9", stream=True)
            hard = await ask(gate, f"{HARD[0]} for case 7, part 9", stream=True)

            assert (easy.text, hard.text) == ("cheap", "dear")
            assert b'"stream":true' in small.requests[0].body.replace(b" ", b"")

    asyncio.run(run())


def test_the_strong_model_stands_in_for_a_cheap_one_that_fails_but_never_the_other_way(
    tmp_path: Path, made: Path
) -> None:
    """The promise is about quality: a cheap answer instead of an error would break it unseen."""

    async def run() -> None:
        async with (
            FaultServer(answers(b"{}", 500)) as small,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small": small, "big": big}, cheap=1) as gate,
        ):
            assert (await ask(gate, f"{EASY[0]} for case 7, part 9")).body == chat_body("dear")
        async with (
            FaultServer(answers(chat_body("cheap"))) as small,
            FaultServer(answers(b"{}", 500)) as big,
            routed(tmp_path, made, {"small": small, "big": big}, cheap=1, route="retries = 0") as gate,
        ):
            assert (await ask(gate, f"{HARD[0]} for case 7, part 9")).status >= 500
            assert asked(small) == 0

    asyncio.run(run())


def test_cheap_models_that_agree_answer_and_the_strong_one_is_not_asked(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("Forty-two."))) as one,
            FaultServer(answers(chat_body("forty-two"))) as two,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2) as gate,
        ):
            reply = await ask(gate, EASY[0])

            assert reply.json()["choices"][0]["message"]["content"] == "Forty-two."
            assert reply.headers["x-weighbridge-cascade"] == "small-0"
            assert (asked(one), asked(two), asked(big)) == (1, 1, 0)
            assert sorted((row.model_asked, row.outcome, row.flags) for row in gate.calls()) == [
                ("small-0", "ok", "model-mismatch cascade"),
                ("small-1", "ok", "model-mismatch cascade"),
            ]

    asyncio.run(run())


class Broken:
    """A router with a defect of ours in it."""

    def __init__(self, whole: Router) -> None:
        self._whole = whole

    def __getattr__(self, name: str) -> object:
        return getattr(self._whole, name)

    def step(self, text: str, replies: object) -> None:
        raise ZeroDivisionError


def test_a_defect_in_a_router_ends_its_own_call_and_nobody_waits(tmp_path: Path, made: Path) -> None:
    """It comes to light where calls are written down, many in one turn: none of the others may miss its answer."""

    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("42"))) as one,
            FaultServer(answers(chat_body("42"))) as two,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2) as gate,
        ):
            cascade = gate.gateway.routes["public"].cascade
            assert cascade is not None
            cascade.router = Broken(cascade.router)  # type: ignore[assignment]

            with pytest.raises(asyncio.IncompleteReadError):
                await asyncio.wait_for(ask(gate, EASY[0]), PATIENCE_S)

            await soon(lambda: not gate.gateway.clients)
            assert not gate.gateway.calls_under_way
            assert len(gate.calls()) == 2

    asyncio.run(run())


def test_cheap_models_that_disagree_leave_it_to_the_strong_one_and_every_call_is_paid(
    tmp_path: Path, made: Path
) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("one"))) as one,
            FaultServer(answers(chat_body("two"))) as two,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2) as gate,
        ):
            reply = await ask(gate, HARD[0])

            assert reply.body == chat_body("dear")
            costs = [row.usd for row in gate.calls()]
            assert len(costs) == 3
            assert all(usd is not None and usd > 0 for usd in costs)
            assert {row.route for row in gate.calls()} == {"public"}

    asyncio.run(run())


def test_a_stream_of_a_cascade_comes_once_the_answer_was_judged(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("same"))) as one,
            FaultServer(answers(chat_body("same"))) as two,
            FaultServer(streams(chat_events("de", "ar"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2) as gate,
        ):
            agreed = await ask(gate, EASY[0], stream=True, stream_options={"include_usage": True})

            assert (agreed.text, agreed.whole) == ("same", True)
            assert agreed.body.endswith(b"data: [DONE]\n\n")
            assert agreed.events[-1]["usage"]["completion_tokens"] > 0
            assert b'"stream":true' not in one.requests[0].body.replace(b" ", b"")
            two.behave = answers(chat_body("other"))
            assert (await ask(gate, HARD[0], stream=True)).text == "dear"

    asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_of_another_dialect_gets_the_accepted_answer_in_its_own(
    tmp_path: Path, made: Path, stream: bool
) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("same"))) as one,
            FaultServer(answers(chat_body("same"))) as two,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2) as gate,
        ):
            message = {"role": "user", "content": EASY[0]}
            body = {"model": "public", "max_tokens": 50, "messages": [message], "stream": stream}
            reply = await gate.post("/v1/messages", body)

            assert (reply.status, reply.whole) == (200, True)
            if stream:
                assert b'"text":"same"' in reply.body.replace(b" ", b"")
                assert b"event: message_stop" in reply.body
            else:
                assert reply.json()["content"][0]["text"] == "same"

    asyncio.run(run())


def test_answers_of_a_cascade_are_given_again_from_memory(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("same"))) as one,
            FaultServer(answers(chat_body("same"))) as two,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2, route="cache = {}") as gate,
        ):
            first, again = await ask(gate, EASY[0]), await ask(gate, EASY[0])

            assert first.json()["choices"] == again.json()["choices"]
            assert (asked(one), asked(two), asked(big)) == (1, 1, 0)

    asyncio.run(run())


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, id="tools"),
        pytest.param({"n": 2}, id="several-answers"),
        pytest.param(
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": EASY[0]},
                            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                        ],
                    }
                ]
            },
            id="image",
        ),
    ],
)
def test_what_samples_of_prompts_say_nothing_about_goes_to_the_strong_model(
    tmp_path: Path, made: Path, more: dict[str, object]
) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("same"))) as one,
            FaultServer(answers(chat_body("same"))) as two,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2) as gate,
        ):
            assert (await ask(gate, EASY[0], **more)).body == chat_body("dear")
            assert (asked(one), asked(two)) == (0, 0)

    asyncio.run(run())


def test_an_answer_that_was_cut_off_or_a_model_that_fails_does_not_vote(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("same", finish="length"))) as one,
            FaultServer(answers(b"{}", 400)) as two,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2) as gate,
        ):
            assert (await ask(gate, EASY[0])).body == chat_body("dear")

    asyncio.run(run())


def test_money_is_held_for_all_calls_and_what_was_not_needed_is_free_again(tmp_path: Path, made: Path) -> None:
    """A key whose budget holds three calls but not six: it can call again and again, one at a time."""

    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("same"))) as one,
            FaultServer(answers(chat_body("same"))) as two,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2) as gate,
        ):
            _, poor = gate.make_key("0.005/day")
            body = {"model": "public", "messages": [{"role": "user", "content": EASY[0]}], "max_tokens": 1000}
            for _ in range(6):
                assert (await gate.post("/v1/chat/completions", body, key=poor)).status == 200
            refused = await gate.post("/v1/chat/completions", {**body, "max_tokens": 2000}, key=poor)
            assert (refused.status, refused.json()["error"]["code"]) == (429, "insufficient_quota")
            spent = sum(row.usd or 0.0 for row in gate.calls())
            assert 0 < spent < 0.001

    asyncio.run(run())


def test_a_client_that_leaves_ends_every_call(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with (
            FaultServer(stalls()) as one,
            FaultServer(stalls()) as two,
            FaultServer(answers(chat_body("dear"))) as big,
            routed(tmp_path, made, {"small-0": one, "small-1": two, "big": big}, cheap=2) as gate,
        ):
            call = asyncio.ensure_future(ask(gate, EASY[0]))
            while not (one.requests and two.requests):
                await asyncio.sleep(0.001)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await asyncio.gather(one.requests[0].left.wait(), two.requests[0].left.wait())
            while len(gate.calls()) < 2:
                await asyncio.sleep(0.01)

            assert {(row.outcome, row.status) for row in gate.calls()} == {("failed", 499)}
            assert asked(big) == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("route", "what"),
    [
        ('kind = "cascade"', "a cascade needs a router"),
        ('router = "router.json"', "only a cascade has a router"),
        ('kind = "cascade"\nrouter = "router.json"\nhedge = { after_s = 1.0 }', "no `hedge`"),
    ],
)
def test_a_config_that_says_half_of_a_cascade_is_told(tmp_path: Path, route: str, what: str) -> None:
    text = f'[[backend]]\nname = "up"\nkind = "echo"\n[[route]]\nmodel = "m"\n{route}\nto = [{{ backend = "up" }}]\n'

    with pytest.raises(InputError, match=what):
        read_config(text.encode(), tmp_path / "weighbridge.toml")


def judged_router(folder: Path) -> bytes:
    """One cheap model, and a judge who knows when it is right."""
    items = rows(300)
    for item in items:
        item["small.judge"] = 0.9 if item["small"] else 0.1
    path = write(folder / "judged.csv", items, only=("prompt", "small", "small.judge", "big"))
    samples = read_samples(Places(path), ("small",), "big")
    goal = Goal(0.9, judge=JudgeSaid("referee"))
    trained = train(samples, ("small",), "big", goal, made="2027-01-01", versions={}, costs={})
    assert trained.artefact is not None
    return encode_artefact(trained.artefact)


def test_a_judge_is_asked_about_the_cheap_answer_and_its_score_decides(tmp_path: Path, made: Path) -> None:
    (tmp_path / "router.json").write_bytes(judged_router(made))

    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("41 }} {{prompt}}"))) as small,
            FaultServer(answers(chat_body("9"))) as referee,
            FaultServer(answers(chat_body("dear"))) as big,
        ):
            servers = {"small": small, "referee": referee, "big": big}
            async with running(tmp_path, servers, config=config(servers)) as gate:
                trusted = await ask(gate, EASY[0])
                shown = referee.requests[0].body.decode()
                referee.behave = answers(chat_body("Score: 1/10"))
                doubted = await ask(gate, EASY[0])

                assert trusted.json()["choices"][0]["message"]["content"] == "41 }} {{prompt}}"
                assert doubted.body == chat_body("dear")
                assert (EASY[0] in shown, "41 }} {{prompt}}" in shown) == (True, True)
                found = {
                    (row.model_asked, row.flags and row.flags.removeprefix("model-mismatch").strip())
                    for row in gate.calls()
                }
                assert found == {("small", "cascade"), ("referee", "cascade judge"), ("big", "")}
                assert all(row.usd for row in gate.calls())

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "status"), [(chat_body("It is fine, I think."), 200), (chat_body("11"), 200), (b"{}", 500)]
)
def test_an_answer_that_the_judge_did_not_score_is_worth_nothing(
    tmp_path: Path, made: Path, body: bytes, status: int
) -> None:
    (tmp_path / "router.json").write_bytes(judged_router(made))

    async def run() -> None:
        async with (
            FaultServer(answers(chat_body("41"))) as small,
            FaultServer(answers(body, status)) as referee,
            FaultServer(answers(chat_body("dear"))) as big,
        ):
            servers = {"small": small, "referee": referee, "big": big}
            async with running(tmp_path, servers, config=config(servers, route="retries = 0")) as gate:
                assert (await ask(gate, EASY[0])).body == chat_body("dear")

    asyncio.run(run())


def test_a_router_whose_judge_has_no_target_is_refused_before_anybody_is_served(tmp_path: Path, made: Path) -> None:
    """Without the score it would decide by something nobody tested."""
    (tmp_path / "router.json").write_bytes(judged_router(made))

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as small, FaultServer(answers(chat_body())) as big:
            servers = {"small": small, "big": big}
            with pytest.raises(InputError, match="the router asks 'referee', and no target"):
                async with running(tmp_path, servers, config=config(servers)):
                    pass

    asyncio.run(run())


@cache
def rounds_router(folder: Path) -> bytes:
    """Two cheap models, and a third that is asked where they disagree."""
    items = rows(1200, cheap=3)
    voters = ("small-0", "small-1", "small-2")
    said = tuple(f"{voter}.answer" for voter in voters)
    path = write(folder / "rounds.csv", items, only=("prompt", *voters, *said, "big"))
    samples = read_samples(Places(path), voters, "big")
    costs: dict[str, float | None] = {**dict.fromkeys(voters, 1.0), "big": 30.0}
    goal = Goal(0.93, rounds=(2, 3))
    trained = train(samples, voters, "big", goal, made="2027-01-01", versions={}, costs=costs)
    assert trained.artefact is not None
    return encode_artefact(trained.artefact)


@asynccontextmanager
async def in_rounds(tmp_path: Path, made: Path) -> AsyncIterator[tuple[Gate, list[FaultServer]]]:
    """A gateway with that router, and its models: the first two agree, the third does not."""
    (tmp_path / "router.json").write_bytes(rounds_router(made))
    async with (
        FaultServer(answers(chat_body("one"))) as first,
        FaultServer(answers(chat_body("one"))) as second,
        FaultServer(answers(chat_body("two"))) as third,
        FaultServer(answers(chat_body("dear"))) as big,
    ):
        servers = {"small-0": first, "small-1": second, "small-2": third, "big": big}
        async with running(tmp_path, servers, config=config(servers)) as gate:
            yield gate, list(servers.values())


def test_a_further_round_is_asked_only_where_the_first_leaves_doubt(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with in_rounds(tmp_path, made) as (gate, (first, second, third, big)):
            agreed = await ask(gate, EASY[0])
            assert agreed.json()["choices"][0]["message"]["content"] == "one"
            assert (asked(third), asked(big)) == (0, 0)
            second.behave = answers(chat_body("two"))
            settled = await ask(gate, EASY[0])
            assert settled.json()["choices"][0]["message"]["content"] == "two"
            assert settled.headers["x-weighbridge-cascade"] == "small-1"
            assert (asked(first), asked(second), asked(third), asked(big)) == (2, 2, 1, 0)
            third.behave = answers(chat_body("three"))
            assert (await ask(gate, EASY[0])).body == chat_body("dear")
            assert (asked(third), asked(big)) == (2, 1)

    asyncio.run(run())


def test_of_a_budget_that_holds_all_rounds_only_what_was_asked_is_spent(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with in_rounds(tmp_path, made) as (gate, (_, second, _, _)):
            _, poor = gate.make_key("0.006/day")  # four calls of at most $0.0012 each
            body = {"model": "public", "messages": [{"role": "user", "content": EASY[0]}], "max_tokens": 1000}
            for behave in ("one", "two", "one", "two", "three", "one"):
                second.behave = answers(chat_body(behave))
                assert (await gate.post("/v1/chat/completions", body, key=poor)).status == 200
            too_much = await gate.post("/v1/chat/completions", {**body, "max_tokens": 1500}, key=poor)

            assert too_much.json()["error"]["code"] == "insufficient_quota"

    asyncio.run(run())


def test_a_route_that_lacks_a_model_of_its_router_does_not_start(tmp_path: Path, made: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as small, FaultServer(answers(chat_body())) as bigg:
            with pytest.raises(InputError, match="knows no model 'bigg'") as caught:
                async with routed(tmp_path, made, {"small": small, "bigg": bigg}, cheap=1):
                    pass
            assert "Did you mean 'big'" in str(caught.value)

    asyncio.run(run())
