"""Operators close periods and put errors right."""

from __future__ import annotations

from datetime import date, datetime

from services.deposits.domain.ledger import Account, Correction, CorrectionState, Period, Root
from services.deposits.domain.ledger.corrections import Corrected, approve, propose
from services.deposits.domain.ledger.periods import month_of
from services.deposits.operations.ledger.ports import LedgerStore
from services.values import pages
from services.values.callers import Caller
from services.values.clock import Clock
from services.values.errors import Refusal
from services.values.ids import bucket_of, new_id_of
from services.values.money import Money
from services.values.requests import Request, fingerprint


class Correcting:
    """The use cases of operators. Each command is carried out once per request_id."""

    def __init__(self, store: LedgerStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def close_period(self, caller: Caller, request_id: str, month: str) -> Period:
        """Closes a month, for ever. Raises LEDGER_PERIOD_NOT_SEALED, LEDGER_PERIOD_OUT_OF_ORDER."""
        first = month_of(month)
        request = Request(0, caller.id, "ClosePeriod", request_id, fingerprint(month))
        return await self._store.close_period(request, first, caller.id, self._clock.now())

    async def correct(
        self, caller: Caller, request_id: str, transfer_id: str, account: Account, amount: Money, reason: str
    ) -> Correction:
        """Proposes a correction, or books it where nobody has to approve it.

        Raises LEDGER_TRANSFER_NOT_FOUND, CORRECTION_NOT_ALLOWED, CORRECTION_TOO_LARGE, CURRENCY_MISMATCH.
        """
        now = self._clock.now()
        content = (transfer_id, account, amount.currency, amount.amount_minor, reason)
        request = Request(bucket_of(transfer_id), caller.id, "CorrectLedger", request_id, fingerprint(*content))
        correction_id = new_id_of("cor", transfer_id)

        def draft(of: Corrected, deposit_id: str, renter_id: str, partner_id: str) -> Correction | Refusal:
            names = (correction_id, transfer_id, deposit_id, renter_id, partner_id)
            put = (amount.currency, amount.amount_minor, reason, caller.id)
            return propose(Correction(*names, account, *put, proposed_at=now), of)

        return await self._store.propose_correction(request, correction_id, transfer_id, draft, now)

    async def approve(self, caller: Caller, request_id: str, correction_id: str) -> Correction:
        """Books what somebody else has proposed. Raises CORRECTION_NOT_FOUND, APPROVAL_BY_ANOTHER."""
        now: datetime = self._clock.now()
        request = Request(
            bucket_of(correction_id), caller.id, "ApproveCorrection", request_id, fingerprint(correction_id)
        )
        return await self._store.approve_correction(
            request, correction_id, lambda proposed: approve(proposed, caller.id, now), now
        )

    async def corrections(
        self, state: CorrectionState | None, page_size: int, page_token: str
    ) -> tuple[list[Correction], str]:
        """A page of corrections, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        before = pages.decode(page_token, "corrections", state)
        found = await self._store.list_corrections(state, before, size + 1)
        more = pages.encode(found[size - 1].correction_id, "corrections", state) if len(found) > size else ""
        return found[:size], more

    async def roots(self, page_size: int, page_token: str) -> tuple[list[Root], str]:
        """A page of sealed days, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        before = pages.decode_as(date.fromisoformat, page_token, "roots") or date.max
        found = await self._store.list_roots(before, size + 1)
        more = pages.encode(found[size - 1].day.isoformat(), "roots") if len(found) > size else ""
        return found[:size], more
