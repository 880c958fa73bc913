"""What an audit says: findings with a severity, what was not checked, every file with its hash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Severity = Literal["info", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")
"""Mildest first. From `medium` on somebody should stop and look before loading or passing on; `high` and `critical`:
loading or serving it could run code, leak, or change what the model is told."""

Outcome = Literal["pass", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a reviewer should know."""

    id: str
    """Stable, `part-what`: `pickle-call`, `safetensors-overlap`. rules.py lists them all."""
    severity: Severity
    path: str
    """Inside the audited folder; a member of an archive stands after `!`: `model.bin!archive/data.pkl`."""
    detail: str
    reference: str | None = None
    """Where the danger is described: a CVE, a specification."""


class SeenFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the download."""

    path: str
    sha256: str | None
    """None: not hashed, and `not_checked` says why."""
    format: str
    """What its bytes say it is, whatever its name says."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What the files say they are, for a bill of materials. Unknown stays empty."""

    architecture: str | None = None
    """The class that reads it: `Qwen2ForCausalLM`; of a GGUF file its architecture."""
    family: str | None = None
    task: str | None = None
    parameters: int | None = None
    """Numbers in its tensors."""
    context_tokens: int | None = None
    licences: tuple[tuple[str, str], ...] = ()
    """Each licence that is spoken of, and where."""
    bases: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer; `--json` prints it without `subject`."""

    verdict: Outcome
    findings: tuple[Finding, ...]
    """Worst first."""
    not_checked: tuple[str, ...]
    """What nobody looked at, and why; never empty by forgetting."""
    files: tuple[SeenFile, ...]
    subject: Subject = Subject()


def verdict_of(findings: Iterable[Finding]) -> Outcome:
    """`fail` from high on, `warn` for medium, else `pass`."""
    worst = max((SEVERITIES.index(finding.severity) for finding in findings), default=0)
    if worst >= SEVERITIES.index("high"):
        return "fail"
    return "warn" if worst == SEVERITIES.index("medium") else "pass"


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Severest first, then by path and id; the same finding said twice is said once."""
    return tuple(
        sorted(
            dict.fromkeys(findings),
            key=lambda finding: (-SEVERITIES.index(finding.severity), finding.path, finding.id, finding.detail),
        )
    )
