"""Deadlines: an internal call without one is refused, a public one gets ten seconds."""

from __future__ import annotations

import time

from services.runtime.interceptors.calls import Context
from services.values.errors import Category, Refusal

PUBLIC_SECONDS = 10.0


def public_deadline(context: Context) -> tuple[float, bool]:
    """When the call ends (monotonic), and whether we have to end it (the caller set no deadline)."""
    remaining = context.time_remaining()
    if remaining is None:
        return time.monotonic() + PUBLIC_SECONDS, True
    return time.monotonic() + remaining, False


def internal_deadline(context: Context) -> tuple[float, bool]:
    """As `public_deadline`; raises DEADLINE_REQUIRED when the peer set none."""
    remaining = context.time_remaining()
    if remaining is None:
        raise Refusal(Category.INVALID_ARGUMENT, "DEADLINE_REQUIRED", "internal calls need a deadline")
    return time.monotonic() + remaining, False


def exceeded() -> Refusal:
    """The refusal of a call whose deadline has passed."""
    return Refusal(
        Category.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "the deadline passed; repeat with the same request_id"
    )
