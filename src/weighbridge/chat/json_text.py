"""Text and tool arguments as JSON bytes, for encoders that write their frame by hand."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.chat.request import ToolCall
from weighbridge.errors import CannotAsk

_encoder = msgspec.json.Encoder()
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def text_json(text: str) -> bytes:
    """A JSON string. Half of a surrogate pair, which is no Unicode, becomes U+FFFD."""
    try:
        return _encoder.encode(text)
    except UnicodeEncodeError:
        return _encoder.encode(unicode_of(text))


def unicode_of(text: str) -> str:
    """Pairs of surrogates joined, halves replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def as_bytes(wire: Any) -> bytes:
    """A request's body; CannotAsk for text that is not Unicode."""
    try:
        return _encoder.encode(wire)
    except UnicodeEncodeError as error:
        raise CannotAsk(
            f"the request holds text that is not Unicode: {error}", next_move="Correct the item it comes from."
        ) from error


def answer_json(wire: Any) -> bytes:
    """An answer's body; a backend's halves of surrogate pairs become U+FFFD, for the answer is paid for."""
    try:
        return _encoder.encode(wire)
    except UnicodeEncodeError:
        return _encoder.encode(_cleaned(msgspec.to_builtins(wire)))


def arguments_object(call: ToolCall, dialect: str) -> msgspec.Raw:
    """A call's arguments for a wire that carries them as an object. CannotAsk if the model did not write one."""
    text = call.arguments.strip() or "{}"
    try:
        _object.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise CannotAsk(
            f"the arguments of the call {call.id!r} of {call.name!r} are no JSON object, all that {dialect} carries"
        ) from error
    return msgspec.Raw(text.encode())


def lenient_object(text: str) -> msgspec.Raw | None:
    """Arguments a model wrote, as an object; None where they are none."""
    text = text.strip() or "{}"
    try:
        _object.decode(text)
        return msgspec.Raw(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return unicode_of(value)
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, dict):
        return {unicode_of(name): _cleaned(each) for name, each in value.items()}
    return value
