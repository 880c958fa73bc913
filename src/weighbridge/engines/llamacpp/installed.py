"""Whether the wheel that carries llama.cpp is installed, found out without loading it and before weights are pulled."""

from __future__ import annotations

import importlib.util

from weighbridge.errors import EngineError


def check_installed(name: str) -> None:
    """Raises EngineError with the way to install it; `name` is the backend's."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise EngineError(
            "xllamacpp, which runs GGUF weights on this machine, is not installed",
            where=f"backend {name}",
            next_move="Install it with `python -m pip install 'weighbridge[local]'`.",
        )
