"""What the environment says; no other module looks."""

from __future__ import annotations

import os

from weighbridge.settings import Settings, read_settings


def settings_from_environment() -> Settings:
    """Folders and switches from WEIGHBRIDGE_ and XDG variables."""
    return read_settings(os.environ)
