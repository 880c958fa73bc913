"""Servers on loopback that speak Anthropic's, Ollama's, Gemini's and OpenAI's responses dialects.

Written against the vendors' documents, they share no code with our dialects. Each looks at a request in its own words,
lets `openai_twin` decide what is said (the markers `answer=` and `call:`), and says it in its own words again, with
counts 11 in (4 of them cached) and 7 out.
"""

from __future__ import annotations

from typing import Any

import msgspec
from openai_twin import answer_to

from fault_server import LAST_CHUNK, STREAM_HEAD, Behaviour, Exchange, chunked, response

LINES_HEAD = STREAM_HEAD.replace(b"text/event-stream", b"application/x-ndjson")


def as_json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def event(data: dict[str, Any], named: bool = True) -> bytes:
    name = b"event: %b\n" % data["type"].encode() if named else b""
    return b"%bdata: %b\n\n" % (name, as_json(data))


def send(exchange: Exchange, body: bytes, *, stream: bool, head: bytes = STREAM_HEAD) -> None:
    exchange.write(head + chunked(body) + LAST_CHUNK if stream else response(200, body))


def decide(said: str, *, tools: list[str], choice: str, schema: Any, limit: int | None) -> tuple[dict[str, Any], str]:
    """What is said, in OpenAI's words."""
    body: dict[str, Any] = {"tools": [{"function": {"name": name}} for name in tools], "tool_choice": choice}
    if schema is not None:
        body["response_format"] = {"json_schema": {"schema": schema}}
    return answer_to(body | {"max_tokens": limit}, said)


def calls_of(message: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls", ())]


# --- Anthropic


async def anthropic(exchange: Exchange) -> None:
    if exchange.target.endswith("/models"):
        exchange.write(response(200, as_json({"data": [{"id": "twin", "type": "model"}], "has_more": False})))
        return
    body = exchange.json()
    assert exchange.headers["anthropic-version"] in ("2023-06-01", "2026-10-21")
    content = body["messages"][-1]["content"]
    said = content if isinstance(content, str) else "".join(block.get("text", "") for block in content)
    choice = body.get("tool_choice", {"type": "auto"})
    kinds = {"auto": "auto", "none": "none", "any": "required", "tool": "named"}
    schema = body.get("output_config", {}).get("format", {}).get("schema")
    message, finish = decide(
        said,
        tools=[tool["name"] for tool in body.get("tools", ())],
        choice=kinds[choice["type"]],
        schema=schema,
        limit=body["max_tokens"],
    )
    stop = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}[finish]
    blocks = [{"type": "text", "text": message["content"]}] if message.get("content") else []
    blocks += [
        {"type": "tool_use", "id": i, "name": n, "input": msgspec.json.decode(a)} for i, n, a in calls_of(message)
    ]
    usage = {"input_tokens": 7, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0, "output_tokens": 7}
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": blocks,
             "stop_reason": stop, "stop_sequence": None, "usage": usage}  # fmt: skip
    stream = bool(body.get("stream"))
    send(exchange, anthropic_events(whole) if stream else as_json(whole), stream=stream)


def anthropic_events(whole: dict[str, Any]) -> bytes:
    start = whole | {"content": [], "stop_reason": None, "usage": whole["usage"] | {"output_tokens": 1}}
    out = event({"type": "message_start", "message": start}) + event({"type": "ping"})
    for index, block in enumerate(whole["content"]):
        empty = {"text": ""} if block["type"] == "text" else {"input": {}}
        out += event({"type": "content_block_start", "index": index, "content_block": block | empty})
        text = block.get("text") or as_json(block.get("input")).decode()
        for at in range(0, len(text), 5):
            part = text[at : at + 5]
            delta = {"type": "text_delta", "text": part}
            if block["type"] == "tool_use":
                delta = {"type": "input_json_delta", "partial_json": part}
            out += event({"type": "content_block_delta", "index": index, "delta": delta})
        out += event({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    out += event({"type": "message_delta", "delta": ending, "usage": {"output_tokens": 7}})
    return out + event({"type": "message_stop"})


# --- Ollama


async def ollama(exchange: Exchange) -> None:
    if exchange.target.endswith("/api/tags"):
        exchange.write(response(200, as_json({"models": [{"name": "twin", "model": "twin"}]})))
        return
    body = exchange.json()
    if exchange.target.endswith("/api/embed"):
        vectors = [[float(len(text)), 1.0] for text in body["input"]]
        exchange.write(response(200, as_json({"model": "m", "embeddings": vectors, "prompt_eval_count": 3})))
        return
    raw = "prompt" in body
    format_ = body.get("format")
    message, finish = decide(
        body["prompt"] if raw else body["messages"][-1]["content"],
        tools=[tool["function"]["name"] for tool in body.get("tools", ())],
        choice="auto",
        schema=format_ if isinstance(format_, dict) else None,
        limit=body.get("options", {}).get("num_predict"),
    )
    head = {"model": body["model"], "created_at": "2026-11-22T00:00:00Z"}
    reason = "length" if finish == "length" else "stop"
    ending = {"done": True, "done_reason": reason, "prompt_eval_count": 11, "eval_count": 7}
    text = message.get("content") or ""
    calls = [{"function": {"name": n, "arguments": msgspec.json.decode(a)}} for _, n, a in calls_of(message)]

    def line(text: str, **more: Any) -> dict[str, Any]:
        said = {"response": text} if raw else {"message": {"role": "assistant", "content": text, **more}}
        return head | said | {"done": False}

    if not body.get("stream"):
        more = {"tool_calls": calls} if calls else {}
        exchange.write(response(200, as_json(line(text, **more) | ending)))
        return
    lines = [line(text[at : at + 3]) for at in range(0, len(text), 3)] + [line("", tool_calls=[call]) for call in calls]
    out = b"".join(as_json(each) + b"\n" for each in [*lines, line("") | ending])
    send(exchange, out, stream=True, head=LINES_HEAD)


# --- Gemini


async def gemini(exchange: Exchange) -> None:
    if exchange.target.endswith("/models"):
        exchange.write(response(200, as_json({"models": [{"name": "models/twin"}]})))
        return
    body = exchange.json()
    if exchange.target.endswith(":batchEmbedContents"):
        texts = [each["content"]["parts"][0]["text"] for each in body["requests"]]
        exchange.write(response(200, as_json({"embeddings": [{"values": [float(len(t)), 1.0]} for t in texts]})))
        return
    config = body.get("generationConfig", {})
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    names = [tool["name"] for tool in body.get("tools", [{"functionDeclarations": []}])[0]["functionDeclarations"]]
    message, finish = decide(
        "".join(part.get("text", "") for part in body["contents"][-1]["parts"]),
        tools=calling.get("allowedFunctionNames", names),
        choice={"ANY": "required", "NONE": "none"}.get(calling.get("mode"), "auto"),
        schema=config.get("responseJsonSchema"),
        limit=config.get("maxOutputTokens"),
    )
    reason = "MAX_TOKENS" if finish == "length" else "STOP"
    usage = {"promptTokenCount": 11, "cachedContentTokenCount": 4, "candidatesTokenCount": 5, "thoughtsTokenCount": 2}
    text = message.get("content") or ""
    parts: list[dict[str, Any]] = [{"text": text[at : at + 4]} for at in range(0, len(text), 4)]
    parts += [{"functionCall": {"name": n, "args": msgspec.json.decode(a)}} for _, n, a in calls_of(message)]
    ending = {"finishReason": reason, "index": 0}
    if "streamGenerateContent" not in exchange.target:
        content = {"role": "model", "parts": parts}
        whole = {"candidates": [{"content": content, **ending}], "usageMetadata": usage, "modelVersion": "m"}
        exchange.write(response(200, as_json(whole)))
        return
    assert exchange.target.endswith("?alt=sse")
    events = [{"candidates": [{"content": {"parts": [part]}, "index": 0}], "modelVersion": "m"} for part in parts]
    events.append({"candidates": [{"content": {"parts": []}, **ending}], "usageMetadata": usage, "modelVersion": "m"})
    send(exchange, b"".join(event(each, named=False) for each in events), stream=True)


# --- OpenAI responses


async def responses(exchange: Exchange) -> None:
    if exchange.target.endswith("/models"):
        exchange.write(response(200, as_json({"object": "list", "data": [{"id": "twin"}]})))
        return
    body = exchange.json()
    if exchange.target.endswith("/embeddings"):
        data = [{"index": at, "embedding": [float(len(text)), 1.0]} for at, text in enumerate(body["input"])]
        exchange.write(response(200, as_json({"data": data, "model": "m", "usage": {"prompt_tokens": 3}})))
        return
    content = body["input"][-1].get("content", "")
    choice = body.get("tool_choice", "auto")
    message, finish = decide(
        content if isinstance(content, str) else "".join(part.get("text", "") for part in content),
        tools=[tool["name"] for tool in body.get("tools", ())],
        choice=choice if isinstance(choice, str) else "named",
        schema=body.get("text", {}).get("format", {}).get("schema"),
        limit=body.get("max_output_tokens"),
    )
    output: list[dict[str, Any]] = []
    if message.get("content"):
        part = {"type": "output_text", "text": message["content"], "annotations": []}
        output.append({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]})
    for id_, name, arguments in calls_of(message):
        call = {"type": "function_call", "id": f"fc_{id_}", "call_id": id_, "name": name, "arguments": arguments}
        output.append(call | {"status": "completed"})
    details = {"input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
               "output_tokens_details": {"reasoning_tokens": 2}}  # fmt: skip
    usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18, **details}
    cut = finish == "length"
    whole = {"id": "resp_1", "object": "response", "model": body["model"], "output": output, "usage": usage,
             "status": "incomplete" if cut else "completed", "error": None,
             "incomplete_details": {"reason": "max_output_tokens"} if cut else None}  # fmt: skip
    stream = bool(body.get("stream"))
    send(exchange, responses_events(whole) if stream else as_json(whole), stream=stream)


def responses_events(whole: dict[str, Any]) -> bytes:
    out = event(
        {"type": "response.created", "response": whole | {"output": [], "status": "in_progress", "usage": None}}
    )
    for index, item in enumerate(whole["output"]):
        where = {"output_index": index, "item_id": item["id"]}
        empty = {"content": []} if item["type"] == "message" else {"arguments": ""}
        out += event({"type": "response.output_item.added", "output_index": index, "item": item | empty})
        is_text = item["type"] == "message"
        kind = "response.output_text.delta" if is_text else "response.function_call_arguments.delta"
        text = item["content"][0]["text"] if is_text else item["arguments"]
        for at in range(0, len(text), 4):
            out += event({"type": kind, **where, "delta": text[at : at + 4]})
        out += event({"type": "response.output_item.done", "output_index": index, "item": item})
    return out + event({"type": f"response.{whole['status']}", "response": whole})


TWINS: dict[str, Behaviour] = {"anthropic": anthropic, "ollama": ollama, "gemini": gemini, "responses": responses}
BASES = {"anthropic": "/v1", "ollama": "", "gemini": "/v1beta", "responses": "/v1"}
"""Where each one's base URL ends."""
