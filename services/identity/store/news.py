"""Events for scoring, written beside what they tell of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from services.identity.domain import ScoringNews
from services.runtime.queries import load_queries
from services.values.ids import bucket_of, new_id


class News:
    """The outbox to scoring.

    Args:
        real_now: real time, in which events are delivered.
        published: called after a commit that wrote events.
    """

    def __init__(self, real_now: Callable[[], datetime], published: Callable[[], None]) -> None:
        self._sql = load_queries("services.identity")
        self.real_now = real_now
        self._published = published

    async def publish(self, connection: Any, renter_id: str, news: Sequence[ScoringNews]) -> bool:
        """Writes events into the transaction of `connection`; answers whether there were any."""
        if news:
            await connection.execute(
                self._sql.insert_news,
                bucket_of(renter_id),
                renter_id,
                [new_id("evt") for _ in news],
                [item.kind for item in news],
                [{"fact_id": item.fact_id, "occurred_at": item.occurred_at.isoformat()} for item in news],
                self.real_now(),
            )
        return bool(news)

    def tell(self, published: bool) -> None:
        """Wakes the outbox, once the transaction that published has committed."""
        if published:
            self._published()
