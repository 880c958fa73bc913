"""Each template of a download, judged by its source and by what it makes of conversations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import PurePosixPath

from weighbridge.audit.containers.member import finding, shown
from weighbridge.audit.records import Finding

from .found import GGUF_KEY, Found
from .render import can_render

LONGEST_SOURCE = 1 << 20
MOST_TEMPLATES = 40
MISSING = "chat templates: jinja2 is not installed (pip install 'weighbridge[audit]')"
_PLAIN_ESCAPE = re.compile(
    r"__(?:class|globals|init|mro|subclasses|builtins|import|base|dict|getattribute)__|\|\s*attr\s*\("
)


def template_findings(templates: Iterable[Found], not_checked: list[str]) -> Iterator[Finding]:
    """What is wrong with each; the same text in many places is judged once. Those that loaders take unasked come first,
    so that nobody hides one behind a heap of others."""
    different: dict[str, Found] = {}
    for found in sorted(templates, key=_is_aside):
        different.setdefault(found.source, found)
    for found in islice(different.values(), MOST_TEMPLATES):
        yield from _judge(found, not_checked)
    left = list(different.values())[MOST_TEMPLATES:]
    if left:
        not_checked.append(f"chat templates after the first {MOST_TEMPLATES} ({len(left)} more)")
        detail = f"{len(different)} different chat templates: this one and those after it were not looked into"
        yield finding("template-many", "medium", left[0].where, detail)


def _is_aside(found: Found) -> bool:
    """Whether a caller has to ask for the template by its name."""
    file, _, name = found.where.partition(":")
    own = PurePosixPath(file).name.startswith(("tokenizer_config", "chat_template", "processor_config"))
    return not (own and name in ("", "default")) and not found.where.endswith(f":{GGUF_KEY}")


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
    from .known import nearest
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
    near = nearest(found.source)
    if near is not None and not near.is_same:
        said = ", ".join(shown(piece) for piece in near.changed[:3])
        detail = f"this is the published template {near.name} with {len(near.changed)} pieces changed"
        detail += f" and {near.missing} left out{': ' if said else ''}{said}"
        yield finding("template-differs-from-base", "low", found.where, detail)
    taint = Taint(tree)
    yield from source_findings(tree, taint, found.source, found.where)
    if near is None or not near.is_same:
        yield from differences(found.source, tree, taint, found.where, found.tokens)


def _without_jinja(found: Found) -> Iterator[Finding]:
    """The least that can be said by looking at the letters."""
    hit = _PLAIN_ESCAPE.search(found.source)
    if hit:
        detail = f"the template holds {shown(hit.group())}: a way from a template to running code"
        yield finding("template-code", "critical", found.where, detail, "CVE-2024-34359, CVE-2026-5760")
