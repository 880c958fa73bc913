"""One field of an item and one candidate's answer to it, as parts of an article."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.weigh.records import Sample

from .markup import Child, Markup, tag
from .numbers import MINUS, count, percent, seconds
from .page import candidate
from .plain import one_line, plain_value, shorten, without_credentials

LONG = 700
"""Characters from which a text scrolls in a box of its own."""
SAID = {"r": "right", "p": "partly right", "w": "wrong", "f": "failed", "-": "not asked"}
"""By the letter that stands for an outcome in an article's `data-outcomes`; report.js filters by these letters."""
SIGN = {"r": "✓", "p": "◐", "w": "✗", "f": "!", "-": "–"}
LANGUAGE_TAGS = ("language", "lang", "locale")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Cut:
    """How much is shown: the measure by which a page of many items is kept small."""

    limit: int
    """Characters of one text."""
    labels: int
    """Labels whose log-probability is listed, the likeliest first."""

    def text(self, value: str, language: str) -> Markup:
        """Text from a file or a model: its own direction, its own language, its own box when it is long."""
        shown, left = shorten(value, self.limit)
        more = tag("span", f" … {count(left)} more characters", class_="cut") if left else None
        long = len(shown) > LONG or shown.count("\n") > 12
        return tag(
            "div", shown, more, class_="text long" if long else "text", dir="auto", lang=language,
            tabindex=0 if long else None, role="group" if long else None, aria_label="long text" if long else None,
        )  # fmt: skip


def language_of(tags: Mapping[str, str]) -> str:
    """The item's language where a tag says so; else empty, which is HTML for unknown. It picks glyphs and voices."""
    for name in LANGUAGE_TAGS:
        value = tags.get(name, "")
        if LANGUAGE.fullmatch(value):
            return value
    return ""


def outcome(sample: Sample | None) -> str:
    """One letter: right, partly right, wrong, failed, or `-` for not asked."""
    if sample is None:
        return "-"
    if sample.score is None or math.isnan(sample.score):
        return "f"
    return "r" if sample.score >= 1 else "w" if sample.score <= 0 else "p"


def field(name: str, value: object, cut: Cut, language: str, *, right: bool = False) -> Markup:
    """One field of the item; `right` marks the reference."""
    label = ["Expected ", tag("bdi", one_line(name, 60))] if right else tag("bdi", one_line(name, 60))
    body = cut.text(plain_value(value), language)
    return tag("div", tag("dt", label), tag("dd", body), class_="expected" if right else None)


def sample_cell(name: str, sample: Sample | None, by_name: dict[str, int], cut: Cut, language: str) -> Markup:
    letter = outcome(sample)
    said = SAID[letter]
    if sample is not None and letter == "p":
        said = percent(sample.score)
    mark = tag("span", tag("span", SIGN[letter], aria_hidden="true"), " ", said, class_=f"outcome o-{_class(letter)}")
    body = None if sample is None else _body(sample, cut, language)
    return tag("div", tag("h4", candidate(name, by_name, 40), mark), body, class_="answer")


def _class(letter: str) -> str:
    return "n" if letter == "-" else letter


def _body(sample: Sample, cut: Cut, language: str) -> list[Child]:
    parts: list[Child] = []
    if sample.text or sample.score is not None:
        parts.append(cut.text(sample.text, language) if sample.text else tag("p", "(empty answer)", class_="quiet"))
    if sample.score is None:
        reason = one_line(sample.failed or "no score", 80)
        error = without_credentials(sample.error or "")
        parts.append(tag("p", tag("b", reason), class_="why"))
        parts.append(cut.text(error, "en") if error else None)
    if sample.note:
        parts.append(tag("p", shorten(sample.note, 300)[0], class_="scorer", dir="auto"))
    if len(sample.parts) > 1:
        parts.append(_parts(sample.parts))
    if sample.label_logprobs and cut.labels:
        parts.append(_labels(sample.label_logprobs, cut.labels))
    if sample.reasoning:
        parts.append(tag("details", tag("summary", "Reasoning, not scored"), cut.text(sample.reasoning, language)))
    parts.append(_meta(sample))
    return parts


def _parts(parts: Mapping[str, float]) -> Markup:
    said = (
        tag("span", tag("bdi", one_line(name, 40)), " ", percent(value)) for name, value in list(parts.items())[:12]
    )
    return tag("p", said, class_="parts")


def _labels(choices: Mapping[str, Mapping[str, float]], most: int) -> Markup:
    """Per choice the likeliest labels, with their log-probability and their share among the labels."""
    tables = []
    for choice, labels in list(choices.items())[:6]:
        ranked = sorted(labels.items(), key=lambda pair: -_finite(pair[1]))
        top = _finite(ranked[0][1]) if ranked else 0.0
        whole = sum(math.exp(_finite(value) - top) for _, value in ranked) or 1.0
        rows = [
            tag(
                "tr",
                tag("th", one_line(label, 40), dir="auto"),
                tag("td", percent(math.exp(_finite(value) - top) / whole)),
                tag("td", f"{value:.2f}".replace("-", MINUS)),
            )
            for label, value in ranked[:most]
        ]
        heads = tag("tr", (tag("th", name) for name in (one_line(choice, 40), "share", "log-prob.")))
        tables.append(tag("table", heads, rows, class_="labels"))
    return tag("details", tag("summary", "Label log-probabilities"), tables)


def _finite(value: float) -> float:
    """Minus infinity is a label that was ruled out; NaN is treated alike."""
    return -1e4 if math.isnan(value) or value == math.inf else max(value, -1e4)


def _meta(sample: Sample) -> Markup | None:
    usage = sample.usage
    said = []
    if sample.latency_s is not None:
        said.append(seconds(sample.latency_s))
    if usage.input_tokens is not None or usage.output_tokens is not None:
        said.append(f"{count(usage.input_tokens)} tokens in, {count(usage.output_tokens)} out")
    if sample.cached:
        said.append("from an earlier call")
    return tag("p", " · ".join(said), class_="meta") if said else None
