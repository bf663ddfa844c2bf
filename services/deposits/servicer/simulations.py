"""Drafts and simulations on the wire."""

from __future__ import annotations

from freehold.deposits.v1 import policy_service_pb2 as pb
from services.deposits.domain import PolicyDraft
from services.deposits.domain.policies import DEFAULT_MAX_OPEN_WAIVED
from services.deposits.domain.simulation import Band, Loss, Side, Simulation
from services.deposits.servicer.encoding import kind_of, money_of, money_pb, tier_from, timestamp_pb

SIMULATED_WEEKS = 12
"""When the request names no weeks."""


def simulated_draft(partner_id: str, request: pb.SimulatePolicyRequest) -> PolicyDraft:
    """What is replayed."""
    return PolicyDraft(
        partner_id,
        kind_of(request.asset_kind),
        request.threshold,
        money_of(request.deposit),
        DEFAULT_MAX_OPEN_WAIVED,
        "",
        request.city,
        request.asset_class,
        request.rent_multiple_tenths,
        tuple(map(tier_from, request.tiers)),
    )


def simulation_pb(simulation: Simulation) -> pb.Simulation:
    """A simulation on the wire."""
    history = simulation.history
    return pb.Simulation(
        since=timestamp_pb(history.since),
        until=timestamp_pb(history.until),
        decisions=simulation.decisions,
        unmoved=simulation.unmoved,
        before=_side(simulation.before, history.currency),
        after=_side(simulation.after, history.currency),
        to_waived=simulation.to_waived,
        to_deposit=simulation.to_deposit,
        loss_before=_loss(simulation.loss_before, history.currency),
        loss_after=_loss(simulation.loss_after, history.currency),
        bands=map(_band, simulation.bands),
    )


def _side(side: Side, currency: str) -> pb.SimulatedSide:
    return pb.SimulatedSide(
        waived=side.waived,
        waiver_rate_percent=side.waiver_rate_percent,
        deposits=side.deposits,
        deposits_amount=money_pb(currency, side.deposits_minor),
    )


def _loss(loss: Loss, currency: str) -> pb.SimulatedLoss:
    return pb.SimulatedLoss(
        expected=money_pb(currency, loss.expected_minor),
        low=money_pb(currency, loss.low_minor),
        high=money_pb(currency, loss.high_minor),
        unknown=loss.unknown,
        unknown_at_most=money_pb(currency, loss.unknown_at_most_minor),
    )


def _band(band: Band) -> pb.SimulatedBand:
    return pb.SimulatedBand(
        above=band.low,
        up_to=band.high,
        decisions=band.decisions,
        waived_before_percent=band.waived_before_percent,
        waived_after_percent=band.waived_after_percent,
    )
