"""How many threads an engine may compute with, and how engines that run together share them."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def machine_threads(cgroup: Path = CGROUP) -> int:
    """Cores this process may use: pinning and a container's quota count, not what the machine has. At least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, allowed if quota is None else min(allowed, quota))


def share_threads(total: int, engines: int) -> tuple[int, ...]:
    """`total` threads dealt to `engines` that run together: 8 to 3 gives (3, 3, 2). Nobody gets fewer than one."""
    least, more = divmod(total, engines)
    return tuple(max(1, least + (index < more)) for index in range(engines))


def _quota(cgroup: Path) -> int | None:
    """Whole cores of processor time this container may use, rounded up; None without a limit.

    cgroup v2 writes `quota period` in microseconds, `max` for none; v1 two files, -1 for none.
    """
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not (quota.isdigit() and period.isdigit()) or int(period) == 0:
        return None
    return max(1, -(-int(quota) // int(period)))
