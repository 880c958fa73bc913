"""Why a rule speaks against something."""

from __future__ import annotations

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """One rule that speaks against, and the fact behind it."""

    rule: str
    """As the policy file writes it: `origin.deny_countries`."""
    detail: str
    fact: str
    """The fact's name; with `is not known` in the detail where that is what is missing."""
    source: str = ""
    """Who says so, with the date."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"
