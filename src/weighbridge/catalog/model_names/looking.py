"""The readings of a core: as it stands, without the owner before it, joined to its owner, as one of Ollama's tags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from weighbridge.catalog.model_names.entries import Hit
from weighbridge.catalog.model_names.index import Index
from weighbridge.catalog.model_names.wrappers import Wrapped, without_owner

_SIZE_TAG = re.compile(r":e?\d+(?:\.\d+)?[bmt]$|:\d+x\d+b$", re.IGNORECASE)
_BASE_TAG = re.compile(r"[-:](?:text|base)$", re.IGNORECASE)


def readings(index: Index, wrapped: Wrapped) -> Iterable[Hit | str]:
    """What a core may be: as it stands, without the owner before it, with the owner it was found under."""
    core = wrapped.core
    lab = next((index.owners[owner] for owner in reversed(wrapped.owners) if index.owners.get(owner)), "")
    if wrapped.is_tag:
        yield from _tags(index, core, lab)
    found = index.find(core, lab)
    if found:
        yield found
    yield from _without_owner(index, core, lab)
    if lab:
        found = index.find(f"{wrapped.owners[-1]}-{core}", lab)
        if isinstance(found, Hit) and _are_of(index, found.ids, lab):
            yield found


def _without_owner(index: Index, core: str, lab: str) -> Iterable[Hit | str]:
    """Without who stands before it, `databricks-meta-llama-3-3-70b-instruct`; a lab's name must be that of its lab."""
    for owner, rest in without_owner(core, index.is_owner):
        owner_lab = "" if owner in index.hosts else index.owners[owner]
        found = index.find(rest, owner_lab or lab)
        if isinstance(found, str):
            yield found
        elif found and (not owner_lab or _are_of(index, found.ids, owner_lab)):
            yield replace(found, step=f"{found.step}, without {owner} before it")
        elif owner in index.hosts:
            yield from _without_owner(index, rest, lab)


def _tags(index: Index, core: str, lab: str) -> Iterable[Hit]:
    """Ollama's tags: a size alone is the model for chats; `-text` and `-base` say that it is not."""
    endings = ("instruct", "chat") if _SIZE_TAG.search(core) else ()
    for ending in endings:
        found = index.spelled(f"{core}-{ending}", lab)
        if found:
            step = "normalised, an Ollama tag, which means the model for chats"
            yield replace(found, step=step, is_explicit=True)
    if _BASE_TAG.search(core):
        found = index.spelled(_BASE_TAG.sub("", core), lab)
        if found and all(index.entries[model].stage == "base" for model in found.ids):
            yield replace(found, step="normalised, an Ollama tag of the base model", is_explicit=True)


def _are_of(index: Index, ids: tuple[str, ...], lab: str) -> bool:
    return all(index.entries[model].lab == lab for model in ids)
