"""Everything it takes to repeat the run: the command, what the candidates share, where they differ, and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from weighbridge.weigh.records import Report

from .markup import Child, Markup, tag
from .page import Column, candidate, note, section, table
from .plain import command_line, one_line, plain_value, shorten, tame, visible, without_credentials
from .words import places

LONGEST = 6_000
"""Characters of one setting that are shown."""
ROWS = 400
NESTED = 6
JSON_LIMIT = 400_000


def provenance_section(report: Report) -> Markup:
    aside = [
        tag("p", "The same task, seed and versions draw the same items in the same order and ask the same questions. "
            "Whether the answers come out the same is up to the models."),
    ]  # fmt: skip
    command = command_line(report.provenance.get("command"))
    rest = {key: value for key, value in report.provenance.items() if key != "command"}
    return section(
        "repeat",
        "Repeat it",
        aside,
        _copyable("command", without_credentials(visible(command))) if command else None,
        tag("h3", "Candidates"),
        _candidates(report),
        tag("h3", "The run"),
        _settings(rest),
        _everything(report),
    )


def flattened(value: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """(`sampling.temperature`, 0.0) for each leaf; empty containers and None are leaves."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, Mapping) and value and depth < NESTED:
        for key, child in value.items():
            yield from flattened(child, f"{path}.{key}" if path else str(key), depth + 1)
    else:
        yield path, value


def _candidates(report: Report) -> Markup:
    """What all share stands once; what differs stands side by side."""
    named = [(str(one.get("name", place + 1)), dict(flattened(one))) for place, one in enumerate(report.candidates)]
    if len(named) != len(report.result.candidates):
        named = named or [(one.name, {"model": one.model}) for one in report.result.candidates]
    keys = list(dict.fromkeys(key for _, values in named for key in values if key != "name"))[:ROWS]
    shared = _shared_keys(keys, [values for _, values in named])
    by_name = places(report)
    columns = [Column("Setting"), *(Column(one_line(name, 40), head=candidate(name, by_name, 40)) for name, _ in named)]
    rows: list[list[Child]] = [
        [
            _key(key),
            *(_value(values[key]) if key in values else tag("span", "not set", class_="quiet") for _, values in named),
        ]
        for key in keys
        if key not in shared
    ]
    differing = table(columns, rows, caption="Settings of the candidates", class_="settings")
    return tag("div", differing, _shared(shared, named[0][1]) if shared else None)


def _shared_keys(keys: Sequence[str], settings: Sequence[Mapping[str, object]]) -> list[str]:
    """Settings that every candidate has, with the same value. With one candidate nothing is shared."""
    if len(settings) < 2:
        return []
    first, *others = settings
    return [key for key in keys if key in first and all(key in one and one[key] == first[key] for one in others)]


def _shared(keys: Sequence[str], values: Mapping[str, object]) -> Markup:
    written = _listed([(key, values[key]) for key in keys], "All candidates", "Settings all share")
    return tag("div", tag("h4", "The same for all"), written)


def _settings(values: Mapping[str, Any]) -> list[Markup]:
    return _listed(list(flattened(values))[:ROWS], "Value", "Settings of the run")


def _listed(settings: Sequence[tuple[str, object]], heading: str, caption: str) -> list[Markup]:
    """Settings one a row; those that nobody set share one line, for they matter only by their absence."""
    rows = ([_key(key), _value(value)] for key, value in settings if not _unset(value))
    unset = [key for key, value in settings if _unset(value)]
    written = table([Column("Setting"), Column(heading)], rows, caption=caption, class_="settings")
    names = [["" if place == 0 else ", ", _key(key)] for place, key in enumerate(unset)]
    return [written, note("Not set: ", names, ".")] if unset else [written]


def _unset(value: object) -> bool:
    return value is None or value in ({}, [], ())


def _key(key: str) -> Markup:
    return tag("bdi", one_line(key.replace("_", " ").replace(".", " › "), 120))


def _value(value: object) -> Markup:
    written = "none" if _unset(value) else plain_value(value)
    shown, left = shorten(without_credentials(written), LONGEST)
    more = tag("span", f" … {left:,} more characters", class_="cut") if left else None
    return tag("div", shown, more, class_="value long" if len(shown) > 400 else "value", dir="auto",
               tabindex=0 if len(shown) > 400 else None)  # fmt: skip


def _everything(report: Report) -> Markup:
    whole = {
        "result": report.result,
        "rule": report.rule,
        "candidates": report.candidates,
        "provenance": report.provenance,
    }
    written = msgspec.json.format(msgspec.json.encode(tame(whole)), indent=2).decode(errors="replace")
    shown, _ = shorten(written, JSON_LIMIT)
    return tag("details", tag("summary", "All of this as JSON"), _copyable("json", shown))


def _copyable(name: str, content: str) -> Markup:
    button = tag("button", "Copy", type="button", class_="copy", data_copy=f"copy-{name}", hidden=True)
    return tag("div", tag("pre", tag("code", content, id=f"copy-{name}"), tabindex=0), button, class_="copyable")
