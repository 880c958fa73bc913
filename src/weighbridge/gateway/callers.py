"""Who is calling, and whether they may."""

from __future__ import annotations

import time

from weighbridge.errors import CallRefused

from .books import Books
from .client import Client
from .config_tables import ServerTable
from .head import Head
from .keyring import Caller, Keyring, bad_key
from .shared import Shared


class Callers:
    """Of one gateway."""

    def __init__(self, server: ServerTable, books: Books, shared: Shared | None, *, is_public: bool) -> None:
        """`is_public`: the gateway listens on more than loopback."""
        self.keyring = Keyring(shared.minutes if shared is not None else None)
        self._books = books
        self._auth = server.auth
        self._is_public = is_public
        self.load()

    def load(self) -> bool:
        """Look whether keys were changed; True if they were. Raises LedgerError."""
        rows = self._books.changed_keys()
        if rows is None:
            return False
        self.keyring.replace(rows)
        return True

    def of(self, client: Client, head: Head) -> Caller | None:
        """None where no key is wanted. CallRefused for a key that is no good."""
        caller: Caller | None = head.caller
        if head.generation != self.keyring.generation:
            caller = self._look_up(head)
        if caller is None:
            self._refuse_unless_open(head)
            return None
        if caller.revoked or caller.expires_at is not None:
            caller.refuse_unless_valid(time.time())
        if caller.networks is not None:
            caller.refuse_unless_from(client.address)
        return caller

    def _look_up(self, head: Head) -> Caller | None:
        keyring = self.keyring
        head.caller = keyring.find(head.token) if head.token else None
        if head.caller is None and head.token and self.load():
            head.caller = keyring.find(head.token)
        head.generation = keyring.generation
        found: Caller | None = head.caller
        return found

    def _refuse_unless_open(self, head: Head) -> None:
        if self._auth == "keys" or (self._auth == "auto" and (self._is_public or not self.keyring.is_empty)):
            raise bad_key("the key is not known" if head.token else "no key was sent")
        if "origin" in head.fields:  # a web page in somebody's browser, which must not reach loopback unasked
            raise CallRefused("calls from web pages are not allowed", status=403, code="origin_not_allowed")
