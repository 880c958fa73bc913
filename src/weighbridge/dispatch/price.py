"""What a call cost, and the most it could cost.

    cost    (input - cached) x price.input + cached x price.cached + output x price.output, a million tokens
    most    the same with  input = UTF-8 bytes of the request + OVERHEAD_TOKENS a message  (no tokenizer in use makes
            more tokens than bytes) and  output = max_tokens

Unknown is never zero: without the price or the count of something that was used, the cost is None. A request without
`max_tokens` has no upper bound; it is assumed to write at most twice the longest answer seen, and at least
ASSUMED_OUTPUT_TOKENS.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from weighbridge.chat import ChatRequest, Usage
from weighbridge.engines import BackendRecord, Price

OVERHEAD_TOKENS = 32
"""What a chat template adds around one message; templates of the open families add 4 to 12."""
ASSUMED_OUTPUT_TOKENS = 4096
MILLION = 1_000_000

_encoder = msgspec.json.Encoder()


def cost_usd(usage: Usage, price: Price | None) -> float | None:
    """Dollars for what was used; None when a price or a count is missing."""
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    cached = min(usage.cached_tokens or 0, usage.input_tokens) if price.cached is not None else 0
    parts = (
        (usage.input_tokens - cached, price.input),
        (cached, price.cached),
        (usage.output_tokens, price.output),
    )
    usd = 0.0
    for tokens, rate in parts:
        if tokens and rate is None:
            return None
        usd += tokens * (rate or 0.0) / MILLION
    return usd


def most_usd(request: ChatRequest, price: Price | None, longest_output: int) -> float | None:
    """The most a call could cost; None without both prices. `longest_output`: tokens of the longest answer seen."""
    if price is None or price.input is None or price.output is None:
        return None
    asked = len(_encoder.encode(request)) + OVERHEAD_TOKENS * (len(request.messages) + 1)
    written = request.sampling.max_tokens or max(2 * longest_output, ASSUMED_OUTPUT_TOKENS)
    dearest = max(price.input, price.cached or 0.0)
    return (asked * dearest + written * price.output) / MILLION


def host_of(record: BackendRecord) -> str | None:
    """The host that items are sent to when it is not this machine; None when they stay here."""
    if record.base_url is None:
        return None
    host = urlsplit(record.base_url).hostname or record.base_url
    if host == "localhost" or host.endswith(".localhost"):
        return None
    try:
        return None if ipaddress.ip_address(host).is_loopback else host
    except ValueError:
        return host


def may_be_billed(record: BackendRecord) -> bool:
    """Whether a call sent twice could be paid for twice: it has a price, or it leaves this machine."""
    return record.price is not None or host_of(record) is not None
