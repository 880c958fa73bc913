"""A page as text for a terminal, as Markdown, or as one HTML file that needs nothing else."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import click

from weighbridge.catalog.page import Page, Point, Section, Table
from weighbridge.cli.columns import in_columns, terminal_width, visible

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2430 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #d8dde5 }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .2rem 1rem; margin: 0 }
dt { color: #5a6675 } dd { margin: 0; overflow-wrap: anywhere } small { color: #5a6675 }
@media (prefers-color-scheme: dark) { body { background: #14181f; color: #e4e8ee } th, td { border-color: #333b47 }
dt, small { color: #9aa5b4 } }
@media print { body { margin: 0; max-width: none } }
"""


def forms(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options --markdown, --html and --json; the last one given counts, none of them is text."""
    for form, what in (("json", "JSON"), ("html", "one HTML page"), ("markdown", "Markdown")):
        command = click.option(f"--{form}", "form", flag_value=form, help=f"Print {what} instead.")(command)
    return command


def printed(page: Page, form: str | None) -> str:
    """The page as text, or in the form that was asked for."""
    return {"markdown": as_markdown, "html": as_html}.get(form or "", as_text)(page)


def as_text(page: Page) -> str:
    parts = [visible(page.title)]
    for section in page.sections:
        parts += ["", section.title.upper(), *_text_of(section)]
    return "\n".join(parts)


def _text_of(section: Section) -> Iterator[str]:
    if section.points:
        rows = [(point.label, f"{point.text}{_cited(point)}") for point in section.points]
        yield textwrap.indent(in_columns(rows, width=terminal_width() - 2), "  ")
    if section.table is not None:
        rows_of_table = (section.table.head, *section.table.rows)
        yield textwrap.indent(in_columns(rows_of_table, width=terminal_width() - 2), "  ")


def _cited(point: Point) -> str:
    return f" [{point.source}]" if point.source else ""


def as_markdown(page: Page) -> str:
    parts = [f"# {_escaped(page.title)}"]
    for section in page.sections:
        parts += ["", f"## {section.title}", ""]
        parts += [f"- **{_escaped(each.label)}**: {_escaped(each.text + _cited(each))}" for each in section.points]
        if section.table is not None:
            parts += [""] * bool(section.points) + list(_markdown_table(section.table))
    return "\n".join(parts)


def _markdown_table(table: Table) -> Iterator[str]:
    yield _bars(table.head)
    yield _bars(["---"] * len(table.head), escape=False)
    yield from (_bars(row) for row in table.rows)


def _bars(cells: tuple[str, ...] | list[str], *, escape: bool = True) -> str:
    return "| " + " | ".join(_escaped(cell) if escape else cell for cell in cells) + " |"


def _escaped(text: str) -> str:
    """Markdown that reads as the text: no mark, no tag, no new cell comes of it."""
    plain = "".join("\\" + letter if letter in "\\`*_[]|~#" else letter for letter in visible(text))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_html(page: Page) -> str:
    title = html.escape(page.title)
    body = "\n".join(part for section in page.sections for part in _html_of(section))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n{body}\n</body></html>"
    )


def _html_of(section: Section) -> Iterator[str]:
    yield f"<h2>{html.escape(section.title)}</h2>"
    if section.points:
        yield "<dl>" + "\n".join(_html_point(point) for point in section.points) + "</dl>"
    if section.table is not None:
        head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in section.table.head)
        yield f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>'
        yield from (
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in section.table.rows
        )
        yield "</tbody></table></div>"


def _html_point(point: Point) -> str:
    cited = f" <small>{html.escape(point.source)}</small>" if point.source else ""
    return f"<dt>{html.escape(point.label)}</dt><dd>{html.escape(point.text)}{cited}</dd>"
