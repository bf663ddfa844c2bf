"""What the figures were measured on, and what each process cost."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system, Python, commit and date, for the head of every result."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def _commit() -> str:
    here = Path(__file__).parent
    shown = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or "unknown"


class CpuMeter:
    """CPU seconds that processes (with all their descendants) used between two readings."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before = self._read()

    def _read(self) -> dict[str, float]:
        return {name: _tree_seconds(pid) for name, pid in self._pids.items()}

    def used(self) -> dict[str, float]:
        """CPU seconds by name since the meter was made."""
        return {name: now - self._before[name] for name, now in self._read().items()}


def _tree_seconds(pid: int) -> float:
    total = 0.0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if process is root:
            total += times.children_user + times.children_system
    return total


def resident_mib(pid: int) -> float:
    """Resident memory of one process, MiB."""
    return float(psutil.Process(pid).memory_info().rss) / 2**20
