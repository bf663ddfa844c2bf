"""The business clock of a home: the machine's, or one that runs faster and never goes back between two runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.cli.home import HomeError, write_private
from services.runtime.clock import clock_of


@dataclass(frozen=True, slots=True)
class HouseClock:
    """Business time was `epoch_virtual` at the real moment `epoch_real` and runs `scale` times as fast."""

    scale: float
    epoch_real: datetime
    epoch_virtual: datetime

    def now(self) -> datetime:
        """Business time."""
        return clock_of(self.scale, self.epoch_real, self.epoch_virtual).now()

    def settings(self) -> Mapping[str, str]:
        """The three values by which every process shares this clock; none when it is the machine's."""
        if self.scale == 1.0:
            return {}
        return {
            "clock_scale": repr(self.scale),
            "clock_epoch_real": self.epoch_real.isoformat(),
            "clock_epoch_virtual": self.epoch_virtual.isoformat(),
        }


def open_clock(file: Path, scale: float, now: datetime | None = None) -> HouseClock:
    """The clock of this run, remembered in `file`: it starts where the last run's clock would stand now.

    Raises:
        HomeError: the last run's clock is ahead of the machine's, so the machine's would go back in time.
    """
    now = now or datetime.now(UTC)
    before = _remembered(file)
    ahead = before is not None and before.now() > now
    if scale == 1.0:
        if ahead:
            raise HomeError(f"business time here is ahead of real time: give --clock-scale, or remove {file.parent}")
        return HouseClock(1.0, now, now)
    clock = HouseClock(scale, now, before.now() if before is not None and ahead else now)
    write_private(file, json.dumps(dict(clock.settings())))
    return clock


def _remembered(file: Path) -> HouseClock | None:
    if not file.exists():
        return None
    kept = json.loads(file.read_text(encoding="utf-8"))
    return HouseClock(
        float(kept["clock_scale"]),
        datetime.fromisoformat(kept["clock_epoch_real"]),
        datetime.fromisoformat(kept["clock_epoch_virtual"]),
    )
