"""The engine `llamacpp`: GGUF weights on this machine, through the wheel xllamacpp."""

from weighbridge.engines.llamacpp.engine import LlamaCppEngine
from weighbridge.engines.llamacpp.threads import machine_threads, share_threads

__all__ = ["LlamaCppEngine", "machine_threads", "share_threads"]
