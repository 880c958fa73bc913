"""Each template of a download, judged by its source and by what it makes of conversations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from weighbridge.audit.containers.member import finding, shown
from weighbridge.audit.records import Finding
from weighbridge.audit.repository import Repository

from .found import Found
from .render import can_render
from .suspect import SUSPECT

LONGEST_SOURCE = 1 << 20
MOST_TEMPLATES = 40
MISSING = "chat templates: jinja2 is not installed (pip install 'weighbridge[audit]')"
_PLAIN_ESCAPE = re.compile(
    r"__(?:class|globals|init|mro|subclasses|builtins|import|base|dict|getattribute)__|\|\s*attr\s*\("
)


def template_findings(templates: Iterable[Found], not_checked: list[str]) -> Iterator[Finding]:
    """What is wrong with each; the same text in two places is judged once."""
    judged: dict[str, str] = {}
    for place, found in enumerate(templates):
        if place >= MOST_TEMPLATES:
            not_checked.append(f"chat templates after the first {MOST_TEMPLATES}")
            return
        if found.source in judged:
            continue
        judged[found.source] = found.where
        yield from _judge(found, not_checked)


def _judge(found: Found, not_checked: list[str]) -> Iterator[Finding]:
    if len(found.source) > LONGEST_SOURCE:
        detail = f"a chat template of {len(found.source):,} characters: too long to be one"
        yield finding("template-size", "high", found.where, detail)
        return
    if not can_render():
        yield from _without_jinja(found)
        if MISSING not in not_checked:
            not_checked.append(MISSING)
        return
    from .differential import differences
    from .syntax import source_findings
    from .taint import Taint
    from .tree import parse

    tree = parse(found.source)
    if tree is None:
        yield finding(
            "template-broken", "medium", found.where, "the chat template does not parse: it was not looked into"
        )
        yield from _without_jinja(found)
        return
    taint = Taint(tree)
    yield from source_findings(tree, taint, found.source, found.where)
    yield from differences(found.source, tree, taint, found.where, found.tokens)


def _without_jinja(found: Found) -> Iterator[Finding]:
    """The least that can be said by looking at the letters."""
    hit = _PLAIN_ESCAPE.search(found.source)
    if hit:
        detail = f"the template holds {shown(hit.group())}: a way from a template to running code"
        yield finding("template-code", "critical", found.where, detail, "CVE-2024-34359, CVE-2026-5760")


def modelfile_findings(repository: Repository) -> Iterator[Finding]:
    """Ollama's Modelfile: a system text of its own, a template that drops one, adapters from elsewhere."""
    for name in repository.ending("modelfile"):
        text = repository.text(name) or ""
        system = re.search(r'^\s*SYSTEM\s+(?:"""(.*?)"""|"(.*?)"|(.+))', text, re.M | re.S | re.I)
        if system:
            said = next(part for part in system.groups() if part is not None).strip().splitlines()[0]
            detail = f"it gives the model a system text for callers who give none: {shown(said)}"
            yield finding("template-default-system", "low", name, detail)
        template = re.search(r'^\s*TEMPLATE\s+(?:"""(.*?)"""|"(.*?)")', text, re.M | re.S | re.I)
        source = next((part for part in template.groups() if part is not None), "") if template else ""
        if source and ".System" not in source and "range .Messages" not in source and ".Messages" not in source:
            yield finding("template-drops-system", "high", name, "its template never shows the caller's system text")
        for line in re.findall(r"^\s*(?:FROM|ADAPTER)\s+(\S+)", text, re.M | re.I):
            if line.startswith(("http://", "https://", "/", "..", "~")):
                yield finding("modelfile-elsewhere", "medium", name, f"it takes weights from {shown(line)}")
        if source and not re.search(r"\.(?:Prompt|Messages|Content)\b", source):
            yield finding("template-drops-user", "high", name, "its template never shows what the caller asks")
        for said in re.findall(r"^\s*MESSAGE\s+(?:system|assistant)\s+(.+)", text, re.M | re.I)[:5]:
            detail = f"every conversation begins with words that nobody said: {shown(said)}"
            yield finding("template-adds-text", "medium", name, detail)
        for said in re.findall(r'^\s*PARAMETER\s+stop\s+"?([^"\n]+)', text, re.M | re.I):
            if re.fullmatch(r"[^\W_]{2,}", said.strip()):
                yield finding("generation-words", "medium", name, f"answers stop at the word {shown(said)}")
        yield from _suspect(text, name)
        yield from _injecting_words(source, name)


def _suspect(text: str, name: str) -> Iterator[Finding]:
    """Words of secrets and of rules to be broken, wherever they stand."""
    hit = SUSPECT.search(text)
    if hit:
        yield finding("template-suspect-words", "high", name, f"it says {shown(hit.group())}")


def _injecting_words(source: str, name: str) -> Iterator[Finding]:
    """Sentences in a Go template outside its actions: words the model is told that nobody said."""
    from .residue import sentences

    bare = re.sub(r"\{\{.*?\}\}", "\n", source, flags=re.S)
    for said in sentences(bare):
        if len(said.split()) > 3:
            yield finding("template-adds-text", "medium", name, f"its template has words of its own: {shown(said)}")
