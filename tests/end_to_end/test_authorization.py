"""The authorization matrix, cell by cell, called for real: each RPC × role × what is one's own, and what is another's.

The matrix is the ACCESS of the four services; an RPC without a row fails `test_every_rpc`. Here every RPC that reaches
something has a request about something of the first partner and its renter: the owner gets it, and to everybody else of
the same role it does not exist.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from test_every_rpc import RPCS, Rpc
from town import Town, new_id, refused

from freehold.deposits.v1 import billing_service_pb2 as bills
from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.deposits.v1 import policy_service_pb2 as policies
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.identity.v1 import privacy_service_pb2 as privacy
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import asset_service_pb2 as assets
from freehold.rental.v1 import feed_service_pb2 as feeds
from freehold.rental.v1 import life_service_pb2 as lives
from freehold.rental.v1 import pricing_service_pb2 as pricing
from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.rental.v1 import reservation_service_pb2 as reservations
from freehold.scoring.v1 import dispute_service_pb2 as disputes
from freehold.scoring.v1 import endorsement_service_pb2 as endorsements
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.cli.seeding import Renter
from services.identity.domain import ApiKeyScope
from services.values.access import Reach
from services.values.callers import Role
from services.values.errors import Category, Refusal

BIKE, CNY = "ASSET_KIND_BIKE", "CNY"
NOT_THERE = {"RENTER_NOT_FOUND", "RENTAL_NOT_FOUND", "DEPOSIT_NOT_FOUND", "ASSET_NOT_FOUND", "CALLER_NOT_ALLOWED"}
NOT_THERE |= {"RENTER_NOT_LINKED", "CODE_INVALID", "REFRESH_TOKEN_INVALID", "PRICE_PLAN_NOT_FOUND"}
NOT_THERE |= {"EXPORT_NOT_FOUND", "ERASURE_NOT_FOUND", "BILL_NOT_FOUND", "POLICY_NOT_FOUND"}
NOT_THERE |= {"RESERVATION_NOT_FOUND", "FACT_NOT_FOUND", "DISPUTE_NOT_FOUND", "ENDORSEMENT_NOT_FOUND"}


@dataclass(frozen=True)
class Cast:
    """Two businesses and two people who have nothing to do with each other."""

    town: Town
    mine: Renter
    theirs: Renter
    other_key: str
    asset_id: str
    rental_id: str
    deposit_id: str
    reservation_id: str
    policy_id: str
    export_id: str
    erasure_id: str
    fact_id: str
    disputed_id: str
    dispute_id: str
    endorsement_id: str

    def credential(self, role: Role, *, own: bool) -> str:
        """The credential of the owner, or of somebody else in the same role."""
        return {
            Role.PARTNER: self.town.key if own else self.other_key,
            Role.RENTER: self.mine.token if own else self.theirs.token,
            Role.OPERATOR: self.town.operator,
        }[role]


@pytest_asyncio.fixture(scope="module")
async def cast(town: Town) -> Cast:
    """The cast, with a rental that is over."""
    mine, theirs = await town.new_person(score=650, card="tok_charge_declined"), await town.new_person(score=640)
    started = await town.start(mine.renter_id, await town.new_bike())
    await town.end(started.rental_id)
    await _bill(town, started.deposit_id)
    at_scoring = await _at_scoring(town, mine)
    export = privacy.ExportMyDataRequest(request_id=new_id())
    export_id = (await town.api.call(town.api.privacy.ExportMyData, export, mine.token)).export.export_id
    erase = privacy.EraseMeRequest(request_id=new_id())
    erasure_id = (await town.api.call(town.api.privacy.EraseMe, erase, mine.token)).erasure.erasure_id
    cancel = privacy.CancelErasureRequest(request_id=new_id(), erasure_id=erasure_id)
    await town.api.call(town.api.privacy.CancelErasure, cancel, mine.token)
    other = await town.other_partner()
    policy_id = await _scheduled(town)
    keep = reservations.ReserveAssetRequest(
        request_id=new_id(), renter_id=mine.renter_id, asset_code=await town.new_bike()
    )
    kept = (await town.api.call(town.api.reservations.ReserveAsset, keep, town.key)).reservation
    ride = (started.asset_id, started.rental_id, started.deposit_id)
    rental_and_more = (*ride, kept.reservation_id, policy_id, export_id, erasure_id)
    return Cast(town, mine, theirs, other, *rental_and_more, *at_scoring)


async def _scheduled(town: Town) -> str:
    """A version of a policy for next week."""
    request = deposits.SetPolicyRequest(request_id=new_id(), asset_kind=BIKE, threshold=610)
    request.deposit.CopyFrom(money_pb2.Money(currency_code=CNY, amount_minor=9900))
    request.reason, request.city = "a test", "matrix"
    request.effective_at.FromDatetime(town.ready.clock.now() + timedelta(days=7))
    return (await town.api.call(town.api.deposits.SetPolicy, request, town.key)).policy.policy_id


async def _bill(town: Town, deposit_id: str) -> None:
    """Waits until what is owed has become a bill."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(Refusal):
                await town.api.call(town.api.bills.GetBill, bills.GetBillRequest(deposit_id=deposit_id), town.key)
                return
            await asyncio.sleep(0.2)


async def _at_scoring(town: Town, whose: Renter) -> tuple[str, str, str, str]:
    """A fact, one that is not in dispute, a dispute, and an endorsement that the person received."""
    ask = scoring.ListMyFactsRequest(page_size=200)
    facts = (await town.api.call(town.api.scoring.ListMyFacts, ask, whose.token)).facts
    first, second, *_ = [known.fact.fact_id for known in facts]
    open_one = disputes.OpenDisputeRequest(request_id=new_id(), fact_id=first, statement="it was not me")
    dispute = (await town.api.call(town.api.disputes.OpenDispute, open_one, whose.token)).dispute
    friend = await town.old_friend()
    code = endorsements.AskEndorsementRequest(request_id=new_id())
    asked = await town.api.call(town.api.endorsements.AskEndorsement, code, whose.token)
    give = endorsements.EndorseRequest(request_id=new_id(), code=asked.code)
    given = (await town.api.call(town.api.endorsements.Endorse, give, friend.token)).endorsement
    return first, second, dispute.dispute_id, given.endorsement_id


def claim(deposit_id: str) -> dict[str, Any]:
    """A claim of one cent."""
    amount = money_pb2.Money(currency_code="CNY", amount_minor=1)
    return {"request_id": new_id(), "deposit_id": deposit_id, "amount": amount, "reason": "a test"}


REACHING: dict[str, Callable[[Cast], Any]] = {
    "GetRenter": lambda c: identity.GetRenterRequest(renter_id=c.mine.renter_id),
    "RetryVerification": lambda c: identity.RetryVerificationRequest(request_id=new_id(), renter_id=c.mine.renter_id),
    "CheckFace": lambda c: identity.CheckFaceRequest(
        request_id=new_id(), renter_id=c.mine.renter_id, face_token="face_match"
    ),
    "FreezeRenter": lambda c: identity.FreezeRenterRequest(
        request_id=new_id(), renter_id=c.mine.renter_id, reason="matrix"
    ),
    "IssueRenterToken": lambda c: identity.IssueRenterTokenRequest(
        request_id=new_id(), renter_id=c.mine.renter_id, code="000000"
    ),
    "GetRental": lambda c: rental.GetRentalRequest(rental_id=c.rental_id),
    "EndRental": lambda c: rental.EndRentalRequest(request_id=new_id(), rental_id=c.rental_id),
    "GetReceipt": lambda c: pricing.GetReceiptRequest(rental_id=c.rental_id),
    "EstimateCost": lambda c: pricing.EstimateCostRequest(rental_id=c.rental_id),
    "Quote": lambda c: pricing.QuoteRequest(price_plan_id=c.town.city.price_plan_id),
    "GrantPass": lambda c: pricing.GrantPassRequest(
        request_id=new_id(), renter_id=c.mine.renter_id, percent_off=1, valid_until={"seconds": 4_000_000_000}
    ),
    "CancelRental": lambda c: rental.CancelRentalRequest(request_id=new_id(), rental_id=c.rental_id),
    "PauseRental": lambda c: lives.PauseRentalRequest(request_id=new_id(), rental_id=c.rental_id),
    "ResumeRental": lambda c: lives.ResumeRentalRequest(request_id=new_id(), rental_id=c.rental_id),
    "ReportLost": lambda c: lives.ReportLostRequest(request_id=new_id(), rental_id=c.rental_id),
    "ReportFound": lambda c: lives.ReportFoundRequest(request_id=new_id(), rental_id=c.rental_id),
    "ReportReturn": lambda c: lives.ReportReturnRequest(request_id=new_id(), rental_id=c.rental_id),
    "ResolveReturn": lambda c: lives.ResolveReturnRequest(
        request_id=new_id(), rental_id=c.rental_id, answer="RETURN_ANSWER_REFUSED"
    ),
    "WatchRental": lambda c: lives.WatchRentalRequest(rental_id=c.rental_id),
    "ReserveAsset": lambda c: reservations.ReserveAssetRequest(
        request_id=new_id(), renter_id=c.mine.renter_id, asset_code=c.town.city.bikes[-1]
    ),
    "CancelReservation": lambda c: reservations.CancelReservationRequest(
        request_id=new_id(), reservation_id=c.reservation_id
    ),
    "GetReservation": lambda c: reservations.GetReservationRequest(reservation_id=c.reservation_id),
    "StartRental": lambda c: rental.StartRentalRequest(
        request_id=new_id(), renter_id=c.mine.renter_id, asset_code=c.town.city.bikes[-1]
    ),
    "CreateAsset": lambda c: rental.CreateAssetRequest(
        request_id=new_id(), asset_kind=BIKE, code=f"M-{new_id()}", price_plan_id=c.town.city.price_plan_id
    ),
    "GetAsset": lambda c: assets.GetAssetRequest(asset_id=c.asset_id),
    "UpdateAsset": lambda c: assets.UpdateAssetRequest(request_id=new_id(), asset_id=c.asset_id, city="matrix"),
    "SetAssetState": lambda c: assets.SetAssetStateRequest(
        request_id=new_id(), asset_id=c.asset_id, state="ASSET_STATE_MAINTENANCE"
    ),
    "GetAssetCode": lambda c: assets.GetAssetCodeRequest(asset_id=c.asset_id, format="LABEL_FORMAT_SVG"),
    "GetGbfsFeed": lambda c: feeds.GetGbfsFeedRequest(
        partner_id=c.town.city.partner_id, feed="GBFS_FEED_SYSTEM_INFORMATION"
    ),
    "GetDeposit": lambda c: deposits.GetDepositRequest(deposit_id=c.deposit_id),
    "CaptureDeposit": lambda c: deposits.CaptureDepositRequest(**claim(c.deposit_id)),
    "IncrementDeposit": lambda c: deposits.IncrementDepositRequest(**claim(c.deposit_id)),
    "RefundDeposit": lambda c: deposits.RefundDepositRequest(**claim(c.deposit_id)),
    "CancelPolicy": lambda c: policies.CancelPolicyRequest(request_id=new_id(), policy_id=c.policy_id, reason="a test"),
    "ExplainDecision": lambda c: policies.ExplainDecisionRequest(deposit_id=c.deposit_id),
    "GetBill": lambda c: bills.GetBillRequest(deposit_id=c.deposit_id),
    "PayBill": lambda c: bills.PayBillRequest(request_id=new_id(), deposit_id=c.deposit_id),
    "AgreeInstalments": lambda c: bills.AgreeInstalmentsRequest(
        request_id=new_id(), deposit_id=c.deposit_id, parts=2, interval_days=7
    ),
    "StopBill": lambda c: bills.StopBillRequest(request_id=new_id(), deposit_id=c.deposit_id),
    "ResumeBill": lambda c: bills.ResumeBillRequest(request_id=new_id(), deposit_id=c.deposit_id),
    "DisputeBill": lambda c: bills.DisputeBillRequest(
        request_id=new_id(), deposit_id=c.deposit_id, reason="BILL_DISPUTE_REASON_WRONG_AMOUNT"
    ),
    "ProposeWriteOff": lambda c: bills.ProposeWriteOffRequest(
        request_id=new_id(), deposit_id=c.deposit_id, reason="a test"
    ),
    "PreviewDeposit": lambda c: deposits.PreviewDepositRequest(renter_id=c.mine.renter_id, asset_kind=BIKE),
    "AddPaymentMethod": lambda c: deposits.AddPaymentMethodRequest(
        request_id=new_id(), renter_id=c.mine.renter_id, processor_token="tok_visa"
    ),
    "GetExport": lambda c: privacy.GetExportRequest(export_id=c.export_id),
    "DownloadExport": lambda c: privacy.DownloadExportRequest(export_id=c.export_id),
    "CancelErasure": lambda c: privacy.CancelErasureRequest(request_id=new_id(), erasure_id=c.erasure_id),
    "SetStatement": lambda c: scoring.SetStatementRequest(request_id=new_id(), fact_id=c.fact_id, statement="mine"),
    "OpenDispute": lambda c: disputes.OpenDisputeRequest(
        request_id=new_id(), fact_id=c.disputed_id, statement="it was not me"
    ),
    "WithdrawDispute": lambda c: disputes.WithdrawDisputeRequest(request_id=new_id(), dispute_id=c.dispute_id),
    "EndEndorsement": lambda c: endorsements.EndEndorsementRequest(
        request_id=new_id(), endorsement_id=c.endorsement_id
    ),
    "ListPaymentMethods": lambda c: deposits.ListPaymentMethodsRequest(renter_id=c.mine.renter_id),
}
"""RPCs that name something which belongs to somebody."""

OF_THE_CALLER = {
    "RegisterRenter", "BatchRegisterRenters", "BatchGetRenters", "BatchCheckRenters",
    "SendRenterCode", "RefreshRenterToken", "EndRenterSessions", "LinkPartner", "GrantConsent",
    "WithdrawConsent", "WithdrawAllConsents", "ListConsents", "ListAccesses", "GetMyScore", "ListMyScores",
    "ListMyFacts", "ListMyScoreUses", "ListMyDisputes", "AskEndorsement", "Endorse", "ListMyEndorsements",
    "IssueProof", "ListMyProofs",
    "LinkBureau", "UnlinkBureau", "ListMyBureaus",
    "SetPolicy", "GetPolicy", "ListPolicies", "SimulatePolicy", "SetProcessorOrder",
    "GetStatement", "ListEntries", "ExportLedger",
    "ImportAssets", "ListAssets", "ReportAssetSeen", "SearchAssets", "SetStation", "ListStations", "SearchStations",
    "SetZone", "ListZones", "GetReturnZone", "SetFleetProfile", "GetFleetProfile",
    "ListDeposits", "ListBills", "CreatePricePlan", "ListRentals", "ListPasses", "ExportMyData", "EraseMe",
}  # fmt: skip
"""RPCs that are about the caller and name nobody else; SendRenterCode answers alike for everybody, by design."""

CELLS = [(rpc, role) for rpc in RPCS for role in (Role.PARTNER, Role.RENTER) if rpc.rule.reach(role) is Reach.OWN]


def test_every_cell_is_called() -> None:
    assert {str(rpc) for rpc, _ in CELLS} == set(REACHING) | OF_THE_CALLER


async def outcome(call: Any) -> str:
    """The reason of a refusal; nothing when the call is answered."""
    try:
        await call
    except Refusal as refusal:
        return refusal.reason
    return ""


@pytest.mark.parametrize(("rpc", "role"), [cell for cell in CELLS if str(cell[0]) in REACHING], ids=str)
async def test_the_owner_reaches_it_and_nobody_else_in_that_role(cast: Cast, rpc: Rpc, role: Role) -> None:
    request = REACHING[str(rpc)](cast)
    refusal = await refused(rpc.call(cast.town, cast.credential(role, own=False), request))
    assert refusal.reason in NOT_THERE, "to others it does not exist"
    assert refusal.category in (Category.NOT_FOUND, Category.PERMISSION_DENIED, Category.FAILED_PRECONDITION) or (
        refusal.reason == "CODE_INVALID"
    )
    own = await outcome(rpc.call(cast.town, cast.credential(role, own=True), request))
    assert own not in NOT_THERE - {"CODE_INVALID"}, "the owner is told about the thing itself"
    if str(rpc) == "FreezeRenter":
        thaw = identity.UnfreezeRenterRequest(request_id=new_id(), renter_id=cast.mine.renter_id, reason="matrix")
        await cast.town.api.call(cast.town.api.identity.UnfreezeRenter, thaw, cast.town.operator)


async def test_a_key_reaches_only_what_its_scopes_say(cast: Cast) -> None:
    for scope in ApiKeyScope:
        create = identity.CreateApiKeyRequest(
            request_id=new_id(),
            partner_id=cast.town.city.partner_id,
            display_name=scope,
            scopes=[f"API_KEY_SCOPE_{scope}"],
        )
        secret = (await cast.town.api.call(cast.town.api.identity.CreateApiKey, create, cast.town.operator)).secret
        for rpc in RPCS:
            if rpc.rule.partner is not Reach.OWN:
                continue
            reason = await outcome(rpc.call(cast.town, secret))
            assert (reason == "CALLER_NOT_ALLOWED") is (rpc.rule.scope != scope), f"{rpc} by a key for {scope}"
