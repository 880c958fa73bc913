"""`weighbridge policy`: what is allowed, and by which rule and fact it is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from weighbridge.cli.chosen import choose, held
from weighbridge.errors import UsageError

PRESETS = Path(__file__).parent.parent / "policy" / "presets"
POLICY = click.option(
    "--policy",
    "path",
    type=click.Path(path_type=Path),
    default=Path("policy.toml"),
    show_default=True,
    help="The policy file.",
)


@click.group()
def policy() -> None:
    """Decide in one place which models may be used, by whom they may be served and where data may go.

    A fact that is not known never passes a rule that asks for it; the answer says which one is missing.
    """


@policy.command()
@click.argument("model")
@POLICY
@click.option("--provider", help="Who serves it; without one it runs on engines of your own.")
@click.option(
    "--data", "data_class", help="Class of the data, as the policy names them: public, internal, personal, ..."
)
@click.option(
    "--audit",
    "verdict",
    type=click.Choice(["pass", "warn", "fail"]),
    help="What `weighbridge audit` said of the weights.",
)
@click.option("--pinned/--not-pinned", default=None, help="Whether the revision is fixed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(
    *,
    model: str,
    path: Path,
    provider: str | None,
    data_class: str | None,
    verdict: Any,
    pinned: bool | None,
    as_json: bool,
) -> None:
    """Whether MODEL is allowed; exit code 1 when it is not."""
    from weighbridge.catalog.snapshot import DATA
    from weighbridge.cli.compose_policy import facts_for
    from weighbridge.policy import decide, read_policy

    rules = read_policy(path)
    facts = facts_for(held().catalogue, choose(DATA, model), provider=provider, data_class=data_class, pinned=pinned)
    decision = decide(rules, msgspec.structs.replace(facts, audit=verdict))
    if as_json:
        click.echo(msgspec.json.encode(decision))
    else:
        by = f" by {facts.provider}" if facts.provider else " on engines of your own"
        click.echo(f"{'allowed' if decision.allowed else 'not allowed'}: {facts.model}{by}, under {rules.file.name}")
        for reason in decision.reasons:
            source = f"  [{reason.source}]" if reason.source else ""
            click.echo(f"  {reason.rule}: {reason.detail}{source}")
    sys.exit(not decision.allowed)


@policy.command()
@POLICY
def test(path: Path) -> None:
    """Run the [[test]] tables of a policy file: each says what must be allowed, and by which rule what is not.

    A table without a provider means an engine of one's own, with weights that are pinned and passed their audit.
    """
    from weighbridge.catalog.snapshot import DATA
    from weighbridge.cli.compose_policy import facts_for
    from weighbridge.policy import decide, read_policy

    rules = read_policy(path)
    catalogue = held().catalogue
    failed = 0
    for number, case in enumerate(rules.file.test, start=1):
        facts = facts_for(
            catalogue, choose(DATA, case.model), provider=case.provider, data_class=case.data, pinned=True
        )
        decision = decide(rules, msgspec.structs.replace(facts, audit="pass"))
        named = {reason.rule for reason in decision.reasons}
        right = decision.allowed == case.allowed and (case.rule is None or case.rule in named)
        failed += not right
        by = f" by {case.provider}" if case.provider else ""
        data = f", {case.data} data" if case.data else ""
        said = "allowed" if decision.allowed else "not allowed"
        click.echo(f"{'ok  ' if right else 'FAIL'} {number}. {case.model}{by}{data}: {said}")
        if not right:
            wanted = f"{'allowed' if case.allowed else 'not allowed'}{f' by {case.rule}' if case.rule else ''}"
            click.echo(f"     wanted: {wanted}; reasons: {', '.join(sorted(named)) or 'none'}")
    click.echo(f"{len(rules.file.test) - failed} of {len(rules.file.test)} as written.")
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
    known = {file.stem: file for file in sorted(PRESETS.glob("*.toml"))}
    if preset is None:
        from weighbridge.policy import read_policy

        for name, file in known.items():
            click.echo(f"{name}\n  {read_policy(file).file.source}")
        return
    if preset not in known:
        raise UsageError(f"no preset is called {preset!r}", next_move=f"There are: {', '.join(known)}.")
    if path.exists():
        raise UsageError(f"{path} exists already", next_move="Name another file with --to.")
    path.write_text(known[preset].read_text(encoding="utf-8"), encoding="utf-8")
    click.echo(f"Wrote {path}. Next: weighbridge policy check MODEL --data personal")
