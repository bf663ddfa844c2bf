"""Every public RPC, whatever it does: who may call it, what it says to an empty request, and whose things it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from town import Town, new_id, refused

from freehold.deposits.v1 import billing_service_pb2 as billing
from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.deposits.v1 import ledger_service_pb2 as ledger
from freehold.deposits.v1 import policy_service_pb2 as policies
from freehold.deposits.v1 import reconciliation_service_pb2 as reconciliation
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.identity.v1 import privacy_service_pb2 as privacy
from freehold.identity.v1 import staff_service_pb2 as staff
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import asset_service_pb2 as assets
from freehold.rental.v1 import feed_service_pb2 as feeds
from freehold.rental.v1 import life_service_pb2 as lives
from freehold.rental.v1 import place_service_pb2 as places
from freehold.rental.v1 import pricing_service_pb2 as pricing
from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.rental.v1 import reservation_service_pb2 as reservations
from freehold.scoring.v1 import bureau_service_pb2 as bureaus
from freehold.scoring.v1 import dispute_service_pb2 as disputes
from freehold.scoring.v1 import endorsement_service_pb2 as endorsements
from freehold.scoring.v1 import proof_service_pb2 as proofs
from freehold.scoring.v1 import scorecard_service_pb2 as scorecards
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.deposits.servicer import ACCESS as DEPOSITS
from services.deposits.servicer import BILLING_ACCESS, LEDGER_ACCESS, POLICY_ACCESS, RECONCILIATION_ACCESS
from services.identity.servicer import ACCESS as IDENTITY
from services.identity.servicer import PRIVACY_ACCESS, STAFF_ACCESS
from services.rental.servicer import ACCESS as RENTAL
from services.rental.servicer import (
    ASSET_ACCESS,
    FEED_ACCESS,
    LIFE_ACCESS,
    PLACE_ACCESS,
    PRICING_ACCESS,
    RESERVATION_ACCESS,
)
from services.scoring.servicer import ACCESS as SCORING
from services.scoring.servicer import BUREAU_ACCESS, DISPUTE_ACCESS, ENDORSEMENT_ACCESS, PROOF_ACCESS, SCORECARD_ACCESS
from services.values.access import Reach, Rule
from services.values.callers import Role
from services.values.errors import Category

READS = ("Get", "List", "Compare", "Preview", "Show", "Download", "CheckRenters", "Explain", "Simulate", "ExportLedger",
         "Quote", "Estimate", "Watch", "Search")  # fmt: skip
NEED_NOTHING = {
    "GetMyScore",
    "ListMyScores",
    "ListMyFacts",
    "ListMyScoreUses",
    "ListMyDisputes",
    "ListOpenDisputes",
    "ListMyEndorsements",
    "ListMyBureaus",
    "GetTrialBalance",
    "ListRoots",
    "ListCorrections",
    "GetScorecards",
    "ListMyProofs",
    "GetProofKeys",
    "CompareChallenger",
    "ListRentals",
    "ListAssets",
    "ListStations",
    "ListZones",
    "GetFleetProfile",
    "ListDeposits",
    "ListBills",
    "ListPolicies",
    "ListDifferences",
    "ListConsents",
    "ListAccesses",
    "GetTokenKeys",
}
SERVICES = [
    ("identity", identity.DESCRIPTOR.services_by_name["IdentityService"], IDENTITY),
    ("identity", privacy.DESCRIPTOR.services_by_name["PrivacyService"], PRIVACY_ACCESS),
    ("identity", staff.DESCRIPTOR.services_by_name["StaffService"], STAFF_ACCESS),
    ("scoring", scoring.DESCRIPTOR.services_by_name["ScoringService"], SCORING),
    ("scoring", bureaus.DESCRIPTOR.services_by_name["BureauService"], BUREAU_ACCESS),
    ("scoring", disputes.DESCRIPTOR.services_by_name["DisputeService"], DISPUTE_ACCESS),
    ("scoring", endorsements.DESCRIPTOR.services_by_name["EndorsementService"], ENDORSEMENT_ACCESS),
    ("scoring", scorecards.DESCRIPTOR.services_by_name["ScorecardService"], SCORECARD_ACCESS),
    ("scoring", proofs.DESCRIPTOR.services_by_name["ProofService"], PROOF_ACCESS),
    ("deposits", deposits.DESCRIPTOR.services_by_name["DepositsService"], DEPOSITS),
    ("deposits", billing.DESCRIPTOR.services_by_name["BillingService"], BILLING_ACCESS),
    ("deposits", policies.DESCRIPTOR.services_by_name["PolicyService"], POLICY_ACCESS),
    ("deposits", reconciliation.DESCRIPTOR.services_by_name["ReconciliationService"], RECONCILIATION_ACCESS),
    ("deposits", ledger.DESCRIPTOR.services_by_name["LedgerService"], LEDGER_ACCESS),
    ("rental", rental.DESCRIPTOR.services_by_name["RentalService"], RENTAL),
    ("rental", assets.DESCRIPTOR.services_by_name["AssetService"], ASSET_ACCESS),
    ("rental", places.DESCRIPTOR.services_by_name["PlaceService"], PLACE_ACCESS),
    ("rental", feeds.DESCRIPTOR.services_by_name["FeedService"], FEED_ACCESS),
    ("rental", lives.DESCRIPTOR.services_by_name["LifeService"], LIFE_ACCESS),
    ("rental", reservations.DESCRIPTOR.services_by_name["ReservationService"], RESERVATION_ACCESS),
    ("rental", pricing.DESCRIPTOR.services_by_name["PricingService"], PRICING_ACCESS),
]
"""Which service's port, what is served there, and its rows of the matrix."""


@dataclass(frozen=True)
class Rpc:
    """One public RPC."""

    service: str
    method: Any
    rule: Rule

    @property
    def roles(self) -> set[Role]:
        """Who may call it."""
        return {role for role in Role if self.rule.reach(role) is not Reach.NONE}

    def __str__(self) -> str:
        return str(self.method.name)

    async def call(self, town: Town, credential: str | None, request: Any = None) -> Any:
        """Calls it, with an empty request unless there is one."""
        answer = message_factory.GetMessageClass(self.method.output_type)
        empty = message_factory.GetMessageClass(self.method.input_type)()
        path = f"/{self.method.containing_service.full_name}/{self.method.name}"
        async with grpc.aio.insecure_channel(town.ready.public[self.service]) as channel:
            kind = channel.unary_stream if self.method.server_streaming else channel.unary_unary
            opened: Any = kind(path, lambda message: message.SerializeToString(), answer.FromString)
            rpc: Any = _whole(opened) if self.method.server_streaming else opened
            if credential is None:
                return await rpc(empty, timeout=10)
            return await town.api.call(rpc, empty if request is None else request, credential)


def _whole(stream: Any) -> Any:
    """A call that gives all that a stream brings."""

    async def call(request: Any, **how: Any) -> list[Any]:
        return [message async for message in stream(request, **how)]

    return call


RPCS = [
    Rpc(service, method, access[method.name])
    for service, descriptor, access in SERVICES
    for method in descriptor.methods
]


def credentials(town: Town) -> dict[Role, str]:
    """A credential of each kind."""
    return {Role.PARTNER: town.key, Role.RENTER: town.renter("above").token, Role.OPERATOR: town.operator}


def test_every_rpc_says_who_may_call_it() -> None:
    for _, descriptor, access in SERVICES:
        assert set(access) == {method.name for method in descriptor.methods}
    assert all((rpc.roles or rpc.rule.anonymous) and Role.SERVICE not in rpc.roles for rpc in RPCS)
    assert all(rpc.rule.scope for rpc in RPCS if rpc.rule.partner is Reach.OWN), "a partner's key has a scope for it"


async def test_no_service_is_served_that_is_not_listed_here(town: Town) -> None:
    for service, address in town.ready.public.items():
        async with grpc.aio.insecure_channel(address) as channel:
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
            (answer,) = [message async for message in stub.ServerReflectionInfo(iter(asked))]
        served = {found.name for found in answer.list_services_response.service}
        listed = {descriptor.full_name for name, descriptor, _ in SERVICES if name == service}
        assert served == listed | {"grpc.reflection.v1alpha.ServerReflection"}


@pytest.mark.parametrize("rpc", RPCS, ids=str)
async def test_nobody_calls_it_without_a_credential_or_in_another_role(town: Town, rpc: Rpc) -> None:
    if rpc.rule.anonymous:
        assert not rpc.roles, "whoever has nothing to show is asked for what is in the request"
        return
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rpc.call(town, None)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    for role, credential in credentials(town).items():
        if role not in rpc.roles:
            refusal = await refused(rpc.call(town, credential))
            assert (refusal.category, refusal.reason) == (Category.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"), role


@pytest.mark.parametrize("rpc", RPCS, ids=str)
async def test_an_empty_request_names_the_fields_that_are_missing(town: Town, rpc: Rpc) -> None:
    names = {field.name for field in (*rpc.method.input_type.fields, *rpc.method.input_type.oneofs)}
    credential = next((held for role, held in credentials(town).items() if role in rpc.roles), "nothing")
    if Role.STAFF in rpc.roles and credential == "nothing":
        return  # by somebody of each role in test_staff
    if rpc.method.name in NEED_NOTHING:
        await rpc.call(town, credential)
        return
    refusal = await refused(rpc.call(town, credential))
    assert (refusal.category, refusal.reason) == (Category.INVALID_ARGUMENT, "INVALID_FIELD")
    blamed = {violation.field for violation in refusal.violations}
    assert blamed <= names
    assert "request_id" in blamed or "request_id" not in names


def test_every_rpc_that_changes_something_carries_a_request_id() -> None:
    for rpc in RPCS:
        fields = rpc.method.input_type.fields_by_name
        if rpc.method.name.startswith("Batch") and "requests" in fields:
            fields = fields["requests"].message_type.fields_by_name
        reads = rpc.method.name.removeprefix("Batch").startswith(READS)
        assert reads is not ("request_id" in fields), rpc


async def test_another_partner_finds_nothing_of_the_first(town: Town) -> None:
    renter = town.renter("above")
    mine = await town.start(renter.renter_id, await town.new_bike())
    await town.end(mine.rental_id)
    other, new = await town.other_partner(), new_id
    wanted: list[tuple[str, Any, str]] = [
        ("GetRental", rental.GetRentalRequest(rental_id=mine.rental_id), "RENTAL_NOT_FOUND"),
        ("EndRental", rental.EndRentalRequest(request_id=new(), rental_id=mine.rental_id), "RENTAL_NOT_FOUND"),
        ("CancelRental", rental.CancelRentalRequest(request_id=new(), rental_id=mine.rental_id), "RENTAL_NOT_FOUND"),
        ("GetDeposit", deposits.GetDepositRequest(deposit_id=mine.deposit_id), "DEPOSIT_NOT_FOUND"),
        ("GetRenter", identity.GetRenterRequest(renter_id=renter.renter_id), "RENTER_NOT_FOUND"),
        (
            "StartRental",
            rental.StartRentalRequest(request_id=new(), renter_id=renter.renter_id, asset_code=town.city.bikes[0]),
            "ASSET_NOT_FOUND",
        ),
    ]
    for name, request, reason in wanted:
        rpc = next(rpc for rpc in RPCS if rpc.method.name == name)
        assert (await refused(rpc.call(town, other, request))).reason == reason, name
    for name, empty in (("ListRentals", rental.ListRentalsRequest()), ("ListDeposits", deposits.ListDepositsRequest())):
        rpc = next(rpc for rpc in RPCS if rpc.method.name == name)
        answer = await rpc.call(town, other, empty)
        assert not getattr(answer, name.removeprefix("List").lower())


async def test_another_renter_finds_nothing_of_the_first(town: Town) -> None:
    mine = await town.start(town.renter("above").renter_id, await town.new_bike())
    await town.end(mine.rental_id)
    other = town.renter("at").token
    rpcs = {rpc.method.name: rpc for rpc in RPCS}
    found = await refused(rpcs["GetRental"].call(town, other, rental.GetRentalRequest(rental_id=mine.rental_id)))
    assert found.reason == "RENTAL_NOT_FOUND"
    asked = deposits.GetDepositRequest(deposit_id=mine.deposit_id)
    assert (await refused(rpcs["GetDeposit"].call(town, other, asked))).reason == "DEPOSIT_NOT_FOUND"
    theirs = deposits.AddPaymentMethodRequest(
        request_id=new_id(), renter_id=town.renter("above").renter_id, processor_token="tok_visa"
    )
    assert (await refused(rpcs["AddPaymentMethod"].call(town, other, theirs))).reason == "CALLER_NOT_ALLOWED"


async def test_a_request_id_names_one_command(town: Town) -> None:
    """The same id with the same content gives the first result; with other content it is refused."""
    renter = await town.new_person(score=650)
    yuan, plan = money_pb2.Money(currency_code="CNY", amount_minor=9900), new_id
    bike, other_bike = await town.new_bike(), await town.new_bike()
    ids = {name: new_id() for name in ("plan", "asset", "card", "start", "policy")}
    segments = [rental.PriceSegment(rate_minor=100, interval_minutes=30)]

    def price_plan(base: int) -> Any:
        return rental.CreatePricePlanRequest(
            request_id=ids["plan"], currency_code="CNY", base_minor=base, segments=segments
        )

    def asset(code: str) -> Any:
        return rental.CreateAssetRequest(
            request_id=ids["asset"], asset_kind="ASSET_KIND_BIKE", code=code, price_plan_id=town.city.price_plan_id
        )

    def card(token: str) -> Any:
        return deposits.AddPaymentMethodRequest(
            request_id=ids["card"], renter_id=renter.renter_id, processor_token=token
        )

    def start(code: str) -> Any:
        return rental.StartRentalRequest(request_id=ids["start"], renter_id=renter.renter_id, asset_code=code)

    def policy(threshold: int) -> Any:
        return deposits.SetPolicyRequest(
            request_id=ids["policy"], asset_kind="ASSET_KIND_E_BIKE", threshold=threshold, deposit=yuan, reason="test"
        )

    code = f"A-{plan()}"
    pairs = {
        "CreatePricePlan": (price_plan(1), price_plan(2), lambda a: a.price_plan.price_plan_id),
        "CreateAsset": (asset(code), asset(f"{code}-2"), lambda a: a.asset.asset_id),
        "AddPaymentMethod": (card("tok_visa"), card("tok_late"), lambda a: a.payment_method.payment_method_id),
        "StartRental": (start(bike), start(other_bike), lambda a: a.rental.rental_id),
        "SetPolicy": (policy(600), policy(610), lambda a: a.policy.policy_id),
    }
    rpcs = {rpc.method.name: rpc for rpc in RPCS}
    for name, (same, other, identify) in pairs.items():
        credential = renter.token if name == "AddPaymentMethod" else town.key
        first = identify(await rpcs[name].call(town, credential, same))
        assert identify(await rpcs[name].call(town, credential, same)) == first, name
        refusal = await refused(rpcs[name].call(town, credential, other))
        assert (refusal.category, refusal.reason) == (Category.ALREADY_EXISTS, "REQUEST_ID_REUSED"), name
