"""The engine that ships for docs, demos and tests: what its settings promise can be counted."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patience import slowness
from weighbridge.chat import Answer, ChatRequest, Choice, Message, Tool
from weighbridge.chat.join import join
from weighbridge.engines import BackendRecord
from weighbridge.engines.echo import EchoEngine
from weighbridge.engines.echo.schema import smallest_value
from weighbridge.errors import BackendRefused, CannotAsk, EngineCrashed, EngineError, InputError

TOPIC = Choice(name="topic", labels=("billing", "account", "other"))
URGENT = Choice(name="urgent", labels=("yes", "no"))


def make(name: str = "e", **settings: Any) -> EchoEngine:
    return EchoEngine(BackendRecord(name=name, kind="echo", settings=settings))


def ask(engine: EchoEngine, said: str, **changed: Any) -> Answer:
    async def run() -> Answer:
        request = ChatRequest(model="", messages=(Message(role="user", content=said),), **changed)
        return join([piece async for piece in engine.answer(request)])

    return asyncio.run(run())


def share(engine: EchoEngine, count: int = 2000, **changed: Any) -> float:
    """Of `count` different questions, how many are answered rightly."""

    async def run() -> float:
        right = 0
        for number in range(count):
            request = ChatRequest(
                model="", messages=(Message(role="user", content=f"{number}\nanswer=account"),), **changed
            )
            async for piece in engine.answer(request):
                right += piece.text == "account"
        return right / count

    return asyncio.run(run())


@pytest.mark.parametrize("choose", ["grammar", "logprob", "text"])
@pytest.mark.parametrize("skill", [0.0, 0.3, 0.9, 1.0])
def test_skill_is_the_share_of_right_answers(skill: float, choose: Any) -> None:
    """0.03 is three standard errors of 2,000 draws at 0.3; the draws are fixed, so it passes always or never."""
    assert share(make(skill=skill), choices=(TOPIC,), choose=choose) == pytest.approx(skill, abs=0.031)


def test_skill_holds_for_free_text_too() -> None:
    assert share(make(skill=0.5)) == pytest.approx(0.5, abs=0.034)


def test_two_names_or_seeds_are_wrong_about_different_items() -> None:
    """Otherwise candidates of equal skill would agree on every item, and a comparison would see nothing."""

    def wrong(engine: EchoEngine) -> set[int]:
        return {n for n in range(300) if ask(engine, f"{n} answer=account", choices=(TOPIC,)).text != "account"}

    first, other_name, other_seed = wrong(make(skill=0.5)), wrong(make("f", skill=0.5)), wrong(make(skill=0.5, seed=1))

    assert first == wrong(make(skill=0.5))
    assert 40 < len(first & other_name) < 110, "about 300 / 4"
    assert 40 < len(first & other_seed) < 110


def test_a_wrong_label_is_another_label() -> None:
    texts = {ask(make(skill=0.0), f"{n} answer=account", choices=(TOPIC,)).text for n in range(60)}

    assert texts == {"billing", "other"}


def test_each_choice_is_right_or_wrong_by_itself() -> None:
    engine = make(skill=0.5)
    answers = [
        ask(engine, f"{n}\nanswer.topic=other\nanswer.urgent=no", choices=(TOPIC, URGENT)).text for n in range(200)
    ]

    right = [(named["topic"] == "other", named["urgent"] == "no") for named in map(msgspec.json.decode, answers)]

    for combination in ((True, True), (True, False), (False, True), (False, False)):
        assert 25 < right.count(combination) < 75


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("answer=one\nanswer=two\nthanks", "two"),
        ("echo: hello there\n", "hello there"),
        ("no marker at all", "no marker at all"),
    ],
)
def test_the_last_marker_says_what_is_right(said: str, text: str) -> None:
    assert ask(make(), said).text == text


def test_reply_is_said_where_no_marker_is() -> None:
    assert ask(make(reply="as told"), "anything").text == "as told"
    assert ask(make(reply="billing"), "anything", choices=(TOPIC,)).text == "billing"


def test_probabilities_of_ranked_labels_sum_to_one() -> None:
    import math

    ranked = ask(make(), "answer=other", choices=(TOPIC,), choose="logprob").label_logprobs

    assert ranked is not None
    assert sum(map(math.exp, ranked["topic"].values())) == pytest.approx(1.0)


def test_fail_share_is_the_share_that_fails_for_good() -> None:
    engine = make(fail_share=0.25, fail_reason="status 503", retry_after_s=2.0)
    failed = 0
    for number in range(400):
        try:
            ask(engine, str(number))
        except BackendRefused as error:
            failed += (error.status, error.retry_after_s, error.reason) == (503, 2.0, "status 503")

    assert failed == pytest.approx(100, abs=26)  # three standard errors


def test_fail_times_lets_a_retry_succeed() -> None:
    engine = make(fail_share=1.0, fail_reason="crashed", fail_times=2)

    for _ in range(2):
        with pytest.raises(EngineCrashed):
            ask(engine, "answer=x")
    assert ask(engine, "answer=x").text == "x"


@pytest.mark.parametrize("reason", ["unreachable", "unreadable answer", "cut", "cannot ask", "crashed", "status 429"])
def test_every_way_to_fail_can_be_had(reason: str) -> None:
    with pytest.raises(EngineError) as caught:
        ask(make(fail_share=1.0, fail_reason=reason), "x")

    assert caught.value.reason == reason


def test_counts_are_one_token_for_four_characters_or_as_told_or_unknown() -> None:
    usage = ask(make(reasoning="x" * 8), "12345\nanswer=abcde").usage

    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (5, 4, 2)
    assert ask(make(tokens=77), "x").usage.output_tokens == 77
    assert ask(make(counts=False), "x").usage.output_tokens is None


def test_pieces_add_up_and_reasoning_comes_first() -> None:
    async def run() -> list[Any]:
        request = ChatRequest(model="", messages=(Message(role="user", content="answer=abcdef"),))
        return [piece async for piece in make(pieces=3, reasoning="hm").answer(request)]

    pieces = asyncio.run(run())

    assert [(piece.reasoning, piece.text) for piece in pieces] == [("hm", ""), ("", "ab"), ("", "cd"), ("", "ef")]


def test_delay_is_slept_once_a_request() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    ask(EchoEngine(BackendRecord(name="e", kind="echo", settings={"delay_s": 1.5}), sleep=sleep), "x")

    assert slept == [1.5]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"skil": 1}, "Did you mean 'skill'"),
        ({"skill": 1.5}, "settings.skill"),
        ({"skill": "high"}, "expected `float`, got `str`"),
        ({"fail_reason": "bad luck"}, "unknown fail_reason 'bad luck'"),
        ({"fail_reason": "status 200"}, "status 400"),
        ({"pieces": 0}, "settings.pieces"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        make(**settings)

    assert words in str(caught.value)
    assert "[[backend]] e: settings." in str(caught.value)


def test_an_answer_costs_less_than_30_microseconds() -> None:
    """The bound of a run is 3,000 samples a second; the engine may take a tenth of that. Best of five, in
    processor time as it would be on the machine the bound was set on."""
    engine = make(skill=0.8)
    system = Message(role="system", content="You sort support tickets. " * 20)
    requests = [
        ChatRequest(
            model="m",
            messages=(system, Message(role="user", content=f"Ticket {n}: {'my card is broken ' * 20}\nanswer=billing")),
            choices=(TOPIC,),
            choose="grammar",
        )
        for n in range(500)
    ]

    async def run() -> float:
        started = time.process_time()
        for request in requests:
            async for _ in engine.answer(request):
                pass
        return (time.process_time() - started) / len(requests)

    slow = slowness()
    assert min(asyncio.run(run()) for _ in range(5)) < 30e-6 * slow


# --- made-up JSON


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]}, {"a": 0}),
        ({"enum": ["x", "y"]}, "x"),
        ({"const": 5}, 5),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [False, False]),
        ({"type": "string", "minLength": 3}, "xxx"),
        ({"type": ["null", "string"]}, None),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ""),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"const": 1}}}, 1),
        ({"allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {"type": "object"}]}, {"a": 1}),
    ],
)
def test_the_smallest_value_satisfies_the_schema(schema: Any, value: Any) -> None:
    assert smallest_value(schema) == value


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a+$"},
        {"type": "string", "format": "date"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": "https://elsewhere.test/schema"},
        {"$ref": "#/nowhere"},
        {"type": "colour"},
        {"type": "array", "items": {}, "minItems": 10**9},
        {"type": "number", "minimum": "low"},
        5,
    ],
)
def test_a_schema_it_cannot_satisfy_is_refused_by_name(schema: Any) -> None:
    with pytest.raises(CannotAsk):
        smallest_value(schema)


BOUNDS = st.floats(-100, 100, allow_nan=False) | st.integers(-100, 100)


@given(
    st.sampled_from(["integer", "number"]),
    st.none() | st.tuples(st.sampled_from(["minimum", "exclusiveMinimum"]), BOUNDS),
    st.none() | st.tuples(st.sampled_from(["maximum", "exclusiveMaximum"]), BOUNDS),
)
def test_a_made_up_number_lies_within_its_bounds(kind: str, low: Any, high: Any) -> None:
    """Bounds at least 2 apart always hold an integer between them."""
    if low and high and high[1] - low[1] < 2:
        return
    value = smallest_value({"type": kind, **dict(bound for bound in (low, high) if bound)})

    assert kind == "number" or value == int(value)
    assert not low or (value > low[1] if low[0].startswith("e") else value >= low[1])
    assert not high or (value < high[1] if high[0].startswith("e") else value <= high[1])


def test_a_required_tool_gets_the_smallest_arguments_its_schema_allows() -> None:
    tool = Tool(
        name="t",
        parameters={"type": "object", "properties": {"n": {"minimum": 3, "type": "integer"}}, "required": ["n"]},
    )

    calls = ask(make(), "hello", tools=(tool,), tool_choice="required").tool_calls

    assert [(call.name, call.arguments) for call in calls] == [("t", '{"n":3}')]
