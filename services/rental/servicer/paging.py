"""Page tokens: the last id of a page and a digest of whose list with which filters it was, opaque to callers."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from services.rental.domain import RentalId
from services.rental.domain.refusals import page_token_invalid
from services.rental.operations import Page
from services.values.ids import is_id

_DIGEST_BYTES = 8


def token_after(page: Page, last: RentalId) -> str:
    """The token of the page that follows `last` in the same list."""
    return urlsafe_b64encode(_digest(page) + last.encode()).decode().rstrip("=")


def read_token(page: Page, token: str) -> RentalId | None:
    """Where the page begins; None for the first. Raises PAGE_TOKEN_INVALID for a token of any other list."""
    if not token:
        return None
    try:
        content = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        last = content[_DIGEST_BYTES:].decode("ascii")
    except ValueError:
        raise page_token_invalid() from None
    if content[:_DIGEST_BYTES] != _digest(page) or not is_id(last, "rtl", routed=True):
        raise page_token_invalid()
    return RentalId(last)


def _digest(page: Page) -> bytes:
    filters = json.dumps(
        [
            *(page.partner_id, page.renter_id, page.state, page.asset_kind, page.asset_code, page.city, page.overdue),
            *(str(page.requested_from or ""), str(page.requested_before or "")),
        ]
    )
    return sha256(filters.encode()).digest()[:_DIGEST_BYTES]
