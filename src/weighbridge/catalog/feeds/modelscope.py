"""The ModelScope hub on each model of the catalogue: its licence there, and its downloads since it was put there.

GET /api/v1/models/REPO      {"Code": 200, "Data": {"License": "mit", "Downloads": N, ...}, "Message": ""}
"""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from weighbridge.catalog.feeds.feed import Ask
from weighbridge.catalog.feeds.gather import Gather, need_table, read_json, shown, table, text
from weighbridge.catalog.feeds.pages import repositories
from weighbridge.catalog.records import Catalogue
from weighbridge.errors import SourceNotFound


def modelscope_asks(endpoint: str, catalogue: Catalogue, names: tuple[str, ...]) -> tuple[Ask, ...]:
    """A page for each repository that the catalogue knows, or for those that are named."""
    return tuple(
        Ask(f"{endpoint.rstrip('/')}/api/v1/models/{quote(repo)}", partial(_read_page, repo, model))
        for repo, model in sorted(repositories(catalogue, names, "modelscope_id").items())
    )


def _read_page(repo: str, model: str | None, body: bytes, gather: Gather) -> tuple[Ask, ...]:
    answer = need_table(read_json(body), "the answer")
    if answer.get("Code") != 200:
        said = shown(answer.get("Message") or answer.get("Code") or "nothing")
        raise SourceNotFound(f"the hub has no {repo} for us: {said}")
    found = model or gather.model(repo)
    with gather.record(repo):
        about = table(answer.get("Data"), "Data")
        licence = text(about.get("License"), "License")
        known = gather.find_licence(licence) if licence else None
        if found is not None:
            gather.count(found, "modelscope_downloads", about.get("Downloads"), "downloads", "ModelScope API")
            if known is not None:
                gather.fact(found, "licence", known)
    return ()
