"""Names of labs, providers, licences and countries as people write them, to the ids that facts have.

A name that nobody knows would deny nothing and allow nothing, without a word; so it is a mistake in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from weighbridge.catalog.records import Catalogue

from .places import BLOCS, ISO, code_of


class Names(msgspec.Struct, frozen=True):
    """Everything a list may name: casefolded to the id."""

    labs: Mapping[str, str]
    providers: Mapping[str, str]
    licences: Mapping[str, str]
    vendors: Mapping[str, str]
    """Makers of accelerators."""


def names_of(catalogue: Catalogue, providers: Iterable[str] = ()) -> Names:
    """Names of a catalogue, and of providers that only offers know."""
    labs = {
        name.casefold(): lab.id
        for lab in catalogue.labs.values()
        for name in (lab.id, lab.name, *lab.names, *lab.hub_orgs)
    }
    known = {name.casefold(): name for name in providers}
    for provider in catalogue.providers.values():
        known.update({name.casefold(): provider.id for name in (provider.id, provider.name, *provider.names)})
    licences = {
        name.casefold(): licence.id
        for licence in catalogue.licences.values()
        for name in (licence.name, *licence.names, licence.id)
    }
    vendors = {device.vendor.casefold(): device.vendor for device in catalogue.devices.values()}
    return Names(labs, {**known, "local": "local"}, licences, vendors)


def wrong_country(text: str) -> str | None:
    """What to write instead of a text that is no code; None where it is one."""
    if text in ISO or text in BLOCS:
        return None
    meant = code_of(text) or (text.upper() if text.upper() in ISO or text.upper() in BLOCS else None)
    return f"Did you mean {meant!r}?" if meant else "Write an ISO 3166 code (FR), EU or EEA."
