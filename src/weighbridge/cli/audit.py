"""`weighbridge audit`: is this download what it claims to be, and safe to load?"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.audit.records import Audit, Finding

STOPPED_BY_CTRL_C = 130
_PRINTED = ("verdict", "findings", "not_checked", "files")
_COLOURS = {"critical": "red", "high": "red", "medium": "yellow", "low": "cyan", "info": "white"}
_MEANS = {
    "pass": "nothing found that should stop you",
    "warn": "look at this before you load it or pass it on",
    "fail": "do not load it: it could run code, leak, or change what the model is told",
}


@click.command(
    epilog="""\b
Examples:
  weighbridge audit ./DeepSeek-V3            a folder: weights, config, tokenizer, templates, licence
  weighbridge audit model.gguf --json        one file, as JSON
  weighbridge audit hf:Qwen/Qwen3-8B         a repository on the hub, of large files only what must be read
  weighbridge audit ./new --baseline ./old   what changed since a copy you trust (or `--baseline hf:REPO`)
Exit code 0: pass or warn; 1: fail.
"""
)
@click.argument("path", metavar="PATH|hf:REPO")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--bom", type=click.Path(path_type=Path), help="Write a CycloneDX 1.6 bill of materials here.")
@click.option("--baseline", metavar="PATH|hf:REPO", help="A copy you trust, or the hub's hashes, to compare with.")
@click.option("--public-key", type=click.Path(path_type=Path), help="The key that should have signed the model.")
@click.option(
    "--certificate", "certificates", type=click.Path(path_type=Path), multiple=True, help="Its chain of certificates."
)
@click.option("--identity", help="Who should have signed without a key; goes with --issuer and --trust.")
@click.option("--issuer", help="Who vouches for that identity: an OpenID Connect address.")
@click.option("--trust", type=click.Path(path_type=Path), help="Roots that a keyless signature is checked against.")
@click.option("--signature", type=click.Path(path_type=Path), help="The signature, where it is not among the files.")
def audit(
    *,
    path: str,
    as_json: bool,
    bom: Path | None,
    baseline: str | None,
    public_key: Path | None,
    certificates: tuple[Path, ...],
    identity: str | None,
    issuer: str | None,
    trust: Path | None,
    signature: Path | None,
) -> None:
    """Read a model's files as an enemy might have written them, before anything loads them.

    PATH is a file or a folder. Nothing in it is imported, unpickled or run, and nothing is asked of a network; chat
    templates are rendered in a sandbox of their own. Of hf:REPO the hub is asked for its list of files and for what
    must be read of them. What was not checked is listed.
    """
    from weighbridge.audit.signatures import Signed
    from weighbridge.cli.audit_progress import AuditBar
    from weighbridge.cli.compose_audit import audit_place, is_hub
    from weighbridge.cli.environment import settings_from_environment

    if ":" in path and not Path(path).exists() and not is_hub(path):
        raise UsageError(
            f"{path} is not on this machine",
            next_move=f"Pull it first: weighbridge pull {path}; then audit the folder it names.",
        )
    if (identity is None) != (issuer is None):
        raise UsageError("--identity and --issuer go together", next_move="A keyless signature names both.")
    signed = Signed(public_key, certificates, identity, issuer, trust, signature)
    try:
        with AuditBar() as bar:
            found, name = audit_place(path, settings_from_environment(), baseline=baseline, tell=bar, signed=signed)
    except KeyboardInterrupt:
        click.echo("\nStopped. Nothing was changed.", err=True)
        sys.exit(STOPPED_BY_CTRL_C)
    if bom is not None:
        from weighbridge.audit.bom import write_bom

        write_bom(found, name, bom, datetime.now(UTC))
    if as_json:
        click.echo(msgspec.json.encode({name: getattr(found, name) for name in _PRINTED}))
    else:
        _print(found, path)
    sys.exit(found.verdict == "fail")


def _print(found: Audit, path: str) -> None:
    colour = {"pass": "green", "warn": "yellow", "fail": "red"}[found.verdict]
    click.echo(f"{click.style(found.verdict.upper(), fg=colour, bold=True)}  {path}: {_MEANS[found.verdict]}")
    for finding in found.findings:
        _print_finding(finding)
    formats = Counter(file.format for file in found.files)
    said = ", ".join(f"{count} {format_}" for format_, count in formats.most_common())
    click.echo(f"\n{len(found.files)} files ({said}), each with its SHA-256 in --json and --bom.")
    click.echo("Not checked:")
    for what in found.not_checked:
        click.echo(f"  - {what}")


def _print_finding(finding: Finding) -> None:
    severity = click.style(f"{finding.severity:<8}", fg=_COLOURS[finding.severity])
    click.echo(f"\n  {severity} {finding.id}  {finding.path}")
    click.echo(f"           {finding.detail}")
    if finding.reference:
        click.echo(f"           see {finding.reference}")
