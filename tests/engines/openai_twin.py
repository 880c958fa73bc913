"""An OpenAI-compatible server on loopback that answers like the echo engine, so that one suite holds for both.

It reads the wire on its own (it shares no code with our dialects): messages or prompt, response_format, tools,
logprobs, stream; and answers from the markers `answer=` and `call:` of the last user message.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from fault_server import Exchange, chunked, response, sse


async def twin(exchange: Exchange) -> None:
    """The behaviour, for FaultServer."""
    if exchange.target.endswith("/models"):
        exchange.write(response(200, msgspec.json.encode({"data": [{"id": "twin"}]})))
        return
    body = exchange.json()
    said = body["prompt"] if "prompt" in body else last_user_text(body["messages"])
    message, finish = answer_to(body, said)
    usage = {"prompt_tokens": len(said), "completion_tokens": len(message.get("content") or "")}
    logprobs = first_token(said, body) if body.get("logprobs") else None
    if body.get("stream"):
        exchange.write(streamed(body, message, finish, usage))
    else:
        exchange.write(response(200, msgspec.json.encode(whole(body, message, finish, usage, logprobs))))


def last_user_text(messages: list[dict[str, Any]]) -> str:
    content = next(message["content"] for message in reversed(messages) if message["role"] in ("user", "tool"))
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def answer_to(body: dict[str, Any], said: str) -> tuple[dict[str, Any], str]:
    calls = [line.removeprefix("call: ").split(" ", 1) for line in said.splitlines() if line.startswith("call: ")]
    if body.get("tools") and body.get("tool_choice") != "none":
        if not calls and body["tool_choice"] != "auto":
            calls = [[body["tools"][0]["function"]["name"], "{}"]]
        if calls:
            return {"content": None, "tool_calls": [as_call(n, *call) for n, call in enumerate(calls)]}, "tool_calls"
    text = marked(said)
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema and "{" not in text:
        text = msgspec.json.encode({name: marked(said, name) for name in schema["properties"]}).decode()
    text = text if "content-free" not in said else ""
    limit = body.get("max_tokens")
    if limit is not None and not schema and len(text) > 4 * limit:
        return {"content": text[: 4 * limit]}, "length"
    return {"content": text}, "stop"


def as_call(number: int, name: str, arguments: str) -> dict[str, Any]:
    return {"index": number, "id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def marked(said: str, name: str | None = None) -> str:
    for marker in ([f"answer.{name}="] if name else []) + ["answer=", "echo: "]:
        if marker in said:
            return said.rpartition(marker)[2].partition("\n")[0].strip()
    return said


def first_token(said: str, body: dict[str, Any]) -> Any:
    """The right label's first token with 0.7, `account` with 0.2 and `other` with 0.1, or the three alike."""
    right = marked(said)
    top = {"account": 0.2, "other": 0.1, "billing": 0.05}
    top = dict.fromkeys(top, 1 / 3) if "content-free" in said else top | {right: 0.7}
    listed = [{"token": token, "logprob": math.log(share)} for token, share in top.items()]
    if "prompt" in body:
        return {"tokens": ["x"], "token_logprobs": [-0.1], "top_logprobs": [{e["token"]: e["logprob"] for e in listed}]}
    return {"content": [{"token": "x", "logprob": -0.1, "top_logprobs": listed}]}


def whole(body: dict[str, Any], message: dict[str, Any], finish: str, usage: Any, logprobs: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "logprobs": logprobs}
    choice |= {"text": message["content"]} if "prompt" in body else {"message": message}
    return {"model": body.get("model", "twin"), "choices": [choice], "usage": usage}


def streamed(body: dict[str, Any], message: dict[str, Any], finish: str, usage: Any) -> bytes:
    text = message.get("content") or ""
    parts = [text[at : at + 3] for at in range(0, len(text), 3)]
    deltas = [{"text": part} if "prompt" in body else {"delta": {"content": part}} for part in parts]
    if message.get("tool_calls"):
        deltas = [{"delta": {"tool_calls": [call]}} for call in message["tool_calls"]]
    events = [{"model": body.get("model", "twin"), "choices": [{"index": 0, **delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "finish_reason": finish, "text": "", "delta": {}}]})
    events.append({"choices": [], "usage": usage})
    data = sse([*map(msgspec.json.encode, events), b"[DONE]"])
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + chunked(data) + b"0\r\n\r\n"
