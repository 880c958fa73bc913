"""Options ranked by the log-likelihood of their whole text, from a server that echoes a prompt with log-probabilities.

    score(option) = sum over its tokens of log p(token | prompt, the option's tokens before it)

The prompt alone is read first: what its tokens and those of all options' texts have in common is the prompt, the rest
belongs to the options, also where a token crosses the seam. That is what lm-eval takes for context and continuation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from weighbridge.chat import Answer, ChatRequest, Piece, openai_echo
from weighbridge.chat.openai_echo import Echoed
from weighbridge.engines.labels import likeliest, only_choice
from weighbridge.engines.openai.labels import Spent
from weighbridge.errors import CannotAsk

Read = Callable[[ChatRequest, dict[str, Any]], Awaitable[bytes]]
"""Makes one call with a body and gives the answer's."""


async def rank_by_likelihood(request: ChatRequest, read: Read) -> Piece:
    """Every option scored, one call each and one for the prompt. Raises CannotAsk in a conversation."""
    if request.prompt is None:
        raise CannotAsk(
            "in a conversation this backend gives no log-probabilities of given texts",
            next_move='Ask with `endpoint = "completion"`, or let a letter be asked for: `--as letters`.',
        )
    choice, spent = only_choice(request), Spent()

    async def echoed(text: str) -> Echoed:
        found = openai_echo.decode(await read(request, openai_echo.encode(request, text)), text)
        spent.add(Answer(text="", usage=found.usage, model=found.model))
        return found

    prompt = request.prompt.rstrip(" ")
    gap = request.prompt[len(prompt) :]
    before = await echoed(prompt)
    whole = [await echoed(prompt + gap + choice.lead + label) for label in choice.labels]
    shared = _shared([before, *whole])
    if shared == 0:
        raise CannotAsk("nothing stands before the options, so they cannot be ranked", next_move="Give a prompt.")
    sums = (sum(value or 0.0 for value in one.logprobs[shared:]) for one in whole)
    scores = dict(zip(choice.labels, sums, strict=True))
    return Piece(
        text=likeliest(choice, scores),
        label_logprobs={choice.name: scores},
        finish="stop",
        usage=spent.usage,
        model=spent.model,
    )


def _shared(texts: Sequence[Echoed]) -> int:
    """Tokens that all texts begin with."""
    fewest = min(len(one.tokens) for one in texts)
    return next((at for at in range(fewest) if len({one.tokens[at] for one in texts}) > 1), fewest)
