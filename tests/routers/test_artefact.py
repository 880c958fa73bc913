"""The file that holds a router: whatever is in it, it is refused or it decides; it never runs, swells or crashes."""

from __future__ import annotations

import base64
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patience import slowness
from routed_samples import rows, write
from weighbridge.errors import InputError
from weighbridge.routers import Goal, Places, Reply, Router, encode_artefact, read_router, read_samples, train
from weighbridge.routers.packed import pack, unpack


@cache
def made(folder: Path, *, cascade: bool) -> bytes:
    voters = ("small-0", "small-1") if cascade else ("small",)
    path = write(folder / f"{cascade}.csv", rows(500, cheap=len(voters)))
    samples = read_samples(Places(path), voters, "big")
    goal = Goal(0.85, method="cascade" if cascade else "ridge")
    trained = train(samples, voters, "big", goal, made="2027-01-01", versions={}, costs={})
    assert trained.artefact is not None
    return encode_artefact(trained.artefact)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("artefacts")


def fields(data: bytes) -> dict[str, Any]:
    found = msgspec.json.decode(data)
    assert isinstance(found, dict)
    return found


def with_field(data: bytes, path: tuple[str | int, ...], value: Any) -> bytes:
    whole = place = fields(data)
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return msgspec.json.encode(whole)


def packed(values: list[float], shape: list[int]) -> dict[str, Any]:
    raw = zlib.compress(np.array(values, "<f4").tobytes())
    return {"kind": "f4", "shape": shape, "data": base64.b64encode(raw).decode(), "scale": 1.0}


BOMB = {"kind": "f4", "shape": [3, 2], "data": base64.b64encode(zlib.compress(bytes(1 << 24))).decode(), "scale": 1.0}


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        (("format",), "a router", "Invalid enum value"),
        (("kind",), "prompt", "arrays of another kind"),
        (("voters",), [], "length"),
        (("voters",), ["a"] * 2, None),
        (("voters",), ["a"] * 3, "rounds of"),
        (("stops", 0, "accept"), None, "Expected `float`, got `null`"),
        (("stops",), [{"accept": 0.1, "give_up": 0.1}] * 2, "2 stops for 1 rounds"),
        (("model", "rounds"), [], "length"),
        (("model", "rounds", 0, "voters"), 1, "rounds of"),
        (("model", "rounds", 0, "voters"), 1 << 40, "<= 32"),
        (("judge",), {"name": "j", "voters": [], "instructions": "x" * 20_001, "out_of": 1.0}, "length"),
        (("answer_from",), "eval:os.system", "no way to find an answer"),
        (("promise", "keep"), 2.0, "<= 1.0"),
        (("run",), "rm -rf", "unknown field"),
        (("model", "rounds", 0, "lengths"), BOMB, "does not hold the 24 bytes"),
        (("model", "rounds", 0, "lengths"), packed([1.0] * 6, [6]), "shape"),
        (("model", "rounds", 0, "lengths"), packed([1.0] * 6, [3, -2]), "shape"),
        (("model", "rounds", 0, "lengths"), packed([float("nan")] * 6, [3, 2]), "no number"),
        (("model", "rounds", 0, "lengths"), packed([1e30] * 6, [3, 2]), "no number, or one beyond"),
        (("model", "rounds", 0, "lengths"), packed([0.0] * 6, [3, 2]), "not above 0"),
        (("model", "rounds", 0, "lengths", "data"), "AAAA", "cannot be unpacked"),
        (("model", "rounds", 0, "lengths", "scale"), "NaN", "Expected `float`"),
        (("model", "rounds", 0, "lengths", "shape"), [1 << 40, 1 << 40], "shape"),
    ],
)
def test_a_file_that_was_changed_is_refused_with_its_place(
    folder: Path, path: tuple[str | int, ...], value: Any, what: str | None
) -> None:
    data = with_field(made(folder, cascade=True), path, value)

    if what is None:
        assert read_router(data, "router.json").voters == ("a", "a")
        return
    with pytest.raises(InputError, match=what) as caught:
        read_router(data, "router.json")
    assert caught.value.where is not None
    assert caught.value.where.startswith("router.json")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\x80\x04\x95", b"[" * 10_000, b"PK\x03\x04", b"{" * 100_000, b"\xff" * 9]
)
def test_what_is_no_router_is_told(data: bytes) -> None:
    with pytest.raises(InputError, match="no router"):
        read_router(data, "router.json")


@pytest.mark.parametrize("version", ["1", "3"])
def test_a_router_of_another_version_is_told_from_a_damaged_one(folder: Path, version: str) -> None:
    data = with_field(made(folder, cascade=True), ("format",), f"weighbridge.router/{version}")

    with pytest.raises(InputError, match="another version") as caught:
        read_router(data, "router.json")

    assert "route train" in str(caught.value)


def decide(router: Router, text: str) -> None:
    """A decision, whatever it is."""
    with np.errstate(all="raise", under="ignore"):
        if router.is_cascade:
            step = router.step(text, [Reply(text), Reply(None)][: router.rounds[0]])
            assert step.voter is None or 0 <= step.voter < 2
        else:
            assert router.wants_strong(text) in (True, False)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_bytes_changed_anywhere_are_refused_or_harmless(folder: Path, data: st.DataObject) -> None:
    raw = bytearray(made(folder, cascade=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        router = read_router(bytes(raw), "router.json")
    except InputError:
        return
    decide(router, "what is one plus one")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.booleans())
def test_any_prompt_gets_a_decision(folder: Path, text: str, cascade: bool) -> None:
    decide(read_router(made(folder, cascade=cascade), "router.json"), text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), max_size=40))
def test_arrays_come_back_as_they_were_packed(values: list[float]) -> None:
    array = np.array(values)

    exact = unpack(pack(array, "f4"), "x", (None,))
    rounded = unpack(pack(array, "i1"), "x", (None,))

    assert list(exact) == values
    largest = max(map(abs, values), default=0.0)
    assert np.abs(rounded - array).max(initial=0.0) <= largest / 127 * 0.51


def test_a_decision_before_the_call_takes_less_than_a_millisecond(folder: Path) -> None:
    """Of processor time, for a prompt of two kilobytes, allowing for a busy machine."""
    import time

    router = read_router(made(folder, cascade=False), "router.json")
    prompt = " ".join(f"{word} {number}" for number in range(60) for word in ("prove", "that", "apples", "are"))[:2000]
    router.wants_strong(prompt)
    taken = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(40):
            router.wants_strong(prompt)
        taken.append((time.process_time() - started) / 40)

    assert min(taken) < 0.001 * slowness()
