"""A client's OpenAI request, chat or completion, as the canonical one."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from weighbridge.chat.dialect import Asked
from weighbridge.chat.openai_front.messages import read_message
from weighbridge.chat.openai_front.wire import (
    NAME,
    ChatBody,
    Chosen,
    CompletionBody,
    ObjectFormat,
    Sampled,
    SchemaFormat,
    Tool,
)
from weighbridge.chat.reading import read_body, unknown_field
from weighbridge.chat.request import ChatRequest, Sampling
from weighbridge.chat.request import Tool as CanonicalTool
from weighbridge.errors import RequestError

Body = TypeVar("Body", bound=Sampled)

NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
UNTRANSLATED = frozenset({"functions", "function_call", "audio", "modalities", "web_search_options", "prediction"})
"""Fields whose answer would hold what no record here can: refused also towards servers of the same dialect, when the
request has to be read at all."""

_chat = msgspec.json.Decoder(ChatBody)
_completion = msgspec.json.Decoder(CompletionBody)
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_loose = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_chat(body: bytes) -> Asked:
    """RequestError names the field that is wrong or cannot be carried."""
    wire, extra = _read(_chat, ChatBody, body)
    if not wire.messages:
        raise RequestError("`messages` is empty: a conversation needs at least one message", field="messages")
    format_ = wire.response_format
    named = format_.json_schema if isinstance(format_, SchemaFormat) else None
    request = ChatRequest(
        model=wire.model,
        messages=tuple(read_message(message, at) for at, message in enumerate(wire.messages)),
        sampling=_sampling(wire, _one_limit(wire)),
        schema=(named.schema or {}) if named is not None else None,
        schema_name=named.name if named is not None else "",
        schema_strict=named.strict if named is not None else None,
        any_json=isinstance(format_, ObjectFormat),
        tools=tuple(_tool(tool) for tool in wire.tools or ()),
        tool_choice=_choice(wire),
        parallel_calls=wire.parallel_tool_calls,
        reasoning_effort=wire.reasoning_effort,
        logprobs=(wire.top_logprobs or 0) if wire.logprobs else None,
        metadata=wire.metadata or {},
        service_tier=wire.service_tier,
        **_common(wire, extra),
    )
    return _asked(request, wire)


def read_completion(body: bytes) -> Asked:
    wire, extra = _read(_completion, CompletionBody, body)
    prompt = wire.prompt
    if isinstance(prompt, list):
        if len(prompt) != 1:
            raise RequestError(f"`prompt` holds {len(prompt)} texts: one request is one text", field="prompt")
        prompt = prompt[0]
    sampling = _sampling(wire, wire.max_tokens)
    request = ChatRequest(
        model=wire.model, prompt=prompt, sampling=sampling, logprobs=wire.logprobs, **_common(wire, extra)
    )
    return _asked(request, wire)


def _read(decoder: msgspec.json.Decoder[Body], kind: type[Body], body: bytes) -> tuple[Body, dict[str, Any]]:
    """The known fields, and those only the backend may know. The second reading happens only where there are any."""
    try:
        return read_body(decoder, body), {}
    except RequestError as error:
        if unknown_field(error) is None:
            raise
    fields = read_body(_loose, body)
    extra = {name: fields.pop(name) for name in set(fields) - _known(kind)}
    for name in sorted(UNTRANSLATED & set(extra)):
        if extra[name] not in (b"null", b'["text"]'):
            raise RequestError(f"`{name}` cannot be carried to the model behind this name", field=name)
        del extra[name]
    known = read_body(decoder, msgspec.json.encode(fields))
    return known, {name: read_body(_any, bytes(raw)) for name, raw in sorted(extra.items()) if bytes(raw) != b"null"}


def _known(kind: type[Sampled]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def _common(wire: Sampled, extra: dict[str, Any]) -> dict[str, Any]:
    n = 1 if wire.n is None else wire.n
    if n < 1:
        raise RequestError(f"`n` is {n}: at least one answer is asked for", field="n")
    return {"n": n, "user": wire.user, "extra": extra, "extra_from": NAME if extra else ""}


def _asked(request: ChatRequest, wire: Sampled) -> Asked:
    options = wire.stream_options
    return Asked(request, stream=bool(wire.stream), usage=bool(options is not None and options.include_usage))


def _one_limit(wire: ChatBody) -> int | None:
    newer, older = wire.max_completion_tokens, wire.max_tokens
    if newer is not None and older is not None and newer != older:
        raise RequestError(
            f"`max_tokens` is {older} and `max_completion_tokens` {newer}: give one of them", field="max_tokens"
        )
    return older if newer is None else newer


def _sampling(wire: Sampled, max_tokens: int | None) -> Sampling:
    stop = wire.stop
    return Sampling(
        max_tokens=max_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        min_p=wire.min_p,
        seed=wire.seed,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        frequency_penalty=wire.frequency_penalty,
        presence_penalty=wire.presence_penalty,
    )


def _tool(tool: Tool) -> CanonicalTool:
    said = tool.function
    parameters = NO_PARAMETERS if said.parameters is None else said.parameters
    cache = None if tool.cache_control is None else tool.cache_control.ttl or "5m"
    return CanonicalTool(said.name, parameters, said.description or "", said.strict, cache)


def _choice(wire: ChatBody) -> str:
    choice = wire.tool_choice
    if choice is None:
        return "auto"
    if not isinstance(choice, Chosen):
        return choice
    name = choice.function.name
    if name not in [tool.function.name for tool in wire.tools or ()]:
        raise RequestError(f"`tool_choice` names {name!r}, which is not among the tools", field="tool_choice")
    return name
