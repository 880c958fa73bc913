"""What every engine promises, over every engine. Add one to ENGINES; mark what it cannot do with the reason.

Echo and its twin behind HTTP answer what a question tells them to. llama.cpp, over a tiny model of random weights,
answers whatever it likes, so it stands only under promises about the shape of an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from llamacpp_running import needs_xllamacpp
from openai_twin import twin
from tiny_gguf import write_tiny_gguf

from fault_server import FaultServer
from weighbridge.chat import Answer, ChatRequest, Choice, Image, Message, Sampling, Text, Tool
from weighbridge.chat.join import join
from weighbridge.engines import Ability, BackendRecord, Engine
from weighbridge.engines.registry import make_engine
from weighbridge.errors import CannotAsk, EngineError
from weighbridge.net.calls import Calls

TOPIC = Choice(name="topic", labels=("billing", "account", "other"), lead="Topic:")
URGENT = Choice(name="urgent", labels=("yes", "no"), lead="Urgent:")
TOOL = Tool(
    name="look_up", parameters={"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
)
NARROW = {
    "type": "object",
    "properties": {"size": {"enum": ["small", "large"]}},
    "required": ["size"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


@asynccontextmanager
async def echo(**settings: Any) -> AsyncIterator[Engine]:
    record = BackendRecord(name="under-test", kind="echo", model="m", settings=settings)
    async with Calls(environ={}) as calls:
        yield make_engine(record, calls=calls, environ={})


@asynccontextmanager
async def openai(**settings: Any) -> AsyncIterator[Engine]:
    async with FaultServer(twin) as server, Calls(environ={}) as calls:
        record = BackendRecord(name="under-test", kind="openai", model="m", base_url=server.base_url, settings=settings)
        yield make_engine(record, calls=calls, environ={})


@asynccontextmanager
async def openai_whole(**settings: Any) -> AsyncIterator[Engine]:
    async with openai(stream=False, **settings) as engine:
        yield engine


@asynccontextmanager
async def llamacpp(**settings: Any) -> AsyncIterator[Engine]:
    settings = {"max_tokens": 12, **settings}
    record = BackendRecord(name="under-test", kind="llamacpp", model="m", source="file:tiny.gguf", settings=settings)
    async with Calls(environ={}) as calls:
        yield make_engine(record, calls=calls, environ={}, weights=TINY[0], threads=1)


TINY: list[Path] = []


@pytest.fixture(scope="module", autouse=True)
def _tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    TINY.append(write_tiny_gguf(tmp_path_factory.mktemp("weights") / "tiny.gguf"))
    yield
    TINY.clear()


Made = Callable[..., Any]
TOLD = [
    pytest.param(echo, id="echo"),
    pytest.param(openai, id="openai"),
    pytest.param(openai_whole, id="openai-whole"),
]
ENGINES = [*TOLD, pytest.param(llamacpp, id="llamacpp", marks=needs_xllamacpp)]
every_engine = pytest.mark.parametrize("make", ENGINES)
every_engine_that_says_what_it_is_told = pytest.mark.parametrize("make", TOLD)


def use(make: Made, do: Callable[[Engine], Awaitable[Any]], **settings: Any) -> Any:
    async def run() -> Any:
        async with make(**settings) as engine:
            await engine.start()
            try:
                return await do(engine)
            finally:
                await engine.close()

    return asyncio.run(run())


def ask(make: Made, said: str, *, raw: bool = False, **changed: Any) -> Answer:
    asked = {"prompt": said} if raw else {"messages": (Message(role="user", content=said),)}
    request = ChatRequest(**{"model": "m", **asked, **changed})

    async def do(engine: Engine) -> Answer:
        return join([piece async for piece in engine.answer(request)])

    return use(make, do)


@every_engine
def test_an_answer_says_how_it_ended_which_model_gave_it_and_what_it_used(make: Made) -> None:
    answer = ask(make, "What is it?")

    assert answer.text
    assert answer.finish in ("stop", "length")
    assert answer.model == "m"
    assert answer.usage.input_tokens
    assert answer.usage.output_tokens


@every_engine_that_says_what_it_is_told
def test_a_question_is_answered_with_text_finish_model_and_counts(make: Made) -> None:
    answer = ask(make, "What is it?\nanswer=a fine day")

    assert (answer.text, answer.finish, answer.model) == ("a fine day", "stop", "m")
    assert answer.usage.input_tokens
    assert answer.usage.output_tokens


@every_engine_that_says_what_it_is_told
def test_a_text_is_continued(make: Made) -> None:
    assert ask(make, "Once upon a time.\nanswer=the end", raw=True).text == "the end"


@every_engine
def test_the_last_piece_and_only_that_carries_finish(make: Made) -> None:
    async def do(engine: Engine) -> list[str | None]:
        request = ChatRequest(model="m", messages=(Message(role="user", content="answer=one two three four"),))
        return [piece.finish async for piece in engine.answer(request)]

    finishes = use(make, do)

    assert finishes[-1] in ("stop", "length")
    assert not any(finishes[:-1])


@every_engine
@pytest.mark.parametrize("raw", [False, True], ids=["chat", "completion"])
@pytest.mark.parametrize("choose", ["grammar", "logprob"])
def test_an_answer_held_to_labels_is_one_of_them(make: Made, choose: Any, raw: bool) -> None:
    guided = {"guided": "guided_choice"} if make in (openai, openai_whole) and raw else {}
    said = {"prompt": "answer=other"} if raw else {"messages": (Message(role="user", content="answer=other"),)}
    request = ChatRequest(**{"model": "m", **said, "choices": (TOPIC,), "choose": choose})

    async def do(engine: Engine) -> Answer:
        return join([piece async for piece in engine.answer(request)])

    answer = use(make, do, **guided)

    assert answer.text in TOPIC.labels
    if choose == "logprob":
        scores = (answer.label_logprobs or {})["topic"]
        assert set(scores) == set(TOPIC.labels)
        assert max(scores.values()) <= 0


@every_engine_that_says_what_it_is_told
@pytest.mark.parametrize("raw", [False, True], ids=["chat", "completion"])
@pytest.mark.parametrize("choose", ["grammar", "logprob", "text"])
def test_one_label_is_the_answers_text_in_all_three_ways(make: Made, choose: Any, raw: bool) -> None:
    guided = {} if make is echo or not raw else {"guided": "guided_choice"}
    said = "My card was charged twice.\nanswer=billing"
    request = {"choices": (TOPIC,), "choose": choose}

    async def do(engine: Engine) -> Answer:
        asked = {"prompt": said} if raw else {"messages": (Message(role="user", content=said),)}
        return join([piece async for piece in engine.answer(ChatRequest(model="m", **asked, **request))])

    answer = use(make, do, **guided)

    assert answer.text == "billing"
    if choose == "logprob":
        assert answer.label_logprobs is not None
        assert max(answer.label_logprobs["topic"], key=answer.label_logprobs["topic"].__getitem__) == "billing"


@every_engine
def test_several_labels_are_an_object_in_the_order_asked_for(make: Made) -> None:
    answer = ask(make, "answer.topic=account\nanswer.urgent=no", choices=(TOPIC, URGENT), choose="grammar")

    read = msgspec.json.decode(answer.text)
    assert list(read) == ["topic", "urgent"]
    assert read["topic"] in TOPIC.labels
    assert read["urgent"] in URGENT.labels


@every_engine_that_says_what_it_is_told
def test_several_labels_are_those_that_are_right(make: Made) -> None:
    answer = ask(make, "answer.topic=account\nanswer.urgent=no", choices=(TOPIC, URGENT), choose="grammar")

    assert answer.text == '{"topic":"account","urgent":"no"}'


@every_engine_that_says_what_it_is_told
def test_a_content_free_twin_takes_the_liking_for_a_label_away(make: Made) -> None:
    """With a uniform twin the order stays and the numbers move by the same amount."""
    twin_request = ChatRequest(model="m", messages=(Message(role="user", content="content-free"),))

    plain = ask(make, "answer=account", choices=(TOPIC,), choose="logprob").label_logprobs
    calibrated = ask(make, "answer=account", choices=(TOPIC,), choose="logprob", baseline=twin_request).label_logprobs

    assert plain is not None
    assert calibrated is not None
    moved = [calibrated["topic"][label] - plain["topic"][label] for label in TOPIC.labels]
    assert moved == pytest.approx([1.0986] * 3, abs=1e-4)  # minus log(1/3)


@every_engine
def test_a_schema_is_kept_to(make: Made) -> None:
    answer = ask(make, 'answer={"size": "small"}', schema=NARROW, sampling=Sampling(max_tokens=60))

    assert msgspec.json.decode(answer.text)["size"] in ("small", "large")


@every_engine_that_says_what_it_is_told
def test_a_schema_leaves_the_answer_as_it_is_told(make: Made) -> None:
    answer = ask(make, 'answer={"name": "Ada"}', schema=SCHEMA)

    assert msgspec.json.decode(answer.text) == {"name": "Ada"}


@every_engine_that_says_what_it_is_told
def test_tools_are_called_in_parallel_and_in_order(make: Made) -> None:
    answer = ask(make, 'call: look_up {"id": 1}\ncall: look_up {"id": 2}', tools=(TOOL,))

    assert [(call.name, msgspec.json.decode(call.arguments)) for call in answer.tool_calls] == [
        ("look_up", {"id": 1}),
        ("look_up", {"id": 2}),
    ]
    assert len({call.id for call in answer.tool_calls}) == 2
    assert answer.finish == "tool_calls"


@every_engine
@pytest.mark.parametrize("choice", ["required", "look_up"])
def test_a_required_tool_is_never_dropped(make: Made, choice: str) -> None:
    answer = ask(make, "hello", tools=(TOOL,), tool_choice=choice, sampling=Sampling(max_tokens=3000))

    assert {call.name for call in answer.tool_calls} == {"look_up"}


@every_engine
def test_a_forbidden_tool_is_not_called(make: Made) -> None:
    answer = ask(make, "answer=just text", tools=(TOOL,), tool_choice="none")

    assert answer.text
    assert answer.tool_calls == ()
    assert make is llamacpp or answer.text == "just text"


@every_engine
def test_an_answer_that_ran_out_of_tokens_says_so(make: Made) -> None:
    answer = ask(make, "answer=" + "word " * 50, sampling=Sampling(max_tokens=3))

    assert answer.finish == "length"
    assert make is llamacpp or answer.text == "word word wo"


@every_engine
def test_the_same_question_gets_the_same_answer(make: Made) -> None:
    assert ask(make, "what now?") == ask(make, "what now?")


@every_engine_that_says_what_it_is_told
@pytest.mark.parametrize(
    ("ability", "changed"),
    [
        ("chat", {}),
        ("completion", {"prompt": "x", "messages": ()}),
        ("grammar", {"choices": (TOPIC,), "choose": "grammar"}),
        ("rank", {"choices": (TOPIC,), "choose": "logprob"}),
        ("schema", {"schema": SCHEMA}),
        ("tools", {"tools": (TOOL,)}),
        ("images", {"messages": (Message(role="user", content=(Text("x"), Image("data:,"))),)}),
        ("reasoning_effort", {"reasoning_effort": "low"}),
        ("logprobs", {"logprobs": 1}),
    ],
)
def test_what_a_backend_lacks_is_refused_by_name_and_not_dropped(
    make: Made, ability: str, changed: dict[str, Any]
) -> None:
    """llama.cpp finds out what its model can do instead of being told; test_llamacpp_engine.py sees it refuse."""
    others = [each.value for each in Ability if each != ability]

    async def do(engine: Engine) -> None:
        request = {"model": "m", "messages": (Message(role="user", content="x"),), **changed}
        with pytest.raises(CannotAsk, match=rf"'under-test' cannot do '{ability}'") as caught:
            await anext(engine.answer(ChatRequest(**request)))
        assert not caught.value.retryable

    use(make, do, abilities=others)


@every_engine
def test_fifty_questions_at_once_get_fifty_right_answers(make: Made) -> None:
    async def do(engine: Engine) -> list[str]:
        async def one(number: int) -> str:
            request = ChatRequest(model="m", messages=(Message(role="user", content=f"answer=number {number}"),))
            return join([piece async for piece in engine.answer(request)]).text

        return await asyncio.gather(*[one(number) for number in range(50)])

    said = use(make, do)

    assert len(said) == 50
    assert make is llamacpp or said == [f"number {number}" for number in range(50)]


@every_engine
def test_closing_twice_is_safe_and_the_fingerprint_is_plain_text(make: Made) -> None:
    async def do(engine: Engine) -> dict[str, str]:
        fingerprint = engine.fingerprint()
        await engine.close()
        return fingerprint

    fingerprint = use(make, do)

    assert fingerprint["engine"]
    assert all(type(value) is str for value in fingerprint.values())


@every_engine
def test_a_tool_that_is_not_there_is_an_engine_error(make: Made) -> None:
    with pytest.raises(EngineError, match="other"):
        ask(make, "x", tools=(TOOL,), tool_choice="other")


@every_engine
def test_text_that_cannot_be_sent_is_refused_before_it_is(make: Made) -> None:
    """Half of a surrogate pair is a Python string and no Unicode."""
    with pytest.raises(CannotAsk, match="not Unicode"):
        ask(make, "half a smile: \ud83d")
