"""Statements, transfers and exports, for partners, renters and operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date

from services.deposits.domain.ledger.periods import next_month, span
from services.deposits.operations.ledger.ports import DayTotal, LedgerStore, Listed, Owned, Selection
from services.values import pages
from services.values.callers import Caller, Role
from services.values.errors import Category, Refusal, invalid

EXPORT_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Statement:
    """What accounts held before a span of days, what moved on its days, and what they held after it."""

    whose: Owned
    first: date
    after: date
    opening: dict[tuple[str, str], int]
    days: tuple[DayTotal, ...]
    closing: dict[tuple[str, str], int]
    closed: bool


class LedgerReading:
    """What callers may see of the ledger."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    async def statement(self, caller: Caller, whose: Owned, first: date, after: date) -> Statement:
        """A statement of [first, after). Raises INVALID_FIELD."""
        whose, (first, after) = of_one(caller, whose), span(first, after)
        days = await self._store.ledger_days(whose, first, after)
        opening = _sums([total for total in days if total.day is None])
        moved = tuple(total for total in days if total.day is not None)
        months = {period.month for period in await self._store.read_periods(first, after)}
        return Statement(whose, first, after, opening, moved, _sums(days), _months(first, after) <= months)

    async def transfers(
        self, caller: Caller, whose: Owned, selection: Selection, page_size: int, page_token: str
    ) -> tuple[list[Listed], str]:
        """A page of transfers in the order booked, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        whose = of_whom(caller, whose)
        filters = ("entries", whose.partner_id, whose.renter_id, *_key(selection))
        size = pages.page_size(page_size)
        place = pages.decode_as(_place, page_token, *filters) or (selection.first, "")
        found = await self._store.ledger_transfers(whose, selection, place, size + 1)
        end = found[:size][-1] if len(found) > size else None
        more = pages.encode(f"{end.booked_on} {end.transfer_id}", *filters) if end else ""
        return found[:size], more

    async def every_transfer(self, caller: Caller, whose: Owned, selection: Selection) -> AsyncIterator[list[Listed]]:
        """Every transfer of a span of days, in the order booked, part by part."""
        whose, place = of_one(caller, whose), (selection.first, "")
        while found := await self._store.ledger_transfers(whose, selection, place, EXPORT_PAGE):
            yield found
            place = (found[-1].booked_on, found[-1].transfer_id)


def of_whom(caller: Caller, asked: Owned) -> Owned:
    """Whose books are read: a partner's and a renter's own, of operators those they name.

    Raises CALLER_NOT_ALLOWED for somebody else's, INVALID_FIELD when an operator names nobody.
    """
    own = {Role.RENTER: Owned("", caller.id), Role.PARTNER: Owned(caller.partner_id or "", asked.renter_id)}
    own[Role.STAFF] = own[Role.PARTNER]
    found = own.get(caller.role, asked)
    if asked.partner_id not in ("", found.partner_id) or asked.renter_id not in ("", found.renter_id):
        raise Refusal(Category.PERMISSION_DENIED, "CALLER_NOT_ALLOWED", "these are somebody else's books")
    if not found.partner_id and not found.renter_id:
        raise invalid("partner_id", "is needed, or renter_id")
    return found


def of_one(caller: Caller, asked: Owned) -> Owned:
    """The same where books are a partner's or a renter's: what the two have with each other has no balances."""
    found = of_whom(caller, asked)
    if found.partner_id and found.renter_id:
        raise invalid("renter_id", "is not named beside a partner here")
    return found


def _place(key: str) -> tuple[date, str]:
    day, _, transfer_id = key.partition(" ")
    return date.fromisoformat(day), transfer_id


def _sums(totals: list[DayTotal]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for total in totals:
        key = (total.account, total.currency)
        sums[key] = sums.get(key, 0) + total.debits_minor - total.credits_minor
    return sums


def _months(first: date, after: date) -> set[date]:
    month, months = first.replace(day=1), set()
    while month < after:
        months.add(month)
        month = next_month(month)
    return months


def _key(selection: Selection) -> tuple[str, str, str, str]:
    return (selection.first.isoformat(), selection.after.isoformat(), selection.deposit_id, selection.kind)
