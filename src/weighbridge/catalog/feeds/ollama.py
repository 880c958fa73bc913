"""Ollama's registry: in which quantisations a model is kept there, and how large they are.

    GET /v2/library/NAME/manifests/TAG    {"config": {"digest"}, "layers": [{"mediaType", "digest", "size"}]}
    GET /v2/library/NAME/blobs/DIGEST     {"model_format": "gguf", "model_family", "model_type": "7.6B",
                                           "file_type": "Q4_K_M"}

The second is held against its digest. The registry has no list of what it keeps: without names, the models are asked
for that Ollama serves itself, as the offers table has them. A name without a tag is `:latest`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import partial

from weighbridge.catalog.feeds.feed import Ask
from weighbridge.catalog.feeds.gather import Gather, Table, Unusable, name, need_table, read_json, shown, table, whole
from weighbridge.catalog.records import Catalogue, Variant
from weighbridge.catalog.tables import load_offers
from weighbridge.errors import PullError, UsageError

ACCEPT = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
MODEL_LAYER = "application/vnd.ollama.image.model"
_NAME = re.compile(r"(?:([\w.-]{1,80})/)?([A-Za-z0-9][\w.-]{0,79})(?::([\w.-]{1,128}))?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a manifest says of a model, while its configuration is asked for."""

    name: str
    model: str
    digest: str
    bytes: int
    """Of all layers of weights."""


def ollama_asks(endpoint: str, _catalogue: Catalogue, names: tuple[str, ...]) -> tuple[Ask, ...]:
    """A manifest for each name."""
    served = names or tuple(offer.model_id for offer in load_offers() if offer.provider == "ollama-cloud")
    return tuple(_manifest(endpoint.rstrip("/"), each) for each in sorted(set(served)))


def _manifest(base: str, written: str) -> Ask:
    parts = _NAME.fullmatch(written)
    if parts is None:
        raise UsageError(f"{written!r} is no name of Ollama's", next_move="Write NAME:TAG, as in qwen2.5:7b.")
    where = f"{base}/v2/{parts[1] or 'library'}/{parts[2]}"
    url = f"{where}/manifests/{parts[3] or 'latest'}"
    return Ask(url, partial(_read_manifest, where, written), headers=ACCEPT)


def _read_manifest(where: str, written: str, body: bytes, gather: Gather) -> tuple[Ask, ...]:
    manifest = need_table(read_json(body), "the manifest")
    more: tuple[Ask, ...] = ()
    with gather.record(written):
        layers = manifest.get("layers")
        if not isinstance(layers, list):
            raise Unusable("layers: expected an array")
        sizes = [_size(layer) for layer in layers if isinstance(layer, Table) and layer.get("mediaType") == MODEL_LAYER]
        digest = name(table(manifest.get("config"), "config").get("digest"), "config.digest")
        if not _DIGEST.fullmatch(digest):
            raise Unusable(f"config.digest: {shown(digest)!r} is no SHA-256")
        model = gather.model(written)
        if model is not None and sizes:  # a model that is only served from the cloud has no weights here
            entry = _Entry(written, model, digest, sum(sizes))
            more = (Ask(f"{where}/blobs/{digest}", partial(_read_config, entry)),)
    return more


def _size(layer: Table) -> int:
    size = whole(layer.get("size"), "layers.size")
    if not size:
        raise Unusable("a layer of weights without a size")
    return size


def _read_config(entry: _Entry, body: bytes, gather: Gather) -> tuple[Ask, ...]:
    if f"sha256:{hashlib.sha256(body).hexdigest()}" != entry.digest:
        raise PullError("the configuration is not the one the manifest names", next_move="Nothing of it was kept.")
    config = need_table(read_json(body), "the configuration")
    with gather.record(entry.name):
        gather.variant(entry.model, Variant(name(config.get("file_type"), "file_type"), None, entry.bytes))
    return ()
