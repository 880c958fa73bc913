"""What is known of model families: said by somebody on some day, applied as written, and never guessed."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import msgspec
import pytest
from dialect_samples import CALLS, HELLO, sent
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.chat import ChatRequest, Message, Sampling, ToolCall, openai_chat
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.prompt_kind import conversational, in_kind, is_structured, prompted, structured
from weighbridge.chat.quirks import Quirk, entries, fit, nine_letters, quirks_of, spelled, thinking
from weighbridge.errors import CannotAsk

FAMILIES = ("DeepSeek", "Qwen", "Kimi", "GLM", "MiMo", "MiniMax", "Llama", "Mistral", "Gemma", "gpt-oss", "Hermes")


def body_for(model: str, host: str = "gpu-box", **asked: Any) -> dict[str, Any]:
    """What a server is sent for a request, with all that is known of its model."""
    request = msgspec.structs.replace(HELLO, model=model, **asked)
    quirks = quirks_of(model, host)
    return openai_chat.encode(fit(request, quirks).request, spelled(Spelling(), quirks), stream=False)


def test_every_family_of_the_promise_is_known() -> None:
    assert {quirk.family for quirk in entries()} == set(FAMILIES)


@pytest.mark.parametrize("quirk", entries(), ids=lambda quirk: f"{quirk.family}-{quirk.models[0]}")
def test_every_entry_says_who_says_so_and_when(quirk: Quirk) -> None:
    assert quirk.source.startswith("https://")
    assert date.fromisoformat(quirk.read) <= date(2026, 11, 22)
    for pattern in quirk.models:
        assert pattern.startswith("^"), "a name is matched from its beginning"
        re.compile(pattern)
    said = {name for name in Quirk.__struct_fields__ if getattr(quirk, name) is not None}
    assert said - {"family", "models", "served", "source", "read", "doubt"}, "an entry that says nothing"


def test_an_unknown_model_has_no_quirks() -> None:
    assert quirks_of("acme/large-2", "api.acme.test") == {}
    assert fit(HELLO, {}).request is HELLO


@pytest.mark.parametrize(
    ("model", "host", "on", "off"),
    [
        ("Qwen/Qwen3-8B", "gpu-box", {"chat_template_kwargs": {"enable_thinking": True}},
         {"chat_template_kwargs": {"enable_thinking": False}}),
        ("qwen3-max", "dashscope-intl.aliyuncs.com", {"enable_thinking": True}, {"enable_thinking": False}),
        ("deepseek-ai/DeepSeek-V3.1", "gpu-box", {"chat_template_kwargs": {"thinking": True}},
         {"chat_template_kwargs": {"thinking": False}}),
        ("deepseek-v4-pro", "api.deepseek.com", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
        ("kimi-k2.5", "api.moonshot.ai", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
        ("glm-4.7", "api.z.ai", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
        ("zai-org/GLM-4.6", "gpu-box", {"chat_template_kwargs": {"enable_thinking": True}},
         {"chat_template_kwargs": {"enable_thinking": False}}),
        ("mimo-v2.5-pro", "api.xiaomimimo.com", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
        ("MiniMax-M3", "api.minimax.io", {"thinking": {"type": "adaptive"}}, {"thinking": {"type": "disabled"}}),
        ("google/gemma-4-31b-it", "gpu-box", {"chat_template_kwargs": {"enable_thinking": True}},
         {"chat_template_kwargs": {"enable_thinking": False}}),
        ("NousResearch/Hermes-4-70B", "gpu-box", {"chat_template_kwargs": {"thinking": True}},
         {"chat_template_kwargs": {"thinking": False}}),
    ],
)  # fmt: skip
def test_reasoning_is_switched_in_the_words_of_the_family(model: str, host: str, on: Any, off: Any) -> None:
    plain = body_for(model, host)

    switched_on = body_for(model, host, thinks=True)
    switched_off = body_for(model, host, thinks=False)

    assert {name: value for name, value in switched_on.items() if name not in plain} == on
    assert {name: value for name, value in switched_off.items() if name not in plain} == off


@pytest.mark.parametrize(
    ("model", "asked", "words"),
    [
        ("openai/gpt-oss-20b", {"thinks": False}, "this model knows: low, medium, high"),
        ("openai/gpt-oss-20b", {"reasoning_effort": "xhigh"}, "this model knows: low, medium, high"),
        ("meta-llama/Llama-3.3-70B-Instruct", {"thinks": True}, "cannot be asked for"),
        ("Qwen/Qwen3-235B-A22B-Thinking-2507", {"thinks": False}, "cannot be switched off"),
        ("Qwen/Qwen3-8B", {"reasoning_effort": "low"}, "no more or less than that"),
        ("Qwen/Qwen3-8B", {"reasoning_tokens": 2048}, "no more or less than that"),
    ],
)
def test_reasoning_a_model_does_not_have_is_refused(model: str, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(CannotAsk, match=words):
        body_for(model, **asked)


def test_a_degree_is_rounded_to_on_where_the_route_says_so() -> None:
    spelling = Spelling(reasoning_switch="enable_thinking", degrees="round")

    body = openai_chat.encode(msgspec.structs.replace(HELLO, reasoning_tokens=2048), spelling, stream=False)

    assert body["chat_template_kwargs"] == {"enable_thinking": True}


def test_efforts_go_beside_the_switch_where_both_are_known() -> None:
    body = body_for("deepseek-v4-pro", "api.deepseek.com", reasoning_effort="high")

    assert (body["thinking"], body["reasoning_effort"]) == ({"type": "enabled"}, "high")


@pytest.mark.parametrize(
    ("model", "host", "asked", "words"),
    [
        ("kimi-k2.6", "api.moonshot.ai", {"sampling": Sampling(temperature=0.3)}, "takes 1 only"),
        ("kimi-k2.6", "api.moonshot.ai", {"sampling": Sampling(top_p=0.5)}, "takes 0.95 only"),
        ("mimo-v2.5-pro", "api.xiaomimimo.com", {"sampling": Sampling(temperature=0.3)}, "takes 1 only"),
        ("deepseek-v4-pro", "api.deepseek.com", {"sampling": Sampling(temperature=0.3)}, "no effect on this model"),
        ("MiniMax-M2.5", "api.minimax.io", {"sampling": Sampling(temperature=0.0)}, "more than 0 and at most 1"),
        ("meta-llama/Llama-3.1-8B-Instruct", "gpu-box",
         {"messages": (Message(role="assistant", tool_calls=CALLS),)}, "takes one a turn"),
    ],
)  # fmt: skip
def test_what_a_model_would_refuse_or_ignore_is_refused_by_name(
    model: str, host: str, asked: dict[str, Any], words: str
) -> None:
    request = msgspec.structs.replace(HELLO, model=model, **asked)

    with pytest.raises(CannotAsk, match=words):
        fit(request, quirks_of(model, host))

    if "sampling" in asked:
        forced = fit(request, quirks_of(model, host), force=True)
        assert forced.request.sampling == Sampling()
        assert words in forced.changed[0]


@pytest.mark.parametrize(
    ("model", "asked"),
    [("mimo-v2.5-pro", {"thinks": False}), ("mimo-v2-flash", {}), ("deepseek-v4-pro", {"reasoning_effort": "none"})],
)
def test_what_holds_while_a_model_reasons_does_not_while_it_does_not(model: str, asked: dict[str, Any]) -> None:
    host = "api.deepseek.com" if model.startswith("deep") else "api.xiaomimimo.com"
    request = msgspec.structs.replace(HELLO, model=model, sampling=Sampling(temperature=0.3), **asked)

    assert fit(request, quirks_of(model, host)).request.sampling.temperature == 0.3


@pytest.mark.parametrize("model", ["google/gemma-3-27b-it", "deepseek-ai/DeepSeek-R1"])
def test_the_systems_words_go_to_the_first_user_where_there_is_no_system(model: str) -> None:
    messages = (Message(role="system", content="Be brief."), Message(role="user", content="Why?"))

    assert body_for(model, messages=messages)["messages"] == [{"role": "user", "content": "Be brief.\n\nWhy?"}]


def test_mistrals_ids_have_nine_letters_and_stay_together() -> None:
    messages = (
        Message(role="user", content="x"),
        Message(role="assistant", tool_calls=(ToolCall("functions.f:0", "f", "{}"), ToolCall("abcdef123", "f", "{}"))),
        Message(role="tool", content="1", tool_call_id="functions.f:0"),
    )

    sent = body_for("mistralai/Mistral-Small-3.2", messages=messages)["messages"]

    first, second = [call["id"] for call in sent[1]["tool_calls"]]
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", first)
    assert (sent[2]["tool_call_id"], second) == (first, "abcdef123")


@given(st.text(max_size=40))
def test_any_id_becomes_nine_letters(text: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", nine_letters(text))


def test_names_of_fields_and_further_fields_of_one_host() -> None:
    mistral = body_for("mistral-large-latest", "api.mistral.ai", sampling=Sampling(seed=7))
    minimax = body_for("MiniMax-M2.5", "api.minimax.io", sampling=Sampling(max_tokens=5))

    assert (mistral.get("random_seed"), mistral.get("seed")) == (7, None)
    assert (minimax["max_completion_tokens"], minimax["reasoning_split"]) == (5, True)


def test_a_template_that_opens_the_reasoning_is_read_so_from_the_first_word() -> None:
    spelling = spelled(Spelling(), quirks_of("Qwen/Qwen3-30B-A3B-Thinking-2507", "gpu-box"))
    stream = openai_chat.ChatStream(spelling)

    pieces = stream.feed(msgspec.json.encode({"choices": [{"delta": {"content": "hm</think>Yes."}}]}))

    assert ("".join(piece.reasoning for piece in pieces), "".join(piece.text for piece in pieces)) == ("hm", "Yes.")


@pytest.mark.parametrize(
    ("model", "asked", "thinks"),
    [
        ("Qwen/Qwen3-8B", {}, True),
        ("Qwen/Qwen3-8B", {"thinks": False}, False),
        ("google/gemma-4-31b-it", {}, False),
        ("google/gemma-4-31b-it", {"reasoning_tokens": 9}, True),
        ("acme/unknown", {}, False),
    ],
)
def test_whether_a_model_reasons_over_a_request(model: str, asked: dict[str, Any], thinks: bool) -> None:
    request: ChatRequest = msgspec.structs.replace(HELLO, model=model, **asked)

    assert thinking(request, quirks_of(model, "gpu-box")) is thinks


# --- the kind of system text

PLAIN = "You are a clerk. Be brief!\n\nAnswer in French."
LISTED = "# Instructions\n\n- You are a clerk.\n- Be brief!\n\n- Answer in French."
TAGGED = "<role>\nYou are **a clerk**.\n</role>\n\n## Rules\n1. Be brief\n2. Answer in French."


def test_sentences_become_a_list_and_a_list_becomes_sentences() -> None:
    assert structured(PLAIN) == LISTED
    assert conversational(TAGGED) == "role: You are a clerk.\n\nRules: Be brief. Answer in French."


def test_a_text_that_is_of_that_kind_already_is_left_alone() -> None:
    assert structured(TAGGED) == TAGGED
    assert conversational(PLAIN) == PLAIN
    assert structured("") == ""


def test_code_is_left_alone_either_way() -> None:
    code = "```sh\n# no heading\n- no item. No sentence.\n```"

    assert code in structured(f"Run this. Then stop.\n\n{code}\n\nThank you.")
    assert code in conversational(f"# Steps\n\n- Run this\n\n{code}\n\n- Stop")


def test_only_the_systems_text_is_changed() -> None:
    messages = (Message(role="system", content=PLAIN), Message(role="user", content=PLAIN))

    changed = in_kind(messages, "structured")

    assert (changed[0].content, changed[1].content) == (LISTED, PLAIN)


WORD = re.compile(r"\w+")
lines = st.sampled_from(["# ", "- ", "2. ", "<", "</", "", "  ", "**"])


@given(st.lists(st.tuples(lines, st.text("ab .!\n>*", max_size=12)), max_size=6))
def test_every_word_stays_in_its_place(drawn: list[tuple[str, str]]) -> None:
    """A number of a list is a mark, a closing tag says nothing new."""
    text = "\n".join(mark + words for mark, words in drawn)

    listed = structured(text).removeprefix("# Instructions")
    spoken = conversational(text)

    assert WORD.findall(listed) == WORD.findall(text)
    kept = re.sub(r"(?m)^[ \t]*(?:2\. |</[A-Za-z][\w .-]{0,40}>[ \t]*$)", "", text)
    if is_structured(text):
        assert WORD.findall(spoken) == WORD.findall(kept)
    else:
        assert spoken == text


# --- as a backend and a route use them


def test_a_back_that_adapts_says_so_and_writes_each_model_its_own_way() -> None:
    back = OpenAIBack(host="gpu-box", quirks="refuse")

    qwen = sent(back, msgspec.structs.replace(HELLO, model="Qwen/Qwen3-8B", thinks=False))
    gemma = sent(back, msgspec.structs.replace(HELLO, model="google/gemma-3-4b-it", messages=SYSTEM_AND_USER))

    assert (back.adapts, OpenAIBack().adapts) == (True, False)
    assert qwen["chat_template_kwargs"] == {"enable_thinking": False}
    assert [message["role"] for message in gemma["messages"]] == ["user"]


def test_a_back_that_forces_says_what_it_left_out() -> None:
    back = OpenAIBack(host="api.moonshot.ai", quirks="force")
    request = msgspec.structs.replace(HELLO, model="kimi-k2.6", sampling=Sampling(temperature=0.3))

    up = back.encode(request, stream=False)

    assert "temperature" not in msgspec.json.decode(up.body)
    assert up.left_out == ("`temperature` is 0.3; this model takes 1 only: left out",)


SYSTEM_AND_USER = (Message(role="system", content="Be brief. Be kind."), Message(role="user", content="Why?"))


@pytest.mark.parametrize(
    ("wanted", "model", "first"),
    [
        (None, "openai/gpt-oss-20b", "Be brief. Be kind."),
        ("by_model", "openai/gpt-oss-20b", "# Instructions\n\n- Be brief.\n- Be kind."),
        ("by_model", "acme/unknown", "Be brief. Be kind."),
        ("structured", "acme/unknown", "# Instructions\n\n- Be brief.\n- Be kind."),
        ("conversational", "openai/gpt-oss-20b", "Be brief. Be kind."),
    ],
)
def test_a_route_asks_for_a_kind_or_for_what_is_known_of_the_model(wanted: Any, model: str, first: str) -> None:
    assert prompted(SYSTEM_AND_USER, wanted, model)[0].content == first
