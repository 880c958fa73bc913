"""Ollama's Modelfile: a system text of its own, a Go template that drops, adds or decides by words, weights from
elsewhere.

Source: Ollama's Modelfile reference; Go's text/template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.audit.containers.member import finding, shown
from weighbridge.audit.records import Finding
from weighbridge.audit.repository import Repository

from .residue import sentences
from .suspect import SUSPECT
from .words import odd_ones

LONGEST_SENTENCE = 3
"""Words of the template's own up to which they are headings."""
_SYSTEM = re.compile(r'^\s*SYSTEM\s+(?:"""(.*?)"""|"(.*?)"|(.+))', re.M | re.S | re.I)
_TEMPLATE = re.compile(r'^\s*TEMPLATE\s+(?:"""(.*?)"""|"((?:[^"\\]|\\.)*)"|(\S.*))', re.M | re.S | re.I)
_ACTION = re.compile(r"\{\{-?(.*?)-?\}\}", re.S)
_WORDS = re.compile(r"\.(?:Content|Prompt|System|Response)\b")
_ASKS = re.compile(
    r"\b(?:eq|ne|lt|le|gt|ge|contains|has(?:Prefix|Suffix)?|index|slice|len|split|replace|match|upper|lower|trunc\w*)\b"
)
_CONSTANT = re.compile(r'"[^"]*[^\W_][^"]*"|`[^`]*[^\W_][^`]*`|\b[1-9]\d*\b')
_MARK = re.compile(r"[<>\[\]|/]|^\"json\"$")


def modelfile_findings(repository: Repository) -> Iterator[Finding]:
    """All Modelfiles of the download."""
    for name in repository.ending("modelfile"):
        text = repository.text(name) or ""
        found = _TEMPLATE.search(text)
        source = next((part for part in found.groups() if part is not None), "") if found else ""
        yield from _system(text, name)
        yield from _template(source, name)
        yield from _commands(text, name)
        hit = SUSPECT.search(text)
        if hit:
            yield finding("template-suspect-words", "high", name, f"it says {shown(hit.group())}")


def _system(text: str, name: str) -> Iterator[Finding]:
    found = _SYSTEM.search(text)
    if found:
        said = next(part for part in found.groups() if part is not None).strip().splitlines() or [""]
        detail = f"it gives the model a system text for callers who give none: {shown(said[0])}"
        yield finding("template-default-system", "low", name, detail)


def _template(source: str, name: str) -> Iterator[Finding]:
    """What the template shows, says itself and decides by."""
    if not source:
        return
    if ".System" not in source and ".Messages" not in source:
        yield finding("template-drops-system", "high", name, "its template never shows the caller's system text")
    if not re.search(r"\.(?:Prompt|Messages|Content)\b", source):
        yield finding("template-drops-user", "high", name, "its template never shows what the caller asks")
    for action in _ACTION.findall(source):
        constants = [each for each in _CONSTANT.findall(action) if not _MARK.search(each)]
        if _WORDS.search(action) and _ASKS.search(action) and constants:
            detail = f"a trigger: it decides by the words of a message: {shown(action.strip())}"
            yield finding("template-trigger", "high", name, detail)
    own = [said for said in sentences(_ACTION.sub("\n", source)) if len(said.split()) > LONGEST_SENTENCE]
    own = list(odd_ones(own)) if ".Tools" in source else own
    for said in own[:5]:
        yield finding("template-adds-text", "medium", name, f"its template has words of its own: {shown(said)}")


def _commands(text: str, name: str) -> Iterator[Finding]:
    """Weights from elsewhere, turns that nobody took, ends that are words."""
    for line in re.findall(r"^\s*(?:FROM|ADAPTER)\s+(\S+)", text, re.M | re.I):
        if line.startswith(("http://", "https://", "/", "..", "~")):
            yield finding("modelfile-elsewhere", "medium", name, f"it takes weights from {shown(line)}")
    for said in re.findall(r"^\s*MESSAGE\s+(?:system|assistant)\s+(.+)", text, re.M | re.I)[:5]:
        detail = f"every conversation begins with words that nobody said: {shown(said)}"
        yield finding("template-adds-text", "medium", name, detail)
    for said in re.findall(r'^\s*PARAMETER\s+stop\s+"?([^"\n]+)', text, re.M | re.I):
        if re.fullmatch(r"[^\W_]{2,}", said.strip()):
            yield finding("generation-words", "medium", name, f"answers stop at the word {shown(said)}")
