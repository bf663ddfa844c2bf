"""The ledger through its doors: a partner's books, an operator's corrections, and the command that verifies it."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import asyncpg
from town import Town, new_id, refused

from freehold.deposits.v1 import ledger_service_pb2 as pb
from services.cli.home import Home
from services.identity.keys import mint_operator_token
from services.runtime.postgres import EmbeddedPostgres


def days() -> dict[str, str]:
    """Yesterday to tomorrow, whatever the hour."""
    today = datetime.now(UTC).date()
    return {
        "first_day": (today - timedelta(days=1)).isoformat(),
        "last_day": (today + timedelta(days=1)).isoformat(),
    }


async def verify(town: Town) -> tuple[int | None, str]:
    command = ("-m", "services.cli", "ledger", "verify", "--home", str(town.ready.home.path))
    run = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    told, _ = await asyncio.wait_for(run.communicate(), 60)
    return run.returncode, told.decode()


async def test_a_fare_is_in_the_books_of_both_and_is_put_right_by_two_operators(town: Town) -> None:
    ledger, renter = town.api.ledger, await town.new_person(score=500, card="tok_visa")
    ride = await town.start(renter.renter_id, await town.new_bike())
    await town.end(ride.rental_id)
    ask = pb.ListEntriesRequest(deposit_id=ride.deposit_id, kind="LEDGER_TRANSFER_KIND_CHARGED", **days())
    (charged,) = (await town.api.call(ledger.ListEntries, ask, town.key)).transfers
    assert (await town.api.call(ledger.ListEntries, ask, renter.token)).transfers == [charged]
    assert sum(entry.amount_minor for entry in charged.entries) == 0
    fare = next(entry.amount_minor for entry in charged.entries if entry.amount_minor > 0)

    correct = pb.CorrectLedgerRequest(
        request_id=new_id(),
        transfer_id=charged.transfer_id,
        account="LEDGER_ACCOUNT_PARTNER_PAYABLE",
        currency_code=charged.currency_code,
        amount_minor=-1,
        reason="a test",
    )
    proposed = (await town.api.call(ledger.CorrectLedger, correct, town.operator)).correction
    assert proposed.state == pb.LEDGER_CORRECTION_STATE_PROPOSED
    approve = pb.ApproveCorrectionRequest(request_id=new_id(), correction_id=proposed.correction_id)
    assert (await refused(town.api.call(ledger.ApproveCorrection, approve, town.operator))).reason == (
        "APPROVAL_BY_ANOTHER"
    )
    other = mint_operator_token(Home(town.ready.home.path).keys, "another", 1, datetime.now(UTC))
    booked = (await town.api.call(ledger.ApproveCorrection, approve, other)).correction
    assert (booked.state, booked.approver) == (pb.LEDGER_CORRECTION_STATE_BOOKED, "another")
    listed = await town.api.call(ledger.ListCorrections, pb.ListCorrectionsRequest(page_size=200), other)
    assert booked in listed.corrections

    statement = pb.GetStatementRequest(**days())
    mine = (await town.api.call(ledger.GetStatement, statement, renter.token)).statement
    closing = {pb.LedgerAccount.Name(one.account): one.balance_minor for one in mine.closing}
    assert closing["LEDGER_ACCOUNT_PARTNER_PAYABLE"] == 1 - fare
    assert closing["LEDGER_ACCOUNT_RENTER_RECEIVABLE"] == 0
    assert not mine.closed
    theirs = (await town.api.call(ledger.GetStatement, statement, town.key)).statement
    assert theirs.partner_id == town.city.partner_id
    named = pb.GetStatementRequest(renter_id=renter.renter_id, **days())
    assert (await refused(town.api.call(ledger.GetStatement, named, town.renter("at").token))).reason == (
        "CALLER_NOT_ALLOWED"
    )


async def test_a_month_that_runs_is_not_closed(town: Town) -> None:
    close = pb.ClosePeriodRequest(request_id=new_id(), month=f"{datetime.now(UTC):%Y-%m}")
    refusal = await refused(town.api.call(town.api.ledger.ClosePeriod, close, town.operator))
    assert refusal.reason == "LEDGER_PERIOD_NOT_SEALED"


async def test_the_command_verifies_a_running_house_and_names_what_was_changed(town: Town) -> None:
    code, told = await verify(town)
    assert (code, told.strip().rsplit(" ", 2)[-2:]) == (0, ["0", "findings"])
    connection = await asyncpg.connect(EmbeddedPostgres(town.ready.home.path).dsn("deposits"))
    try:
        (renter_id,) = await connection.fetchrow("SELECT renter_id FROM ledger_heads LIMIT 1")
        change = "UPDATE ledger_balances SET balance_minor = balance_minor {} 1 WHERE renter_id = $1"
        await connection.execute(change.format("+"), renter_id)
        code, told = await verify(town)
        await connection.execute(change.format("-"), renter_id)
    finally:
        await connection.close()
    assert code == 1
    assert f"of {renter_id} is " in told
    assert "BALANCE_CHANGED" in told
