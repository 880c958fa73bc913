"""How an answer of fit looks on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from weighbridge.cli.columns import in_columns, terminal_width
from weighbridge.fit.answer import Details
from weighbridge.fit.answer_quant import LOSSY, Choice
from weighbridge.fit.answer_smallest import Served, Target
from weighbridge.fit.devices import DeviceSet
from weighbridge.fit.launch.readable import NAMES
from weighbridge.fit.records import Fit, Speed
from weighbridge.units import GIB, format_bytes, format_duration, format_usd

LINE = 80
"""Columns of a line that nobody has to wrap."""
BAR = (("weights", "█"), ("state", "▓"), ("overhead", "▒"), ("free", "·"))


def page(details: Details, devices: DeviceSet) -> str:
    """One model on one set of devices: a bar, the figures with their kinds, and the command."""
    fit, ask = details.fit, details.ask
    return "\n".join(
        (
            _head(details, devices),
            "",
            _bar(fit),
            "",
            in_columns(list(_memory(details))),
            "",
            in_columns(list(_room(details))),
            *_notes(details),
            "",
            *_start(fit.launch[ask.engine], NAMES[ask.engine]),
        )
    )


def _start(command: str, engine: str) -> list[str]:
    """The command, or in its place why there is none."""
    if command.startswith("# "):
        return [f"No command: {command.removeprefix('# ')}."]
    return [f"Start it with {engine}:", *(f"  {line}" for line in command.splitlines())]


def _head(details: Details, devices: DeviceSet) -> str:
    """What, where and whether it fits; on two lines where one would be longer than LINE."""
    what, verdict = f"{details.fit.model} {details.fit.variant}", _verdict(details)
    where = f"on {_devices(devices)} with {NAMES[details.ask.engine]}"
    line = f"{what} {where}: {verdict}"
    return line if len(line) <= LINE else f"{what}: {verdict}\n  {where}"


def _devices(devices: DeviceSet) -> str:
    return devices.hardware.name if devices.count == 1 else f"{devices.count} x {devices.hardware.name}"


def _verdict(details: Details) -> str:
    if details.fit.fits:
        return f"fits, {format_bytes(details.free_bytes)} free"
    return f"does not fit, {format_bytes(-details.free_bytes)} too much"


def _bar(fit: Fit) -> str:
    """Each part's share of what the engine may use, or of what is needed where that is more."""
    whole = max(fit.capacity_bytes, fit.total_bytes)
    width = min(60, terminal_width() - 30)
    parts = (fit.weights_bytes, fit.kv_bytes, fit.overhead_bytes)
    ends = [round(sum(parts[: number + 1]) * width / whole) for number in range(len(parts))]
    starts = [0, *ends[:-1]]
    drawn = "".join(sign * (end - start) for (_, sign), start, end in zip(BAR, starts, ends, strict=False))
    legend = "  ".join(f"{sign} {name}" for name, sign in BAR)
    of = f"{fit.total_bytes / GIB:.1f} of {fit.capacity_bytes / GIB:.1f} GiB"
    return f"  {drawn}{BAR[-1][1] * (width - len(drawn))}  {of}\n  {legend}"


def _memory(details: Details) -> Iterator[tuple[str, str, str, str]]:
    fit, ask, need = details.fit, details.ask, details.need
    host = f"{format_bytes(need.host_bytes)} of them (embeddings) stay with the host" if need.host_bytes else ""
    yield "  weights", format_bytes(fit.weights_bytes), fit.kinds["weights_bytes"], host
    state = (
        f"{ask.concurrency:,} x {ask.context_tokens:,} tokens; one more token: {format_bytes(fit.kv_bytes_per_token)}"
    )
    if fit.state_bytes_per_sequence:
        state += f"; fixed for each sequence: {format_bytes(fit.state_bytes_per_sequence)}"
    yield "  state", format_bytes(fit.kv_bytes), fit.kinds["kv_bytes"], state
    parts = ", ".join(f"{charge.name} {_signed(charge.bytes)}" for charge in need.charges)
    yield "  overhead", format_bytes(fit.overhead_bytes), fit.kinds["overhead_bytes"], parts
    yield "  total", format_bytes(fit.total_bytes), fit.kinds["total_bytes"], ""
    share = f"what {NAMES[ask.engine]} may use of the devices"
    yield "  capacity", format_bytes(fit.capacity_bytes), fit.kinds["capacity_bytes"], share


def _signed(count: int) -> str:
    return format_bytes(count) if count >= 0 else f"-{format_bytes(-count)}"


def _room(details: Details) -> Iterator[tuple[str, str, str]]:
    fit, ask = details.fit, details.ask
    many = "sequence" if ask.concurrency == 1 else "sequences"
    yield "  longest context", f"{fit.max_context:,} tokens", f"for {ask.concurrency:,} {many}"
    yield "  most sequences", f"{fit.max_concurrency:,}", f"of {ask.context_tokens:,} tokens"
    if details.users_within_target is not None:
        yield "  within target", f"{details.users_within_target:,} users", "at once, by the middle of the estimates"
    if details.speeds is None:
        yield "  speed", "unknown", "" if fit.fits else "it would not start"
        return
    speeds = details.speeds
    yield "  decode", _speed(speeds.decode_tps), _each(details)
    if speeds.prefill_tps is not None:
        yield "  prefill", _speed(speeds.prefill_tps), "estimated, with 80% intervals"
    if speeds.first_token_s is not None:
        low, high = (_seconds(end) for end in speeds.first_token_s.interval)
        yield "  first token", f"after {_seconds(speeds.first_token_s.value)}", f"{low} to {high}"


def _each(details: Details) -> str:
    if details.ask.concurrency == 1 or details.speeds is None:
        return ""
    return f"{details.speeds.decode_tps_per_user.value:,.3g} for each of {details.ask.concurrency:,}"


def _speed(speed: Speed) -> str:
    low, high = speed.interval
    return f"{_figure(speed.value)} tokens/s ({_figure(low)} to {_figure(high)})"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else format_duration(seconds)


def _figure(value: float) -> str:
    """Three digits that mean something: an estimate has no more."""
    return f"{value:.3g}" if value < 100 else f"{float(f'{value:.3g}'):,.0f}"


def _notes(details: Details) -> Iterator[str]:
    if details.notes:
        yield ""
    for note in details.notes:
        yield f"Note: {note}."


def table(found: Sequence[Details]) -> str:
    """Several devices, one a line."""
    rows = [("DEVICE", "FORMAT", "ENGINE", "FITS", "TAKES", "HAS", "LONGEST", "SEQUENCES", "PREFILL/S", "DECODE/S")]
    for details in found:
        fit = details.fit
        rows.append(
            (
                f"{fit.count} x {fit.device}" if fit.count > 1 else fit.device,
                fit.variant,
                details.ask.engine,
                "yes" if fit.fits else "no",
                format_bytes(fit.total_bytes),
                format_bytes(fit.capacity_bytes),
                f"{fit.max_context:,}",
                f"{fit.max_concurrency:,}",
                _figure(fit.prefill_tps.value) if fit.prefill_tps else "-",
                _figure(fit.decode_tps.value) if fit.decode_tps else "-",
            )
        )
    return in_columns(rows)


def choice_page(choice: Choice) -> str:
    """Every quantisation that was tried, and the one to take."""
    first = choice.tried[0]
    rows = [("", "FORMAT", "WEIGHTS", "TAKES", "LONGEST", "SEQUENCES", "DECODE/S")]
    for number, fit in enumerate(choice.tried):
        rows.append(
            (
                "->" if number == choice.best else "",
                fit.variant,
                format_bytes(fit.weights_bytes),
                format_bytes(fit.total_bytes) if fit.fits else f"{format_bytes(fit.total_bytes)} (too much)",
                f"{fit.max_context:,}",
                f"{fit.max_concurrency:,}",
                _figure(fit.decode_tps.value) if fit.decode_tps and fit.fits else "-",
            )
        )
    head = f"{first.model} on {first.count} x {first.device}, which has {format_bytes(first.capacity_bytes)}"
    return f"{head}\n\n{in_columns(rows)}\n\n{_advice(choice)}"


def _advice(choice: Choice) -> str:
    if choice.best is None:
        return "None fits: more memory, a shorter context or fewer sequences are needed."
    name = choice.tried[choice.best].variant
    if name in LOSSY:
        worse = "below 4 bits a weight answers get worse, so a smaller model may do better"
        return f"{name} is the least lossy that fits; {worse}."
    return f"Take {name}: the least lossy that fits."


def smallest_page(found: Sequence[Served], target: Target) -> str:
    """Sets of devices, the cheapest first."""
    wanted = [f"{target.users:,} users"]
    if target.first_token_s is not None:
        wanted.append(f"first token within {_seconds(target.first_token_s)}")
    if target.tokens_per_s is not None:
        wanted.append(f"{target.tokens_per_s:g} tokens/s each")
    head = "For " + ", ".join(wanted) + ", each asking again when an answer ends"
    if not found:
        return f"{head}: none of these devices can."
    rows = [("DEVICES", "GROUPS", "USERS EACH", "ENGINE", "FORMAT", "FIRST TOKEN", "TOKENS/S EACH", "AN HOUR")]
    for one in found:
        fit, speeds = one.details.fit, one.details.speeds
        rows.append(
            (
                f"{one.devices} x {fit.device}",
                f"{one.groups} of {fit.count}",
                f"{one.users_each:,}",
                one.details.ask.engine,
                fit.variant,
                "unknown" if one.first_token_s is None else _seconds(one.first_token_s),
                _figure(speeds.decode_tps_per_user.value) if speeds else "unknown",
                format_usd(one.usd_per_hour),
            )
        )
    engine = found[0].details.ask.engine
    return "\n".join((f"{head}:", "", in_columns(rows), "", "Each group:", f"  {found[0].details.fit.launch[engine]}"))


def smallest_json(found: Sequence[Served], target: Target) -> dict[str, Any]:
    """The same for programs."""
    return {
        "users": target.users,
        "ttft_s": target.first_token_s,
        "tps": target.tokens_per_s,
        "sets": [
            {
                "device": one.details.fit.device,
                "devices": one.devices,
                "groups": one.groups,
                "users_each": one.users_each,
                "usd_per_hour": one.usd_per_hour,
                "first_token_s": one.first_token_s,
                "tps_each": one.details.speeds.decode_tps_per_user if one.details.speeds else None,
                "fit": one.details.fit,
            }
            for one in found
        ],
    }
