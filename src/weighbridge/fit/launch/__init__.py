"""The command that starts each engine, or why it cannot run a variant on a device."""

from .commands import launch_commands

__all__ = ["launch_commands"]
