"""What the two OpenAI dialects (chat completions, completions) share: fields of a body, usage, errors, labels.

Reading is strict where a wrong type would change the answer and lenient where it would only lose a count: a paid
answer is not thrown away because its usage is nonsense; then the counts are unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from weighbridge.chat.answer import TokenLogprob, Usage
from weighbridge.chat.request import ChatRequest, Choice, Sampling
from weighbridge.chat.sayable import HINT_FIELDS, cannot_say
from weighbridge.chat.thinking import Thinking
from weighbridge.errors import BackendRefused, BadAnswer, CannotAsk, EngineError

Guided = Literal["schema", "structured_outputs", "guided_choice", "grammar"]
"""How labels and schemas are enforced: `schema` by `response_format` (OpenAI, SGLang, Ollama, llama-server, vLLM);
`structured_outputs` by vLLM's field of that name; `guided_choice` by that and `guided_json`, as vLLM before 0.12 has
them; `grammar` by llama-server's GBNF for labels, and `response_format` for schemas."""

ReasoningSwitch = Literal[
    "effort", "enable_thinking", "thinking", "enable_thinking_field", "thinking_type", "thinking_adaptive", "none"
]
"""How reasoning is asked for:

effort                  `reasoning_effort` alone (OpenAI, gpt-oss)
enable_thinking         `chat_template_kwargs` of that name (Qwen, GLM, MiMo, Gemma 4 on vLLM, SGLang, llama-server)
thinking                the same, where the template calls it so (DeepSeek, Hermes)
enable_thinking_field   a field of the body (Qwen at DashScope)
thinking_type           `{"thinking": {"type": "enabled"}}` (DeepSeek, GLM, Kimi, MiMo at their makers)
thinking_adaptive       the same with `adaptive` for on (MiniMax)
none                    cannot be asked for
"""

OURS = frozenset({"messages", "prompt", "stream", "stream_options", "n", "best_of", "echo"})
"""Fields of a body that `extra` may not set: another value would make the answer unreadable."""

FINISH = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "refusal",
}
BROKEN_FINISH = frozenset({"abort", "error", "insufficient_system_resource", "network_error"})
"""Finish reasons of answers that the backend itself gave up (vLLM, OpenRouter, DeepSeek, Z.ai)."""

LONGEST_MESSAGE = 300
"""Characters of a backend's own error message that are repeated."""

Wire = TypeVar("Wire")


Continues = Literal["refuse", "last_message", "final_message", "prefix", "echoed_prefix"]
"""How an answer goes on from a last message of the assistant's: not at all; of itself (llama-server, Ollama's `/v1`);
with `continue_final_message` (vLLM, SGLang); with `prefix` in the message (DeepSeek); the same, and the answer begins
with that message again (Mistral)."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one backend spells what the dialect leaves open."""

    guided: Guided = "schema"
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """OpenAI's reasoning models refuse the older name, most others do not know the newer one."""
    reasoning: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    """Name of earlier turns' reasoning in a request; both are read in answers."""
    thinking: Thinking = "auto"
    stream_usage: bool = True
    """Whether `stream_options` asks for usage at the end of a stream."""
    reasoning_details: bool = False
    """Whether signed reasoning of earlier turns is sent back as `reasoning_details` (OpenRouter)."""
    reasoning_switch: ReasoningSwitch = "effort"
    efforts: tuple[str, ...] | None = None
    """Words that `reasoning_effort` takes; None: whichever, with the switch `effort`, and no word with the others."""
    degrees: Literal["refuse", "round"] = "refuse"
    """What becomes of a word or a budget of reasoning where the model knows only on and off."""
    renames: tuple[tuple[str, str], ...] = ()
    """Fields of the body that go by another name."""
    adds: tuple[tuple[str, Any], ...] = ()
    """Fields that every body carries."""
    text_parts: Literal["keep", "join"] = "keep"
    """Whether a message of several texts stays a list or becomes one string, for servers that take nothing else."""
    system: Literal["keep", "first_user"] = "keep"
    """Whether the system's words stand in a message of their own, or at the head of the first user's."""
    continues: Continues = "refuse"


def sampling_fields(sampling: Sampling, spelling: Spelling) -> dict[str, Any]:
    """Only what is set: what is not is the backend's own default."""
    fields: dict[str, Any] = {
        spelling.max_tokens: sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
    }
    return {name: value for name, value in fields.items() if value is not None}


def stream_fields(spelling: Spelling, *, stream: bool) -> dict[str, Any]:
    """What asks for a stream, and for the counts at its end."""
    if not stream:
        return {}
    return {"stream": True} | ({"stream_options": {"include_usage": True}} if spelling.stream_usage else {})


def constraint_fields(request: ChatRequest, spelling: Spelling, written: Sequence[str] = ()) -> dict[str, Any]:
    """What makes the backend enforce the request's schema or labels; `written` is how one choice's labels are spelled
    in the text, where that differs from the labels."""
    labels = request.choices if request.choose == "grammar" else ()
    if labels and request.schema is not None:
        raise CannotAsk("one answer cannot be held to both labels and a JSON schema")
    if len(labels) == 1 and spelling.guided != "schema":
        allowed = list(written or labels[0].labels)
        if spelling.guided == "guided_choice":
            return {"guided_choice": allowed}
        if spelling.guided == "grammar":
            literals = (msgspec.json.encode(label).decode() for label in allowed)  # GBNF escapes as JSON does
            return {"grammar": f"root ::= {' | '.join(literals)}"}
        return {"structured_outputs": {"choice": allowed}}
    schema = labels_schema(labels) if labels else request.schema
    if schema is None:
        return {"response_format": {"type": "json_object"}} if request.any_json else {}
    if spelling.guided == "structured_outputs":
        return {"structured_outputs": {"json": schema}}
    if spelling.guided == "guided_choice":
        return {"guided_json": schema}
    name = "labels" if labels else request.schema_name or "answer"
    strict = True if request.schema_strict is None else request.schema_strict
    wire = {"name": name, "strict": strict, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": wire}}


def labels_schema(choices: Sequence[Choice]) -> dict[str, Any]:
    """A JSON Schema that only {name: label} objects satisfy."""
    return {
        "type": "object",
        "properties": {choice.name: {"type": "string", "enum": list(choice.labels)} for choice in choices},
        "required": [choice.name for choice in choices],
        "additionalProperties": False,
    }


def read_labels(text: str, request: ChatRequest, spelling: Spelling, finish: str | None) -> dict[str, str]:
    """The labels of an answer that was constrained to them; BadAnswer if the backend did not keep to it."""
    whole = len(request.choices) == 1 and spelling.guided != "schema"
    named: Any = {request.choices[0].name: text.strip()} if whole else _object(text)
    for choice in request.choices:
        label = named.get(choice.name) if isinstance(named, dict) else None
        if label not in choice.labels:
            cut = " (it was cut off: raise max_tokens)" if finish == "length" else ""
            error = BadAnswer(
                f"the answer is not one of the labels of {choice.name!r} it was constrained to{cut}: {text!r:.120}",
                next_move='Does the backend enforce this? Try another `guided` setting, or `choose = "text"`.',
            )
            error.retryable = False  # it would be paid for again, and ignored again
            raise error
    return {choice.name: named[choice.name] for choice in request.choices}


def with_extra(body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
    """The body with the request's `extra` fields; CannotAsk if one would undo what the request says, or was said in
    another dialect, unless it changes no answer."""
    if request.extra_from not in ("", "openai"):
        for name in request.extra:
            if name not in HINT_FIELDS:
                raise cannot_say("openai", name)
        return body
    for name in request.extra:
        if name in OURS:
            raise CannotAsk(f"`extra` sets {name!r}, which would make the answer unreadable")
        if name in body:
            raise CannotAsk(f"`extra` sets {name!r}, which the request sets already", next_move="Set it in one place.")
    return body | request.extra


def read_usage(raw: Any) -> Usage:
    """Counts as the backend gives them, whichever of the known places it puts the details in."""
    if not isinstance(raw, dict):
        return Usage()
    total = _count(raw, "prompt_tokens")
    written = _count(raw, "completion_tokens")
    cached = _count(raw.get("prompt_tokens_details"), "cached_tokens")
    if cached is None:
        cached = _count(raw, "prompt_cache_hit_tokens")  # DeepSeek
    thought = _count(raw.get("completion_tokens_details"), "reasoning_tokens")
    if thought is None:
        thought = _count(raw, "reasoning_tokens")
    return Usage(
        input_tokens=total,
        output_tokens=written,
        # A part larger than its whole is a mistake of the backend; then the part is unknown.
        cached_tokens=cached if total is None or cached is None or cached <= total else None,
        reasoning_tokens=thought if written is None or thought is None or thought <= written else None,
        cache_write_tokens=_count(raw.get("prompt_tokens_details"), "cache_write_tokens"),
    )


def finish_word(raw: Any) -> str | None:
    """The canonical word for why an answer ended; BadAnswer where the backend gave it up."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise BadAnswer(f"finish_reason is {raw!r:.80}, not a word")
    if raw in BROKEN_FINISH:
        raise BadAnswer(f"the backend gave the answer up: finish_reason {raw!r}")
    return FINISH.get(raw, one_line(raw, 40))


def check_error(raw: Any) -> None:
    """Raise what an `error` inside an answer means; nothing for null or nothing."""
    if raw:
        raise in_band_error(raw)


def in_band_error(raw: Any) -> EngineError:
    """An error sent with status 200: its code where it is an HTTP status, else 400 or 500 by its type."""
    code = raw.get("code") if isinstance(raw, dict) else None
    kind = str(raw.get("type") or "") if isinstance(raw, dict) else ""
    digits = str(code)
    status = int(digits) if digits.isascii() and digits.isdigit() and len(digits) == 3 else 0
    if 400 <= status <= 599:
        return BackendRefused(f"an error instead of an answer: {status}; it said {error_text(raw)!r}", status=status)
    status = 400 if "invalid_request" in kind else 500
    return BackendRefused(f"an error instead of an answer: {error_text(raw)}", status=status)


def error_text(raw: Any) -> str:
    """What a backend says is wrong, in one bounded line."""
    if isinstance(raw, dict):
        for name in ("message", "error", "detail", "msg"):
            if raw.get(name):
                return error_text(raw[name])
        return one_line(repr(raw))
    if isinstance(raw, list) and raw:
        return error_text(raw[0])
    return one_line(str(raw)) or "no message"


def one_line(text: str, most: int = LONGEST_MESSAGE) -> str:
    """Printable, on one line, at most so many characters; a backend's text may hold terminal escapes."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return clean if len(clean) <= most else f"{clean[: most - 3]}..."


def decode_json(body: bytes, kind: type[Wire]) -> Wire:
    """JSON as `kind`; BadAnswer says what came instead, and where in it."""
    return decode_with(msgspec.json.Decoder(kind), body)


def decode_with(decoder: msgspec.json.Decoder[Wire], body: bytes) -> Wire:
    """The same with a decoder that was made before, for whoever decodes often."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        bad = BadAnswer(_what_came(body, error))
        bad.retryable = not _is_web_page(body)  # a wrong address stays wrong
        raise bad from error


def read_logprobs(entries: Any) -> tuple[TokenLogprob, ...]:
    """Of chat completions: [{token, logprob, top_logprobs: [{token, logprob}]}]."""
    if not isinstance(entries, list):
        return ()
    read = []
    for entry in entries:
        top = entry.get("top_logprobs") if isinstance(entry, dict) else None
        token = _token(entry)
        if token is None:
            raise BadAnswer(f"a log-probability is not one: {entry!r:.120}")
        likeliest = [_token(each) for each in top] if isinstance(top, list) else []
        read.append(TokenLogprob(*token, {each[0]: each[1] for each in likeliest if each is not None}))
    return tuple(read)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _token(entry: Any) -> tuple[str, float] | None:
    if isinstance(entry, dict) and isinstance(entry.get("token"), str) and is_number(entry.get("logprob")):
        return entry["token"], float(entry["logprob"])
    return None


def _count(raw: Any, name: str) -> int | None:
    value = raw.get(name) if isinstance(raw, dict) else None
    return value if type(value) is int and value >= 0 else None


def _object(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _what_came(body: bytes, error: Exception) -> str:
    start = body[:512].lstrip().lower()
    if not start:
        return "the answer is empty"
    shown = one_line(body[:120].decode("utf-8", "replace"), 80)
    if _is_web_page(body):
        return f"the answer is a web page, not JSON; it begins {shown!r}"
    if start.startswith((b"{", b"[")):
        why = one_line(str(error), 120)
        return f"the answer is not whole or not in this dialect: {why}; {len(body):,} bytes that begin {shown!r}"
    return f"the answer is not JSON; it begins {shown!r}"


def _is_web_page(body: bytes) -> bool:
    return body[:512].lstrip().lower().startswith((b"<!doctype", b"<html", b"<head", b"<body"))
