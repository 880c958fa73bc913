"""Names of hardware as people type them, and the figures behind them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.errors import UsageError
from weighbridge.fit.devices import DeviceSet, Known, find_devices
from weighbridge.fit.hardware import Hardware, all_hardware
from weighbridge.units import GIB


@pytest.fixture(scope="module")
def known() -> Known:
    return all_hardware(load_catalogue())


def hardware(known: Known, name: str) -> Hardware:
    return find_devices(name, known).hardware


@pytest.mark.parametrize(
    ("text", "device", "count"),
    [
        ("h100", "H100-SXM", 1),
        ("rtx4090", "RTX 4090", 1),
        ("NVIDIA GeForce RTX 4090", "RTX 4090", 1),
        ("2x3090", "RTX 3090", 2),
        ("2 x RTX 3090", "RTX 3090", 2),
        ("H100x8", "H100-SXM", 8),
        ("h200 * 4", "H200-SXM", 4),
        ("mi300x", "MI300X", 1),
        ("mi300x8", "MI300X", 8),
        ("m4max", "Apple M4 Max", 1),
        ("910b3", "Ascend 910B3", 1),
        ("epyc 9654", "EPYC 9004 DDR5-4800", 1),
        ("gb200x72", "GB200", 72),
        ("a100 40gb", "A100-SXM-40G", 1),
        ("rtx 4060 ti 16gb", "RTX 4060 Ti 16GB", 1),
        ("3080", "RTX 3080", 1),
    ],
)
def test_names_people_type_mean_one_device(known: Known, text: str, device: str, count: int) -> None:
    found = find_devices(text, known)

    assert (found.hardware.id, found.count) == (device, count)


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("910b", ["Ascend 910B1", "Ascend 910B3", "Ascend 910B4"]),
        ("rtx 4060 ti", ["RTX 4060 Ti 16GB", "RTX 4060 Ti 8GB"]),
        ("mi300", ["MI300A", "MI300X"]),
    ],
)
def test_a_name_that_fits_several_devices_is_refused_with_the_choices(
    known: Known, text: str, choices: list[str]
) -> None:
    """A guess here would be a wrong answer everywhere else."""
    with pytest.raises(UsageError) as caught:
        find_devices(text, known)

    assert all(choice in str(caught.value) for choice in choices)


@pytest.mark.parametrize(
    ("text", "near"), [("rtx 4091", "RTX 4090"), ("RTX 4909", "RTX 4090"), ("RX 7901", "RX 7900"), ("H10000", "H100")]
)
def test_an_unknown_name_is_answered_with_a_few_near_ones(known: Known, text: str, near: str) -> None:
    """The x of RTX is no count: `RTX 4909` is a slip, not 4,909 of all devices that begin with RT."""
    with pytest.raises(UsageError, match=near) as caught:
        find_devices(text, known)

    assert str(caught.value).count(",") <= 4


@pytest.mark.parametrize("text", ["", " ", "x", "8", "0xh100", "H100x0", "gpu", "4097 x h100"])
def test_nonsense_is_refused(known: Known, text: str) -> None:
    with pytest.raises(UsageError):
        find_devices(text, known)


def test_memory_in_a_name_chooses_the_build_of_an_apple_chip(known: Known) -> None:
    """Apple sells GiB and writes GB; the GPU may use three quarters from 64 GB on."""
    found = hardware(known, "m3 max 64gb")

    assert found.memory_bytes == 64 * GIB
    assert found.usable_bytes == pytest.approx(48 * GIB)


def test_memory_that_only_the_smaller_chip_is_sold_with_means_that_chip(known: Known) -> None:
    """Apple sells 36 GB with fewer cores and a narrower bus."""
    found = hardware(known, "m4 max 36gb")

    assert (found.id, found.memory_bytes) == ("Apple M4 Max 32-core", 36 * GIB)
    assert (found.bandwidth or 0) < (hardware(known, "m4 max 128gb").bandwidth or 0)


def test_every_name_in_the_catalogue_finds_its_own_device(known: Known) -> None:
    wrong = {
        name: hardware(known, name).id
        for device, own in known
        for name in (device.id, device.name, *device.names)
        if hardware(known, name).id != own.id
    }

    assert wrong == {}


def test_memory_a_card_is_not_sold_with_is_no_device(known: Known) -> None:
    with pytest.raises(UsageError):
        find_devices("rtx 4090 48gb", known)


@given(text=st.text(max_size=40))
def test_any_text_is_a_device_or_a_usage_error(known: Known, text: str) -> None:
    try:
        found = find_devices(text, known[:40])
    except UsageError:
        return
    assert isinstance(found, DeviceSet)


def test_at_least_65_devices_have_memory_and_bandwidth(known: Known) -> None:
    complete = [device for _, device in known if device.bandwidth and device.memory_bytes and device.usable_bytes]

    assert len(complete) >= 65


def test_figures_agree_with_each_other(known: Known) -> None:
    """A mixed-up unit shows as a device that computes an operation in weeks or reads its memory in a microsecond."""
    for _, device in known:
        assert 0.3 < device.usable_bytes / device.memory_bytes < 1.1, device.id
        if device.bandwidth:
            assert 0.005 < device.memory_bytes / device.bandwidth < 20, device.id
        if device.bf16_flops and device.bandwidth and device.kind != "cpu":
            assert 3 < device.bf16_flops / device.bandwidth < 1500, device.id
        if device.fp8_flops and device.bf16_flops:
            assert 0.99 <= device.fp8_flops / device.bf16_flops <= 4.1, device.id


def test_export_variants_differ_where_the_rules_made_them_differ(known: Known) -> None:
    """H800 and A800 lost link speed, H20 lost compute; none lost memory bandwidth below its parent's."""
    h100, h800, h20 = (hardware(known, name) for name in ("h100", "h800", "h20"))
    a100, a800 = hardware(known, "a100"), hardware(known, "a800")

    assert h800.link_bandwidth is not None
    assert h100.link_bandwidth is not None
    assert h800.link_bandwidth < h100.link_bandwidth
    assert h800.bf16_flops == h100.bf16_flops
    assert (h20.bf16_flops or 0) < 0.2 * (h100.bf16_flops or 0)
    assert (h20.bandwidth or 0) > (h100.bandwidth or 0)
    assert (a800.link_bandwidth or 0) < (a100.link_bandwidth or 0)


def test_a_recalled_figure_is_marked(known: Known) -> None:
    """Nobody's page was read for the Thor's memory: whoever relies on them must be told."""
    assert "memory_bandwidth" in hardware(known, "jetson thor").assumed
    assert "bf16_flops" not in hardware(known, "h100").assumed
