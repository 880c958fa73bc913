"""Offers, workloads and hardware with defaults, for tests of cost."""

from __future__ import annotations

from typing import Any

from weighbridge.catalog.records import Offer
from weighbridge.cost.hardware import Hardware, Pace
from weighbridge.cost.workload import Range, Workload, sure

MODEL = "acme/large-2"


def make_offer(provider: str = "northcloud", **changes: Any) -> Offer:
    return Offer(**{"provider": provider, "model_id": "large-2", "model": MODEL, "input": 0.5, "output": 2.0} | changes)


def make_work(**changes: Any) -> Workload:
    return Workload(**{"requests_per_day": 10_000.0, "input_tokens": 1000.0, "output_tokens": 200.0} | changes)


def make_hardware(**changes: Any) -> Hardware:
    return Hardware(**{"device": "H100-SXM", "usd_hour": 2.0} | changes)


def make_pace(decode: float = 2000.0, low: float | None = None, high: float | None = None, **changes: Any) -> Pace:
    return Pace(**{"decode_tps": Range(decode, low or decode, high or decode), "said": "as given"} | changes)


def sure_pace(decode: float, prefill: float) -> Pace:
    return Pace(decode_tps=sure(decode), prefill_tps=sure(prefill), said="as given")
