"""`--on auto`: what drivers' programs print, read as devices; broken and missing programs are no devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.snapshot import load_catalogue
from weighbridge.fit.detect import detect
from weighbridge.fit.devices import DeviceSet, Known
from weighbridge.fit.hardware import all_hardware
from weighbridge.units import GIB, MIB

MEMINFO = "MemTotal:       65536000 kB\nMemFree:         1000000 kB\n"
ROME = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 23
model\t\t: 49
model name\t: AMD EPYC 7742 64-Core Processor
physical id\t: 0
flags\t\t: fpu avx avx2
"""
CLOUD = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
physical id\t: 0
flags\t\t: fpu avx avx2 avx512f
processor\t: 1
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
physical id\t: 0
"""
# Lines as in logs of public repositories: driver 550 on two unlike cards; 470 without the MIG field; GB10's driver 580.
NVIDIA_TWO_KINDS = "NVIDIA GeForce RTX 4090, 24564, [N/A]\nNVIDIA GeForce RTX 3060, 12288, [N/A]\n"
NVIDIA_REFUSES = 'Field "mig.mode.current" is not a valid field to query.\n\n'
NVIDIA_EIGHT = "NVIDIA H100 80GB HBM3, 81559, Disabled\n" * 8
NVIDIA_MIG = "NVIDIA A100-SXM4-80GB, 81920, Enabled\n"
NVIDIA_LIST = """GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 3g.40gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 2g.20gb     Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
  MIG 1g.10gb     Device  2: (UUID: MIG-1e099852-3624-56c0-8064-c5db1211e44f)
"""
NVIDIA_DEAD = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running.\n\n"
)
ROCM = """{"card0": {"VRAM Total Memory (B)": "21458059264", "VRAM Total Used Memory (B)": "27856896",
 "Card Series": "Radeon RX 7900 XT", "Card Model": "0x744c", "GFX Version": "gfx1100"},
 "card1": {"VRAM Total Memory (B)": "67108864", "Card Series": "Raphael", "Card Model": "0x164e"}}"""
ROCM_OLD = """WARNING: AMD GPU device(s) is/are in a low-power state. Check power control/runtime_status

{"card0": {"Card series": "Arcturus GL-XL [AMD Instinct MI100]", "Card model": "0x0c34",
 "VRAM Total Memory (B)": "34342961152"}, "system": {"Driver version": "6.1.0"}}"""
AMD_SMI = """[{"gpu": 0, "asic": {"market_name": "AMD Instinct MI300X OAM", "vendor_id": "0x1002"},
 "vram": {"type": "HBM", "vendor": "N/A", "size": {"value": 196592, "unit": "MB"}}}]"""
NPU_910B4 = """+------------------------------------------------------------------------------------------------+
| npu-smi 24.1.1                   Version: 24.1.1                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B4               | OK            | 88.2        30                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          26838/ 32768         |
+===========================+===============+====================================================+
| 1     910B4               | OK            | 87.0        30                0    / 0             |
| 0                         | 0000:C2:00.0  | 0           0    / 0          29356/ 32768         |
+===========================+===============+====================================================+
"""
NPU_910C = """+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip  Phy-ID              | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     Ascend910           | OK            | 178.5       36                0    / 0             |
| 0     0                   | 0000:9D:00.0  | 0           0    / 0          3416 / 65536         |
+------------------------------------------------------------------------------------------------+
| 0     Ascend910           | OK            | -           36                0    / 0             |
| 1     1                   | 0000:9F:00.0  | 0           0    / 0          3195 / 65536         |
+===========================+===============+====================================================+
"""
APPLE_30_CORES = '{"SPDisplaysDataType": [{"_name": "Apple M3 Max", "sppci_cores": "30"}]}'


class Machine:
    """A machine as its programs and files: command's first words to what it prints."""

    def __init__(self, programs: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None) -> None:
        self.programs = dict(programs or {})
        self.files = {"/proc/meminfo": MEMINFO, "/proc/cpuinfo": ROME} if files is None else dict(files)

    def run(self, words: Sequence[str]) -> str | None:
        line = " ".join(words)
        return next((text for start, text in self.programs.items() if line.startswith(start)), None)

    def detect(self, known: Known) -> list[DeviceSet]:
        return detect(known, self.run, self.files.get)


@pytest.fixture(scope="module")
def known() -> Known:
    return all_hardware(load_catalogue())


def test_equal_cards_count_together(known: Known) -> None:
    (found,) = Machine({"nvidia-smi --query": NVIDIA_EIGHT}).detect(known)

    assert (found.hardware.id, found.count) == ("H100-SXM", 8)
    assert found.hardware.usable_bytes == 81559 * MIB


def test_unlike_cards_are_sets_of_their_own_the_larger_first(known: Known) -> None:
    found = Machine({"nvidia-smi --query": NVIDIA_TWO_KINDS}).detect(known)

    assert [devices.hardware.id for devices in found] == ["RTX 4090", "RTX 3060"]


def test_a_driver_that_does_not_know_a_field_is_asked_again_without_it(known: Known) -> None:
    old = {
        "nvidia-smi --query-gpu=name,memory.total,mig": NVIDIA_REFUSES,
        "nvidia-smi --query-gpu=name,memory.total ": "Tesla T4, 15109\n",
    }

    (found,) = Machine(old).detect(known)

    assert (found.hardware.id, found.hardware.usable_bytes) == ("T4", 15109 * MIB)


def test_slices_of_a_card_are_devices_with_their_share(known: Known) -> None:
    """3g.40gb has half of the memory and of its bandwidth, and three sevenths of the processors."""
    found = Machine({"nvidia-smi --query": NVIDIA_MIG, "nvidia-smi -L": NVIDIA_LIST}).detect(known)

    whole = next(hardware for device, hardware in known if device.id == "A100-SXM-80G")
    largest = found[0].hardware
    assert [devices.usable_bytes // GIB for devices in found] == [40, 20, 10]
    assert largest.bandwidth == pytest.approx((whole.bandwidth or 0) / 2)
    assert largest.bf16_flops == pytest.approx((whole.bf16_flops or 0) * 3 / 7)


def test_a_laptops_card_is_not_its_desktop_namesake(known: Known) -> None:
    """It has the memory its driver reports, and no speed: nobody measured it."""
    (found,) = Machine({"nvidia-smi --query": "NVIDIA GeForce RTX 4090 Laptop GPU, 16376, [N/A]\n"}).detect(known)

    assert found.hardware.usable_bytes == 16376 * MIB
    assert found.hardware.bandwidth is None


def test_a_board_that_shares_memory_has_the_machines(known: Known) -> None:
    (found,) = Machine({"nvidia-smi --query": "NVIDIA GB10, [N/A], [N/A]\n"}).detect(known)

    assert found.hardware.id == "DGX Spark"
    assert found.hardware.memory_bytes == 65536000 * 1024


@pytest.mark.parametrize(
    ("program", "printed", "device", "usable"),
    [
        pytest.param("rocm-smi", ROCM, "RX 7900 XT", 21458059264, id="beside-an-integrated-unit"),
        pytest.param("rocm-smi", ROCM_OLD, "MI100", 34342961152, id="warning-before-json"),
        pytest.param("amd-smi", AMD_SMI, "MI300X", 196592 * MIB, id="amd-smi"),
    ],
)
def test_amd_cards_by_either_program(known: Known, program: str, printed: str, device: str, usable: int) -> None:
    (found,) = Machine({program: printed}).detect(known)

    assert (found.hardware.id, found.count, found.hardware.usable_bytes) == (device, 1, usable)


def test_ascend_cards_by_their_table(known: Known) -> None:
    (found,) = Machine({"npu-smi info": NPU_910B4}).detect(known)

    assert (found.hardware.id, found.count) == ("Ascend 910B4", 2)
    assert found.hardware.usable_bytes == 32768 * MIB


def test_a_910c_is_two_devices_of_half_its_rates(known: Known) -> None:
    (found,) = Machine({"npu-smi info": NPU_910C}).detect(known)

    whole = next(hardware for device, hardware in known if device.id == "Ascend 910C")
    assert found.count == 2
    assert found.hardware.bandwidth == pytest.approx((whole.bandwidth or 0) / 2)


def test_an_apple_chip_is_told_by_its_cores_and_memory(known: Known) -> None:
    apple = {"sysctl -n": "Apple M3 Max\n38654705664\n0\n", "system_profiler": APPLE_30_CORES}

    (found,) = Machine(apple, files={}).detect(known)

    assert found.hardware.id == "Apple M3 Max 30-core"
    assert found.hardware.memory_bytes == 36 * GIB
    assert found.hardware.usable_bytes == 24 * GIB


def test_a_raised_limit_of_an_apple_chip_is_believed(known: Known) -> None:
    (found,) = Machine({"sysctl -n": "Apple M2 Ultra\n206158430208\n180000\n"}, files={}).detect(known)

    assert found.hardware.usable_bytes == 180000 * MIB


def test_a_processor_is_used_where_there_is_nothing_else(known: Known) -> None:
    """One core of an EPYC 7742 does not draw what its eight channels give."""
    (found,) = Machine().detect(known)

    assert found.hardware.id == "EPYC 7002 DDR4-3200"
    assert found.hardware.bandwidth == pytest.approx(12e9)
    assert "bandwidth" in found.hardware.assumed


def test_a_nameless_cloud_processor_is_told_by_its_model_number(known: Known) -> None:
    files = {"/proc/meminfo": MEMINFO, "/proc/cpuinfo": CLOUD}

    (found,) = Machine(files=files).detect(known)

    assert found.hardware.id == "Xeon Gen5 DDR5-5600"
    assert found.hardware.bandwidth == pytest.approx(24e9)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/sys/fs/cgroup/memory.max", f"{8 * GIB}\n", 8 * GIB),
        ("/sys/fs/cgroup/memory.max", "max\n", 65536000 * 1024),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n", 65536000 * 1024),
    ],
)
def test_a_containers_limit_is_its_memory(known: Known, path: str, text: str, expected: int) -> None:
    (found,) = Machine(files={"/proc/meminfo": MEMINFO, "/proc/cpuinfo": ROME, path: text}).detect(known)

    assert found.hardware.memory_bytes == expected


@pytest.mark.parametrize("printed", [NVIDIA_DEAD, "", "No devices were found\n", "{", "[[[[", "a,b\n,,\n1,2,3,4\n"])
def test_a_driver_that_answers_nonsense_leaves_the_processor(known: Known, printed: str) -> None:
    broken = dict.fromkeys(("nvidia-smi", "rocm-smi", "amd-smi", "npu-smi", "sysctl"), printed)

    found = Machine(broken).detect(known)

    assert [devices.hardware.kind for devices in found] == ["cpu"]


def test_a_machine_that_says_nothing_has_no_devices(known: Known) -> None:
    assert Machine(files={}).detect(known) == []


@given(text=st.text(max_size=300))
def test_any_text_of_any_program_is_read_without_harm(known: Known, text: str) -> None:
    programs = dict.fromkeys(("nvidia-smi", "rocm-smi", "amd-smi", "npu-smi", "sysctl", "system_profiler"), text)

    for devices in Machine(programs, dict.fromkeys(("/proc/meminfo", "/proc/cpuinfo"), text)).detect(known[:10]):
        assert devices.count >= 1
        assert devices.hardware.usable_bytes >= 0


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["NVIDIA L4", "Tesla T4", "X"]), st.sampled_from(["23034", "[N/A]", "-1", "9" * 30, "x"])
        ),
        max_size=6,
    )
)
def test_rows_of_nvidia_smi_are_each_a_card_or_nothing(known: Known, rows: list[tuple[str, str]]) -> None:
    printed = "".join(f"{name}, {memory}, [N/A]\n" for name, memory in rows)

    found = Machine({"nvidia-smi": printed}, files={}).detect(known)

    assert sum(devices.count for devices in found) <= len(rows)
