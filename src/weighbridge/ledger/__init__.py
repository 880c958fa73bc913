"""The append-only record of every call, and the only database."""

from weighbridge.ledger.ledger import Ledger
from weighbridge.ledger.rows import AGAIN, CallRow, History, Hold, Spending

__all__ = ["AGAIN", "CallRow", "History", "Hold", "Ledger", "Spending"]
