"""Pages of what is sorted by time and id, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime

from services.scoring.operations.ports import Before
from services.values import pages

LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def start_of(page_token: str, *filters: str) -> Before:
    """Where the page of a token starts; raises PAGE_TOKEN_INVALID."""
    at = pages.decode(page_token, *filters)
    if not at:
        return LATEST, ""
    moment, _, one_id = at.partition("|")
    return datetime.fromisoformat(moment), one_id


def token_after(moment: datetime, one_id: str, *filters: str) -> str:
    """The token of the page after an entry."""
    return pages.encode(f"{moment.isoformat()}|{one_id}", *filters)
