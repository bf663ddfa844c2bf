"""Policies through the doors: an asset's city and class, a face, a record and a score come together in one decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from test_staff import Office
from town import Town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.deposits.v1 import policy_service_pb2 as policies
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.cli.seeding import Renter

CITY, CLASS = "harbour", "cargo"
TERMS: dict[str, Any] = {
    "asset_kind": "ASSET_KIND_BIKE",
    "threshold": 600,
    "deposit": {"currency_code": "CNY", "amount_minor": 9900},
    "city": CITY,
    "asset_class": CLASS,
    "tiers": [{"above": 550, "percent": 50}],
    "clean_record_years": 5,
    "required_assurance_level": "ASSURANCE_LEVEL_FACE_CHECKED",
    "reason": "cargo bikes at the harbour",
}


@dataclass
class Harbour:
    """Cargo bikes with a policy of their own."""

    town: Town
    policy: deposits.Policy

    async def ride(self, who: Renter) -> rental.Rental:
        """A rental of a bike there, given back."""
        town, code = self.town, f"H-{new_id()[:12]}"
        made = rental.CreateAssetRequest(
            request_id=new_id(), asset_kind="ASSET_KIND_BIKE", code=code, price_plan_id=town.city.price_plan_id
        )
        made.city, made.asset_class, made.monthly_rent_minor = CITY, CLASS, 20_000
        asset = (await town.api.call(town.api.rental.CreateAsset, made, town.key)).asset
        assert (asset.city, asset.asset_class, asset.monthly_rent_minor) == (CITY, CLASS, 20_000)
        started = await town.start(who.renter_id, code)
        await town.end(started.rental_id)
        return started

    async def somebody(self, score: int, *, face: bool = True) -> Renter:
        """A person, with their face checked or not."""
        who = await self.town.new_person(score=score, card="tok_visa")
        if face:
            await self.check_face(who)
        return who

    async def check_face(self, who: Renter) -> None:
        """The person is who the document says."""
        request = identity.CheckFaceRequest(request_id=new_id(), renter_id=who.renter_id, face_token="face_match")
        await self.town.api.call(self.town.api.identity.CheckFace, request, self.town.key)

    async def explain(self, deposit_id: str, credential: str) -> policies.Explanation:
        """Why a deposit was decided so."""
        request = policies.ExplainDecisionRequest(deposit_id=deposit_id)
        return (await self.town.api.call(self.town.api.policies.ExplainDecision, request, credential)).explanation


@pytest_asyncio.fixture(scope="module")
async def harbour(town: Town) -> Harbour:
    """The policy, in force at once: nothing in it is a large change."""
    request = deposits.SetPolicyRequest(request_id=new_id(), **TERMS)
    policy = (await town.api.call(town.api.deposits.SetPolicy, request, town.key)).policy
    assert policy.state == deposits.POLICY_STATE_IN_FORCE
    return Harbour(town, policy)


async def test_a_reduced_deposit_is_explained_to_both_sides_without_a_score(harbour: Harbour) -> None:
    who = await harbour.somebody(score=580)
    ride = await harbour.ride(who)
    assert (ride.deposit_amount.amount_minor, ride.deposit_state) == (4950, deposits.DEPOSIT_STATE_HELD)
    theirs = await harbour.explain(ride.deposit_id, who.token)
    partners = await harbour.explain(ride.deposit_id, harbour.town.key)
    for told in (theirs, partners):
        assert told.policy.policy_id == harbour.policy.policy_id
        assert (told.decided_by, told.tier.above, told.tier.percent) == (policies.DECIDED_BY_TIER, 550, 50)
        assert (told.city, told.asset_class, told.monthly_rent.amount_minor) == (CITY, CLASS, 20_000)
        assert told.assurance_level == identity.ASSURANCE_LEVEL_FACE_CHECKED
        assert (told.full_deposit.amount_minor, told.deposit.amount_minor) == (9900, 4950)
        assert "580" not in str(told)
    assert theirs.facts_version > 0
    assert partners.facts_version == 0
    mine = await harbour.town.api.call(harbour.town.api.scoring.ListMyScores, scoring.ListMyScoresRequest(), who.token)
    assert 580 in {past.score for past in mine.scores if past.facts_version == theirs.facts_version}


async def test_a_face_opens_what_a_bad_record_closes(harbour: Harbour) -> None:
    town, who = harbour.town, await harbour.somebody(score=700, face=False)
    outside = await town.start(who.renter_id, await town.new_bike())
    assert outside.deposit_state == deposits.DEPOSIT_STATE_WAIVED, "elsewhere nobody asks for a face"
    await town.end(outside.rental_id)
    faceless = await harbour.ride(who)
    await harbour.check_face(who)
    known = await harbour.ride(who)
    lost = fact_pb2.Fact(fact_id="lost-long-ago", renter_id=who.renter_id, kind=fact_pb2.FACT_KIND_RENTAL_LOST)
    lost.occurred_at.FromDatetime(town.ready.clock.now().replace(year=town.ready.clock.now().year - 4, day=1))
    record = scoring.RecordFactsRequest(request_id=new_id(), facts=[lost])
    await town.api.call(town.api.scoring.RecordFacts, record, town.operator)
    recorded = await harbour.ride(who)
    rides = [(ride.deposit_state, list(ride.reason_codes)) for ride in (faceless, known, recorded)]
    assert rides == [
        (deposits.DEPOSIT_STATE_HELD, ["ASSURANCE_TOO_LOW"]),
        (deposits.DEPOSIT_STATE_WAIVED, []),
        (deposits.DEPOSIT_STATE_HELD, ["BAD_RECORD"]),
    ]


async def test_a_large_change_takes_two_people(harbour: Harbour) -> None:
    town, office = harbour.town, Office(harbour.town)
    owner = await office.logged_in("OWNER", town.operator, town.city.partner_id)
    manager = await office.logged_in("MANAGER", owner.token)
    analyst = await office.logged_in("ANALYST", owner.token)
    request = deposits.SetPolicyRequest(request_id=new_id(), **(TERMS | {"threshold": 700}))
    proposed = (await town.api.call(town.api.deposits.SetPolicy, request, manager.token)).policy
    assert proposed.state == deposits.POLICY_STATE_PROPOSED
    assert list(proposed.approval_reasons) == [deposits.APPROVAL_REASON_LINE_MOVED]

    approve = policies.ApprovePolicyRequest(request_id=new_id(), policy_id=proposed.policy_id, reason="agreed")
    rpc = town.api.policies.ApprovePolicy
    for credential, reason in (
        (town.key, "CALLER_NOT_ALLOWED"),
        (analyst.token, "CALLER_NOT_ALLOWED"),
        (manager.token, "APPROVAL_BY_ANOTHER"),
    ):
        assert (await refused(town.api.call(rpc, approve, credential))).reason == reason
    approved = (await town.api.call(rpc, approve, owner.token)).policy
    assert (approved.state, approved.ruled_by) == (deposits.POLICY_STATE_IN_FORCE, owner.staff_id)
    asked = policies.ListPoliciesRequest(asset_kind="ASSET_KIND_BIKE", state="POLICY_STATE_IN_FORCE")
    listed = (await town.api.call(town.api.policies.ListPolicies, asked, analyst.token)).policies
    assert (CITY, CLASS, 700) in {(one.city, one.asset_class, one.threshold) for one in listed}

    cancel = policies.CancelPolicyRequest(request_id=new_id(), policy_id=approved.policy_id, reason="late")
    refusal = await refused(town.api.call(town.api.policies.CancelPolicy, cancel, town.key))
    assert (refusal.reason, refusal.metadata["state"]) == ("POLICY_STATE_NOT_ALLOWED", "IN_FORCE")
    far = deposits.SetPolicyRequest(request_id=new_id(), effective_at={"seconds": 10**11}, **TERMS)
    refusal = await refused(town.api.call(town.api.deposits.SetPolicy, far, town.key))
    assert [one.field for one in refusal.violations] == ["effective_at"]
    wild = deposits.SetPolicyRequest(request_id=new_id(), **(TERMS | {"threshold": 940}))
    refusal = await refused(town.api.call(town.api.deposits.SetPolicy, wild, town.key))
    assert (refusal.reason, [one.field for one in refusal.violations]) == ("POLICY_OUT_OF_BOUNDS", ["threshold"])
