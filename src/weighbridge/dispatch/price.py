"""What a call cost, and the most it could cost.

    cost    input x price.input + output x price.output, a million tokens; cached, cache-written and reasoning tokens at
            rates of their own where there are any; a long prompt at those of its tier
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
from weighbridge.chat.request import readings
from weighbridge.engines import BackendRecord, Price
from weighbridge.engines.addresses import address_of
from weighbridge.engines.engine import Rates

OVERHEAD_TOKENS = 32
"""What a chat template adds around one message; templates of the open families add 4 to 12."""
ASSUMED_OUTPUT_TOKENS = 4096
MILLION = 1_000_000

_encoder = msgspec.json.Encoder()


def cost_usd(usage: Usage, price: Price | None) -> float | None:
    """Dollars for what was used; None when a price or a count is missing."""
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    rates: Rates = price.rates(usage.input_tokens) if price.tiers else price
    read, written = usage.input_tokens, usage.output_tokens
    usd = 0.0
    if rates.cached is not None and usage.cached_tokens:
        cached = min(usage.cached_tokens, read)
        read -= cached
        usd += cached * rates.cached
    if rates.cache_write is not None and usage.cache_write_tokens:
        kept = min(usage.cache_write_tokens, read)
        read -= kept
        usd += kept * rates.cache_write
    if rates.reasoning is not None and usage.reasoning_tokens:
        thought = min(usage.reasoning_tokens, written)
        written -= thought
        usd += thought * rates.reasoning
    if (read and rates.input is None) or (written and rates.output is None):
        return None
    return (usd + read * (rates.input or 0.0) + written * (rates.output or 0.0)) / MILLION


def most_usd(request: ChatRequest, price: Price | None, longest_output: int) -> float | None:
    """The most a call could cost; None without both prices. `longest_output`: tokens of the longest answer seen."""
    if price is None or price.input is None or price.output is None:
        return None
    asked = (len(_encoder.encode(request)) + OVERHEAD_TOKENS * (len(request.messages) + 1)) * readings(request)
    written = request.sampling.max_tokens or max(2 * longest_output, ASSUMED_OUTPUT_TOKENS)
    rates = price.dearest
    return (
        None
        if rates.input is None or rates.output is None
        else (asked * rates.input + written * rates.output) / MILLION
    )


def host_of(record: BackendRecord) -> str | None:
    """The host that items are sent to when it is not this machine; None when they stay here."""
    address = address_of(record)
    if address is None:
        return None
    host = urlsplit(address).hostname or address
    if host == "localhost" or host.endswith(".localhost"):
        return None
    try:
        return None if ipaddress.ip_address(host).is_loopback else host
    except ValueError:
        return host


def may_be_billed(record: BackendRecord) -> bool:
    """Whether a call sent twice could be paid for twice: it has a price, or it leaves this machine."""
    return record.price is not None or host_of(record) is not None
