"""Joins the parts: the only place that knows how a ledger, engines, dispatch and a run belong together."""

from __future__ import annotations

import os

from weighbridge.settings import Settings, read_settings


def settings_from_environment() -> Settings:
    """What the environment says; no other module looks."""
    return read_settings(os.environ)
