"""The first of a ranking as candidates of a task for `weighbridge weigh`: text of task.toml and of its first items.

A provider becomes a backend of kind `openai` with its address and the price that was reckoned with. Own hardware
becomes one at this machine's port, with the command that starts it, or llama.cpp where a GGUF file is known. What only
the user can know stands in lines marked FILL IN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

from weighbridge.catalog.records import Offer
from weighbridge.pick.endpoints import ENDPOINTS
from weighbridge.pick.ranking import Answer, Ranked

ITEMS = "items.jsonl"
PORTS = {"vllm": 8000, "sglang": 30000, "llamacpp": 8080, "ollama": 11434, "tensorrt-llm": 8000}
"""Where each engine answers unless told otherwise."""
FILL_IN = "FILL IN"
UNKNOWN_URL = "https://fill-in.example/v1"
Launch = Callable[[Ranked], str | None]
"""The command that starts a model on own hardware; None where it is not known."""


def task_text(answer: Answer, ranked: Sequence[Ranked], offers: Sequence[Offer], launch: Launch) -> str:
    """task.toml for these candidates."""
    lines = [*_head(answer), *_backends(ranked, offers, launch), *_candidates(ranked)]
    return "\n".join(lines) + "\n"


def items_text() -> str:
    """Three items that show the form."""
    words = f"{FILL_IN}: a request as your users write it"
    rows = [{"id": str(number), "text": f"{words} ({number})", "reference": f"{FILL_IN}"} for number in (1, 2, 3)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def to_fill_in(ranked: Sequence[Ranked]) -> Iterator[str]:
    """What the user still has to do."""
    yield f"{ITEMS}: your own requests, each with a reference; the prompt and the score in task.toml"
    variables = sorted({ENDPOINTS[each.way.how][1] for each in ranked if each.way.how in ENDPOINTS})
    if variables:
        yield f"keys in the environment: {', '.join(variables)}"
    unknown = sorted({each.way.how for each in ranked if each.way.how not in ENDPOINTS and each.way.how != "own"})
    if unknown:
        yield f"base_url and key of {', '.join(unknown)}"
    if any(each.way.how == "own" for each in ranked):
        yield "start the engines whose commands stand in task.toml; `weigh --candidates A,B` takes those that run"


def _head(answer: Answer) -> Iterator[str]:
    name = answer.need.file.name or "candidates"
    yield f"# The first of `weighbridge pick` for: {name} ({answer.need.kinds})."
    yield f"# {FILL_IN}: items, prompt and score are yours; `weighbridge weigh FOLDER --check` names what is wrong."
    yield ""
    yield "[task]"
    yield f"name = {_text(name)}"
    yield f'items = "{ITEMS}"'
    yield 'id = "id"'
    yield ""
    yield "[prompt]"
    yield f"system = {_text(f'{FILL_IN}: what the model is for, and how it answers.')}"
    yield 'user = "{{text}}"'
    yield ""
    yield "[answer.sampling]"
    yield f"max_tokens = {max(400, round(4 * answer.need.work.output_tokens))}"
    yield ""
    yield "[[score]]               # others: choice, contains, regex, number, json, json_schema, token_f1, chrf, math"
    yield 'kind = "exact"'
    yield 'reference = "reference"'
    yield ""
    yield "[weigh]"
    yield "margin = 0.02           # a difference of up to two points is a tie"
    yield "max_usd = 20.00         # stop before more than this is spent"


def _backends(ranked: Sequence[Ranked], offers: Sequence[Offer], launch: Launch) -> Iterator[str]:
    by_key = {(offer.provider, offer.model_id): offer for offer in offers}
    for place, each in enumerate(ranked):
        yield ""
        yield "[[backend]]"
        yield f"name = {_text(_name(each))}"
        yield 'kind = "openai"'
        if each.way.how == "own":
            yield from _local(each, place, launch(each))
        else:
            yield from _hosted(each, by_key.get((each.way.how, each.way.model_id)))


def _hosted(each: Ranked, offer: Offer | None) -> Iterator[str]:
    address, variable = ENDPOINTS.get(each.way.how, (UNKNOWN_URL, _variable(each.way.how)))
    note = "" if each.way.how in ENDPOINTS else f"    # {FILL_IN}: the address of {each.way.how}, up to /v1"
    yield f"base_url = {_text(address)}{note}"
    yield f"api_key = {_text(f'env:{variable}')}"
    yield f"model = {_text(each.way.model_id)}"
    if offer is not None:
        named = (("input", offer.input), ("output", offer.output), ("cached", offer.cached or None))
        prices = ", ".join(f"{kind} = {price:g}" for kind, price in named if price is not None)
        yield f"price = {{ {prices} }}    # dollars a million tokens, of {offer.updated or 'an unknown day'}"


def _local(each: Ranked, place: int, command: str | None) -> Iterator[str]:
    """Every candidate has a port of its own, so that an engine that is not started is missed, not mistaken."""
    engine = each.way.run.engine if each.way.run else "vllm"
    port = PORTS[engine] if engine == "ollama" else PORTS[engine] + place
    flag = "" if engine == "ollama" else f" --port {port}"
    flag += f" --served-model-name {each.id}" if engine in ("vllm", "sglang") else ""
    yield f"# runs on {each.way.fits_on}; start it first:"
    yield f"#   {command}{flag}" if command else f"#   {FILL_IN}: the command of your engine, at port {port}"
    yield f'base_url = "http://127.0.0.1:{port}/v1"'
    yield f"model = {_text(each.id)}"
    yield "price = { input = 0, output = 0 }    # your own hardware: paid for whether it is asked or not"


def _candidates(ranked: Sequence[Ranked]) -> Iterator[str]:
    for each in ranked:
        usd = "unknown" if each.way.usd is None else f"${each.way.usd.value:,.0f}"
        yield ""
        yield "[[candidate]]"
        yield f"name = {_text(_name(each))}"
        yield f"backend = {_text(_name(each))}"
        yield f"# quality {each.quality.value:.0f} ({each.quality.low:.0f} to {each.quality.high:.0f}), {usd} a month"


def _name(each: Ranked) -> str:
    return each.id.rpartition("/")[2]


def _variable(provider: str) -> str:
    return re.sub(r"\W+", "_", provider).upper() + "_API_KEY"


def _text(text: str) -> str:
    """A TOML string; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
