"""The books as an audit takes them: rows as they are stored, whatever was done to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class BookedEntry:
    """An entry as it is stored."""

    position: int
    renter_id: str
    account: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class BookedTransfer:
    """A transfer as it is stored, entries by position."""

    transfer_id: str
    deposit_id: str
    renter_id: str
    partner_id: str
    kind: str
    occurred_at: datetime
    corrects: str
    booked_on: date
    link: int
    link_hash: bytes
    entries: tuple[BookedEntry, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a renter's chain as it is stored, and how far it was rolled up."""

    link: int
    hash: bytes
    rolled_link: int
    rolled: bool


@dataclass(frozen=True, slots=True)
class Pages:
    """All that one bucket holds, by renter; balances by (account, currency)."""

    transfers: Mapping[str, Sequence[BookedTransfer]]
    heads: Mapping[str, Head]
    balances: Mapping[str, Mapping[tuple[str, str], int]]
