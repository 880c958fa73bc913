"""Where requests may go: countries and blocs, and what a provider says of where its data lie.

A provider's words name places (`Paris, France`; `EU first; ... and the United States`). All of them must be allowed,
unless the customer chooses among them (`by region`, `the region ...`): then one is enough. Words that name no place are
no answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from weighbridge.catalog.spellings import COUNTRIES, read_country

EU = frozenset(
    [
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "EU", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT"),
        *("LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    ]
)
EEA = EU | {"IS", "LI", "NO"}
BLOCS: dict[str, frozenset[str]] = {"EU": EU, "EEA": EEA}
"""A bloc's name to its countries; `EU` as a place lies within both."""
_CODES = EEA | COUNTRIES.keys() | {"CH", "GB", "US", "JP", "KR", "SG", "IN", "AU", "CA", "BR", "NZ", "IL", "TW", "HK"}
_PLACES = {
    **{name: code for code, names in COUNTRIES.items() for name in names},
    "eu": "EU",
    "us": "US",
    "uk": "GB",
    "belgium": "BE",
    "north america": "US",
    "portugal": "PT",
    "austria": "AT",
    "iceland": "IS",
    "asia-pacific": "SG",
}
_CHOICE = re.compile(
    r"\bby region\b|\bregion (?:a project|it is called)|\bthe region or\b|\bcustomer's geography\b", re.IGNORECASE
)
_UNSAID = re.compile(r"\banywhere\b|\bany region\b|\bglobal\b|\bno choice\b|\bthat of the provider\b", re.IGNORECASE)


def read_place(text: str) -> frozenset[str] | None:
    """The countries a name means: `EU`, `Germany`, `de`; None for no place known here."""
    said = text.strip()
    if said.upper() in BLOCS:
        return BLOCS[said.upper()]
    code = said.upper() if said.upper() in _CODES else read_country(said) or _PLACES.get(said.casefold())
    return None if code is None else frozenset({code})


def named_places(text: str) -> frozenset[str]:
    """Countries that a text names."""
    lowered = text.casefold()
    found = {code for name, code in _PLACES.items() if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", lowered)}
    return frozenset(found)


def stays_in(text: str, allowed: Collection[str]) -> bool | None:
    """Whether what a provider says of its data keeps them in `allowed`; None where it does not say enough."""
    places = named_places(text)
    if _UNSAID.search(text):
        return None if not places or places & set(allowed) else False
    if _CHOICE.search(text):
        return True if places & set(allowed) else None if not places else False
    return places <= set(allowed) if places else None


def place_names() -> list[str]:
    return sorted({*BLOCS, *_CODES, *(names[0].title() for names in COUNTRIES.values() if names)})
