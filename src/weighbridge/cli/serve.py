"""`weighbridge serve`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click
import msgspec

from weighbridge.cli.compose_serve import config_for, with_options, write_starter
from weighbridge.cli.compose_workers import serve_gateway
from weighbridge.cli.environment import settings_from_environment


@click.command(short_help="One API for every client, over every model.")
@click.option(
    "--config",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What to serve; weighbridge.toml in this folder if there is one, else the model that was pulled.",
)
@click.option("--host", metavar="ADDRESS", help="Where to listen; loopback unless said otherwise.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--workers", metavar="N", type=click.IntRange(1, 256), help="Processes.")
@click.option("--init", is_flag=True, help="Write a commented weighbridge.toml to start from, and end.")
@click.option("--check", is_flag=True, help="Read the config, say what it serves, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print what is served, and where, as one JSON object.")
def serve(
    *,
    path: Path | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    init: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Serve models to clients of OpenAI's, Anthropic's and Ollama's dialects."""
    if init:
        written = write_starter(path)
        click.echo(msgspec.json.encode({"written": str(written)}) if as_json else f"Wrote {written}. Run it with:")
        if not as_json:
            click.echo(f"  weighbridge serve{f' --config {written}' if path is not None else ''}")
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    settings = settings_from_environment()
    config = with_options(config_for(path, settings), host=host, port=port, workers=workers)
    models = [table.model for table in config.routes]

    def tell(line: str) -> None:
        if as_json:
            click.echo(msgspec.json.encode({"url": line.rpartition(" ")[2], "models": models}))
        else:
            click.echo(line)
        sys.stdout.flush()

    if check:
        from weighbridge.cli.compose_serve import make_parts

        make_parts(config, settings)
        counted = "1 model" if len(models) == 1 else f"{len(models)} models"
        click.echo(msgspec.json.encode({"models": models}) if as_json else f"{counted}: {', '.join(models) or 'none'}")
        return
    if not as_json:
        click.echo(f"Models: {', '.join(models) or 'none'}")
    serve_gateway(config, settings, tell)
