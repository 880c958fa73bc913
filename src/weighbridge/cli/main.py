"""The command `weighbridge`: names, one sentence each, and how an error looks.

A command's module is imported when the command is called, so that `--help` answers at once.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Any

import click

from weighbridge import __version__
from weighbridge.errors import WeighbridgeError

COMMANDS: dict[str, tuple[str, str]] = {
    "weigh": ("weighbridge.cli.weigh", "Compare models on your own items until the answer is certain."),
    "models": ("weighbridge.cli.models", "Search the models of the catalogue; say what a name means."),
    "show": ("weighbridge.cli.show", "Show what is known of a model, each fact with its source."),
    "compare": ("weighbridge.cli.compare", "Hold models side by side, differences first."),
    "brief": ("weighbridge.cli.brief", "One page about a model to decide on."),
    "check": ("weighbridge.cli.check", "Hold somebody's table of claims against the catalogue."),
    "race": ("weighbridge.cli.race", "Who leads: open or closed, China or West, and by how many months."),
    "adoption": ("weighbridge.cli.adoption", "How much models are used: downloads, likes, derivatives, tokens."),
    "pick": ("weighbridge.cli.pick", "Which models meet a need, ranked with reasons; which do not, and by which rule."),
    "fit": ("weighbridge.cli.fit", "Will it run on that hardware: memory, speed, capacity, launch commands."),
    "cost": ("weighbridge.cli.cost", "What a workload costs: providers against own hardware; what training takes."),
    "judge": ("weighbridge.cli.judge", "What a judge is worth: held against people; labels drawn for that."),
    "rank": ("weighbridge.cli.rank", "Ratings with intervals from pairwise votes."),
    "pull": ("weighbridge.cli.pull", "Bring weights into the cache, checked; list and prune what was pulled."),
    "route": ("weighbridge.cli.route", "Cheap models first: routers learned from samples, with a promise."),
    "serve": ("weighbridge.cli.serve", "One API for every client, over every model."),
    "keys": ("weighbridge.cli.keys", "Callers of the gateway: keys, budgets, limits."),
    "audit": ("weighbridge.cli.audit", "Is this download what it claims to be, and safe to load?"),
    "ledger": ("weighbridge.cli.ledger", "What was called and what it cost."),
    "prompts": ("weighbridge.cli.prompts", "Prompts that routes keep: read them, delete them."),
    "policy": ("weighbridge.cli.policy", "What is allowed, and which rule and fact say so."),
    "catalog": ("weighbridge.cli.catalog", "Check, build and update the catalogue's own files."),
    "doctor": ("weighbridge.cli.doctor", "Check the machine, the cache and the engines; say what is missing."),
}
"""Command name to its module (the command is the function of that name) and what it is for."""

EPILOG = """\b
Start with:
  weighbridge weigh --init my-task     a commented starter task
  weighbridge weigh my-task            run it: verdict, report
"""

STOPPED_BY_CTRL_C = 130


class Commands(click.Group):
    """A group that knows its commands by name and imports them when asked."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        close = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and close:
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{close[0]}'?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours is its own face and exit code, never a traceback."""
        try:
            return super().invoke(ctx)
        except WeighbridgeError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("\nStopped.", err=True)
            sys.exit(STOPPED_BY_CTRL_C)
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output went away (`| head`); there is nobody to tell
            sys.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="weighbridge")
def main() -> None:
    """Move a team's work onto open-weight models, with proof."""
