"""Labels: constrained ones are always of the set, ranked ones have exact log-probabilities."""

from __future__ import annotations

import asyncio
import math
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llamacpp_running import ask, chat, needs_xllamacpp, running, text_of
from tiny_gguf import write_tiny_gguf

from weighbridge.chat import ChatRequest, Choice, Sampling
from weighbridge.chat.frames import continuation_frames, turn_frames, written
from weighbridge.engines.llamacpp import LlamaCppEngine
from weighbridge.engines.llamacpp.grammar import label_grammar, read_labels, split_seam
from weighbridge.engines.llamacpp.rank import one_begins_another
from weighbridge.errors import CannotAsk

CATEGORY = Choice("category", ("billing", "bill", "account", "ticket"), "Category:")
URGENCY = Choice("urgency", ("high", "low", "urgent", "高い", 'say "now"'), "Urgency:")
TICKETS = tuple(f"Ticket: number {n}\n" for n in range(4))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf")


async def full_distribution(engine: LlamaCppEngine, tokens: list[int]) -> dict[int, float]:
    """All tokens' log-probabilities after a prompt: the whole vocabulary read at once, nothing lifted or forced.

    Drawn is `a`, for the server does not report a token that is half a character.
    """
    server = engine._server
    a = (await server.post("/tokenize", {"content": "a"}))["tokens"][-1]
    body = {"prompt": tokens, "n_predict": 1, "n_probs": 100_000, "temperature": 0.0, "logit_bias": [[a, 1000.0]]}
    said = await server.post("/completion", {**body, "cache_prompt": False})
    return {entry["id"]: entry["logprob"] for entry in said["completion_probabilities"][0]["top_logprobs"]}


async def brute_force(engine: LlamaCppEngine, text: str, label: str, end: str = "") -> float:
    """log p(label | text), token by token from whole distributions.

    A space at the seam belongs to the label, for all labels alike: some have tokens that begin with it, some not.
    """
    text, label = text.rstrip(" "), " " + label
    server = engine._server

    async def cut(words: str) -> list[int]:
        return list((await server.post("/tokenize", {"content": words, "add_special": True}))["tokens"])

    before, whole = await cut(text), await cut(text + label + end)
    start = next((at for at, pair in enumerate(zip(before, whole, strict=False)) if pair[0] != pair[1]), len(before))
    total = 0.0
    for at in range(start, len(whole)):
        total += (await full_distribution(engine, whole[:at]))[whole[at]]
    return total


@needs_xllamacpp
def test_ranked_labels_have_the_log_probability_that_brute_force_finds(tiny: Path) -> None:
    """Labels share first tokens, differ in length, hold characters of several tokens and quotes."""
    choice = Choice("c", ("billing", "accounts", "accent", "urgent", "低い", 'a "b"'), "Category:")

    async def scenario() -> None:
        async with running(tiny) as engine:
            for ticket in TICKETS:
                piece = (await ask(engine, ChatRequest("", prompt=ticket, choices=(choice,), choose="logprob")))[-1]
                assert piece.label_logprobs is not None
                for label, score in piece.label_logprobs["c"].items():
                    expected = await brute_force(engine, ticket + "Category: ", label)
                    assert score == pytest.approx(expected, abs=3e-3), label
                assert piece.text == max(piece.label_logprobs["c"], key=piece.label_logprobs["c"].__getitem__)

    asyncio.run(scenario())


@needs_xllamacpp
def test_a_label_that_begins_another_is_ranked_with_what_follows_it(tiny: Path) -> None:
    """Else `bill` could never lose against `billing`: a beginning is always at least as probable."""

    async def scenario() -> None:
        async with running(tiny) as engine:
            request = ChatRequest("", prompt=TICKETS[0], choices=(CATEGORY,), choose="logprob")
            scores = ((await ask(engine, request))[-1].label_logprobs or {})["category"]

            for label in CATEGORY.labels:
                expected = await brute_force(engine, TICKETS[0] + "Category: ", label, end="\n")
                assert scores[label] == pytest.approx(expected, abs=3e-3)

    asyncio.run(scenario())


@needs_xllamacpp
def test_several_choices_are_ranked_one_after_the_other_with_the_picks_in_place(tiny: Path) -> None:
    request = ChatRequest("", prompt=TICKETS[0], choices=(CATEGORY, URGENCY), choose="logprob")

    async def scenario() -> None:
        async with running(tiny) as engine:
            piece = (await ask(engine, request))[-1]
            assert piece.label_logprobs is not None
            picked = msgspec.json.decode(piece.text)
            text = f"{TICKETS[0]}Category: {picked['category']}\nUrgency: "
            for label, score in piece.label_logprobs["urgency"].items():
                assert score == pytest.approx(await brute_force(engine, text, label), abs=3e-3)

    asyncio.run(scenario())


@needs_xllamacpp
def test_a_baseline_is_subtracted_and_asked_once_for_all_items(tiny: Path) -> None:
    choice = Choice("c", ("billing", "account", "low"), "Category:")
    empty = ChatRequest("", prompt="Ticket: N/A\n")

    async def scenario() -> None:
        async with running(tiny) as engine:
            server = engine._server
            asked: list[str] = []
            post = server.post

            async def counting(path: str, body: dict[str, Any]) -> dict[str, Any]:
                asked.append(path)
                return await post(path, body)

            engine._labels._ranker._server = type("Counting", (), {"post": staticmethod(counting)})()
            counts = []
            for ticket in TICKETS:
                plain = ChatRequest("", prompt=ticket, choices=(choice,), choose="logprob")
                scores = ((await ask(engine, plain))[-1].label_logprobs or {})["c"]
                before = len(asked)
                calibrated = msgspec.structs.replace(plain, baseline=empty)
                under = ((await ask(engine, calibrated))[-1].label_logprobs or {})["c"]
                counts.append(len(asked) - before)
                for label in choice.labels:
                    expected = scores[label] - await brute_force(engine, "Ticket: N/A\nCategory: ", label)
                    assert under[label] == pytest.approx(expected, abs=6e-3)

            assert counts[0] > counts[1], "the first item pays for the baseline"
            assert len(set(counts[1:])) == 1

    asyncio.run(scenario())


@needs_xllamacpp
def test_items_that_share_their_beginning_pay_for_the_rest_only(tiny: Path) -> None:
    shots = "".join(f"Ticket: example {n}\nCategory: billing\n\n" for n in range(20))
    choice = Choice("c", ("account", "low", "high"), "Category:")

    async def scenario() -> None:
        async with running(tiny) as engine:
            usages = []
            for ticket in TICKETS:
                request = ChatRequest("", prompt=shots + ticket, choices=(choice,), choose="logprob")
                usages.append((await ask(engine, request))[-1].usage)

            fresh = [(usage.input_tokens or 0) - (usage.cached_tokens or 0) for usage in usages if usage is not None]
            assert fresh[0] > 300
            assert max(fresh[1:]) < 30

    asyncio.run(scenario())


@needs_xllamacpp
@pytest.mark.parametrize("choose", ["grammar", "logprob"])
@pytest.mark.parametrize("kind", ["conversation", "text"])
def test_whatever_the_model_wants_to_say_the_label_is_of_the_set(tiny: Path, kind: str, choose: str) -> None:
    """At a high temperature a model of random weights wants to say everything."""
    wild = Sampling(temperature=3.0, seed=1)

    async def scenario() -> None:
        async with running(tiny) as engine:
            for n in range(3):
                for choices in ((CATEGORY,), (CATEGORY, URGENCY)):
                    asked: dict[str, Any] = {"choices": choices, "choose": choose, "sampling": wild}
                    request = (
                        chat(f"{n}", **asked) if kind == "conversation" else ChatRequest("", prompt=f"{n}", **asked)
                    )
                    text = text_of(await ask(engine, request))
                    picked = {"category": text} if len(choices) == 1 else msgspec.json.decode(text)
                    assert list(picked) == [choice.name for choice in choices]
                    assert all(picked[choice.name] in choice.labels for choice in choices)

    asyncio.run(scenario())


@needs_xllamacpp
def test_a_grammar_can_say_every_label(tiny: Path) -> None:
    """Also the one another label begins with, and the one it begins."""

    async def scenario() -> None:
        seen = set()
        async with running(tiny) as engine:
            for seed in range(60):
                sampling = Sampling(temperature=4.0, seed=seed)
                request = ChatRequest("", prompt="x", choices=(CATEGORY,), choose="grammar", sampling=sampling)
                seen.add(text_of(await ask(engine, request)))

        assert seen == set(CATEGORY.labels)

    asyncio.run(scenario())


@needs_xllamacpp
def test_labels_together_with_a_schema_are_refused_not_dropped(tiny: Path) -> None:
    async def scenario() -> None:
        async with running(tiny) as engine:
            with pytest.raises(CannotAsk, match="schema"):
                await ask(engine, chat("x", choices=(CATEGORY,), choose="grammar", schema={"type": "object"}))

    asyncio.run(scenario())


labels = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(str.strip)
choices = st.lists(
    st.builds(
        lambda labels, lead: (tuple(labels), lead),
        st.lists(labels, min_size=1, max_size=4, unique=True),
        st.sampled_from(["", "Label:", "Art: "]),
    ),
    min_size=1,
    max_size=3,
).map(lambda rows: tuple(Choice(f"c{at}", labels, lead) for at, (labels, lead) in enumerate(rows)))


@given(choices, st.sampled_from([None, "", "Text", "Text\n"]), st.randoms())
@settings(max_examples=100, deadline=None)
def test_what_is_written_under_the_grammar_is_read_back(
    choices: tuple[Choice, ...], prompt: str | None, random: random.Random
) -> None:
    """Where no label begins another, so that the text says which one is meant."""
    if any(one_begins_another(choice.labels) for choice in choices):
        return
    frames = turn_frames(choices) if prompt is None else continuation_frames(prompt, choices)
    picked = {choice.name: random.choice(choice.labels) for choice in choices}
    lead, first = split_seam(frames[0].before)
    whole = written(frames, picked, choices)

    assert whole.startswith(lead + first)
    assert read_labels(whole[len(lead) :], choices, frames, first=first) == picked
    assert label_grammar(choices, frames, first=first, end="\n").startswith("root ::= ")


def test_a_cut_answer_is_no_label() -> None:
    frames = continuation_frames("x", (URGENCY,))

    assert read_labels(" hig", (URGENCY,), frames, first=" ") is None


@needs_xllamacpp
def test_probabilities_of_all_single_token_labels_sum_to_what_the_set_holds(tiny: Path) -> None:
    """An independent check of the scale: labels that are all tokens of the vocabulary have total probability one."""

    async def scenario() -> float:
        async with running(tiny) as engine:
            tokens = (await engine._server.post("/tokenize", {"content": "Ticket"}))["tokens"]
            everything = await full_distribution(engine, tokens)
            return sum(math.exp(logprob) for logprob in everything.values())

    assert asyncio.run(scenario()) == pytest.approx(1.0, abs=1e-3)
