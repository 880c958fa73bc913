"""What is asked stands in the body, and what the wire cannot say is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.chat import (
    ChatRequest,
    Choice,
    Image,
    Message,
    Sampling,
    Text,
    Tool,
    ToolCall,
    openai_chat,
    openai_completions,
)
from weighbridge.chat.openai_wire import Spelling, labels_schema
from weighbridge.errors import CannotAsk

PLAIN = Spelling()
HELLO = (Message(role="user", content="hello"),)
COLOUR = Choice(name="colour", labels=("red", 'dark "blue"'))
SIZE = Choice(name="size", labels=("s", "m"))
TOOL = Tool(name="look_up", parameters={"type": "object"}, description="Looks up.")


def chat(stream: bool = False, spelling: Spelling = PLAIN, **changed: Any) -> dict[str, Any]:
    return openai_chat.encode(ChatRequest(**{"model": "m", "messages": HELLO, **changed}), spelling, stream=stream)


def completion(stream: bool = False, spelling: Spelling = PLAIN, **changed: Any) -> dict[str, Any]:
    request = ChatRequest(**{"model": "m", "prompt": "Once", **changed})
    return openai_completions.encode(request, spelling, stream=stream)


def test_a_plain_question_says_nothing_that_was_not_asked_for() -> None:
    """A field left out is the backend's own default, which a report names as such."""
    assert chat() == {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    assert completion() == {"model": "m", "prompt": "Once"}


def test_a_backend_with_one_model_is_not_given_an_empty_name() -> None:
    assert "model" not in chat(model="")


def test_every_sampling_field_reaches_the_wire() -> None:
    sampling = Sampling(
        max_tokens=5, temperature=0.0, top_p=0.9, top_k=4, min_p=0.1, seed=7, stop=("a",),
        frequency_penalty=0.5, presence_penalty=-0.5,
    )  # fmt: skip
    expected = {
        "max_tokens": 5, "temperature": 0.0, "top_p": 0.9, "top_k": 4, "min_p": 0.1, "seed": 7, "stop": ["a"],
        "frequency_penalty": 0.5, "presence_penalty": -0.5,
    }  # fmt: skip
    assert set(expected) == {*Sampling.__struct_fields__}, "a new field must be put on the wire too"

    for body in (chat(sampling=sampling), completion(sampling=sampling)):
        assert {name: body.get(name) for name in expected} == expected


def test_the_newer_name_of_max_tokens_is_used_for_chat_only() -> None:
    """The completions endpoint never learnt it."""
    newer = Spelling(max_tokens="max_completion_tokens")

    assert chat(spelling=newer, sampling=Sampling(max_tokens=5))["max_completion_tokens"] == 5
    assert completion(spelling=newer, sampling=Sampling(max_tokens=5))["max_tokens"] == 5


def test_a_conversation_keeps_images_reasoning_and_tool_turns() -> None:
    messages = (
        Message(role="system", content="Be brief."),
        Message(role="user", content=(Text("what is this"), Image("data:image/png;base64,AA==", detail="low"))),
        Message(role="assistant", reasoning="hm", tool_calls=(ToolCall("c1", "look_up", '{"x": 1}'),)),
        Message(role="tool", content="42", tool_call_id="c1"),
    )

    assert chat(messages=messages, spelling=Spelling(reasoning="reasoning"))["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"x": 1}'}}],
        },
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("look_up", {"type": "function", "function": {"name": "look_up"}}),
    ],
)
def test_tools_and_how_they_are_chosen(choice: str, expected: object) -> None:
    body = chat(tools=(TOOL,), tool_choice=choice)

    assert body["tool_choice"] == expected
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "look_up", "description": "Looks up.", "parameters": {"type": "object"}},
        }
    ]


@pytest.mark.parametrize(
    ("guided", "one", "two"),
    [
        (
            "schema",
            {"response_format": {"type": "json_schema", "json_schema": {"name": "labels", "strict": True,
                                                                        "schema": labels_schema([COLOUR])}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "labels", "strict": True,
                                                                        "schema": labels_schema([COLOUR, SIZE])}}},
        ),
        (
            "structured_outputs",
            {"structured_outputs": {"choice": ["red", 'dark "blue"']}},
            {"structured_outputs": {"json": labels_schema([COLOUR, SIZE])}},
        ),
        (
            "guided_choice",
            {"guided_choice": ["red", 'dark "blue"']},
            {"guided_json": labels_schema([COLOUR, SIZE])},
        ),
        (
            "grammar",
            {"grammar": r'root ::= "red" | "dark \"blue\""'},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "labels", "strict": True,
                                                                        "schema": labels_schema([COLOUR, SIZE])}}},
        ),
    ],
)  # fmt: skip
def test_labels_are_constrained_in_the_way_the_backend_knows(guided: Any, one: Any, two: Any) -> None:
    spelling = Spelling(guided=guided)

    alone = chat(choices=(COLOUR,), choose="grammar", spelling=spelling)
    both = chat(choices=(COLOUR, SIZE), choose="grammar", spelling=spelling)

    assert {name: alone[name] for name in one} == one
    assert {name: both[name] for name in two} == two


def test_labels_found_in_free_text_constrain_nothing() -> None:
    assert chat(choices=(COLOUR,), choose="text") == chat()


def test_a_schema_goes_where_the_backend_looks_for_it() -> None:
    schema = {"type": "object"}

    assert chat(schema=schema)["response_format"]["json_schema"]["schema"] == schema
    assert chat(schema=schema, spelling=Spelling(guided="structured_outputs"))["structured_outputs"] == {"json": schema}
    assert completion(schema=schema, spelling=Spelling(guided="guided_choice"))["guided_json"] == schema


def test_streams_ask_for_usage_unless_the_backend_cannot_take_the_field() -> None:
    assert chat(stream=True)["stream_options"] == {"include_usage": True}
    assert completion(stream=True)["stream"] is True
    assert "stream_options" not in chat(stream=True, spelling=Spelling(stream_usage=False))


def test_log_probabilities_effort_and_extras_are_passed_on() -> None:
    body = chat(logprobs=3, reasoning_effort="low", extra={"chat_template_kwargs": {"enable_thinking": False}})

    assert (body["logprobs"], body["top_logprobs"], body["reasoning_effort"]) == (True, 3, "low")
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert completion(logprobs=3)["logprobs"] == 3


@pytest.mark.parametrize(
    ("build", "changed", "words"),
    [
        (chat, {"prompt": "Once", "messages": ()}, "takes a conversation"),
        (chat, {"messages": ()}, "at least one message"),
        (chat, {"tool_choice": "required"}, "there are no tools"),
        (chat, {"tools": (TOOL,), "tool_choice": "other"}, "names 'other'"),
        (chat, {"messages": (Message(role="tool", content="x"),)}, "needs the id of the call"),
        (chat, {"choices": (COLOUR,), "choose": "grammar", "schema": {}}, "both labels and a JSON schema"),
        (chat, {"extra": {"stream": True}}, "`extra` sets 'stream'"),
        (chat, {"extra": {"n": 3}}, "`extra` sets 'n'"),
        (chat, {"extra": {"temperature": 1}, "sampling": Sampling(temperature=0.0)}, "sets already"),
        (completion, {"prompt": None, "messages": HELLO}, "takes a text"),
        (completion, {"messages": HELLO}, "cannot say `messages`"),
        (completion, {"tools": (TOOL,)}, "cannot say `tools`"),
        (completion, {"reasoning_effort": "low"}, "cannot say `reasoning_effort`"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(build: Any, changed: dict[str, Any], words: str) -> None:
    """Dropping it would weigh a model on a question that was not asked."""
    with pytest.raises(CannotAsk, match=words):
        build(**changed)
