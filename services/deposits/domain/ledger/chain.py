"""The chain: every renter's transfers hang on each other by SHA-256, so that none is changed, left out or added unseen.

A link is what one batch wrote of one renter. Its digest covers every field of its transfers and entries:

    leaf(n) = sha256(digest ‖ day booked on, as YYYY-MM-DD)
    hash(1) = leaf(1), hash(n) = sha256(hash(n-1) ‖ leaf(n))

The statement that writes the transfers computes the hash itself, from the digest: docs/decisions/0017.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from hashlib import sha256


def entry_text(position: int, account: str, currency: str, amount_minor: int) -> str:
    """One entry, as it is hashed."""
    return f"{position}:{account}:{currency}:{amount_minor}"


def moment_text(at: datetime) -> str:
    """A moment, as it is hashed: UTC, in microseconds."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def transfer_text(fields: Iterable[str], entries: Iterable[str]) -> str:
    """One transfer, as it is hashed.

    Args:
        fields: transfer_id, deposit_id, renter_id, partner_id, kind, occurred_at, corrects.
        entries: its entries by position.
    """
    return "|".join((*fields, *entries))


def digest_of(transfers: Iterable[str]) -> bytes:
    """The digest of one link; `transfers` in any order, since each text begins with its id."""
    return sha256("\n".join(sorted(transfers)).encode()).digest()


def link_hash(previous: bytes, digest: bytes, booked_on: date) -> bytes:
    """The hash of a link after `previous`; b"" before the first."""
    leaf = sha256(digest + booked_on.isoformat().encode()).digest()
    return sha256(previous + leaf).digest() if previous else leaf
