"""The report as one HTML file: nothing is fetched, nothing in it acts but our own script, and it reads without one.

The page carries a Content-Security-Policy that allows exactly the style sheet and the script below, by their SHA-256,
and nothing else: should escaping ever fail, what got in still cannot run, load or send.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from importlib import resources

from weighbridge import __version__
from weighbridge.weigh.records import Report

from .costs import costs_section
from .failures import failures_section
from .groups import groups_section
from .intervals import intervals_section
from .items import items_section
from .judging import judging_section
from .markup import Markup, tag, trusted
from .plain import one_line, shorten
from .provenance import provenance_section
from .repeats import repeats_section
from .sources import sources_section
from .stages import stages_section
from .strips import symbols
from .verdict import verdict_section

LINKS = (
    ("verdict", "Verdict"),
    ("scores", "Scores"),
    ("stages", "Stages"),
    ("costs", "Cost and speed"),
    ("groups", "By tag"),
    ("repeats", "Repeats"),
    ("sources", "Sources"),
    ("judges", "Judges"),
    ("items", "Items"),
    ("failures", "Failures"),
    ("repeat", "Repeat it"),
)


def render(report: Report) -> str:
    """The whole page. Pure: the same report gives the same bytes."""
    style, script = _asset("report.css"), _asset("report.js")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="generator", content=f"Weighbridge {__version__}"),
        tag("title", f"{one_line(report.result.task, 80)}: Weighbridge report"),
        tag("style", trusted(style)),
    )
    body = tag("body", symbols(), _masthead(report), _main(report), _foot(report), tag("script", trusted(script)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _main(report: Report) -> Markup:
    return tag(
        "main",
        verdict_section(report),
        intervals_section(report),
        stages_section(report),
        costs_section(report),
        groups_section(report),
        repeats_section(report),
        sources_section(report),
        judging_section(report),
        items_section(report),
        failures_section(report),
        provenance_section(report),
    )


def _masthead(report: Report) -> Markup:
    optional: dict[str, object] = {
        "groups": report.groups,
        "repeats": report.result.repeats,
        "sources": report.result.recorded,
    }
    optional |= {"judges": report.result.judging}
    absent = {name for name, there in optional.items() if not there}
    shown = [(name, title) for name, title in LINKS if name not in absent]
    links = (tag("li", tag("a", title, href=f"#{name}")) for name, title in shown)
    about, left = shorten(report.description, 1_000)
    return tag(
        "header",
        tag("p", "Weighbridge report", class_="house"),
        tag("p", tag("bdi", one_line(report.result.task, 120)), class_="task"),
        tag("p", about, "…" if left else None, class_="about", dir="auto", lang="") if about.strip() else None,
        tag("p", _when(report.started_at), class_="when"),
        tag("nav", tag("ul", links), aria_label="Parts of this report"),
        class_="masthead",
    )


def _foot(report: Report) -> Markup:
    return tag("footer", f"Written by Weighbridge {__version__}. Run started {_when(report.started_at)}.")


def _when(unix_s: float) -> str:
    try:
        at = datetime.fromtimestamp(unix_s, UTC)
    except (OverflowError, OSError, ValueError):
        return "at an unknown time"
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    rules = {
        "default-src": "'none'",
        "style-src": f"'sha256-{_digest(style)}'",
        "script-src": f"'sha256-{_digest(script)}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
