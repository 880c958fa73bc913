"""What answers requests: local engines that are started and stopped here, and URLs that already run."""

from weighbridge.engines.engine import Ability, BackendRecord, Engine, Price

__all__ = ["Ability", "BackendRecord", "Engine", "Price"]
