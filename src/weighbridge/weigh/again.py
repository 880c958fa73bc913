"""One question asked several times: what the requests of its repeats have in common, and what not."""

from __future__ import annotations

import msgspec

from weighbridge.chat import ChatRequest


def again(request: ChatRequest, repeat: int) -> ChatRequest:
    """The request as it is asked once more: with a seed of its own where it has one, or it would be answered alike."""
    seed = request.sampling.seed
    if seed is None or repeat == 0:
        return request
    return msgspec.structs.replace(request, sampling=msgspec.structs.replace(request.sampling, seed=seed + repeat))
