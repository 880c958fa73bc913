"""A config for whoever has none: the local model that was pulled last."""

from __future__ import annotations

from weighbridge.errors import UsageError
from weighbridge.gateway.config import Config
from weighbridge.settings import Settings


def local_config(settings: Settings) -> Config:
    raise UsageError("there is no config", next_move="Name one with --config.")
