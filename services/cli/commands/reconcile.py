"""`freehold reconcile`: a day set beside a processor's report, the differences as a table, and decisions about them."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from freehold.deposits.v1 import reconciliation_service_pb2 as pb
from services.cli.api import Api
from services.cli.commands.options import HOME, HomeOption, told
from services.cli.home import Home
from services.cli.ready import read_ready
from services.identity.keys import mint_operator_token
from services.runtime.clock import SystemClock

PATIENCE_SECONDS = 300.0
_PAUSE_SECONDS = 0.3


def reconcile(
    processor: Annotated[str, typer.Option(help="The payment processor.")] = "sandbox",
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day (UTC) of the payments; today by default.")
    ] = None,
    confirm: Annotated[str, typer.Option(help="Instead of a run: have the repair of this difference done.")] = "",
    dismiss: Annotated[str, typer.Option(help="Instead of a run: let this difference be.")] = "",
    reason: Annotated[str, typer.Option(help="Why it is dismissed.")] = "",
    operator: Annotated[str, typer.Option(help="Who decides; it stands in the records.")] = "operator",
    home: HomeOption = HOME,
) -> None:
    """Set a day's payments beside the processor's report; exit code 1 while something is undecided."""

    def work() -> int:

        ready = read_ready(Home(home).ready_file)
        token = mint_operator_token(Home(home).keys, operator, 1, SystemClock().now())

        async def ask() -> int:
            async with Api(ready.public, authority=ready.public_authority) as api:
                desk = _Desk(api, token)
                if confirm or dismiss:
                    return await desk.decide(confirm, dismiss, reason)
                now = ready.clock.now()
                since = (day or now).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
                until = since + timedelta(days=1)
                return await desk.run(processor, since, until if until <= now else None)

        return asyncio.run(ask())

    told(work)


class _Desk:
    """An operator's calls."""

    def __init__(self, api: Api, token: str) -> None:
        self._api, self._token = api, token
        self._console = Console(highlight=False)

    async def run(self, processor: str, since: datetime, until: datetime | None) -> int:

        asked = pb.RunReconciliationRequest(request_id=uuid.uuid4().hex, processor=processor)
        asked.since.FromDatetime(since)
        if until is not None:
            asked.until.FromDatetime(until)
        calls = self._api.reconciliation
        found = (await self._api.call(calls.RunReconciliation, asked, self._token)).reconciliation
        async with asyncio.timeout(PATIENCE_SECONDS):
            while found.state == pb.RECONCILIATION_STATE_RUNNING:
                await asyncio.sleep(_PAUSE_SECONDS)
                again = pb.GetReconciliationRequest(run_id=found.run_id)
                found = (await self._api.call(calls.GetReconciliation, again, self._token)).reconciliation
        open_ones = await self._undecided(processor)
        self._show_run(found)
        if open_ones:
            self._show(open_ones, "undecided")
        return int(found.state != pb.RECONCILIATION_STATE_DONE or bool(open_ones))

    async def _undecided(self, processor: str) -> list[Any]:

        found: list[Any] = []
        for state in (pb.DIFFERENCE_STATE_OPEN, pb.DIFFERENCE_STATE_AWAITING_SECOND):
            asked = pb.ListDifferencesRequest(processor=processor, state=state, page_size=200)
            while True:
                page = await self._api.call(self._api.reconciliation.ListDifferences, asked, self._token)
                found += page.differences
                if not page.next_page_token:
                    break
                asked.page_token = page.next_page_token
        return found

    async def decide(self, confirm: str, dismiss: str, reason: str) -> int:

        request_id, calls = uuid.uuid4().hex, self._api.reconciliation
        if confirm:
            asked = pb.ConfirmRepairRequest(request_id=request_id, difference_id=confirm)
            decided = (await self._api.call(calls.ConfirmRepair, asked, self._token)).difference
        else:
            let_be = pb.DismissDifferenceRequest(request_id=request_id, difference_id=dismiss, reason=reason)
            decided = (await self._api.call(calls.DismissDifference, let_be, self._token)).difference
        self._show([decided], "decided")
        return 0

    def _show_run(self, run: Any) -> None:

        state = pb.ReconciliationState.Name(run.state).removeprefix("RECONCILIATION_STATE_")
        since, until = (moment.ToDatetime(UTC).isoformat(" ", "minutes") for moment in (run.since, run.until))
        self._console.print(
            f"{run.processor}, {since} to {until}: {state} {run.failure}\n"
            f"{run.payments} payments, {run.in_flight} in flight, {run.unsettled} not ended, {run.differences} differ",
            markup=False,
        )
        sums = Table("currency", "side", "authorized", "captured", "refunded", "open")
        for total in run.totals:
            for side, of in (("ours", total.ours), ("theirs", total.theirs)):
                amounts = (of.authorized_minor, of.captured_minor, of.refunded_minor, of.open_minor)
                sums.add_row(total.currency_code, side, *(str(amount) for amount in amounts))
        self._console.print(sums)

    def _show(self, differences: list[Any], title: str) -> None:

        table = Table("difference", "what differs", "ours", "theirs", "repair", title=title)
        for one in differences:
            kind = pb.DifferenceKind.Name(one.kind).removeprefix("DIFFERENCE_KIND_")
            state = pb.DifferenceState.Name(one.state).removeprefix("DIFFERENCE_STATE_")
            repair = pb.Repair.Name(one.repair).removeprefix("REPAIR_")
            about = one.deposit_id or one.reference
            table.add_row(
                f"{one.difference_id}\n{state} {escape(one.outcome)}",
                f"{kind}\n{escape(about)}",
                *(_amounts(one.currency_code, side) for side in (one.ours, one.theirs)),
                f"{repair}\n{'two operators' if one.needs_two else ''}",
            )
        self._console.print(table)


def _amounts(currency: str, side: Any) -> str:
    parts = ("authorized", "captured", "released", "expired", "open")
    said = [f"{part} {getattr(side, f'{part}_minor')}" for part in parts if getattr(side, f"{part}_minor")]
    return "\n".join([currency, *said]) if said else "nothing"
