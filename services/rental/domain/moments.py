"""The two times of a command: business time for what people see, real time for leases and the activation window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take.

    `activation` (real time) is the window from request to ACTIVE; `grace` (business time) is how long an ACTIVE rental
    can be cancelled; `recheck` (real) is how often a pending deposit is asked for again; `lease` (real) is how long
    whoever works on a follow-up keeps it to itself.
    """

    activation: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=60)
    recheck: timedelta = timedelta(seconds=1)
    lease: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a command happens: `now` is business time, `wall` is real time, both read once."""

    now: datetime
    wall: datetime
    timing: Timing

    @property
    def activate_by(self) -> datetime:
        """Until when a rental asked for now may become ACTIVE (real time)."""
        return self.wall + self.timing.activation

    @property
    def recheck_at(self) -> datetime:
        """When a pending deposit is asked for again (real time)."""
        return self.wall + self.timing.recheck

    @property
    def lease_until(self) -> datetime:
        """When somebody else may take up what is being worked on now (real time)."""
        return self.wall + self.timing.lease
