"""What time makes happen in scoring: records run out, disputes lapse, the fallen lose their word, keys are rotated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.runtime.sweeper import Sweeper
from services.scoring.operations import Disputes, Endorsements, Scoring

SWEEP_SECONDS = 5.0
AT_ONCE = 200


def sweepers(
    scoring: Scoring, disputes: Disputes, endorsements: Endorsements, rewrap: Callable[[], Awaitable[int]]
) -> list[Sweeper]:
    """One per kind of work."""
    return [
        Sweeper("records that run out", lambda: scoring.let_run_out(AT_ONCE), SWEEP_SECONDS),
        Sweeper("disputes that lapse", lambda: disputes.let_lapse(AT_ONCE), SWEEP_SECONDS),
        Sweeper("endorsers who fell", lambda: endorsements.let_fall(AT_ONCE), SWEEP_SECONDS),
        Sweeper("rewrapping", rewrap, SWEEP_SECONDS),
    ]
