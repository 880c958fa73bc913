"""A model on the web as something to fit: a hub's repository or the address of a GGUF file, by headers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from weighbridge.cli.compose_source import Source, from_gguf, source_of_config
from weighbridge.cli.config_json import MOST_CONFIG_BYTES, decode_config
from weighbridge.cli.environment import settings_from_environment
from weighbridge.errors import InputError, PullError
from weighbridge.fit.reading import read_architecture
from weighbridge.formats.gguf import GgufHeader

WITHIN_S = 45.0
"""For the config; headers have bounds of their own."""


def from_web(place: str) -> Source:
    """A hub's repository (`hf:owner/name[@revision]`), or the address of a GGUF file."""
    from weighbridge.cli.compose_headers import HeaderReader

    reader = HeaderReader(settings_from_environment())
    if not place.startswith("hf:"):
        return _from_address(reader.read(place).gguf, place)
    name = place.removeprefix("hf:").partition("@")[0]
    architecture = read_architecture(_fetched_config(place), where=f"config.json of {name}")
    remote = reader.read(place, architecture)
    return source_of_config(name, architecture, remote.weights, name)


def _from_address(header: GgufHeader | None, place: str) -> Source:
    if header is None:
        raise InputError(
            "the header of this address does not say what the model is made of",
            where=place,
            next_move="Name a repository (hf:owner/name), a .gguf, or the model with --config config.json.",
        )
    if header.split_count > 1:
        raise InputError("a split GGUF file is read only where all its parts lie", where=place)
    stem = place.partition("?")[0].rsplit("/", 1)[-1].removesuffix(".gguf")
    return from_gguf([header], header.name or stem, place)


def _fetched_config(place: str) -> dict[str, Any]:
    """A repository's config.json, at most 8 MiB and 45 s of it."""
    from weighbridge.cli.compose_headers import hub_folder
    from weighbridge.net.fetch import Fetcher, Request

    settings = settings_from_environment()
    token = {"Authorization": f"Bearer {settings.hf_token.value}"} if settings.hf_token is not None else {}
    url = hub_folder(settings, place) + "config.json"
    with Fetcher(settings.environ) as fetcher:
        found = fetcher.changed(Request(url, _explain(url), token), MOST_CONFIG_BYTES, WITHIN_S)
    if found is None:
        raise PullError("the server answers 304 to a question that was not asked", where=url)
    return decode_config(found[0], url)


def _explain(url: str) -> Callable[[int, Mapping[str, str], str], PullError]:
    def explain(status: int, _headers: Mapping[str, str], _text: str) -> PullError:
        return PullError(
            f"the server answers {status} instead of the config",
            where=url,
            next_move="Check the repository's name, the revision and the token (HF_TOKEN).",
        )

    return explain
