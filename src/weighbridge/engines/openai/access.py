"""Where a backend is and what opens it: its URL, its key, and errors that name the one and never the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from weighbridge.chat.openai_wire import one_line
from weighbridge.engines.engine import BackendRecord
from weighbridge.errors import BadAnswer, CannotAsk, EngineError, InputError
from weighbridge.net.calls import Calls
from weighbridge.net.origin import split_url
from weighbridge.settings import Secret

ENV = "env:"
SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)
KEY_SHAPED = re.compile(r"\b(?:sk|hf|gsk|xai|key|pk|rk)[-_][A-Za-z0-9_\-]{8,}|\bBearer\s+\S+", re.IGNORECASE)
"""Keys of the well-known kinds, for a backend that quotes one we do not know."""
SHORTEST_SECRET = 4
"""A shorter one would blank out parts of ordinary words."""


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    name: str
    base_url: str
    """Without a slash at its end."""
    headers: tuple[tuple[str, str], ...]
    """Sent with every request; holds the key."""
    secrets: tuple[Secret, ...]
    key_variable: str | None
    """Name of the variable the key is in."""

    def __repr__(self) -> str:
        return f"Access({self.base_url})"

    @property
    def host(self) -> str:
        return split_url(self.base_url)[0].authority

    @property
    def usual_max_tokens_field(self) -> Literal["max_tokens", "max_completion_tokens"]:
        return "max_completion_tokens" if split_url(self.base_url)[0].host == "api.openai.com" else "max_tokens"

    def url(self, path: str) -> str:
        """The whole address of a path below the backend's base."""
        return f"{self.base_url}/{path}"

    def check(self, calls: Calls) -> None:
        """Raise InputError, before any call is made, for a key that cannot be sent or a proxy that makes no sense."""
        try:
            calls.check("POST", self.url("chat/completions"), self.headers)
        except InputError as error:
            error.where = error.where or f"[[backend]] {self.name}"
            raise

    def clean(self, text: str) -> str:
        """Without any secret in it."""
        for secret in self.secrets:
            text = text.replace(secret.value, "[key]")
        return KEY_SHAPED.sub("[key]", text)

    def name_in(self, error: EngineError, place: str) -> None:
        """Put the backend's name in front of what happened, see that place and next move are there, and take every
        secret out."""
        what = self.clean(error.what)
        prefix = f"backend {self.name!r}"
        if not what.startswith(prefix):
            what = f"{prefix}: {what.removeprefix('the backend ')}"
        error.what = what
        error.args = (what,)
        error.where = self.clean(error.where or place)
        error.next_move = self.clean(error.next_move or _usual_next_move(error))


def _usual_next_move(error: EngineError) -> str:
    """For errors of the wire, which know neither the backend nor its settings."""
    if isinstance(error, CannotAsk):
        return "Change the task, or the backend's `abilities` if it can do this after all."
    if isinstance(error, BadAnswer) and "web page" in error.what:
        return "Check base_url: a proxy, a login page or another program answers there."
    if isinstance(error, BadAnswer):
        return "Look at what it sends with `curl`; is it a server of this kind, and does base_url end where it should?"
    return "Look at the backend's own log: it may have crashed, or a proxy in between cuts long answers."


def read_access(
    record: BackendRecord,
    headers: Mapping[str, str],
    environ: Mapping[str, str],
    *,
    key_header: tuple[str, str] = ("authorization", "Bearer "),
) -> Access:
    """What a record says, with `env:NAME` looked up; InputError names the field and never shows a value.

    `key_header` is the header that carries the key, and what stands before the key in it.
    """
    base_url = (record.base_url or "").rstrip("/")
    place = f"[[backend]] {record.name}"
    try:
        split_url(base_url)
    except InputError as error:
        error.where = f"{place}: base_url"
        raise
    if urlsplit(base_url).query or urlsplit(base_url).fragment:
        raise InputError(
            f"backend {record.name!r}: base_url must end at its path, without ? or #", where=f"{place}: base_url"
        )
    fields = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")]
    secrets: list[Secret] = []
    if record.api_key is not None:
        key = _looked_up(record.api_key, f"{place}: api_key", environ, secrets)
        fields.append((key_header[0], key_header[1] + key))
    for name, value in headers.items():
        where = f"{place}: settings.headers.{name}"
        is_secret = value.startswith(ENV) or SECRET_HEADER.search(name)
        fields.append((name, _looked_up(value, where, environ, secrets) if is_secret else value))
    variable = record.api_key.removeprefix(ENV) if record.api_key else None
    return Access(record.name, base_url, tuple(fields), tuple(secrets), variable)


def _looked_up(text: str, where: str, environ: Mapping[str, str], secrets: list[Secret]) -> str:
    """The value of `env:NAME`, kept among the secrets; a secret written out is refused unseen, for files get shared."""
    name = text.removeprefix(ENV)
    if not text.startswith(ENV) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise InputError(
            "a key is named, not written out: the value must be `env:NAME`",
            where=where,
            next_move='Put the key into an environment variable, e.g. MY_KEY, and write "env:MY_KEY" here.',
        )
    value = environ.get(name, "").strip()
    if not value:
        raise InputError(
            f"the environment variable {one_line(name)} is not set",
            where=where,
            next_move=f"Set it and try again: export {name}=...",
        )
    if len(value) >= SHORTEST_SECRET:
        secrets.append(Secret(value))
    return value
