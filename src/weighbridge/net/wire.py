"""What is asked for, where it goes, and what can go wrong on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from urllib3 import exceptions as trouble

from weighbridge.errors import PullError

READ_S = 60.0
"""Longest silence of a server."""

Explain = Callable[[int, Mapping[str, str], str], PullError]
"""Status, headers and the first text of a refusal, as an error that knows the next move."""


class Sink(Protocol):
    """Where a file goes; it may hold the beginning already."""

    validator: str | None
    """The strong ETag of what is held, to ask for the rest of the same thing only."""

    @property
    def size(self) -> int:
        """Bytes held."""
        ...

    def write(self, chunk: bytes) -> None:
        """Append."""
        ...

    def restart(self) -> None:
        """Hold nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    url: str
    explain: Explain
    headers: Mapping[str, str] = field(default_factory=dict)
    """Authorization and the like; never printed."""

    @property
    def shown(self) -> str:
        """The URL without its query, which may hold a signature."""
        return self.url.partition("?")[0]


class Again(Exception):
    """One attempt failed in a way that may pass."""

    def __init__(self, reason: str, *, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


@contextmanager
def wire_trouble(request: Request) -> Iterator[None]:
    """Turn what urllib3 raises into PullError, or into Again where another try may help."""
    try:
        yield
    except trouble.SSLError as error:
        if "CERTIFICATE_VERIFY_FAILED" not in str(error):
            raise Again(f"the encrypted connection broke: {error}") from error
        raise PullError(
            f"the server's certificate is not trusted: {error}",
            where=request.shown,
            next_move="Behind a company proxy, name its certificates in SSL_CERT_FILE.",
        ) from error
    except trouble.ProtocolError as error:
        cause = error.args[-1]
        if isinstance(cause, trouble.IncompleteRead):
            raise Again(f"cut with {cause.expected} bytes to go") from error
        raise Again(f"the connection broke: {cause}") from error
    except trouble.ReadTimeoutError as error:
        raise Again(f"silent for {READ_S:.0f} s") from error
    except trouble.ProxyError as error:
        raise Again(f"the proxy does not let us through: {error.original_error}") from error
    except trouble.HTTPError as error:
        raise Again(f"cannot be reached: {error}") from error
