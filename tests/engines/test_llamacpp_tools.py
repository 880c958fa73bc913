"""Tools with models whose chat template ignores them: a call that is required comes, and obeys its schema."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from llamacpp_running import ask, chat, needs_xllamacpp, running, text_of
from tiny_gguf import CHATML, write_tiny_gguf

from weighbridge.chat import ChatRequest, Message, Sampling, Tool, ToolCall
from weighbridge.engines.llamacpp.tools import answer_schema, as_prompted, read_back
from weighbridge.errors import BadAnswer, CannotAsk

ROOM = Sampling(temperature=0.0, max_tokens=3000)
WEATHER = Tool(
    "get_weather",
    {
        "type": "object",
        "properties": {"city": {"enum": ["Oslo", "Lima"]}, "unit": {"$ref": "#/$defs/unit"}},
        "required": ["city", "unit"],
        "additionalProperties": False,
        "$defs": {"unit": {"enum": ["C", "F"]}},
    },
    "Weather of a city",
)
REFUND = Tool(
    "refund",
    {
        "type": "object",
        "properties": {"full": {"type": "boolean"}},
        "required": ["full"],
        "additionalProperties": False,
    },
)
KNOWS_TOOLS = (
    "{% if tools %}{{ '<|im_start|>system\n' }}{% for tool in tools %}{{ tool | tojson }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endif %}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message.content %}{{ message['content'] }}{% endif %}{% for call in message.tool_calls or [] %}"
    "{{ '<tool_call>' + (call.function | tojson) + '</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""Shows tools and writes calls, in the manner of Qwen's."""


@pytest.fixture(scope="module")
def ignorant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "ignorant.gguf", template=CHATML)


def obeys(call: ToolCall) -> bool:
    arguments = msgspec.json.decode(call.arguments)
    if call.name == "refund":
        return set(arguments) == {"full"} and isinstance(arguments["full"], bool)
    return call.name == "get_weather" and arguments["city"] in ("Oslo", "Lima") and arguments["unit"] in ("C", "F")


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("weights") / "knowing.gguf", template=KNOWS_TOOLS)


@needs_xllamacpp
def test_a_required_call_comes_and_obeys_its_schema(ignorant: Path) -> None:
    """The server would have ignored both `tools` and `required`."""

    async def scenario() -> None:
        async with running(ignorant) as engine:
            assert not engine._talk._tools_in_template
            for n in range(4):
                pieces = await ask(engine, chat(f"{n}", tools=(WEATHER, REFUND), tool_choice="required", sampling=ROOM))
                last = pieces[-1]

                assert last.finish == "tool_calls"
                assert last.tool_calls
                assert all(map(obeys, last.tool_calls))
                assert text_of(pieces) == ""
                assert len({call.id for call in last.tool_calls}) == len(last.tool_calls)

    asyncio.run(scenario())


@needs_xllamacpp
@pytest.mark.parametrize("name", ["refund", "get_weather"])
def test_a_tool_that_is_named_is_the_one_that_is_called(ignorant: Path, name: str) -> None:
    async def scenario() -> None:
        async with running(ignorant) as engine:
            request = chat("x", tools=(WEATHER, REFUND), tool_choice=name, sampling=ROOM)
            calls = (await ask(engine, request))[-1].tool_calls

            assert calls
            assert {call.name for call in calls} == {name}
            assert all(map(obeys, calls))

    asyncio.run(scenario())


@needs_xllamacpp
def test_auto_leaves_the_choice_between_words_and_calls(ignorant: Path) -> None:
    async def scenario() -> None:
        kinds = set()
        async with running(ignorant) as engine:
            for seed in range(8):
                sampling = Sampling(temperature=2.0, seed=seed, max_tokens=2500)
                try:
                    pieces = await ask(engine, chat("x", tools=(REFUND,), sampling=sampling))
                except BadAnswer:
                    continue  # random weights may never end a string
                calls = pieces[-1].tool_calls
                assert bool(calls) != (pieces[-1].finish == "stop")
                assert all(map(obeys, calls))
                kinds.add(bool(calls))

        assert kinds == {True, False}

    asyncio.run(scenario())


@needs_xllamacpp
def test_none_calls_nothing_and_does_not_even_mention_the_tools(ignorant: Path) -> None:
    async def scenario() -> None:
        async with running(ignorant) as engine:
            short = Sampling(temperature=0.0, max_tokens=8)
            bare = (await ask(engine, chat("x", sampling=short)))[-1]
            none = (await ask(engine, chat("x", tools=(REFUND,), tool_choice="none", sampling=short)))[-1]

            assert none.tool_calls == ()
            assert none.usage is not None
            assert bare.usage is not None
            assert none.usage.input_tokens == bare.usage.input_tokens

    asyncio.run(scenario())


@needs_xllamacpp
def test_a_call_is_required_also_of_a_model_whose_template_knows_tools(knowing: Path) -> None:
    """llama.cpp lets it talk before the call as long as it likes, and random weights like to talk."""

    async def scenario() -> None:
        async with running(knowing) as engine:
            assert engine._talk._tools_in_template
            sampling = Sampling(temperature=0.0, max_tokens=400)
            for choice in ("required", "refund"):
                request = chat("x", tools=(REFUND, WEATHER), tool_choice=choice, sampling=sampling)
                last = (await ask(engine, request))[-1]
                assert last.tool_calls
                assert all(map(obeys, last.tool_calls))
                if choice == "refund":
                    assert {call.name for call in last.tool_calls} == {"refund"}
                assert last.usage is not None
                assert (last.usage.output_tokens or 0) > 400, "what was tried first was used, too"

    asyncio.run(scenario())


@needs_xllamacpp
def test_a_template_that_knows_tools_shows_them_itself(knowing: Path) -> None:
    async def scenario() -> None:
        async with running(knowing) as engine:
            short = Sampling(temperature=0.0, max_tokens=4)
            bare = (await ask(engine, chat("x", sampling=short)))[-1].usage
            told = (await ask(engine, chat("x", tools=(WEATHER,), sampling=short)))[-1].usage

            assert bare is not None
            assert told is not None
            assert (told.input_tokens or 0) > (bare.input_tokens or 0) + 100

    asyncio.run(scenario())


@needs_xllamacpp
def test_an_earlier_call_and_its_result_reach_the_model_as_words(ignorant: Path) -> None:
    call = ToolCall("call_1", "refund", '{"full": true}')
    history = (
        Message(role="user", content="refund me"),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", content="done: 12 EUR", tool_call_id="call_1", name="refund"),
    )

    async def scenario() -> None:
        async with running(ignorant) as engine:
            request = ChatRequest("", messages=history, tools=(REFUND,), tool_choice="required", sampling=ROOM)
            assert (await ask(engine, request))[-1].tool_calls
            short = Sampling(temperature=0.0, max_tokens=4)
            without = ChatRequest("", messages=history, sampling=short)
            alone = msgspec.structs.replace(without, messages=history[:1])
            counts = [(await ask(engine, each))[-1].usage for each in (without, alone)]
            assert counts[0] is not None
            assert counts[1] is not None
            assert (counts[0].input_tokens or 0) > (counts[1].input_tokens or 0) + 60

    asyncio.run(scenario())
    told = as_prompted(ChatRequest("", messages=history, tools=(REFUND,)))
    assert "12 EUR" in str(told.messages[-1].content)
    assert '{"full": true}' in str(told.messages[-2].content)
    assert {message.role for message in told.messages} == {"system", "user", "assistant"}


@needs_xllamacpp
def test_a_call_cut_by_max_tokens_is_unreadable_and_says_so(ignorant: Path) -> None:
    async def scenario() -> None:
        async with running(ignorant) as engine:
            short = Sampling(temperature=0.0, max_tokens=6)
            with pytest.raises(BadAnswer, match="max_tokens") as caught:
                await ask(engine, chat("x", tools=(WEATHER,), tool_choice="required", sampling=short))
            assert not caught.value.retryable, "the same call would be cut again"

    asyncio.run(scenario())


def test_an_unknown_tool_by_name_is_refused() -> None:
    with pytest.raises(CannotAsk, match="'weather'"):
        as_prompted(ChatRequest("", tools=(WEATHER,), tool_choice="weather"))


def test_a_call_cannot_be_required_where_there_is_no_tool() -> None:
    with pytest.raises(CannotAsk, match="'required'"):
        as_prompted(ChatRequest("", tool_choice="required"))


def test_tools_and_a_schema_of_the_answer_exclude_each_other() -> None:
    with pytest.raises(CannotAsk, match="schema"):
        as_prompted(ChatRequest("", tools=(WEATHER,), schema={"type": "object"}))


def test_what_the_system_message_says_already_stays() -> None:
    request = ChatRequest("", messages=(Message(role="system", content="Be kind."),), tools=(REFUND,))

    system = as_prompted(request).messages[0].content

    assert isinstance(system, str)
    assert system.startswith("Be kind.")
    assert '"refund"' in system


def test_references_inside_a_tools_schema_lead_to_their_new_place() -> None:
    recursive = Tool("tree", {"type": "object", "properties": {"left": {"$ref": "#"}, "u": {"$ref": "#/$defs/u"}}})

    schema = answer_schema((WEATHER, recursive), may_speak=True)

    places = schema["$defs"]
    assert places["tool_1"]["properties"]["left"] == {"$ref": "#/$defs/tool_1"}
    assert places["tool_1"]["properties"]["u"] == {"$ref": "#/$defs/tool_1/$defs/u"}
    assert places["tool_0"]["properties"]["unit"] == {"$ref": "#/$defs/tool_0/$defs/unit"}
    assert len(schema["anyOf"]) == 2


def test_properties_nobody_described_are_not_invented_unless_the_schema_lets_them() -> None:
    inner = {"type": "object", "properties": {"x": {"type": "string"}}}
    free = {"type": "object", "properties": {"inner": inner}, "additionalProperties": {"type": "string"}}
    joined = {"type": "object", "properties": {}, "allOf": [inner]}

    places = answer_schema((Tool("a", inner), Tool("b", free), Tool("c", joined)), may_speak=False)["$defs"]

    assert places["tool_0"]["additionalProperties"] is False
    assert places["tool_1"]["additionalProperties"] == {"type": "string"}
    assert places["tool_1"]["properties"]["inner"]["additionalProperties"] is False
    assert places["tool_2"] == joined


def test_a_property_may_be_called_properties_and_a_default_may_look_like_a_reference() -> None:
    tricky = {
        "type": "object",
        "properties": {"properties": {"type": "string", "default": {"$ref": "#"}}, "$ref": {"type": "string"}},
    }

    schema = answer_schema((Tool("a", tricky),), may_speak=False)["$defs"]["tool_0"]

    assert schema == {**tricky, "additionalProperties": False}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tool_calls": 3}', '{"tool_calls": [{"name": "x"}]}', "null", "7"])
def test_what_is_no_answer_is_said_to_be_unreadable(text: str) -> None:
    with pytest.raises(BadAnswer, match="cannot be read"):
        read_back(text)


def test_words_and_calls_are_read_back() -> None:
    calls: Any = [{"name": "a", "arguments": {"x": "é"}}, {"name": "b", "arguments": {}}]

    words, none = read_back('{"content": "no \\"need\\""}')
    nothing, two = read_back(msgspec.json.encode({"tool_calls": calls}).decode())

    assert (words, none) == ('no "need"', ())
    assert nothing == ""
    assert [(call.name, msgspec.json.decode(call.arguments)) for call in two] == [("a", {"x": "é"}), ("b", {})]


def test_a_client_that_wants_one_call_at_a_time_gets_no_more() -> None:
    """Models without tools in their template are held to it by the schema."""
    request = ChatRequest("", tools=(WEATHER,), tool_choice="required", parallel_calls=False)

    schema = as_prompted(request).schema

    assert schema is not None
    assert schema["properties"]["tool_calls"]["maxItems"] == 1
