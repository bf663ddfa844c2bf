"""Time is a Clock, read once per command and passed on as `now`; nothing below reads the wall."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Business time. `now()` is timezone-aware UTC."""

    def now(self) -> datetime: ...
