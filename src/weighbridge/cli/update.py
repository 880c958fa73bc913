"""`weighbridge catalog update`: fetch live lists of models and prices, beside the shipped catalogue."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from weighbridge.cli.chosen import FOLDER, JSON
from weighbridge.cli.columns import in_columns, visible
from weighbridge.cli.environment import settings_from_environment
from weighbridge.errors import InputError, UsageError

if TYPE_CHECKING:
    from weighbridge.catalog.feeds.feed import Feed
    from weighbridge.catalog.feeds.records import Overlay
    from weighbridge.catalog.feeds.update import Updated
    from weighbridge.settings import Settings

SHOWN = 40


@click.command("update", short_help="Fetch live prices and facts; nothing updates by itself.")
@click.argument("feed", required=False)
@click.option("--list", "show", is_flag=True, help="Show the feeds, their terms and what is held of them.")
@click.option("--endpoint", metavar="URL", help="Ask this server instead of the feed's own: a mirror.")
@click.option("--model", "names", multiple=True, metavar="NAME", help="Only this model, where each has its page.")
@click.option("--accept-loss", is_flag=True, help="Believe a list that lost more than half of what is held.")
@FOLDER
@JSON
def update_feeds(
    *,
    feed: str | None,
    show: bool,
    endpoint: str | None,
    names: tuple[str, ...],
    accept_loss: bool,
    folder: Path,
    as_json: bool,
) -> None:
    """Fetch FEED and keep what it says beside the shipped catalogue; show what changed.

    Without FEED, or with --list: the feeds, their terms and what is held. What is wrong in a feed is refused and named;
    a feed that cannot be had or believed changes nothing, and is exit 1.
    """
    settings = settings_from_environment()
    if feed is None or show:
        if feed is not None or endpoint or names:
            raise UsageError("--list takes nothing beside it", next_move="`weighbridge catalog update FEED` fetches.")
        _list(settings, as_json)
        return
    from weighbridge.catalog.feeds.registry import find_feed

    chosen = find_feed(feed)
    if names and not chosen.takes_names:
        raise UsageError(f"{chosen.name} is one list; it has no page for each model", next_move="Leave out --model.")
    updated = _update(chosen, settings, folder, endpoint, names, accept_loss=accept_loss)
    click.echo(msgspec.json.encode(_plain(updated)) if as_json else "\n".join(_text(updated)))
    sys.exit(bool(updated.failed) and len(updated.failed) == updated.asked)


def _update(
    feed: Feed, settings: Settings, folder: Path, endpoint: str | None, names: tuple[str, ...], *, accept_loss: bool
) -> Updated:
    """Fetch, and put what came into its place."""
    from weighbridge.catalog.feeds.store import load_overlay, save_overlay
    from weighbridge.catalog.feeds.update import Job, update
    from weighbridge.catalog.match import index_of, resolve_name
    from weighbridge.catalog.snapshot import load_catalogue
    from weighbridge.net.fetch import Fetcher

    kept = settings.data_dir / "catalogue"
    try:
        held = load_overlay(kept, feed.name)
    except InputError as error:
        click.echo(f"{error.what}; fetching it anew", err=True)
        held = None
    with Fetcher(settings.environ) as fetcher:
        shipped = load_catalogue(folder)
        index = index_of(shipped)
        job = Job(
            fetcher,
            shipped,
            lambda name: resolve_name(index, name).id,
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            endpoint or _own_endpoint(feed, settings),
            names,
            headers={} if endpoint else _token(feed, settings),
            accept_loss=accept_loss,
            tell=_progress(),
        )
        updated = update(feed, held, job)
    save_overlay(kept, updated.overlay)
    return updated


def _progress() -> Callable[[str], None]:
    """One line on a terminal that says what is asked for; nothing elsewhere."""
    count = 0

    def tell(url: str) -> None:
        nonlocal count
        count += 1
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{count} {url.partition('?')[0][:100]}", nl=False, err=True)

    def done() -> None:
        if count and sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)

    click.get_current_context().call_on_close(done)
    return tell


def _own_endpoint(feed: Feed, settings: Settings) -> str:
    """Where a feed lies: the hubs where `pull` finds them, the others at home."""
    hubs = {"huggingface": settings.hf_endpoint, "modelscope": settings.modelscope_endpoint}
    return hubs.get(feed.name, feed.endpoint)


def _token(feed: Feed, settings: Settings) -> dict[str, str]:
    """What says who we are, for the hub that it was made for and for nobody else."""
    from weighbridge.engines.pull.huggingface import find_token

    token = find_token(settings) if feed.name == "huggingface" else None
    if token is not None:
        return {"Authorization": f"Bearer {token.value}"}
    if feed.name == "modelscope" and settings.modelscope_token is not None:
        return {"Cookie": f"m_session_id={settings.modelscope_token.value}"}
    return {}


def _plain(updated: Updated) -> dict[str, Any]:
    harvests = [document.harvest for document in updated.overlay.documents]
    return {
        "feed": updated.overlay.feed,
        "updated": updated.overlay.updated,
        "documents": len(harvests),
        "unchanged": updated.unchanged,
        "offers": sum(len(each.offers) for each in harvests),
        "facts": sum(len(said) for each in harvests for said in each.facts.values()),
        "counts_of_use": sum(len(each.adoption) for each in harvests),
        "variants": sum(len(found) for each in harvests for found in each.variants.values()),
        "unknown": sum(each.unknown for each in harvests),
        "refused_count": sum(each.refused_count for each in harvests),
        "refused": [msgspec.structs.asdict(one) for each in harvests for one in each.refused],
        "failed": [msgspec.structs.asdict(one) for one in updated.failed],
        "left": updated.left,
        "changes": msgspec.to_builtins(updated.changes),
    }


def _text(updated: Updated) -> Iterator[str]:
    plain = _plain(updated)
    if updated.unchanged and updated.unchanged == updated.asked:
        yield f"{plain['feed']}: not changed since it was last fetched."
        return
    kinds = {"offers": "offers", "facts": "facts", "counts_of_use": "counts of use", "variants": "variants"}
    brought = ", ".join(f"{plain[key]:,} {word}" for key, word in kinds.items() if plain[key])
    yield f"{plain['feed']}: {brought or 'nothing'}; {updated.overlay.source.title}."
    if plain["unknown"]:
        yield f"{plain['unknown']:,} records are of models that the catalogue does not know, or that could be several."
    if plain["refused_count"]:
        yield f"{plain['refused_count']:,} records refused:"
        yield from _some([f"  {one['record']}: {one['what']}" for one in plain["refused"]], plain["refused_count"])
    if updated.failed:
        yield f"{len(updated.failed):,} pages could not be had; what was held of them stays:"
        yield from _some([f"  {one.record}: {one.what}" for one in updated.failed], len(updated.failed))
    if updated.left:
        yield f"{updated.left:,} pages were not asked for any more; the same command goes on with them."
    changes = updated.changes
    yield f"{changes.added:,} added, {changes.removed:,} removed, {changes.changed:,} changed."
    lines = [
        f"  {visible(c.what)}: {visible(c.before) or 'new'} -> {visible(c.after) or 'gone'}" for c in changes.shown
    ]
    if lines:
        yield from _some(lines, len(lines))


def _some(lines: list[str], count: int) -> Iterator[str]:
    yield from lines[:SHOWN]
    if count > SHOWN:
        yield f"  and {count - SHOWN:,} more (--json shows them)"


def _list(settings: Settings, as_json: bool) -> None:
    from weighbridge.catalog.feeds.registry import FEEDS
    from weighbridge.catalog.feeds.store import load_overlay

    rows = []
    for feed in FEEDS.values():
        try:
            held, trouble = load_overlay(settings.data_dir / "catalogue", feed.name), ""
        except InputError as error:
            held, trouble = None, f"damaged: {error.where}"
        rows.append(_row(feed, held, trouble))
    if as_json:
        click.echo(msgspec.json.encode({"feeds": rows}))
        return
    heads = {"feed": "FEED", "brings": "BRINGS", "licence": "TERMS", "updated": "LAST UPDATE"}
    table = [list(heads.values()), *([str(row[key] or "never") for key in heads] for row in rows)]
    click.echo(in_columns(table))


def _row(feed: Feed, held: Overlay | None, trouble: str) -> dict[str, Any]:
    return {
        "feed": feed.name,
        "brings": feed.brings,
        "licence": feed.source.licence or "live only: may not be passed on",
        "endpoint": feed.endpoint,
        "updated": trouble or (held.updated if held else None),
        "history": [msgspec.to_builtins(each) for each in held.history] if held else [],
    }
