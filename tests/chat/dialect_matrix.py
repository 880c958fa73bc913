"""The tables of docs/dialects.md, made by asking: each cell is what happened when a client's request of one dialect was
put into the words of another, or an answer was told to a client.

    python tests/chat/dialect_matrix.py        writes the tables into the page
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.chat import Answer, ChatRequest, Piece, Thought, TokenLogprob, ToolCall, Usage
from weighbridge.chat.answer import CallPart
from weighbridge.chat.anthropic import AnthropicBack, AnthropicFront
from weighbridge.chat.dialect import Asked, Back, Front, Stamp
from weighbridge.chat.gemini import GeminiBack
from weighbridge.chat.join import join
from weighbridge.chat.ollama_api import OllamaBack, OllamaFront
from weighbridge.chat.openai_back import OpenAIBack
from weighbridge.chat.openai_front import OpenAIFront
from weighbridge.chat.openai_wire import Spelling
from weighbridge.chat.responses import ResponsesBack, ResponsesFront
from weighbridge.errors import CannotAsk, RequestError
from weighbridge.net.lines import LineParser
from weighbridge.net.sse import SseParser

PAGE = Path(__file__).parent.parent.parent / "docs" / "dialects.md"
BEGIN, END = "<!-- tables: made by tests/chat/dialect_matrix.py -->", "<!-- end of tables -->"
STAMP = Stamp("0a1b", 1_795_305_600)
USUAL = Spelling(thinking="never", reasoning_details=True)
BACKS: dict[str, Back] = {
    "OpenAI": OpenAIBack(USUAL),
    "responses": ResponsesBack(),
    "Anthropic": AnthropicBack(),
    "Gemini": GeminiBack(),
    "Ollama": OllamaBack(),
}
FRONTS: dict[str, tuple[Front, str, Back]] = {
    "OpenAI": (OpenAIFront(), "/v1/chat/completions", BACKS["OpenAI"]),
    "responses": (ResponsesFront(), "/v1/responses", BACKS["responses"]),
    "Anthropic": (AnthropicFront(), "/v1/messages", BACKS["Anthropic"]),
    "Ollama": (OllamaFront(), "/api/chat", BACKS["Ollama"]),
}

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
PNG = "iVBORw0KGgo="
URL = "https://example.com/a.png"
Overlay = dict[str, Any]


def openai_samples() -> dict[str, Overlay]:
    function = {"name": "f", "description": "d", "parameters": SCHEMA}
    tool = {"tools": [{"type": "function", "function": function}]}
    call = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    calls = [*call, {**call[0], "id": "b"}]
    user = {"role": "user", "content": "x"}

    def image(url: str, **more: Any) -> Overlay:
        return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url, **more}}]}]}

    def turn(**more: Any) -> Overlay:
        return {"messages": [user, {"role": "assistant", "content": "y", **more}, user]}

    signed = {"type": "reasoning.text", "text": "r", "signature": "c2ln", "format": "anthropic-claude-v1"}
    results = [{"role": "tool", "tool_call_id": id_, "content": "1"} for id_ in ("a", "b")]
    return {
        "system": {"messages": [{"role": "system", "content": "s"}, user]},
        "image (data URL)": image(f"data:image/png;base64,{PNG}"),
        "image (URL)": image(URL),
        "image detail": image(f"data:image/png;base64,{PNG}", detail="low"),
        "tools": tool,
        "strict tools": {"tools": [{"type": "function", "function": {**function, "strict": True}}]},
        "tool choice: none": {**tool, "tool_choice": "none"},
        "tool choice: required": {**tool, "tool_choice": "required"},
        "tool choice: by name": {**tool, "tool_choice": {"type": "function", "function": {"name": "f"}}},
        "one tool at a time": {**tool, "parallel_tool_calls": False},
        "parallel calls and results": {
            **tool, "messages": [user, {"role": "assistant", "tool_calls": calls}, *results]},
        "JSON schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
        "JSON object": {"response_format": {"type": "json_object"}},
        "max tokens": {"max_completion_tokens": 5},
        "stop sequences": {"stop": ["a"]},
        "temperature, top_p": {"temperature": 0.5, "top_p": 0.5},
        "top_k": {"top_k": 5},
        "min_p": {"min_p": 0.5},
        "seed": {"seed": 5},
        "penalties": {"frequency_penalty": 0.5, "presence_penalty": 0.5},
        "logprobs": {"logprobs": True, "top_logprobs": 2},
        "reasoning effort": {"reasoning_effort": "low"},
        "reasoning off": {"reasoning_effort": "none"},
        "earlier reasoning": turn(reasoning_content="r"),
        "earlier reasoning, signed by Anthropic": turn(reasoning_details=[signed]),
        "several answers (n)": {"n": 2},
        "cache marks": {"messages": [{"role": "user", "content": [
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}]},
        "user": {"user": "u"},
        "metadata": {"metadata": {"a": "b"}},
        "service tier": {"service_tier": "flex"},
        "participant name": {"messages": [{**user, "name": "ann"}]},
        "other fields (logit_bias, ...)": {"logit_bias": {"5": 1}},
    }  # fmt: skip


def responses_samples() -> dict[str, Overlay]:
    tool = {"tools": [{"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": False}]}
    user = {"role": "user", "content": "x"}

    def image(url: str, detail: str = "auto") -> Overlay:
        return {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url, "detail": detail}]}]}

    calls = [{"type": "function_call", "call_id": id_, "name": "f", "arguments": "{}"} for id_ in ("a", "b")]
    results = [{"type": "function_call_output", "call_id": id_, "output": "1"} for id_ in ("a", "b")]
    signed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "anthropic:c2ln"}
    return {
        "system": {"instructions": "s"},
        "image (data URL)": image(f"data:image/png;base64,{PNG}"),
        "image (URL)": image(URL),
        "image detail": image(f"data:image/png;base64,{PNG}", "low"),
        "tools": tool,
        "strict tools": {"tools": [{**tool["tools"][0], "strict": True}]},
        "tool choice: none": {**tool, "tool_choice": "none"},
        "tool choice: required": {**tool, "tool_choice": "required"},
        "tool choice: by name": {**tool, "tool_choice": {"type": "function", "name": "f"}},
        "one tool at a time": {**tool, "parallel_tool_calls": False},
        "parallel calls and results": {**tool, "input": [user, *calls, *results]},
        "JSON schema": {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}},
        "JSON object": {"text": {"format": {"type": "json_object"}}},
        "max tokens": {"max_output_tokens": 5},
        "temperature, top_p": {"temperature": 0.5, "top_p": 0.5},
        "logprobs": {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
        "reasoning effort": {"reasoning": {"effort": "low"}},
        "reasoning off": {"reasoning": {"effort": "none"}},
        "reasoning shown or not": {"reasoning": {"summary": "auto"}},
        "earlier reasoning": {"input": [user, {"type": "reasoning", "summary": [{"type": "summary_text", "text": "r"}]},
                                        {"role": "assistant", "content": "y"}, user]},
        "earlier reasoning, signed by Anthropic": {
            "input": [user, signed, {"role": "assistant", "content": "y"}, user]},
        "user": {"user": "u"},
        "metadata": {"metadata": {"a": "b"}},
        "service tier": {"service_tier": "flex"},
        "prompt_cache_key, store": {"prompt_cache_key": "k", "store": True},
    }  # fmt: skip


def anthropic_samples() -> dict[str, Overlay]:
    tool = {"tools": [{"name": "f", "description": "d", "input_schema": SCHEMA}]}
    user = {"role": "user", "content": "x"}
    calls = [{"type": "tool_use", "id": id_, "name": "f", "input": {}} for id_ in ("a", "b")]
    results = [{"type": "tool_result", "tool_use_id": id_, "content": "1"} for id_ in ("a", "b")]

    def image(source: Overlay) -> Overlay:
        return {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}

    def turn(*blocks: Overlay) -> Overlay:
        return {"messages": [user, {"role": "assistant", "content": [*blocks, {"type": "text", "text": "y"}]}, user]}

    return {
        "system": {"system": "s"},
        "image (data URL)": image({"type": "base64", "media_type": "image/png", "data": PNG}),
        "image (URL)": image({"type": "url", "url": URL}),
        "tools": tool,
        "strict tools": {"tools": [{**tool["tools"][0], "strict": True}]},
        "tool choice: none": {**tool, "tool_choice": {"type": "none"}},
        "tool choice: required": {**tool, "tool_choice": {"type": "any"}},
        "tool choice: by name": {**tool, "tool_choice": {"type": "tool", "name": "f"}},
        "one tool at a time": {**tool, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        "parallel calls and results": {**tool, "messages": [user, {"role": "assistant", "content": calls},
                                                            {"role": "user", "content": results}]},
        "failed tool result": {**tool, "messages": [user, {"role": "assistant", "content": calls[:1]},
                                                    {"role": "user", "content": [{**results[0], "is_error": True}]}]},
        "JSON schema": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        "max tokens": {"max_tokens": 5},
        "stop sequences": {"stop_sequences": ["a"]},
        "temperature, top_p": {"temperature": 0.5, "top_p": 0.5},
        "top_k": {"top_k": 5},
        "reasoning effort": {"output_config": {"effort": "low"}},
        "reasoning off": {"thinking": {"type": "disabled"}},
        "reasoning on": {"thinking": {"type": "adaptive"}},
        "reasoning budget": {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        "reasoning shown or not": {"thinking": {"type": "adaptive", "display": "summarized"}},
        "earlier reasoning": turn({"type": "thinking", "thinking": "r", "signature": ""}),
        "earlier reasoning, signed by Anthropic": turn({"type": "thinking", "thinking": "r", "signature": "c2ln"}),
        "earlier reasoning, redacted": turn({"type": "redacted_thinking", "data": "ZW5j"}),
        "beginning of the answer (prefill)": {"messages": [user, {"role": "assistant", "content": "It is"}]},
        "cache marks": {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]},
        "user": {"metadata": {"user_id": "u"}},
        "service tier": {"service_tier": "standard_only"},
    }  # fmt: skip


def ollama_samples() -> dict[str, Overlay]:
    tool = {"tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}]}
    user = {"role": "user", "content": "x"}
    calls = [{"function": {"name": "f", "arguments": {}}}] * 2
    results = [{"role": "tool", "tool_name": "f", "content": "1"}] * 2
    return {
        "system": {"messages": [{"role": "system", "content": "s"}, user]},
        "image (data URL)": {"messages": [{**user, "images": [PNG]}]},
        "tools": tool,
        "parallel calls and results": {
            **tool, "messages": [user, {"role": "assistant", "tool_calls": calls}, *results]},
        "JSON schema": {"format": SCHEMA},
        "JSON object": {"format": "json"},
        "max tokens": {"options": {"num_predict": 5}},
        "stop sequences": {"options": {"stop": ["a"]}},
        "temperature, top_p": {"options": {"temperature": 0.5, "top_p": 0.5}},
        "top_k": {"options": {"top_k": 5}},
        "min_p": {"options": {"min_p": 0.5}},
        "seed": {"options": {"seed": 5}},
        "penalties": {"options": {"frequency_penalty": 0.5, "presence_penalty": 0.5}},
        "logprobs": {"logprobs": True, "top_logprobs": 2},
        "reasoning effort": {"think": "low"},
        "reasoning off": {"think": False},
        "reasoning on": {"think": True},
        "earlier reasoning": {"messages": [user, {"role": "assistant", "content": "y", "thinking": "r"}, user]},
        "beginning of the answer (prefill)": {"messages": [user, {"role": "assistant", "content": "It is"}]},
        "other fields (repeat_penalty, ...)": {"options": {"repeat_penalty": 1.5}},
        "how weights are loaded (num_ctx, keep_alive, ...)": {"options": {"num_ctx": 4096}, "keep_alive": "5m"},
    }  # fmt: skip


BASE: dict[str, Overlay] = {
    "OpenAI": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "responses": {"model": "m", "input": "x"},
    "Anthropic": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
    "Ollama": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
}
SAMPLES: dict[str, Callable[[], dict[str, Overlay]]] = {
    "OpenAI": openai_samples,
    "responses": responses_samples,
    "Anthropic": anthropic_samples,
    "Ollama": ollama_samples,
}


def asked(front: str, overlay: Overlay) -> Asked:
    speaker, path, _ = FRONTS[front]
    return speaker.decode(path, msgspec.json.encode(BASE[front] | overlay))


def cell(request: ChatRequest, back: Back) -> str:
    """`yes`, `noted` where it is left out and said so, `no` where it is refused by name."""
    try:
        sent = back.encode(request, stream=True)
    except CannotAsk:
        return "no"
    return "noted" if sent.left_out else "yes"


def request_table(front: str) -> list[list[str]]:
    rows = [["", *BACKS]]
    for feature, overlay in SAMPLES[front]().items():
        request = asked(front, overlay).request
        rows.append([feature, *(cell(request, back) for back in BACKS.values())])
    return rows


# --- answers

CALLS = (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "f", '{"x":2}'))
LAST = Piece(finish="stop", usage=Usage(9, 5), model="m")
PROOF = Piece(thoughts=(Thought(signature="c2ln", signed_by="anthropic"),))
ANSWERS: dict[str, tuple[Piece, ...]] = {
    "text": (Piece("a"), Piece("b"), LAST),
    "why it ended: length": (Piece("a"), msgspec.structs.replace(LAST, finish="length")),
    "why it ended: content filter": (Piece("a"), msgspec.structs.replace(LAST, finish="content_filter")),
    "which stop sequence ended it": (Piece("a"), msgspec.structs.replace(LAST, stop_sequence="END")),
    "reasoning": (Piece(reasoning="r"), Piece("a"), LAST),
    "reasoning, signed": (Piece(reasoning="r"), PROOF, Piece("a"), LAST),
    "reasoning, redacted": (Piece(thoughts=(Thought(redacted="ZW5j", signed_by="anthropic"),)), Piece("a"), LAST),
    "parallel tool calls": (msgspec.structs.replace(LAST, tool_calls=CALLS, finish="tool_calls"),),
    "signature of a tool call": (
        msgspec.structs.replace(
            LAST, tool_calls=(msgspec.structs.replace(CALLS[0], signature="c2ln"),), finish="tool_calls"
        ),
    ),
    "logprobs": (Piece("a", logprobs=(TokenLogprob("a", -0.5, {"a": -0.5}),)), LAST),
    "tokens": (Piece("a"), LAST),
    "cached tokens": (Piece("a"), msgspec.structs.replace(LAST, usage=Usage(9, 5, 4))),
    "tokens written to a cache": (
        Piece("a"),
        msgspec.structs.replace(LAST, usage=Usage(9, 5, 4, cache_write_tokens=2)),
    ),
    "reasoning tokens": (Piece("a"), msgspec.structs.replace(LAST, usage=Usage(9, 5, reasoning_tokens=2))),
}
PARTS = (
    Piece(call_parts=(CallPart(0, "a", "f"),)),
    Piece(call_parts=(CallPart(0, arguments='{"x"'),)),
    Piece(call_parts=(CallPart(0, arguments=":1}"),)),
    msgspec.structs.replace(LAST, tool_calls=CALLS[:1], finish="tool_calls"),
)


def told(front: str, pieces: tuple[Piece, ...]) -> tuple[bytes, list[Piece]]:
    """What a client is streamed, and what the dialect's other side reads in it."""
    speaker, _, back = FRONTS[front]
    encoder = speaker.stream(msgspec.structs.replace(asked(front, {}), usage=True), STAMP)
    out = b"".join(encoder.piece(piece) for piece in pieces) + encoder.end()
    reader = back.reader(ChatRequest(model="m"))
    if back.framing == "lines":
        read = [piece for line in LineParser().feed(out) for piece in reader.feed(line)]
    else:
        read = [piece for event in SseParser().feed(out) for piece in reader.feed(event.data, event.event)]
    return out, [*read, reader.end()]


def known(answer: Answer, wanted: Answer) -> bool:
    """Whether all that was to be told was; a count that must be a number there and is not known is 0."""
    given = msgspec.to_builtins(answer, str_keys=True)
    for name, value in msgspec.to_builtins(wanted).items():
        if name in ("latency_s", "ttft_s"):
            continue
        if isinstance(value, dict) and name == "usage":
            if any(given.get("usage", {}).get(count) != tokens for count, tokens in value.items()):
                return False
        elif not _same(given.get(name), value):
            return False
    return True


def _same(given: Any, wanted: Any) -> bool:
    """Alike but for ids, which a client's dialect may count anew."""
    if isinstance(wanted, (list, tuple)) and wanted and isinstance(wanted[0], dict):
        return len(given or ()) == len(wanted) and all(_same(a, b) for a, b in zip(given, wanted, strict=True))
    if isinstance(wanted, dict):
        return all(name == "id" or _same((given or {}).get(name), value) for name, value in wanted.items())
    return bool(given == wanted)


PROOFS = {"reasoning, signed": b"c2ln", "reasoning, redacted": b"ZW5j", "signature of a tool call": b"c2ln"}
"""What a client must keep and give back; each dialect has a place of its own for it."""


def answer_cell(front: str, feature: str, pieces: tuple[Piece, ...], wanted: Answer) -> str:
    out, read = told(front, pieces)
    answer = join(read)
    if feature in PROOFS:
        return "yes" if PROOFS[feature] in out else "no"
    if feature.startswith("why it ended") and answer.finish != wanted.finish:
        return f"as {answer.finish}"
    return "yes" if known(answer, wanted) else "no"


def answer_table() -> list[list[str]]:
    rows = [["", *FRONTS]]
    for feature, pieces in ANSWERS.items():
        wanted = join(pieces)
        rows.append([feature, *(answer_cell(front, feature, pieces, wanted) for front in FRONTS)])
    streamed = ["yes" if sum(bool(p.call_parts) for p in told(front, PARTS)[1]) > 1 else "whole" for front in FRONTS]
    return [*rows[:8], ["tool arguments as they are written", *streamed], *rows[8:]]


# --- the page


def as_markdown(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in body])


NAMES = {
    "OpenAI": "OpenAI chat completions",
    "responses": "OpenAI responses",
    "Anthropic": "Anthropic messages",
    "Ollama": "Ollama",
}


def tables() -> str:
    """All between the page's two marks."""
    parts = [f"### A client of {NAMES[front]}\n\n{as_markdown(request_table(front))}" for front in FRONTS]
    parts.append(f"### What an answer can tell a client\n\n{as_markdown(answer_table())}")
    return "\n\n".join(parts)


def written(page: str, made: str) -> str:
    """The page with these tables in it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def is_refused(front: str, overlay: Overlay) -> bool:
    try:
        asked(front, overlay)
    except RequestError:
        return True
    return False


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(), tables()))
