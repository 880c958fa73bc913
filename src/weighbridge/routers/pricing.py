"""Dollars of recorded calls, from the tokens they took and what a million of them costs.

    dollars    (input tokens x input rate + output tokens x output rate) / 1,000,000

Recorded dollars go before that. A call without a count, or with a prompt that the rates do not hold for, has an unknown
cost, and then so has every sum that it is in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from weighbridge.errors import UsageError

from .arrays import Floats
from .samples import Samples, model_of

MILLION = 1_000_000


class Rate(NamedTuple):
    """Dollars a million tokens."""

    input: float
    output: float
    longest: float = np.inf
    """Tokens of a prompt that they hold for; beyond it something else is asked, nobody knows what."""
    said: str = ""
    """Whose they are, as of when."""


def priced(samples: Samples, voters: Sequence[str], rates: Mapping[str, Rate]) -> Samples:
    """With dollars for every voter whose model has a rate. UsageError for one whose tokens were not counted."""
    usd = dict(samples.usd)
    for voter in voters:
        rate = rates.get(voter, rates.get(model_of(voter)))
        if rate is None or voter in usd:
            continue
        read, written = samples.input_tokens.get(voter), samples.output_tokens.get(voter)
        if read is None or written is None:
            raise UsageError(
                f"{voter} has a price and no count of tokens",
                next_move=f"Give columns {voter}.input_tokens and {voter}.output_tokens, or --cost {voter}=USD.",
            )
        usd[voter] = _dollars(read, written, rate)
    return replace(samples, usd=usd)


def mean_costs(samples: Samples, voters: Sequence[str]) -> dict[str, float | None]:
    """Dollars a call of each model with recorded ones; None where a call's cost is unknown."""
    found: dict[str, list[Floats]] = {}
    for voter in voters:
        if voter in samples.usd:
            found.setdefault(model_of(voter), []).append(samples.usd[voter])
    means = {model: float(np.concatenate(parts).mean()) for model, parts in found.items()}
    return {model: None if np.isnan(mean) else mean for model, mean in means.items()}


def _dollars(read: Floats, written: Floats, rate: Rate) -> Floats:
    usd = (read * rate.input + written * rate.output) / MILLION
    return np.where(read <= rate.longest, usd, np.nan)
