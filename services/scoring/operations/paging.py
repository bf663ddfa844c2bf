"""Pages of what is sorted by time and id, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime

from services.scoring.operations.ports import Before
from services.values import pages

LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def start_of(page_token: str, *filters: str) -> Before:
    """Where the page of a token starts; raises PAGE_TOKEN_INVALID."""
    return pages.decode_as(place_of, page_token, *filters) or (LATEST, "")


def place_of(key: str) -> Before:
    """The moment and the id that a key names; raises ValueError."""
    at, _, one_id = key.partition("|")
    return pages.moment(at), one_id


def token_after(moment: datetime, one_id: str, *filters: str) -> str:
    """The token of the page after an entry."""
    return pages.encode(f"{moment.isoformat()}|{one_id}", *filters)
