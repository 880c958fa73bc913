"""Say what a file that is not what was hoped for seems to be, from its first bytes."""

from __future__ import annotations

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "is a Git LFS pointer: the real file was never fetched (`git lfs pull` does it)"),
    (b"PK\x03\x04", "is a zip archive (a wheel or a PyTorch file)"),
    (b"\x80\x02", "is a Python pickle, which could run code: not opened"),
    (b"\x1f\x8b", "is gzip-compressed"),
    (b"lmgg", "is GGML, a format older than GGUF: convert it with llama.cpp"),
    (b"tjgg", "is GGJT, a format older than GGUF: convert it with llama.cpp"),
    (b"FUGG", "is big-endian GGUF, which is not supported"),
    (b"{", "is JSON"),
)


def describe(start: bytes) -> str:
    """`start`: the first bytes, some hundred of them. The answer continues "it ..."."""
    if not start:
        return "is empty"
    if not start.strip(b"\0"):
        return "holds only zero bytes"
    for magic, meaning in _STARTS:
        if start.startswith(magic):
            return meaning
    lowered = start.lstrip().lower()
    if lowered.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, probably an error page or a login form"
    if len(start) > 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 27:
        return "looks like safetensors"
    return f"begins with {start[:8]!r}"
