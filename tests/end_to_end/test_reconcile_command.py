"""`freehold reconcile` on a running house: a hold that was released by hand is found, taken over, and gone."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import timedelta

import aiohttp
import asyncpg
from town import Town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.deposits.v1 import reconciliation_service_pb2 as pb
from services.runtime.postgres import EmbeddedPostgres

_AGE = "UPDATE processor_operations SET created_at = created_at - interval '1 hour' WHERE deposit_id = $1"
_SHIFT = """
UPDATE ledger_transfers SET occurred_at = occurred_at + $2::interval
WHERE deposit_id = $1 AND kind = 'AUTHORIZED' RETURNING transfer_id"""


async def reconcile(town: Town, *more: str) -> tuple[int, str]:
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "reconcile", "--home", str(town.ready.home.path), *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"COLUMNS": "200"},
    )
    said, _ = await asyncio.wait_for(command.communicate(), 60)
    return command.returncode or 0, said.decode()


async def by_hand(town: Town, deposit_id: str) -> None:
    """An hour passes for a deposit, then somebody voids its hold on the processor's dashboard."""
    connection = await asyncpg.connect(EmbeddedPostgres(town.ready.home.path).dsn("deposits"))
    await connection.execute(_AGE, deposit_id)
    await connection.execute(_SHIFT, deposit_id, timedelta(hours=-1))
    reference = await connection.fetchval("SELECT reference FROM holds WHERE deposit_id = $1", deposit_id)
    await connection.close()
    headers = {"Authorization": f"Bearer {town.ready.home.sandbox_secret.read_text().strip()}"}
    headers["Idempotency-Key"] = new_id()
    url = f"{town.ready.sandbox['processor']}/v1/authorizations/{reference}/void"
    async with aiohttp.ClientSession(headers=headers) as session, session.post(url, json={}) as response:
        assert response.status == 200


async def put_back(town: Town, deposit_id: str) -> None:
    """The ledger as it was written: it is audited by whoever shares the house."""
    connection = await asyncpg.connect(EmbeddedPostgres(town.ready.home.path).dsn("deposits"))
    assert len(await connection.fetch(_SHIFT, deposit_id, timedelta(hours=1))) == 1
    await connection.close()


async def difference_of(town: Town, deposit_id: str) -> str:
    """The one difference that a deposit has."""
    asked = pb.ListDifferencesRequest(processor="sandbox", kind=pb.DIFFERENCE_KIND_RELEASED_DIFFERS, page_size=200)
    found = (await town.api.call(town.api.reconciliation.ListDifferences, asked, town.operator)).differences
    (one,) = [one for one in found if one.deposit_id == deposit_id]
    assert (one.theirs.released_minor, one.ours.open_minor, one.repair) == (9900, 9900, pb.REPAIR_TAKE_OVER)
    return str(one.difference_id)


async def test_a_hold_that_was_released_by_hand_is_found_taken_over_and_gone(town: Town) -> None:
    renter = await town.new_person(score=500)
    rental = await town.start(renter.renter_id, await town.new_bike())
    await by_hand(town, rental.deposit_id)
    code, said = await reconcile(town)
    assert (code, "sandbox" in said, "DONE" in said) == (1, True, True), said
    difference_id = await difference_of(town, rental.deposit_id)
    assert re.search(rf"{difference_id} .* RELEASED_DIFFERS", said), said
    code, said = await reconcile(town, "--confirm", difference_id, "--operator", "ann")
    assert (code, "CONFIRMED" in said) == (0, True), said
    async with asyncio.timeout(20):
        while (await town.deposit(rental.deposit_id)).released_minor != 9900:
            await asyncio.sleep(0.05)
    deposit = await town.deposit(rental.deposit_id)
    assert (deposit.state, deposit.open_minor) == (deposits.DEPOSIT_STATE_HELD, 0)
    code, said = await reconcile(town)
    assert ("DONE" in said, difference_id in said) == (True, False), said
    code, said = await reconcile(town, "--dismiss", difference_id, "--reason", "too late")
    assert (code, "DIFFERENCE_NOT_OPEN" in said) == (1, True), said
    assert (await town.ledger()).balanced
    await town.end(rental.rental_id)
    await put_back(town, rental.deposit_id)


async def test_a_request_names_one_run_and_a_run_has_a_window(town: Town) -> None:
    calls, request_id = town.api.reconciliation, new_id()

    def asked(hours: int, processor: str = "sandbox") -> pb.RunReconciliationRequest:
        request = pb.RunReconciliationRequest(request_id=request_id, processor=processor)
        request.since.FromSeconds(1_790_000_000)
        request.until.FromSeconds(1_790_000_000 + hours * 3600)
        return request

    first = (await town.api.call(calls.RunReconciliation, asked(1), town.operator)).reconciliation
    again = (await town.api.call(calls.RunReconciliation, asked(1), town.operator)).reconciliation
    assert first.run_id == again.run_id
    for request, reason in (
        (asked(2), "REQUEST_ID_REUSED"),
        (asked(0), "INVALID_FIELD"),
        (asked(32 * 24), "INVALID_FIELD"),
        (asked(1, "paypal"), "PROCESSOR_NOT_FOUND"),
    ):
        assert (await refused(town.api.call(calls.RunReconciliation, request, town.operator))).reason == reason
    unknown = pb.GetReconciliationRequest(run_id="rcn_" + 26 * "0")
    found = await refused(town.api.call(calls.GetReconciliation, unknown, town.operator))
    assert found.reason == "RECONCILIATION_NOT_FOUND"
    missing = pb.ConfirmRepairRequest(request_id=new_id(), difference_id="dif_" + 26 * "0")
    assert (await refused(town.api.call(calls.ConfirmRepair, missing, town.operator))).reason == "DIFFERENCE_NOT_FOUND"
