"""Countries and the unions they are in."""

from __future__ import annotations

EU = frozenset(
    {
        *(
            "AT",
            "BE",
            "BG",
            "HR",
            "CY",
            "CZ",
            "DK",
            "EE",
            "FI",
            "FR",
            "DE",
            "GR",
            "HU",
            "IE",
            "IT",
            "LV",
            "LT",
            "LU",
            "MT",
        ),
        *("NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE"),
    }
)
"""Members on 2026-11-22. Source: Treaty on European Union, Article 52, as amended."""
EEA = EU | {"IS", "LI", "NO"}


def within(country: str, places: tuple[str, ...]) -> bool:
    """Whether a country is one of these, or in one of these unions."""
    if country in places:
        return True
    return ("EU" in places and country in EU) or ("EEA" in places and country in EEA)
