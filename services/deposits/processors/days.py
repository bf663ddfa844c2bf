"""The days of China, by which Alipay and WeChat make their bills."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


def days_of(since: datetime, until: datetime) -> Iterator[date]:
    """The days that a window from `since` to before `until` touches."""
    day, last = since.astimezone(CHINA).date(), (until - timedelta(microseconds=1)).astimezone(CHINA).date()
    while day <= last:
        yield day
        day += timedelta(days=1)
