"""Proto ⇄ domain for policies that wait, and for decisions that are explained. A score leaves by no message."""

from __future__ import annotations

from freehold.deposits.v1 import deposits_service_pb2
from freehold.deposits.v1 import policy_service_pb2 as pb
from freehold.deposits.v1.policy_service_pb2_grpc import PolicyServiceServicer
from services.deposits.domain import PolicyState
from services.deposits.operations import Explaining, Policies, Simulating
from services.deposits.operations.explaining import Explanation
from services.deposits.operations.ports.policies import Redecision
from services.deposits.servicer.encoding import (
    assurance_pb,
    kind_of,
    money_pb,
    outcome_pb,
    policy_pb,
    tier_pb,
    timestamp_pb,
)
from services.deposits.servicer.simulations import SIMULATED_WEEKS, simulated_draft, simulation_pb
from services.runtime.interceptors import Context, current_call
from services.runtime.rates import Limit
from services.values.access import ALL_STAFF, ANALYSTS, MANAGERS, SERVING, Reach, Rule

POLICY_ACCESS = {
    "ListPolicies": Rule(partner=Reach.OWN, operator=Reach.ANY, scope="POLICIES", staff=ALL_STAFF),
    "ApprovePolicy": Rule(staff=MANAGERS),
    "RejectPolicy": Rule(staff=MANAGERS),
    "CancelPolicy": Rule(partner=Reach.OWN, scope="POLICIES", staff=MANAGERS),
    "SimulatePolicy": Rule(partner=Reach.OWN, scope="POLICIES", staff=ANALYSTS),
    "ExplainDecision": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="DEPOSITS", staff=SERVING),
}
"""Who may call what."""
POLICY_LIMITS = {"SimulatePolicy": Limit("30/hour", "asset_kind")}
"""A simulation reads every decision of a partner."""


class PolicyServicer(PolicyServiceServicer):
    """PolicyService: partners' apps and staff, renters, operators."""

    def __init__(self, policies: Policies, explaining: Explaining, simulating: Simulating) -> None:
        self._policies = policies
        self._explaining = explaining
        self._simulating = simulating

    async def ListPolicies(self, request: pb.ListPoliciesRequest, context: Context) -> pb.ListPoliciesResponse:
        kind = kind_of(request.asset_kind) if request.asset_kind else ""
        name = deposits_service_pb2.PolicyState.Name(request.state).removeprefix("POLICY_STATE_")
        which = (kind, PolicyState(name) if request.state else None)
        paging = (request.page_size, request.page_token)
        found, more = await self._policies.list(current_call().caller, request.partner_id, *which, *paging)
        return pb.ListPoliciesResponse(policies=[policy_pb(policy) for policy in found], next_page_token=more)

    async def ApprovePolicy(self, request: pb.ApprovePolicyRequest, context: Context) -> pb.ApprovePolicyResponse:
        asked = (request.request_id, request.policy_id, request.reason)
        return pb.ApprovePolicyResponse(policy=policy_pb(await self._policies.approve(current_call().caller, *asked)))

    async def RejectPolicy(self, request: pb.RejectPolicyRequest, context: Context) -> pb.RejectPolicyResponse:
        asked = (request.request_id, request.policy_id, request.reason)
        return pb.RejectPolicyResponse(policy=policy_pb(await self._policies.reject(current_call().caller, *asked)))

    async def CancelPolicy(self, request: pb.CancelPolicyRequest, context: Context) -> pb.CancelPolicyResponse:
        asked = (request.request_id, request.policy_id, request.reason)
        return pb.CancelPolicyResponse(policy=policy_pb(await self._policies.cancel(current_call().caller, *asked)))

    async def SimulatePolicy(self, request: pb.SimulatePolicyRequest, context: Context) -> pb.SimulatePolicyResponse:
        caller = current_call().caller
        draft = simulated_draft(caller.partner_id or caller.id, request)
        simulation = await self._simulating.simulate(draft, request.weeks or SIMULATED_WEEKS)
        return pb.SimulatePolicyResponse(simulation=simulation_pb(simulation))

    async def ExplainDecision(self, request: pb.ExplainDecisionRequest, context: Context) -> pb.ExplainDecisionResponse:
        explained = await self._explaining.explain(current_call().caller, request.deposit_id)
        return pb.ExplainDecisionResponse(explanation=_explanation(explained))


def _explanation(explained: Explanation) -> pb.Explanation:
    decided, deposit = explained.decided, explained.decided.deposit
    asset = decided.circumstances
    rent = asset.monthly_rent
    return pb.Explanation(
        deposit_id=deposit.deposit_id,
        rental_id=deposit.rental_id,
        decided_at=timestamp_pb(deposit.decided_at),
        policy=policy_pb(decided.policy) if decided.policy is not None else None,
        city=asset.city,
        asset_class=asset.asset_class,
        monthly_rent=money_pb(rent.currency, rent.amount_minor) if rent is not None else None,
        assurance_level=assurance_pb(asset.assurance),
        model_version=deposit.model_version,
        facts_version=deposit.facts_version,
        outcome=outcome_pb(deposit.outcome),
        reason_codes=deposit.reason_codes,
        decided_by=pb.DecidedBy.Value(f"DECIDED_BY_{explained.by}"),
        tier=tier_pb(explained.tier) if explained.tier is not None else None,
        full_deposit=money_pb(deposit.currency, deposit.compensation_limit_minor),
        deposit=money_pb(deposit.currency, explained.taken_minor),
        redecisions=[_redecision(one) for one in decided.redecisions],
    )


def _redecision(one: Redecision) -> pb.Redecision:
    return pb.Redecision(
        remade_at=timestamp_pb(one.remade_at),
        outcome=outcome_pb(one.outcome),
        reason_codes=one.reason_codes,
        model_version=one.model_version,
        facts_version=one.facts_version,
    )
