"""`weighbridge weigh`: one command for the main job, its preparation and its rehearsal."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli.changes import Changes
from weighbridge.cli.environment import settings_from_environment
from weighbridge.errors import UsageError

if TYPE_CHECKING:
    from weighbridge.weigh.records import Report

STOPPED_BY_CTRL_C = 130
ONLY_ASKING = ("max_usd", "max_failed", "repeats", "policy", "data", "earlier")
"""Changes that mean nothing to results that exist."""
ONLY_VERDICT = (
    "alpha",
    "margin",
    "scope",
    "goal",
    "regret",
    "baseline",
    "cluster",
    "min_items",
    "max_failed",
    "repeats",
    "order",
    "earlier",
)
"""Changes that mean nothing to votes."""
LM_EVAL = "lm-eval:"
READING = ("metric", "scale", "where", "columns", "tags", "again_is_repeat")
"""Options that say how recorded results are read."""
EXIT_CODES = {"money": 0, "failures": 1}
"""Of a run that ended before its verdict. A limit on dollars that was kept is what was asked for."""

EPILOG = """\b
Examples:
  weighbridge weigh --init my-task            write a commented starter task
  weighbridge weigh my-task --check           find every mistake, call no model
  weighbridge weigh my-task --estimate        calls, tokens, dollars and time, before anything runs
  weighbridge weigh my-task --max-usd 5       run it, and stop in time
  weighbridge weigh --from out/ --json        a verdict on results that exist already
  weighbridge weigh --replay scores.csv --candidates A,B --margin 0.02
  weighbridge weigh my-task --goal not-worse --baseline big --margin 0.02
  weighbridge weigh my-task --order discordant   fewer calls, where earlier candidates were weighed on it
"""


@click.command(short_help="Compare models on your own items until the answer is certain.", epilog=EPILOG)
@click.argument("task", required=False, nargs=-1, type=click.Path())
@click.option("--init", "mode", flag_value="init", help="Write a commented starter task into the folder TASK.")
@click.option("--check", "mode", flag_value="check", help="Name file, line and field of every mistake; call no model.")
@click.option("--estimate", "mode", flag_value="estimate", help="Say calls, tokens, dollars and time; run nothing.")
@click.option("--arena", "mode", flag_value="arena", help="Vote blind on two answers at a time; `rank TASK` rates.")
@click.option("--voter", metavar="NAME", help="With --arena: who votes.  [you]")
@click.option(
    "--votes", "most_votes", metavar="N", type=click.IntRange(min=1), help="With --arena: end after so many votes."
)
@click.option("--candidates", metavar="A,B[,...]", help="Weigh only these; with --replay, the columns to compare.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), help="Of the order in which items are drawn.  [0]")
@click.option(
    "--alpha",
    metavar="X",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Error rate of a winner.  [0.05]",
)
@click.option(
    "--margin",
    metavar="X",
    type=click.FloatRange(0, 1),
    help="Differences up to this are a tie: 0.02 is two points.  [0]",
)
@click.option(
    "--scope", type=click.Choice(["work", "items"]), help="A claim about work like these items, or these only."
)
@click.option(
    "--goal",
    type=click.Choice(["better", "near-best", "not-worse"]),
    help="Name the best; choose one close to the best; or show who is not worse than the baseline.  [better]",
)
@click.option(
    "--regret", metavar="X", type=click.FloatRange(0, 1, min_open=True), help="With near-best: how close.  [0.01]"
)
@click.option("--baseline", metavar="A", help="With not-worse: the candidate the others are held against.")
@click.option("--cluster", metavar="FIELD", help="Items that share FIELD are drawn together and counted as one.")
@click.option(
    "--order",
    type=click.Choice(["random", "discordant"]),
    help="discordant: items on which earlier candidates differed come up more often, and count less.  [random]",
)
@click.option(
    "--earlier", type=click.Path(path_type=Path), help="With --order discordant: recorded results.  [the ledger]"
)
@click.option("--min-items", metavar="N", type=click.IntRange(min=0), help="Do not end before this many items.  [0]")
@click.option("--max-usd", metavar="X", type=click.FloatRange(min=0), help="Stop before dollars spent could pass this.")
@click.option("--max-items", metavar="N", type=click.IntRange(min=1), help="Draw at most this many items.")
@click.option(
    "--max-failed",
    metavar="X",
    type=click.FloatRange(0, 1),
    help="Share of a candidate's samples that may fail.  [0.2]",
)
@click.option("--policy", type=click.Path(path_type=Path), help="Ask this policy.toml first which may be asked at all.")
@click.option("--data", metavar="CLASS", help="Class of data that the items are of, as the policy names it.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the HTML report.")
@click.option("--replay", type=click.Path(path_type=Path), help="Draw from a table of recorded scores; call nothing.")
@click.option("--rows-are-items", is_flag=True, help="With --replay or --from: each row is an item, no cell is an id.")
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="PATH",
    help="Weigh results that exist: logs of lm-eval, Inspect, promptfoo, OpenAI evals, CSV, JSON Lines. "
    "NAME=PATH names the candidate; more paths may follow. With --init: lm-eval:TASK, a task to write here.",
)
@click.option(
    "--as",
    "measure",
    type=click.Choice(["likelihood", "letters"]),
    help="With --init --from: multiple choice by each text's likelihood, as in lm-eval, or by a letter.  [likelihood]",
)
@click.option("--metric", metavar="NAME", help="With --from: the metric that counts.  [the first]")
@click.option("--scale", metavar="WORST..BEST", help="With --from: what scores run from and to.  [0..1]")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="With --from: only rows of a table that say so.")
@click.option("--columns", metavar="ROLE=COLUMN,...", help="With --from: item=, candidate=, score=, repeat=, usd= ...")
@click.option("--tags", metavar="A,B", help="With --from: fields to group by, beside those known for it.")
@click.option("--again-is-repeat", is_flag=True, help="With --from: the same item again in a table is another answer.")
@click.option(
    "--repeats", metavar="N", type=click.IntRange(min=1, max=1000), help="Answers to each item; their mean counts.  [1]"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; progress goes to standard error.")
def weigh(
    task: tuple[str, ...],
    mode: str | None,
    candidates: str | None,
    report: Path | None,
    replay: Path | None,
    *,
    sources: tuple[str, ...],
    measure: str | None,
    rows_are_items: bool,
    voter: str | None,
    most_votes: int | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Compare models on your own items until the answer is certain.

    TASK is a folder with task.toml and items. Items are drawn in random order; the run ends as soon as a test that
    is valid at every look names a winner, or a tie within the margin, or a forecast says that going on would not
    decide it. The verdict is printed, and an HTML report says everything about it. A run that was stopped goes on
    with the same command; what was paid for is not asked again.

    Exit 0 with any verdict or when --max-usd ended the run, 1 when something failed, 2 for wrong usage, 130 after
    Ctrl-C or SIGTERM, also where what was under way still brought a verdict.
    """
    names = tuple(name.strip() for name in (candidates or "").split(",") if name.strip())
    reading = {name: changes.pop(name) for name in READING}
    if mode != "arena" and (voter is not None or most_votes is not None):
        raise UsageError("--voter and --votes go with --arena only")
    if sources and mode == "init":
        _init_from(_folder(task), sources, changes.get("max_items"), measure, as_json)
        return
    if measure is not None:
        raise UsageError("--as goes with --init and --from only")
    if sources:
        if mode is not None or replay is not None:
            raise UsageError("--from goes with no --check, --estimate, --arena or --replay")
        paths = (*sources, *task)
        _read(paths, reading | {"rows_are_items": rows_are_items}, Changes(only=names, **changes), report, as_json)
        return
    _only_with_from(reading)
    folder = _folder(task)
    if replay is not None:
        if folder is not None or mode is not None or report is not None:
            raise UsageError("--replay goes with no TASK, --init, --check, --estimate, --arena or --report")
        _replay(replay, Changes(only=names, **changes), as_json, rows_are_items=rows_are_items)
        return
    if rows_are_items:
        raise UsageError("--rows-are-items goes with --replay and --from: the items of a task have ids of their own")
    if folder is None:
        raise UsageError(
            "name the folder of a TASK", next_move="`weighbridge weigh --init my-task` writes one to start from."
        )
    if mode == "init":
        _init(folder, as_json)
    elif mode == "check":
        _check(folder, Changes(only=names, **changes), as_json)
    elif mode == "arena":
        from weighbridge.cli.arena import hold_arena

        asked = Changes(only=names, **changes)
        _refuse_idle(asked, ONLY_VERDICT, "about verdicts, and --arena gives ratings")
        if report is not None:
            raise UsageError("--report is about verdicts, and --arena gives ratings")
        hold_arena(folder, asked, voter=voter, most=most_votes, as_json=as_json)
    elif mode == "estimate":
        _estimate(folder, Changes(only=names, **changes), as_json)
    else:
        _run(folder, Changes(only=names, **changes), report, as_json)


def _folder(task: tuple[str, ...]) -> Path | None:
    """The one TASK that was named."""
    if len(task) > 1:
        raise UsageError(f"one TASK at a time, got {len(task)}", next_move="Several paths go with --from.")
    return Path(task[0]) if task else None


def _only_with_from(reading: dict[str, Any]) -> None:
    """What says how recorded results are read means nothing elsewhere."""
    given = [f"--{name.replace('_', '-')}" for name, value in reading.items() if value]
    if given:
        raise UsageError(f"{', '.join(given)} goes with --from only", next_move="A task says these in task.toml.")


def _refuse_idle(changes: Changes, names: tuple[str, ...], why: str) -> None:
    """An option that would change nothing is a mistake."""
    idle = [f"--{name.replace('_', '-')}" for name in names if getattr(changes, name) is not None]
    if idle:
        raise UsageError(f"{', '.join(idle)} {'is' if len(idle) == 1 else 'are'} {why}")


def _read(
    paths: tuple[str, ...], reading: dict[str, Any], changes: Changes, report: Path | None, as_json: bool
) -> None:
    _refuse_idle(changes, ONLY_ASKING, "about asking models, and --from asks none")
    _refuse_idle(changes, ("order",), "about items to be drawn, and --from takes them all")
    from weighbridge.cli.compose_imports import Asked, weigh_recorded
    from weighbridge.cli.reading import ReadingLine

    with ReadingLine() as line:
        try:
            settings = settings_from_environment()
            found = weigh_recorded(Asked(paths=paths, **reading), changes, settings, report=report, line=line)
        except KeyboardInterrupt:
            sys.exit(STOPPED_BY_CTRL_C)
    _finish(found, as_json)


def _init_from(
    folder: Path | None, sources: tuple[str, ...], max_items: int | None, measure: Any, as_json: bool
) -> None:
    """A task of ours from one of lm-eval's."""
    from weighbridge.weigh.lm_eval.write import write_from

    if folder is None or len(sources) != 1 or not sources[0].startswith(LM_EVAL):
        raise UsageError(
            "--init with --from writes one task of lm-eval into one folder",
            next_move="weighbridge weigh --init my-task --from lm-eval:gsm8k",
        )
    written = write_from(sources[0].removeprefix(LM_EVAL), folder, max_items=max_items, measure=measure)
    if as_json:
        _print_json({"folder": str(folder), "tasks": written.tasks, "items": written.items, "kind": written.kind})
        return
    click.echo(f"Wrote task.toml and items.jsonl ({written.items:,} items, {written.kind}) to {folder}.")
    click.echo(f"Next: name your models in {folder / 'task.toml'}, then weighbridge weigh {folder}")


def _init(folder: Path, as_json: bool) -> None:
    from weighbridge.weigh.starter import write_starter

    written = write_starter(folder)
    if as_json:
        _print_json({"folder": str(folder), "files": [path.name for path in written]})
        return
    click.echo(f"Wrote {', '.join(path.name for path in written)} to {folder}.")
    click.echo(f"Next: weighbridge weigh {folder}")


def _check(folder: Path, changes: Changes, as_json: bool) -> None:
    """Exit 1 when there is a mistake."""
    from weighbridge.cli.compose_rehearsal import check_folder

    problems = check_folder(folder, changes, settings_from_environment())
    if as_json:
        _print_json({"problems": problems})
    elif problems:
        click.echo("\n".join(str(problem) for problem in problems))
        click.echo(f"{len(problems)} to mend; no model was called.")
    else:
        click.echo(f"{folder}: nothing wrong. `--estimate` says what a run would take.")
    sys.exit(bool(problems))


def _estimate(folder: Path, changes: Changes, as_json: bool) -> None:
    from weighbridge.cli.compose_rehearsal import estimate_task

    estimate = estimate_task(folder, changes, settings_from_environment())
    if as_json:
        _print_json(estimate)
    else:
        click.echo(str(estimate))


def _run(folder: Path, changes: Changes, report: Path | None, as_json: bool) -> None:
    from weighbridge.cli.compose import weigh_task
    from weighbridge.cli.live import RunTable
    from weighbridge.cli.transfer import TransferBars

    with ExitStack() as stack:
        bars = stack.enter_context(TransferBars())
        table = stack.enter_context(RunTable())
        try:
            settings = settings_from_environment()
            found = weigh_task(folder, changes, settings, report=report, tell=table, transfers=bars)
        except KeyboardInterrupt:
            click.echo("\nStopped. The same command goes on from here; what was paid for is kept.", err=True)
            sys.exit(STOPPED_BY_CTRL_C)
    _finish(found, as_json)


def _replay(table: Path, changes: Changes, as_json: bool, *, rows_are_items: bool) -> None:
    from weighbridge.cli.compose_rehearsal import replay_table

    _refuse_idle(changes, ONLY_ASKING, "about asking models, and --replay asks none")
    _refuse_idle(changes, ("cluster",), "about fields of items, which a table of scores has not")
    _finish(replay_table(table, changes, rows_are_items=rows_are_items), as_json)


def _finish(report: Report, as_json: bool) -> None:
    """Print the verdict; the exit code says whether one could be had."""
    if as_json:
        _print_json(report.result)
    else:
        from rich.console import Console

        from weighbridge.weigh.report import show

        show(report, Console())
    if report.stopped_by == "interrupt":
        sys.exit(STOPPED_BY_CTRL_C)
    if report.result.verdict.basis == "stopped" and report.stopped_by is not None:
        sys.exit(EXIT_CODES[report.stopped_by])


def _print_json(value: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(value))
