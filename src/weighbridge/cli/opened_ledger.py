"""The ledger as commands look at it: found by the config, with every journal folded in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.cli.compose_serve import ledger_dir
from weighbridge.cli.environment import settings_from_environment


@contextmanager
def opened_ledger(path: Path | None) -> Iterator[sqlite3.Connection]:
    """`path` is the config's, None for none. Raises LedgerError."""
    from weighbridge.ledger.connect import connect, explain
    from weighbridge.ledger.fold import fold
    from weighbridge.ledger.ledger import FILE

    folder = ledger_dir(path, settings_from_environment())
    db = connect(folder / FILE)
    try:
        fold(db, folder)
        yield db
    except sqlite3.Error as error:
        raise explain(error, folder / FILE) from error
    finally:
        db.close()
