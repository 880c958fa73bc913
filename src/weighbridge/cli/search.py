"""`weighbridge models [WORD...]`: search the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.catalog.feeds.held import Held
from weighbridge.catalog.fields import FIELDS
from weighbridge.catalog.names import find_lab, find_licence
from weighbridge.catalog.prices import prices_of, said_range
from weighbridge.catalog.records import Catalogue
from weighbridge.catalog.search import (
    SHOWN,
    Condition,
    Found,
    Row,
    bounded,
    containing,
    having,
    licensed,
    make_rows,
    named,
    offered,
    search,
)
from weighbridge.catalog.spellings import COUNTRIES, read_country
from weighbridge.catalog.wording import say
from weighbridge.cli.chosen import FOLDER, JSON, held
from weighbridge.cli.columns import GAP, in_columns, known_width, width_of
from weighbridge.errors import UsageError
from weighbridge.formats.problems import did_you_mean

BOUNDS = {
    "active": "parameters_active",
    "total": "parameters_total",
    "context": "context_tokens",
    "released": "released",
}
"""Option to the field it bounds."""
COLUMNS = ("lab", "country", "licence", "parameters_total", "parameters_active", "context_tokens", "released")
LEAST_FIRST = ("LAB", "RELEASED", "FROM", "INPUT $/M", "TOTAL")
"""Columns that give way on a narrow terminal, in this order."""
HEADS = ("MODEL", "LAB", "FROM", "LICENCE", "TOTAL", "ACTIVE", "CONTEXT", "RELEASED", "INPUT $/M")


@lru_cache(maxsize=4)
def rows_of(state: Held) -> tuple[Row, ...]:
    """Every model of a catalogue as lists show it; made once a process."""
    return make_rows(state.catalogue, state.offers)


@click.command("search", short_help="Search for models that meet every condition.")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--open/--closed", "is_open", default=None, help="Weights to be had, or not.")
@click.option("--licence", "--license", metavar="TERMS", help="`commercial`, `conditional`, or a licence: `MIT`.")
@click.option("--context", multiple=True, metavar="BOUND", help="Longest context: '>=128k'.")
@click.option("--active", multiple=True, metavar="BOUND", help="Parameters used for one token: '<40B'.")
@click.option("--total", multiple=True, metavar="BOUND", help="All parameters: '<=70B'.")
@click.option("--released", multiple=True, metavar="BOUND", help="When it was announced: '>=2026-01'.")
@click.option("--country", multiple=True, metavar="COUNTRY", help="Seat of the lab: CN, France. Several: any of them.")
@click.option("--lab", multiple=True, metavar="LAB", help="Who released it. Several: any of them.")
@click.option("--family", multiple=True, metavar="NAME", help="The line it belongs to: Qwen.")
@click.option("--architecture", metavar="KIND", help="dense, moe, hybrid or ssm.")
@click.option("--stage", metavar="STAGE", help="base, instruct, reasoning or hybrid.")
@click.option("--takes", multiple=True, metavar="KIND", help="What it takes: image, audio. Several: all of them.")
@click.option("--reasoning/--no-reasoning", default=None, help="Can reason before it answers, or not.")
@click.option("--tools/--no-tools", default=None, help="Trained to call tools, or not.")
@click.option("--provider", metavar="ID", help="Served by this provider.")
@click.option("--input", "input_price", metavar="BOUND", help="An offer's dollars a million input tokens: '<0.5'.")
@click.option("--output", "output_price", metavar="BOUND", help="The same offer's dollars a million output tokens.")
@click.option("--stubs", is_flag=True, help="Also models that are only named, because somebody serves them.")
@FOLDER
@JSON
def search_models(words: tuple[str, ...], folder: Path, as_json: bool, stubs: bool, **asked: Any) -> None:
    """Search for models that meet every condition; every WORD is in their names.

    What is unknown never meets a condition that asks for it; how many models are left out for that is said below the
    list. `weighbridge models resolve NAME...` says which model a name means.
    """
    state = held(folder)
    catalogue = state.catalogue
    conditions = [*(named(word) for word in words), *_conditions(catalogue, asked, rows_of(state))]
    rows = [row for row in rows_of(state) if stubs or not row.model.stub]
    found = search(rows, conditions)
    if as_json:
        click.echo(msgspec.json.encode({"models": [_plain(row) for row in found.rows], "unknown": found.unknown}))
    else:
        click.echo("\n".join(_list(catalogue, found)))
        _hint_at_conditions(conditions, rows, found)


def _hint_at_conditions(conditions: list[Condition], rows: list[Row], found: Found) -> None:
    """How many more there are under a licence that allows commercial use with conditions."""
    if any(each.said == "licence commercial" for each in conditions):
        wider = [licensed("conditional", None) if each.said == "licence commercial" else each for each in conditions]
        more = len(search(rows, wider).rows) - len(found.rows)
        if more:
            click.echo(
                f"{more:,} more may be used commercially under conditions: --licence conditional lists them too."
            )


def _conditions(catalogue: Catalogue, asked: dict[str, Any], rows: tuple[Row, ...]) -> Iterator[Condition]:
    """Every option that was given, as a condition. Raises UsageError for a value that cannot be."""
    if asked["licence"] is not None:
        yield _licence(catalogue, asked["licence"])
    for option, name in BOUNDS.items():
        yield from (bounded(name, text) for text in asked[option])
    for option, name in (("is_open", "open_weights"), ("reasoning", "reasoning"), ("tools", "tools")):
        if asked[option] is not None:
            yield having(name, [asked[option]], name if asked[option] else f"no {name}")
    for name in ("architecture", "stage"):
        if asked[name] is not None:
            yield having(name, [_word(name, asked[name])], f"{name} {asked[name]}")
    if asked["country"]:
        yield having("country", [_country(text) for text in asked["country"]], f"country {_or(asked['country'])}")
    if asked["lab"]:
        yield having("lab", [_lab(catalogue, text) for text in asked["lab"]], f"lab {_or(asked['lab'])}")
    if asked["family"]:
        yield having("family", [_family(rows, text) for text in asked["family"]], f"family {_or(asked['family'])}")
    yield from (containing("modalities", kind, f"takes {kind}") for kind in asked["takes"])
    prices = {name: asked[f"{name}_price"] for name in ("input", "output") if asked[f"{name}_price"] is not None}
    if prices or asked["provider"] is not None:
        yield offered(_provider(rows, asked["provider"]), prices)


def _licence(catalogue: Catalogue, text: str) -> Condition:
    terms = text.strip().casefold()
    if terms in ("commercial", "conditional"):
        return licensed(terms, None)
    licence = find_licence(catalogue, text)
    if licence is None:
        known = ["commercial", "conditional", *catalogue.licences]
        raise UsageError(f"no licence is called {text!r}", next_move=did_you_mean(text, known))
    return licensed(licence, licence)


def _country(text: str) -> str:
    country = read_country(text)
    if country is None:
        raise UsageError(f"{text!r} is no one country", next_move=did_you_mean(text, COUNTRIES))
    return country


def _lab(catalogue: Catalogue, text: str) -> str:
    lab = find_lab(catalogue, text)
    if lab is None:
        raise UsageError(f"no lab is called {text!r}", next_move=did_you_mean(text, catalogue.labs))
    return lab


def _family(rows: tuple[Row, ...], text: str) -> str:
    families = {row.facts["family"].casefold(): row.facts["family"] for row in rows if row.facts["family"]}
    if text.casefold() not in families:
        raise UsageError(f"no family is called {text!r}", next_move=did_you_mean(text, families.values()))
    return str(families[text.casefold()])


def _provider(rows: tuple[Row, ...], text: str | None) -> str | None:
    if text is None:
        return None
    providers = {offer.provider for row in rows for offer in row.offers}
    if text.casefold() not in {provider.casefold() for provider in providers}:
        raise UsageError(f"no provider is called {text!r}", next_move=did_you_mean(text, providers))
    return text


def _word(name: str, text: str) -> str:
    word = next((word for word in FIELDS[name].words if word.casefold() == text.casefold()), None)
    if word is None:
        raise UsageError(f"{text!r} is no {name}", next_move=did_you_mean(text, FIELDS[name].words))
    return word


def _or(texts: tuple[str, ...]) -> str:
    return " or ".join(texts)


def _plain(row: Row) -> dict[str, Any]:
    prices = prices_of(row.offers)
    return {
        "id": row.model.id,
        "name": row.model.name,
        **{name: row.facts[name] for name in SHOWN},
        "disputed": row.disputed,
        "providers": prices.providers if prices else (),
        "input_usd_per_million": prices.input if prices else None,
        "output_usd_per_million": prices.output if prices else None,
    }


def _list(catalogue: Catalogue, found: Found) -> Iterator[str]:
    if found.rows:
        rows, left_out = _fitting([HEADS, *(_cells(catalogue, row) for row in found.rows)], known_width())
        yield in_columns(rows, wrap=False)
        yield f"\nLeft out for want of room: {', '.join(left_out)}." if left_out else ""
    hint = " * disputed: `weighbridge show` says by whom." if _any_disputed(found) else ""
    yield f"{len(found.rows):,} models.{hint}"
    for said, count in found.unknown.items():
        yield f"{count:,} more may meet `{said}`, but what it asks for is unknown."


def _fitting(rows: list[tuple[str, ...]], room: int | None) -> tuple[list[tuple[str, ...]], list[str]]:
    """The table without as many columns as do not fit, those that matter least first, and their heads."""
    kept = list(range(len(HEADS)))
    widths = [max(width_of(row[place]) for row in rows) for place in kept]
    left_out = []
    for head in LEAST_FIRST:
        if room is None or sum(widths[place] + len(GAP) for place in kept) - len(GAP) <= room:
            break
        kept.remove(HEADS.index(head))
        left_out.append(head)
    return [tuple(row[place] for place in kept) for row in rows], left_out


def _cells(catalogue: Catalogue, row: Row) -> tuple[str, ...]:
    facts = (
        "?" if row.facts[name] is None else say(catalogue, name, row.facts[name]) + "*" * (name in row.disputed)
        for name in COLUMNS
    )
    prices = prices_of(row.offers)
    return row.model.id, *facts, said_range(prices.input) if prices and prices.input else "?"


def _any_disputed(found: Found) -> bool:
    return any(name in row.disputed for row in found.rows for name in COLUMNS)
