"""Engines that are started by a command: vLLM, SGLang, TensorRT-LLM, Ollama, or anything that answers at a URL."""

from .server import CommandServer, command_server

__all__ = ["CommandServer", "command_server"]
