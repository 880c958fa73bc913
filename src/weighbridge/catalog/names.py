"""Labs and licences by the names people give them. (Models are found by match.py, whose rules are their own.)"""

from __future__ import annotations

import re

from weighbridge.catalog.records import Catalogue

_LICENCE_FILLER = re.compile(
    r"\b(?:the|licen[sc]es?|licensed|agreement|version|community|software)\b|\bv(?=\d)|(?<=\d)\.0\b"
)
_LAB_FILLER = re.compile(r"\b(?:inc|ltd|llc|corp|corporation|the|company)\b")


def name_key(text: str) -> str:
    """`GLM 4.5` and `glm-4.5` as one; a dot between digits stays."""
    return re.sub(r"[\s_\-:]+", "", text.casefold())


def licence_key(text: str) -> str:
    """`Apache License, Version 2.0`, `apache-2.0` and `Apache 2` as one."""
    return re.sub(r"[\W_]+", "", _LICENCE_FILLER.sub(" ", text.casefold().replace("_", " ")))


def lab_key(text: str) -> str:
    """`Mistral AI` and `mistral-ai` as one."""
    return re.sub(r"[\W_]+", "", _LAB_FILLER.sub(" ", text.casefold()))


def find_licence(catalogue: Catalogue, text: str) -> str | None:
    """The id of the licence that goes by this name; None where none does."""
    key = licence_key(text)
    found = (
        licence.id
        for licence in catalogue.licences.values()
        if key in {licence_key(name) for name in (licence.id, licence.name, *licence.names)}
    )
    return next(found, None) if key else None


def find_lab(catalogue: Catalogue, text: str) -> str | None:
    """The id of the lab that goes by this name or publishes under it; None where none does."""
    key = lab_key(text)
    found = (
        lab.id
        for lab in catalogue.labs.values()
        if key in {lab_key(name) for name in (lab.id, lab.name, *lab.names, *lab.hub_orgs)}
    )
    return next(found, None) if key else None
