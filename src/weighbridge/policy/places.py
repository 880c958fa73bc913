"""Countries, the unions they are in, and what a provider says of where its data lie.

A provider's words name places (`Paris, France`; `EU first; ... and the United States`). All of them must be allowed,
unless the customer chooses among them (`by region`, `the region ...`): then one is enough. Words that name no place are
no answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from weighbridge.catalog.spellings import COUNTRIES, read_country

EU = frozenset(
    [
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "EU", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT"),
        *("LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    ]
)
"""Members on 2026-11-22, and `EU` itself as a place. Source: Treaty on European Union, Article 52, as amended."""
EEA = EU | {"IS", "LI", "NO"}
BLOCS: dict[str, frozenset[str]] = {"EU": EU, "EEA": EEA}
"""A bloc's name to its countries; `EU` as a place lies within both."""
_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
ISO = frozenset(_CODES.split())
"""ISO 3166-1 alpha-2, 249 officially assigned codes."""
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
    "iran": "IR",
    "north korea": "KP",
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
    code = said.upper() if said.upper() in ISO else read_country(said) or _PLACES.get(said.casefold())
    return None if code is None else frozenset({code})


def code_of(text: str) -> str | None:
    """The code people mean who write a country's name: `UK` and `China` as `GB` and `CN`; None where nobody knows."""
    return read_country(text) or _PLACES.get(text.strip().casefold())


@lru_cache(maxsize=4096)
def named_places(text: str) -> frozenset[str]:
    """Countries that a text names; looked for once, since the same few texts are asked about at every decision."""
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


@lru_cache(maxsize=4096)
def kept_in(text: str, places: tuple[str, ...]) -> bool | None:
    """`stays_in` for countries and blocs as a file writes them."""
    return stays_in(text, countries_in(places))


def place_names() -> list[str]:
    """Every spelling of a place that suggestions may name."""
    return sorted({*BLOCS, *ISO, *(names[0].title() for names in COUNTRIES.values() if names)})


def countries_in(places: Iterable[str]) -> frozenset[str]:
    """`EU` and `EEA` as their members, codes as they are."""
    return frozenset(code for place in places for code in BLOCS.get(place, (place,)))


def within(country: str, places: tuple[str, ...]) -> bool:
    """Whether a country is one of these, or in one of these unions."""
    if country in places:
        return True
    return ("EU" in places and country in EU) or ("EEA" in places and country in EEA)
