"""Proto ⇄ domain for the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from typing import Protocol

from freehold.deposits.v1 import ledger_service_pb2 as pb
from freehold.deposits.v1.ledger_service_pb2_grpc import LedgerServiceServicer
from services.deposits.domain.ledger import Account, Correction, CorrectionState, Root
from services.deposits.operations.ledger import Correcting, Exporting, Format, LedgerReading, Statement
from services.deposits.operations.ledger.ports import Listed, Owned, Selection
from services.deposits.servicer.encoding import timestamp_pb
from services.runtime.interceptors import Context, current_call
from services.runtime.rates import Limit
from services.values.access import MANAGERS, Reach, Rule
from services.values.errors import invalid
from services.values.money import Money

_BOOKS = Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="DEPOSITS", staff=MANAGERS)
_OPERATORS = Rule(operator=Reach.ANY)
LEDGER_ACCESS = {
    "GetStatement": _BOOKS,
    "ListEntries": _BOOKS,
    "ExportLedger": _BOOKS,
    "ListRoots": _OPERATORS,
    "ClosePeriod": _OPERATORS,
    "CorrectLedger": _OPERATORS,
    "ApproveCorrection": _OPERATORS,
    "ListCorrections": _OPERATORS,
}
"""Who may call what."""
LEDGER_LIMITS = {"ExportLedger": Limit("60/minute", "partner_id")}
"""How often one caller may have one partner's books written."""


class LedgerServicer(LedgerServiceServicer):
    """LedgerService: partners, renters, operators."""

    def __init__(self, reading: LedgerReading, exporting: Exporting, correcting: Correcting) -> None:
        self._reading = reading
        self._exporting = exporting
        self._correcting = correcting

    async def GetStatement(self, request: pb.GetStatementRequest, context: Context) -> pb.GetStatementResponse:
        statement = await self._reading.statement(current_call().caller, _whose(request), *_days(request))
        return pb.GetStatementResponse(statement=_statement(statement))

    async def ListEntries(self, request: pb.ListEntriesRequest, context: Context) -> pb.ListEntriesResponse:
        name = pb.LedgerTransferKind.Name(request.kind).removeprefix("LEDGER_TRANSFER_KIND_")
        selection = Selection(*_days(request), request.deposit_id, name if request.kind else "")
        found, more = await self._reading.transfers(
            current_call().caller, _whose(request), selection, request.page_size, request.page_token
        )
        return pb.ListEntriesResponse(transfers=[_transfer(one) for one in found], next_page_token=more)

    async def ExportLedger(
        self, request: pb.ExportLedgerRequest, context: Context
    ) -> AsyncIterator[pb.ExportLedgerResponse]:
        written_in = Format(pb.LedgerExportFormat.Name(request.format).removeprefix("LEDGER_EXPORT_FORMAT_"))
        caller = current_call().caller
        async for part in self._exporting.export(caller, _whose(request), *_days(request), written_in):
            yield pb.ExportLedgerResponse(data=part)

    async def ListRoots(self, request: pb.ListRootsRequest, context: Context) -> pb.ListRootsResponse:
        found, more = await self._correcting.roots(request.page_size, request.page_token)
        return pb.ListRootsResponse(roots=[_root(one) for one in found], next_page_token=more)

    async def ClosePeriod(self, request: pb.ClosePeriodRequest, context: Context) -> pb.ClosePeriodResponse:
        period = await self._correcting.close_period(current_call().caller, request.request_id, request.month)
        return pb.ClosePeriodResponse(
            period=pb.LedgerPeriod(
                month=f"{period.month:%Y-%m}",
                closed_by=period.closed_by,
                closed_at=timestamp_pb(period.closed_at),
                totals=[
                    pb.LedgerTotal(
                        account=_account(total.account),
                        currency_code=total.currency,
                        debits_minor=total.debits_minor,
                        credits_minor=total.credits_minor,
                    )
                    for total in period.totals
                ],
            )
        )

    async def CorrectLedger(self, request: pb.CorrectLedgerRequest, context: Context) -> pb.CorrectLedgerResponse:
        account = Account(pb.LedgerAccount.Name(request.account).removeprefix("LEDGER_ACCOUNT_").lower())
        amount = Money(request.currency_code, request.amount_minor)
        what = (request.transfer_id, account, amount, request.reason)
        correction = await self._correcting.correct(current_call().caller, request.request_id, *what)
        return pb.CorrectLedgerResponse(correction=_correction(correction))

    async def ApproveCorrection(
        self, request: pb.ApproveCorrectionRequest, context: Context
    ) -> pb.ApproveCorrectionResponse:
        named = (request.request_id, request.correction_id)
        correction = await self._correcting.approve(current_call().caller, *named)
        return pb.ApproveCorrectionResponse(correction=_correction(correction))

    async def ListCorrections(self, request: pb.ListCorrectionsRequest, context: Context) -> pb.ListCorrectionsResponse:
        name = pb.LedgerCorrectionState.Name(request.state).removeprefix("LEDGER_CORRECTION_STATE_")
        state = CorrectionState(name) if request.state else None
        found, more = await self._correcting.corrections(state, request.page_size, request.page_token)
        return pb.ListCorrectionsResponse(corrections=[_correction(one) for one in found], next_page_token=more)


class _Whose(Protocol):
    @property
    def partner_id(self) -> str: ...
    @property
    def renter_id(self) -> str: ...


class _Days(Protocol):
    @property
    def first_day(self) -> str: ...
    @property
    def last_day(self) -> str: ...


def _whose(request: _Whose) -> Owned:
    return Owned(request.partner_id, request.renter_id)


def _days(request: _Days) -> tuple[date, date]:
    """The first day, and the day after the last."""
    return _day("first_day", request.first_day), _day("last_day", request.last_day) + timedelta(days=1)


def _day(field: str, text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise invalid(field, "is not a day") from None
    if found == date.max:
        raise invalid(field, "is too far away")
    return found


def _account(account: str) -> pb.LedgerAccount.ValueType:
    return pb.LedgerAccount.Value(f"LEDGER_ACCOUNT_{account.upper()}")


def _balances(sums: Mapping[tuple[str, str], int]) -> list[pb.LedgerBalance]:
    return [
        pb.LedgerBalance(account=_account(account), currency_code=currency, balance_minor=balance)
        for (account, currency), balance in sorted(sums.items())
    ]


def _statement(statement: Statement) -> pb.LedgerStatement:
    return pb.LedgerStatement(
        partner_id=statement.whose.partner_id,
        renter_id=statement.whose.renter_id,
        first_day=statement.first.isoformat(),
        last_day=(statement.after - timedelta(days=1)).isoformat(),
        opening=_balances(statement.opening),
        movements=[
            pb.LedgerMovement(
                day=moved.day.isoformat() if moved.day else "",
                account=_account(moved.account),
                currency_code=moved.currency,
                debits_minor=moved.debits_minor,
                credits_minor=moved.credits_minor,
            )
            for moved in statement.days
        ],
        closing=_balances(statement.closing),
        closed=statement.closed,
    )


def _transfer(one: Listed) -> pb.LedgerTransfer:
    return pb.LedgerTransfer(
        transfer_id=one.transfer_id,
        deposit_id=one.deposit_id,
        renter_id=one.renter_id,
        partner_id=one.partner_id,
        kind=pb.LedgerTransferKind.Value(f"LEDGER_TRANSFER_KIND_{one.kind}"),
        occurred_at=timestamp_pb(one.occurred_at),
        booked_on=one.booked_on.isoformat(),
        currency_code=one.currency,
        entries=[pb.LedgerEntry(account=_account(e.account), amount_minor=e.amount_minor) for e in one.entries],
        corrects=one.corrects,
    )


def _root(root: Root) -> pb.LedgerRoot:
    return pb.LedgerRoot(
        day=root.day.isoformat(), root=root.root.hex(), renters=root.renters, closed_at=timestamp_pb(root.closed_at)
    )


def _correction(one: Correction) -> pb.LedgerCorrection:
    return pb.LedgerCorrection(
        correction_id=one.correction_id,
        transfer_id=one.transfer_id,
        deposit_id=one.deposit_id,
        partner_id=one.partner_id,
        account=_account(one.account),
        currency_code=one.currency,
        amount_minor=one.amount_minor,
        reason=one.reason,
        author=one.author,
        approver=one.approver,
        state=pb.LedgerCorrectionState.Value(f"LEDGER_CORRECTION_STATE_{one.state}"),
        proposed_at=timestamp_pb(one.proposed_at),
        booked_at=timestamp_pb(one.booked_at) if one.booked_at else None,
    )
