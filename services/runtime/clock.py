"""Business time: the wall clock, or a virtual one that runs faster (embedded demos only).

Deadlines, leases and tokens never use a virtual clock: they concern real processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.values.clock import Clock


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """A clock that showed `epoch_virtual` at the real moment `epoch_real` and runs `scale` times as fast since."""

    epoch_real: datetime
    epoch_virtual: datetime
    scale: float

    def now(self) -> datetime:
        elapsed: timedelta = datetime.now(UTC) - self.epoch_real
        return self.epoch_virtual + elapsed * self.scale

    def real_of(self, moment: datetime) -> datetime:
        """The real moment at which this clock shows `moment`."""
        return self.epoch_real + (moment - self.epoch_virtual) / self.scale


def clock_of(scale: float, epoch_real: datetime | None, epoch_virtual: datetime | None) -> Clock:
    """The clock that the settings ask for; all processes given the same three values share one virtual time."""
    if scale == 1.0 or epoch_real is None or epoch_virtual is None:
        return SystemClock()
    return ScaledClock(epoch_real, epoch_virtual, scale)


def real_of(clock: Clock, moment: datetime) -> datetime:
    """The real moment of a business moment."""
    return clock.real_of(moment) if isinstance(clock, ScaledClock) else moment
