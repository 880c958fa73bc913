"""`weighbridge fit`: will it run on that, how much room is left, how fast, and the command that starts it."""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from weighbridge.cli.chosen import FOLDER
from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.cli.compose_fit import Wish
    from weighbridge.fit.answer_smallest import Target

EPILOG = """\b
Examples:
  weighbridge fit qwen3-8b --on "RTX 4090" --quant Q4_K_M --context 32768
  weighbridge fit deepseek-v3 --on 8xH200 --context 65536 --concurrency 32 --kv-dtype fp8
  weighbridge fit gpt-oss-120b --on H100 --on "2xRTX 5090" --on M4-Max      side by side
  weighbridge fit qwen3-32b --on H100 --quant auto                         which quantisation to take
  weighbridge fit qwen3-32b --users 50 --ttft 2 --tps 20 --on H100 --on L40S   the smallest set for a target
  weighbridge fit --file model.gguf                                        on this machine, from the file's header
"""
SPELLINGS = {"llama-cpp": "llamacpp", "llama": "llamacpp", "trtllm": "tensorrt-llm", "trt-llm": "tensorrt-llm"}
MOST_TOKENS = 1 << 27
MOST_SEQUENCES = 1 << 20


class Count(click.ParamType):  # type: ignore[type-arg]  # generic only in later versions of click
    """A whole number with K or M behind it if one likes: 8192, 32k, 1M (1,048,576)."""

    name = "N"

    def __init__(self, most: int) -> None:
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip().replace("_", "").replace(",", "").lower()
        factor = {"k": 1 << 10, "m": 1 << 20}.get(text[-1:], 1)
        digits = text[:-1] if factor > 1 else text
        if not digits.isascii() or not digits.isdigit() or len(digits) > 12:
            self.fail(f"{value!r} is no whole number of at least 1", param, ctx)
        number = int(digits) * factor
        if not 1 <= number <= self.most:
            self.fail(f"{value!r}: from 1 to {self.most:,} can be reckoned with", param, ctx)
        return number


class Figure(click.FloatRange):
    """A number above nothing; click lets `nan` through every range."""

    name = "N"

    def __init__(self, most: float | None = None) -> None:
        super().__init__(0, most, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is no number to reckon with", param, ctx)
        return found


class EngineName(click.ParamType):  # type: ignore[type-arg]
    """An engine as people write it."""

    name = "E"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from weighbridge.fit.records import ENGINES

        plain = str(value).strip().lower().replace(".", "").replace("_", "-")
        plain = SPELLINGS.get(plain, plain)
        if plain not in ENGINES:
            near = difflib.get_close_matches(plain, ENGINES, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            self.fail(f"no engine is known as {value!r}; {meant}Known: {', '.join(ENGINES)}.", param, ctx)
        return plain


@click.command(short_help="Will it run on that hardware: memory, speed, capacity, launch commands.", epilog=EPILOG)
@click.argument("model", required=False)
@click.option("--config", type=click.Path(path_type=Path), help="Instead of MODEL: a config.json, or its folder.")
@click.option("--file", type=click.Path(path_type=Path), help="Instead of MODEL: a GGUF file; sizes are exact.")
@click.option("--on", multiple=True, metavar="DEVICE[xN]", help="Where; repeat for several.  [this machine]")
@click.option("--quant", metavar="Q", help="bf16, fp8, awq, nvfp4, Q4_K_M, ..., native, or auto.  [native; Q4_K_M]")
@click.option("--context", type=Count(MOST_TOKENS), default="8192", help="Tokens of a sequence.  [8192]")
@click.option("--concurrency", type=Count(MOST_SEQUENCES), default="1", help="Sequences at once.  [1]")
@click.option("--prompt", type=Count(MOST_TOKENS), help="Of the context, tokens read before the first.  [half]")
@click.option("--kv-dtype", default="auto", metavar="T", help="Of the cache: bf16, fp8, q8_0, nvfp4, ....  [16 bit]")
@click.option("--engine", type=EngineName(), help="vllm, sglang, llamacpp, ollama, tensorrt-llm.")
@click.option("--tp", metavar="N", type=click.IntRange(1, 4096), help="Ranks that share every layer.")
@click.option("--pp", metavar="N", type=click.IntRange(1, 4096), help="Stages of consecutive layers.")
@click.option("--ep", metavar="N", type=click.IntRange(1, 4096), help="Ranks that whole experts are spread over.")
@click.option("--step-tokens", type=Count(1 << 20), help="Read in one step: --ubatch-size, chunk of a prompt.")
@click.option("--flash-attention/--no-flash-attention", default=True, help="llama.cpp's.  [on]")
@click.option("--swa-full", is_flag=True, help="llama.cpp's: sliding windows keep the whole context.")
@click.option(
    "--draft-tokens", metavar="N", type=click.IntRange(0, 16), default=0, help="Proposed a step by MTP layers.  [0]"
)
@click.option("--memory-fraction", type=Figure(1), help="What the engine may take.")
@click.option("--users", type=Count(MOST_SEQUENCES), help="Find the smallest set of devices for so many at once.")
@click.option("--ttft", type=Figure(), metavar="S", help="Target: seconds to the first token.")
@click.option("--tps", type=Figure(), metavar="T", help="Target: tokens a second for each user.")
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; a list for several devices.")
@click.option("--details", is_flag=True, help="With --json: the parts of the overhead, notes, time to first token.")
def fit(folder: Path, as_json: bool, details: bool, **options: Any) -> None:
    """Will MODEL run on DEVICE: bytes of weights, cache and overhead, the longest context, the most users, speed.

    MODEL is a name of the catalogue. Figures say how they came about: exact, derived, measured or estimated.
    """
    wish, target = _wish(options), _target(options)
    if target is not None:
        _print_smallest(wish, target, folder, as_json)
    elif wish.quant == "auto":
        _print_choices(wish, folder, as_json)
    else:
        _print_fits(wish, folder, as_json, details)


def _wish(options: dict[str, Any]) -> Wish:
    from weighbridge.cli.compose_fit import Wish
    from weighbridge.fit.records import Ask
    from weighbridge.fit.state_types import kv_type

    kv_type(options["kv_dtype"])
    context, prompt = options["context"], options["prompt"]
    if prompt is not None and prompt > context:
        raise UsageError(
            f"a prompt of {prompt:,} tokens does not go into a context of {context:,}",
            where="--prompt",
            next_move="--context is prompt and answer together.",
        )
    ask = Ask(
        context_tokens=context,
        concurrency=options["concurrency"],
        kv_dtype=options["kv_dtype"],
        prompt_tokens=prompt,
        step_tokens=options["step_tokens"],
        flash_attention=options["flash_attention"],
        whole_windows=options["swa_full"],
        draft_tokens=options["draft_tokens"],
        memory_fraction=options["memory_fraction"],
    )
    names = {"tp": "tensor", "pp": "pipeline", "ep": "expert"}
    same = {name: options[name] for name in ("model", "config", "file", "on", "quant", "engine")}
    return Wish(
        ask=ask,
        first_token_s=options["ttft"],
        tokens_per_s=options["tps"],
        **same,
        **{ours: options[theirs] for theirs, ours in names.items()},
    )


def _target(options: dict[str, Any]) -> Target | None:
    from weighbridge.fit.answer_smallest import Target

    users, first, rate = options["users"], options["ttft"], options["tps"]
    if users is None:
        return None
    return Target(users=users, first_token_s=first, tokens_per_s=rate)


def _print_fits(wish: Wish, folder: Path, as_json: bool, details: bool) -> None:
    from weighbridge.cli.compose_fit import answers
    from weighbridge.cli.fit_page import page, table

    found = answers(wish, folder)
    if as_json:
        plain = [one if details else one.fit for one, _ in found]
        click.echo(msgspec.json.encode(plain[0] if len(plain) == 1 else plain))
    elif len(found) == 1:
        click.echo(page(*found[0]))
    else:
        click.echo(table([one for one, _ in found]))


def _print_choices(wish: Wish, folder: Path, as_json: bool) -> None:
    from weighbridge.cli.compose_fit import choices
    from weighbridge.cli.fit_page import choice_page

    found = choices(wish, folder)
    if as_json:
        plain = [
            {"best": None if one.best is None else one.tried[one.best].variant, "tried": one.tried} for one in found
        ]
        click.echo(msgspec.json.encode(plain[0] if len(plain) == 1 else plain))
    else:
        click.echo("\n\n".join(choice_page(one) for one in found))


def _print_smallest(wish: Wish, target: Target, folder: Path, as_json: bool) -> None:
    from weighbridge.cli.compose_fit import smallest
    from weighbridge.cli.fit_page import smallest_json, smallest_page

    found = smallest(wish, target, folder)
    if as_json:
        click.echo(msgspec.json.encode(smallest_json(found, target)))
    else:
        click.echo(smallest_page(found, target))
