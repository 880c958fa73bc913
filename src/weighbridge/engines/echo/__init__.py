"""A deterministic engine without a model, for docs, demos and tests."""

from weighbridge.engines.echo.engine import EchoEngine, EchoSettings

__all__ = ["EchoEngine", "EchoSettings"]
