"""Joins engines that run here with what `fit` says of memory: one that does not fit is not started, and a context that
does not fit is shortened, both with the figures."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from weighbridge.engines import BackendRecord
from weighbridge.errors import InputError, WeightsError
from weighbridge.units import GIB, format_bytes

if TYPE_CHECKING:
    from weighbridge.engines.llamacpp.settings import LlamaCppSettings
    from weighbridge.fit.memory import Plan

log = logging.getLogger("weighbridge.engines")


def within_memory(
    record: BackendRecord, weights: Path, *, threads: int | None, available: int | None, devices: int = 0
) -> BackendRecord:
    """The record of an engine of kind `llamacpp`, with a context that fits.

    `available`: bytes of this machine's memory that can be had (None: unknown); `devices`: usable bytes of its graphics
    processors. WeightsError where not even the shortest context fits.
    """
    from weighbridge.engines.llamacpp.params import LEAST_CONTEXT, slots_for
    from weighbridge.engines.llamacpp.settings import CONTEXT_TOKENS, LlamaCppSettings
    from weighbridge.engines.own_settings import read_own_settings
    from weighbridge.fit.answer_limits import longest_context

    own = read_own_settings(record, LlamaCppSettings)
    limit = _limit(own, available, devices)
    slots = slots_for(own, threads or 1)
    planned = _planned(weights, own, slots) if limit is not None else None
    if planned is None or limit is None:
        return record
    trained = planned.subject.architecture.max_context or CONTEXT_TOKENS
    wanted = own.context_tokens or min(trained, CONTEXT_TOKENS)
    longest = longest_context(planned, slots, limit) if planned.total_bytes(wanted, slots) > limit else wanted
    if longest >= wanted:
        return record
    least = min(LEAST_CONTEXT, trained, wanted)
    if longest < least:
        needed = format_bytes(planned.total_bytes(least, slots))
        calls = f"{slots} calls at once of {least} tokens"
        raise _too_large(
            record, weights, f"{calls} take {needed} with the weights, and there are {format_bytes(limit)}"
        )
    log.warning(
        "backend %s: %d tokens of context for each of %d calls at once take %s with the weights, and there are %s: "
        "the context is %d tokens",
        *(record.name, wanted, slots, format_bytes(planned.total_bytes(wanted, slots)), format_bytes(limit), longest),
    )
    return msgspec.structs.replace(record, settings={**record.settings, "context_tokens": longest})


def _limit(own: LlamaCppSettings, available: int | None, devices: int) -> int | None:
    """What the engine may take: what there is, or less where a setting says so."""
    there = None if available is None else available + (devices if own.gpu_layers != 0 else 0)
    if own.memory_gib is None:
        return there
    asked = int(own.memory_gib * GIB)
    return asked if there is None else min(asked, there)


def _planned(weights: Path, own: LlamaCppSettings, slots: int) -> Plan | None:
    """What `fit` says the file takes; None where it does not know the architecture."""
    from weighbridge.cli.compose_source import from_file
    from weighbridge.fit.hardware import Hardware
    from weighbridge.fit.memory import plan
    from weighbridge.fit.records import Ask

    kept = max(own.kv_type_k, own.kv_type_v, key=_bytes_of)
    host = Hardware(id="host", name="host", vendor="", kind="cpu", memory_bytes=0, usable_bytes=0)
    ask = Ask(
        concurrency=slots,
        engine="llamacpp",
        kv_dtype=kept,
        step_tokens=min(own.step_tokens, own.batch_tokens),
        flash_attention=own.flash_attention is not False,
        whole_windows=own.whole_cache,
    )
    try:
        subject = from_file(weights).fixed
        return plan(subject, ask, host) if subject is not None else None
    except InputError as error:
        log.info("%s: how much memory it takes is not known: %s", weights.name, error.what)
        return None


def _bytes_of(kind: str) -> float:
    from weighbridge.engines.llamacpp.params import KV_BYTES

    return KV_BYTES[kind]


def _too_large(record: BackendRecord, weights: Path, why: str) -> WeightsError:
    return WeightsError(
        f"backend {record.name!r} does not fit: {why}",
        where=f"[[backend]] {record.name}",
        next_move="Take a smaller variant, fewer `slots` or a smaller `kv_type_k`; "
        f"`weighbridge fit --file {weights.name}` says what fits.",
    )
