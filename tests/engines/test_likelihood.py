"""Whole texts ranked by their log-likelihood: the sums that lm-eval takes, or a refusal that says why not."""

from __future__ import annotations

import asyncio
import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from llamacpp_running import ask, needs_xllamacpp, running
from tiny_gguf import write_tiny_gguf

from fault_server import Exchange, FaultServer, response
from weighbridge.chat import ChatRequest, Choice, Message, Piece, Usage
from weighbridge.dispatch.price import most_usd
from weighbridge.engines import BackendRecord, Price
from weighbridge.engines.echo import EchoEngine
from weighbridge.engines.labels import likeliest
from weighbridge.engines.openai import OpenAIEngine
from weighbridge.errors import BadAnswer, CannotAsk, EngineError
from weighbridge.net.calls import Calls

CITIES = Choice("option", ("Rome", "New York City"), " ")
PROMPT = "Capital of Italy:"


def cut(text: str) -> list[str]:
    """A tokenizer in which a blank belongs to the word after it."""
    return re.findall(r" ?\w+|.", text, re.DOTALL)


def logprob(before: str, token: str) -> float:
    """A made-up model of pairs of tokens."""
    return -1.0 - (len(before) * 7 + len(token) * 3) % 11 / 4


def summed(text: str, start: int) -> float:
    return sum(logprob(*pair) for pair in list(pairwise(cut(text)))[start - 1 :])


async def echoes(exchange: Exchange) -> None:
    """What vLLM answers to `echo` with `logprobs`: every token of the prompt, and the one that was written."""
    body = exchange.json()
    assert (body["echo"], body["max_tokens"], body["logprobs"]) == (True, 1, 1)
    tokens = [*cut(body["prompt"]), " END"]
    values = [None, *(logprob(*pair) for pair in pairwise(tokens))]
    choice = {"index": 0, "text": body["prompt"] + " END", "finish_reason": "length"}
    choice["logprobs"] = {"tokens": tokens, "token_logprobs": values, "top_logprobs": None}
    usage = {"prompt_tokens": len(tokens) - 1, "completion_tokens": 1}
    exchange.write(response(200, msgspec.json.encode({"choices": [choice], "usage": usage, "model": "m"})))


def saying(**choice: Any) -> Any:
    async def behave(exchange: Exchange) -> None:
        exchange.write(response(200, msgspec.json.encode({"choices": [{"index": 0, **choice}]})))

    return behave


def ranked(behave: Any, prompt: str | None = PROMPT, choice: Choice = CITIES) -> tuple[Piece, FaultServer]:
    async def go() -> tuple[Piece, FaultServer]:
        async with FaultServer(behave) as server, Calls(environ={}) as calls:
            engine = OpenAIEngine(
                BackendRecord(name="up", kind="vllm", base_url=server.base_url), calls=calls, environ={}
            )
            said = () if prompt is not None else (Message(role="user", content="hello"),)
            request = ChatRequest("m", said, prompt, choices=(choice,), choose="likelihood")
            pieces = [piece async for piece in engine.answer(request)]
            return pieces[-1], server

    return asyncio.run(go())


def test_each_option_gets_the_sum_over_its_own_tokens() -> None:
    piece, server = ranked(echoes)

    start = len(cut(PROMPT))
    expected = {label: summed(f"{PROMPT} {label}", start) for label in CITIES.labels}
    assert piece.label_logprobs == {"option": pytest.approx(expected)}
    assert piece.text == max(expected, key=expected.__getitem__)
    assert [exchange.json()["prompt"] for exchange in server.requests] == [
        PROMPT,
        f"{PROMPT} Rome",
        f"{PROMPT} New York City",
    ]


def test_tokens_of_all_calls_are_counted() -> None:
    piece, _ = ranked(echoes)

    read = sum(len(cut(text)) for text in (PROMPT, f"{PROMPT} Rome", f"{PROMPT} New York City"))
    assert piece.usage == Usage(input_tokens=read, output_tokens=3)


def test_a_token_across_the_seam_belongs_to_the_options() -> None:
    """`Rom` and `e` are one word to the tokenizer; of the prompt's own tokens only those before it are context."""
    piece, _ = ranked(echoes, "To Rom", Choice("option", ("e", "ania now"), ""))

    assert piece.label_logprobs == {
        "option": pytest.approx({"e": summed("To Rome", 1), "ania now": summed("To Romania now", 1)})
    }


def test_a_blank_that_ends_the_prompt_is_the_options() -> None:
    """As in lm-eval, which moves it: the word after it is one token with it."""
    piece, server = ranked(echoes, PROMPT + " ", Choice("option", ("Rome", "Paris"), ""))

    assert server.requests[0].json()["prompt"] == PROMPT
    assert piece.label_logprobs is not None
    assert piece.label_logprobs["option"]["Rome"] == pytest.approx(summed(f"{PROMPT} Rome", len(cut(PROMPT))))


@pytest.mark.parametrize(
    ("per", "picked"),
    [("text", "ja"), ("character", "vielleicht, ja"), ("byte", "ダメだね")],
)
def test_the_pick_is_by_the_sum_or_by_the_sum_over_length(per: Any, picked: str) -> None:
    """lm-eval's acc, acc_norm and acc_bytes: -4, -14 and -9 over 2, 14 and 4 characters, 2, 14 and 12 bytes."""
    scores = {"ja": -4.0, "vielleicht, ja": -14.0, "ダメだね": -9.0}

    assert likeliest(Choice("c", tuple(scores), per=per), scores) == picked


@pytest.mark.parametrize(
    ("behave", "prompt", "error", "said"),
    [
        (saying(text=" Rome", logprobs={"tokens": [" Rome"], "token_logprobs": [-1.0]}), PROMPT, CannotAsk, "echo"),
        (saying(text=PROMPT + " x"), PROMPT, CannotAsk, "echo"),
        (echoes, None, CannotAsk, 'endpoint = "completion"'),
        (saying(text=PROMPT, logprobs={"tokens": ["a", "b"], "token_logprobs": [0.1]}), PROMPT, BadAnswer, "number"),
        (
            saying(text=PROMPT + "x", logprobs={"tokens": ["a", "b", "c"], "token_logprobs": [None, None, -1]}),
            PROMPT, BadAnswer, "no log-probability",
        ),
        (saying(logprobs=None), PROMPT, BadAnswer, "no text"),
    ],
)  # fmt: skip
def test_a_server_that_cannot_tell_is_refused_by_name(
    behave: Any, prompt: str | None, error: type[EngineError], said: str
) -> None:
    """A wrong figure would look like a measurement."""
    with pytest.raises(error, match="up") as caught:
        ranked(behave, prompt)

    assert said in str(caught.value)


def test_what_is_held_for_a_call_covers_every_reading_of_the_prompt() -> None:
    price = Price(input=1.0, output=0.0)
    plain = ChatRequest("m", prompt="x" * 1000, choices=(CITIES,))

    once = most_usd(plain, price, 0)
    often = most_usd(msgspec.structs.replace(plain, choose="likelihood"), price, 0)

    assert once is not None
    assert often is not None
    assert often >= 3 * once


def test_the_engine_without_a_model_ranks_options_too() -> None:
    engine = EchoEngine(BackendRecord(name="e", kind="echo"))
    request = ChatRequest("", prompt="Capital? answer=Rome", choices=(CITIES,), choose="likelihood")

    piece = asyncio.run(ask(engine, request))[-1]  # type: ignore[arg-type]

    assert piece.text == "Rome"
    assert set(piece.label_logprobs["option"]) == set(CITIES.labels)  # type: ignore[index]


@needs_xllamacpp
def test_the_sums_of_llamacpp_are_those_of_whole_distributions(tmp_path: Path) -> None:
    """Options of many tokens, one that another begins with; nothing is added after them."""
    from test_llamacpp_labels import full_distribution

    weights = write_tiny_gguf(tmp_path / "tiny.gguf")
    labels = ("a small dog", "a small", "zebra 高い")
    request = ChatRequest(
        "", prompt="It is", choices=(Choice("option", labels, " ", "character"),), choose="likelihood"
    )

    async def go() -> tuple[Piece, dict[str, float]]:
        async with running(weights) as engine:
            piece = (await ask(engine, request))[-1]
            server = engine._server
            assert server is not None

            async def tokens(text: str) -> list[int]:
                said = await server.post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
                return list(said["tokens"])

            before, sums = await tokens("It is"), {}
            for label in labels:
                whole = await tokens(f"It is {label}")
                assert whole[: len(before)] == before
                sums[label] = 0.0
                for at in range(len(before), len(whole)):
                    sums[label] += (await full_distribution(engine, whole[:at]))[whole[at]]
            return piece, sums

    piece, sums = asyncio.run(go())

    assert piece.label_logprobs is not None
    assert piece.label_logprobs["option"] == pytest.approx(sums, abs=2e-3)
    assert piece.text == max(labels, key=lambda label: sums[label] / len(label))
    assert all(math.isfinite(value) for value in sums.values())
