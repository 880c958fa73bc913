"""Where a request goes: the origin of a URL, and the proxy on the way to it.

Proxies come from the usual variables of an environment that is handed in: `https_proxy`, `http_proxy`, `all_proxy`
and `no_proxy`, lower case before upper case. As in Go's net/http (httpproxy.Config), loopback is never proxied, so a
server on this machine stays reachable behind a company's proxy, and `HTTP_PROXY` in capitals is ignored where
`REQUEST_METHOD` is set, for then a caller wrote it (CVE-2016-5385).
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from weighbridge.errors import InputError

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    scheme: str
    """`http` or `https`."""
    host: str
    """Without brackets, lower case, as it is looked up."""
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """`host[:port]` as the Host field wants it: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by its name or number, without asking DNS."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        address = _address(self.host)
        return address is not None and address.is_loopback


@dataclass(frozen=True, slots=True)
class Proxy:
    origin: Origin
    authorization: str | None
    """Value of Proxy-Authorization; left out of repr and of every message."""

    def __repr__(self) -> str:
        return f"Proxy({self.origin})"


def split_url(url: str) -> tuple[Origin, str]:
    """The origin and the request target (path and query) of an absolute URL; InputError says what is wrong with it."""
    if any(not " " < character < "\x7f" for character in url):
        raise InputError(f"not a URL: {url!r:.200} holds a space or a character outside ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"not a URL: {url!r:.200}: {error}") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise InputError(f"not a URL that can be called: {_without_user(parts)!r:.200}", next_move=_URL_ADVICE)
    if parts.username is not None or parts.password is not None:
        raise InputError(
            f"a URL must not hold a user or password: {_without_user(parts)!r:.200}",
            next_move='Put a key into an environment variable and name it: api_key = "env:NAME".',
        )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin(parts.scheme, parts.hostname.lower(), port or PORTS[parts.scheme]), target


def proxy_for(origin: Origin, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that requests to `origin` go through, None for none; InputError for one that is not understood."""
    if origin.is_loopback or _is_exempt(origin, _variable(environ, "no_proxy")):
        return None
    name = f"{origin.scheme}_proxy"
    text = _variable(environ, name)
    if not text:
        name, text = "all_proxy", _variable(environ, "all_proxy")
    return _parse_proxy(text, name) if text else None


def _variable(environ: Mapping[str, str], name: str) -> str:
    if name == "http_proxy" and "REQUEST_METHOD" in environ:
        return environ.get(name, "").strip()
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _parse_proxy(text: str, name: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError as error:
        raise InputError(f"the proxy in {name} is not a URL: {error}", where=f"environment: {name}") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise InputError(
            f"the proxy in {name} is {_without_user(parts)!r:.200}, which is not http:// or https://",
            where=f"environment: {name}",
            next_move="SOCKS proxies are not supported; exempt the host with no_proxy, or name an HTTP proxy.",
        )
    login = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(Origin(parts.scheme, parts.hostname.lower(), port or PORTS[parts.scheme]), login)


def _is_exempt(origin: Origin, no_proxy: str) -> bool:
    """Whether `no_proxy` names this origin: `*`, a host, a domain (with or without a leading dot, subdomains
    included), an address or a network, each with an optional `:port`."""
    address = _address(origin.host)
    for entry in no_proxy.replace(",", " ").lower().split():
        if entry == "*":
            return True
        if address is not None and _network_holds(entry, address):
            return True
        host, port = _split_port(entry)
        host = host.removeprefix("*").removeprefix(".")
        if port is not None and port != str(origin.port):
            continue
        if host and (origin.host == host or (address is None and origin.host.endswith(f".{host}"))):
            return True
    return False


def _split_port(entry: str) -> tuple[str, str | None]:
    """`host:port`, `[v6]:port`, or an address or name without a port."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":") or None
    host, colon, port = entry.partition(":")
    return (host, port) if colon and ":" not in port else (entry, None)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network_holds(entry: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return "/" in entry and address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _without_user(parts: SplitResult) -> str:
    """The URL for people: a password in it is never printed."""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


_URL_ADVICE = "It starts with http:// or https:// and names a host, as in http://127.0.0.1:8000/v1."
