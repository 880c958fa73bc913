"""What is answered at every path, as JSON Schema (draft 2020-12): the fields that are always there, and their types.

Answers that are forwarded from a backend of the client's own dialect may hold more fields, so none is forbidden.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}


def obj(**fields: Schema) -> Schema:
    """An object with these fields; `maybe_x` is `x`, which may be left out."""
    named = {name.removeprefix("maybe_"): schema for name, schema in fields.items()}
    required = [name for name in fields if not name.startswith("maybe_")]
    return {"type": "object", "properties": named, "required": required}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


_OPENAI_USAGE = obj(prompt_tokens=COUNT, maybe_completion_tokens=COUNT, total_tokens=COUNT)
_OPENAI_MODEL = obj(id=TEXT, object=one_of("model"), created=COUNT, owned_by=TEXT)
_ANTHROPIC_MODEL = obj(type=one_of("model"), id=TEXT, display_name=TEXT, created_at=TEXT)
_SAID = obj(role=one_of("assistant"), content=or_null(TEXT), maybe_tool_calls=array(obj(id=TEXT, function=obj())))
_OLLAMA = {"model": TEXT, "created_at": TEXT, "done": FLAG}
_VECTOR = {"anyOf": [array(NUMBER), TEXT]}
_SUM = obj(by=obj(), calls=COUNT, ok=COUNT, failed=COUNT, cached=COUNT, usd=NUMBER, unpriced=COUNT)

SCHEMAS: dict[str, Schema] = {
    "OpenAIError": obj(error=obj(message=TEXT, type=TEXT, param=or_null(TEXT), code=or_null(TEXT))),
    "AnthropicError": obj(type=one_of("error"), error=obj(type=TEXT, message=TEXT)),
    "OllamaError": obj(error=TEXT),
    "ChatCompletion": obj(
        id=TEXT,
        object=one_of("chat.completion"),
        created=COUNT,
        model=TEXT,
        choices=array(obj(index=COUNT, message=_SAID, finish_reason=or_null(TEXT))),
        maybe_usage=_OPENAI_USAGE,
    ),
    "Completion": obj(
        id=TEXT,
        object=one_of("text_completion"),
        created=COUNT,
        model=TEXT,
        choices=array(obj(index=COUNT, text=TEXT, finish_reason=or_null(TEXT))),
        maybe_usage=_OPENAI_USAGE,
    ),
    "Embeddings": obj(
        object=one_of("list"),
        data=array(obj(object=one_of("embedding"), index=COUNT, embedding=_VECTOR)),
        model=TEXT,
        usage=obj(prompt_tokens=COUNT, total_tokens=COUNT),
    ),
    "Response": obj(
        id=TEXT,
        object=one_of("response"),
        created_at=NUMBER,
        status=TEXT,
        model=TEXT,
        output=array(obj(type=TEXT)),
        maybe_usage=or_null(obj(input_tokens=COUNT, output_tokens=COUNT, total_tokens=COUNT)),
    ),
    "Message": obj(
        id=TEXT,
        type=one_of("message"),
        role=one_of("assistant"),
        model=TEXT,
        content=array(obj(type=TEXT)),
        stop_reason=or_null(TEXT),
        stop_sequence=or_null(TEXT),
        usage=obj(input_tokens=COUNT, output_tokens=COUNT),
    ),
    "TokenCount": obj(input_tokens=COUNT),
    "OllamaChat": obj(**_OLLAMA, message=obj(role=TEXT, content=TEXT)),
    "OllamaGenerated": obj(**_OLLAMA, response=TEXT),
    "OllamaEmbeddings": obj(model=TEXT, embeddings=array(array(NUMBER))),
    "OllamaEmbedding": obj(embedding=array(NUMBER)),
    "OllamaTags": obj(models=array(obj(name=TEXT, model=TEXT, modified_at=TEXT, size=COUNT, digest=TEXT))),
    "OllamaModel": obj(details=obj(), model_info=obj(), capabilities=array(TEXT)),
    "OllamaVersion": obj(version=TEXT),
    "Models": {
        "anyOf": [
            obj(object=one_of("list"), data=array(_OPENAI_MODEL)),
            obj(data=array(_ANTHROPIC_MODEL), has_more=FLAG),
        ]
    },
    "Model": {"anyOf": [_OPENAI_MODEL, _ANTHROPIC_MODEL]},
    "Health": obj(status=one_of("ok")),
    "Ready": obj(status=one_of("ready", "not ready"), maybe_why=TEXT),
    "NewKeyMade": obj(id=TEXT, key=TEXT, maybe_warnings=array(TEXT)),
    "KeyRevoked": obj(id=TEXT, revoked=FLAG),
    "Keys": array(obj(id=TEXT, name=TEXT, created_at=NUMBER, spent_usd=NUMBER)),
    "Sums": array(_SUM),
}
