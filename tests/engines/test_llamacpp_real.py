"""The two real models of the shipped example, as far as tiny random ones cannot stand in for them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from llamacpp_running import ask, chat, needs_xllamacpp, running, text_of

from weighbridge.chat import ChatRequest, Choice, Sampling, Tool
from weighbridge.engines import Ability
from weighbridge.errors import CannotAsk

pytestmark = [needs_xllamacpp, pytest.mark.weights, pytest.mark.slow]

SHORT = Sampling(temperature=0.0, max_tokens=12)
CATEGORY = Choice("category", ("billing", "delivery", "account"), "Category:")
SHOTS = (
    "Ticket: You charged me twice.\nCategory: billing\n\n"
    "Ticket: My parcel has not arrived.\nCategory: delivery\n\n"
    "Ticket: I forgot my password.\nCategory: account\n\n"
)
TICKETS = {"The invoice is wrong, I paid too much.": "billing", "I cannot log in to my profile.": "account"}
WEATHER = Tool("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})


def test_smollm2_talks_and_its_template_ignores_tools_so_the_engine_does_not(smollm2: Path) -> None:
    async def scenario() -> None:
        async with running(smollm2, threads=2, context_tokens=2048) as engine:
            assert Ability.CHAT in engine.abilities
            assert not engine._talk._tools_in_template
            assert "hello" in text_of(await ask(engine, chat("Say hello.", sampling=SHORT))).lower()
            request = chat(
                "What is the weather in Paris?",
                tools=(WEATHER,),
                tool_choice="required",
                sampling=Sampling(temperature=0.0, max_tokens=400),
            )
            calls = (await ask(engine, request))[-1].tool_calls
            assert calls
            assert {call.name for call in calls} == {"get_weather"}
            assert "Paris" in calls[0].arguments

    asyncio.run(scenario())


def test_gemma_is_a_base_model_and_only_continues(gemma3: Path) -> None:
    async def scenario() -> None:
        async with running(gemma3, threads=2, context_tokens=2048) as engine:
            assert Ability.CHAT not in engine.abilities
            with pytest.raises(CannotAsk, match="no chat template"):
                await ask(engine, chat("Say hello."))
            said = text_of(await ask(engine, ChatRequest("", prompt="One, two, three, four,", sampling=SHORT)))
            assert "five" in said

    asyncio.run(scenario())


@pytest.mark.parametrize(("model", "choose"), [("smollm2", "logprob"), ("gemma3", "logprob"), ("gemma3", "grammar")])
def test_labels_of_easy_tickets_are_right(model: str, choose: str, request: pytest.FixtureRequest) -> None:
    weights = request.getfixturevalue(model)
    empty = ChatRequest("", prompt=f"{SHOTS}Ticket: N/A\n") if choose == "logprob" else None

    async def scenario() -> dict[str, str]:
        async with running(weights, threads=2, context_tokens=2048) as engine:
            picked = {}
            for ticket in TICKETS:
                asked = ChatRequest(
                    "",
                    prompt=f"{SHOTS}Ticket: {ticket}\n",
                    choices=(CATEGORY,),
                    choose=choose,
                    baseline=empty,
                    sampling=SHORT,
                )
                picked[ticket] = text_of(await ask(engine, asked))
            return picked

    assert asyncio.run(scenario()) == TICKETS


def test_gemmas_sliding_window_does_not_cost_the_shared_beginning(gemma3: Path) -> None:
    """The beginning is longer than the window, so most layers of the model do not look at all of it."""
    shots = SHOTS * 14

    async def scenario() -> list[int]:
        async with running(gemma3, threads=2, context_tokens=2048) as engine:
            fresh = []
            for ticket in TICKETS:
                asked = ChatRequest("", prompt=f"{shots}Ticket: {ticket}\n", choices=(CATEGORY,), choose="logprob")
                usage = (await ask(engine, asked))[-1].usage
                assert usage is not None
                fresh.append((usage.input_tokens or 0) - (usage.cached_tokens or 0))
            return fresh

    first, second = asyncio.run(scenario())
    assert first > 512
    assert second < 40
