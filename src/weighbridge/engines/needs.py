"""What a request needs of an engine, so that a lack is refused by name instead of being dropped on the way."""

from __future__ import annotations

from weighbridge.chat import ChatRequest, Image
from weighbridge.engines.engine import Ability, Engine
from weighbridge.errors import CannotAsk


def needs(request: ChatRequest) -> tuple[Ability, ...]:
    """Every ability this request cannot do without, the endpoint first."""
    wanted = [Ability.COMPLETION if request.prompt is not None else Ability.CHAT]
    if request.choices and request.choose == "grammar":
        wanted.append(Ability.GRAMMAR)
    if request.choices and request.choose == "logprob":
        wanted.append(Ability.RANK)
    if request.choices and request.choose == "likelihood":
        wanted.append(Ability.LIKELIHOOD)
    if request.schema is not None:
        wanted.append(Ability.SCHEMA)
    if request.tools:
        wanted.append(Ability.TOOLS)
    if request.reasoning_effort is not None:
        wanted.append(Ability.REASONING_EFFORT)
    if request.logprobs is not None:
        wanted.append(Ability.LOGPROBS)
    for message in request.messages:
        if type(message.content) is not str and any(type(part) is Image for part in message.content):
            wanted.append(Ability.IMAGES)
            break
    return tuple(wanted)


def refuse_what_it_lacks(engine: Engine, request: ChatRequest) -> None:
    """Raise CannotAsk naming the backend and the first ability it lacks; no engine gives several answers at once."""
    if request.n != 1:
        raise CannotAsk(
            f"backend {engine.name!r} gives one answer a call, and `n` asks for {request.n}",
            where=f"backend {engine.name}",
            next_move="Ask as often as answers are wanted.",
        )
    for ability in needs(request):
        if ability not in engine.abilities:
            able = ", ".join(sorted(engine.abilities)) or "nothing"
            raise CannotAsk(
                f"backend {engine.name!r} cannot do {ability.value!r}, which this request needs",
                where=f"backend {engine.name}",
                next_move=f"It can do: {able}. {_ADVICE.get(ability, '')}".rstrip(),
            )


_ADVICE = {
    Ability.GRAMMAR: 'Set `choose = "text"` to find the label in what the model writes.',
    Ability.RANK: 'Set `choose = "grammar"` or `choose = "text"`.',
    Ability.LIKELIHOOD: "vLLM, SGLang and llamacpp tell it. Others can be asked for a letter, another measure: "
    "`weighbridge weigh --init FOLDER --from lm-eval:TASK --as letters`.",
    Ability.CHAT: 'A base model is asked with `endpoint = "completion"`.',
}
