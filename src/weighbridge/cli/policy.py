"""`weighbridge policy`: what is allowed, by which rule and fact it is not, and what was decided."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.cli.compose_check import Checked
    from weighbridge.policy import Policy, Reason

PRESETS = Path(__file__).parent.parent / "policy" / "presets"
DAYS_BACK = 30
POLICY = click.option(
    "--policy",
    "path",
    type=click.Path(path_type=Path),
    default=Path("policy.toml"),
    show_default=True,
    help="The policy file.",
)
CONFIG = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="As for `serve`."
)
EPILOG = """\b
Examples:
  weighbridge policy init                                list the presets; `init NAME` writes one
  weighbridge policy check qwen3-32b --data personal --audit pass --pinned
  weighbridge policy check deepseek-v3 --provider deepseek --data personal
  weighbridge policy check my-route --data personal      each backend of a route of weighbridge.toml
  weighbridge policy test                                the tables of tests in the file
  weighbridge policy report --since 2026-11-01           evidence for a reviewer, as Markdown
"""


@click.group(epilog=EPILOG)
def policy() -> None:
    """Decide in one place which models may be used, by whom they may be served and where data may go.

    A fact that is not known never passes a rule that asks for it; the answer says which one is missing.
    """


@policy.command(short_help="Whether a model or a route is allowed, and by which rule not.")
@click.argument("subject", metavar="MODEL|ROUTE")
@POLICY
@click.option("--provider", help="Who serves the model; without one it runs on engines of your own.")
@click.option("--data", "data_class", help="Class of the data, as the policy names them: public, personal, ...")
@click.option(
    "--audit",
    "verdict",
    type=click.Choice(["pass", "warn", "fail"]),
    help="What `weighbridge audit` said of the weights; known of those that were pulled.",
)
@click.option("--pinned/--not-pinned", default=None, help="Whether the revision is fixed.")
@click.option("--vendor", help="Who made the accelerator it runs on, for an engine of your own.")
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(*, subject: str, path: Path, as_json: bool, **asked: Any) -> None:
    """Whether a model, or a route of weighbridge.toml, is allowed; exit code 1 when it is not.

    MODEL is a name of the catalogue, or a source of weights as `pull` takes it. A ROUTE is allowed where one of its
    backends is. Shares of traffic are those of the ledger.
    """
    from weighbridge.cli.compose_check import check_subject
    from weighbridge.cli.compose_policy import load_policy

    rules = load_policy(path)
    found = check_subject(rules, subject, **asked)
    if as_json:
        click.echo(msgspec.json.encode(_plain(found)))
        for note in found.notes:
            click.echo(f"note: {note}", err=True)
    else:
        click.echo("\n".join(_said(rules, found)))
    sys.exit(not found.allowed)


def _plain(found: Checked) -> dict[str, Any]:
    """`{"allowed", "reasons"}`; of a route also each target."""
    plain: dict[str, Any] = {"allowed": found.allowed, "reasons": found.reasons}
    if found.targets:
        plain["targets"] = [
            {
                "backend": each.backend,
                "model": each.model,
                "allowed": each.decision.allowed,
                "reasons": each.decision.reasons,
            }
            for each in found.targets
        ]
    return plain


def _said(rules: Policy, found: Checked) -> list[str]:
    said = "allowed" if found.allowed else "not allowed"
    lines = [f"{said}: {found.what}, under {rules.file.name}"]
    for each in found.targets:
        may = "allowed" if each.decision.allowed else "not allowed"
        lines.append(f"  {each.model} at {each.backend}: {may}")
        lines += [f"  {line}" for reason in each.decision.reasons for line in _reason(rules, reason)]
    if not found.targets:
        lines += [line for reason in found.reasons for line in _reason(rules, reason)]
    return [*lines, *(f"  note: {note}" for note in found.notes)]


def _reason(rules: Policy, reason: Reason) -> list[str]:
    lines = [f"  {reason.rule}: {reason.detail}"]
    if reason.source:
        lines.append(f"    by {reason.source}")
    because = rules.source_of(reason.rule)
    if because is not None:
        lines.append(f"    because {because.says} ({because.date})")
    return lines


@policy.command(short_help="Run the tests that a policy file brings.")
@POLICY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def test(path: Path, *, as_json: bool) -> None:
    """Run the [[test]] tables of a policy file: each says what must be allowed, and by which rule what is not.

    A table without a provider means an engine of one's own, with weights that are pinned and passed their audit.
    """
    from weighbridge.cli.compose_check import run_tests
    from weighbridge.cli.compose_policy import load_policy

    ran = run_tests(load_policy(path))
    failed = sum(not each.right for each in ran)
    if as_json:
        click.echo(msgspec.json.encode({"passed": len(ran) - failed, "failed": failed, "tests": ran}))
        sys.exit(failed > 0)
    for number, each in enumerate(ran, start=1):
        said = "allowed" if each.allowed else "not allowed"
        click.echo(f"{'ok  ' if each.right else 'FAIL'} {number}. {each.what}: {said}")
        if not each.right:
            click.echo(f"     wanted: {each.wanted}; reasons: {', '.join(each.rules) or 'none'}")
    click.echo(f"{len(ran) - failed} of {len(ran)} as written.")
    sys.exit(failed > 0)


@policy.command()
@click.argument("preset", required=False)
@click.option(
    "--to",
    "path",
    type=click.Path(path_type=Path),
    default=Path("policy.toml"),
    show_default=True,
    help="Where to write it.",
)
def init(preset: str | None, path: Path) -> None:
    """Write a policy to start from; without PRESET, list them. They are starting points, not legal advice."""
    from weighbridge.formats.problems import did_you_mean

    known = {file.stem: file for file in sorted(PRESETS.glob("*.toml"))}
    if preset is None:
        from weighbridge.policy import read_policy

        for name, file in known.items():
            click.echo(f"{name}\n  {read_policy(file).file.source}")
        click.echo("\nStarting points, not legal advice. Write one: weighbridge policy init NAME")
        return
    if preset not in known:
        raise UsageError(f"no preset is called {preset!r}", next_move=did_you_mean(preset, known))
    if path.exists():
        raise UsageError(f"{path} exists already", next_move="Name another file with --to.")
    try:
        path.write_text(known[preset].read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", next_move="Name another with --to.") from error
    click.echo(f"Wrote {path}, a starting point and not legal advice. Next: weighbridge policy test --policy {path}")


@policy.command()
@click.argument("kind", type=click.Choice(["labs", "providers", "licences"]))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def names(kind: str, *, as_json: bool) -> None:
    """The labs, providers or licences that a policy may name."""
    from weighbridge.catalog.snapshot import DATA
    from weighbridge.cli.compose_policy import known_names

    found = sorted(set(getattr(known_names(DATA), kind).values()))
    click.echo(msgspec.json.encode(found) if as_json else "\n".join(found))


@policy.command(short_help="Evidence for a reviewer: decisions, rules, facts, sources.")
@click.option("--since", metavar="DATE", help=f"From this day or moment on, UTC.  [{DAYS_BACK} days ago]")
@click.option("--until", metavar="DATE", help="Up to this day, included, or moment.  [now]")
@click.option("--format", "form", type=click.Choice(["md", "json"]), default="md", show_default=True)
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file instead.")
@CONFIG
def report(*, since: str | None, until: str | None, form: str, to: Path | None, config: Path | None) -> None:
    """Evidence for a reviewer: what the gateway, weigh and pick decided, how often, by which rules and facts.

    The text of every policy file that decided something stands in it, with its SHA-256; so do the sources of rules and
    facts, and the calls for which no policy was asked.
    """
    from weighbridge.cli.compose_report import evidence_report
    from weighbridge.cli.ledger import moment
    from weighbridge.cli.opened_ledger import opened_ledger
    from weighbridge.policy.report_text import markdown

    now = time.time()
    end = moment(until, end=True) if until else now
    start = moment(since, end=False) if since else end - DAYS_BACK * 86_400
    if start >= end:
        raise UsageError("the window ends before it begins", next_move="--since is the earlier of the two.")
    with opened_ledger(config) as db:
        found = evidence_report(db, start, end, made_at=now, config=config)
    text = msgspec.json.format(msgspec.json.encode(found)).decode() + "\n" if form == "json" else markdown(found)
    if to is None:
        click.echo(text, nl=False)
        return
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{to} cannot be written: {error.strerror}") from error
    click.echo(f"Wrote {to}: {found.made:,} decisions, {found.refused:,} refused.")
