"""Whether an address is one of a list of names, patterns and networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from fnmatch import fnmatchcase


def is_among(host: str, listed: Iterable[str]) -> bool:
    """`gpu1.internal` is among `gpu1.internal` and `*.internal`, `10.1.2.3` among `10.0.0.0/8`."""
    name = host.casefold().strip("[]").rstrip(".")
    return any(_matches(name, each.casefold()) for each in listed)


def wrong_host(text: str) -> bool:
    """Whether a text can name no host: a URL, an address with a port, nothing."""
    if "/" not in text:
        return not text or (":" in text.strip("[]") and text.count(":") < 2) or any(sign.isspace() for sign in text)
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return True
    return False


def is_everything(text: str) -> bool:
    """Whether a pattern or network leaves no host out."""
    if "/" in text:
        return ipaddress.ip_network(text, strict=False).prefixlen == 0
    return bool(text) and not text.strip("*?.")


def _matches(name: str, listed: str) -> bool:
    try:
        return ipaddress.ip_address(name) in ipaddress.ip_network(listed, strict=False)
    except ValueError:
        return fnmatchcase(name, listed)
