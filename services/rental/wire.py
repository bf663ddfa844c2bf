"""Domain enums and times on the wire, both ways, for the clients and the servicer."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from freehold.assets.v1 import asset_kind_pb2
from freehold.deposits.v1 import deposits_service_pb2
from freehold.identity.v1 import identity_service_pb2
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import price_plan_pb2, rental_service_pb2, reservation_service_pb2
from freehold.scoring.v1 import fact_pb2
from services.rental.domain import (
    AdmittanceOutcome,
    AssetKind,
    AssetState,
    AssuranceLevel,
    DepositState,
    DisputeState,
    FactKind,
    LineKind,
    LineUnit,
    PaymentStatus,
    RentalState,
    ReservationState,
)
from services.values.money import Money

E = TypeVar("E", bound=StrEnum)


class EnumMap(Generic[E]):
    """One enum of ours and its twin on the wire, whose names carry a prefix; 0 and unknown values are None."""

    def __init__(self, twin: Any, ours: type[E], prefix: str) -> None:
        self._out: dict[E, int] = {member: twin.Value(prefix + member) for member in ours}
        self._in = {value: member for member, value in self._out.items()}

    def encode(self, member: E | None) -> Any:
        """The wire's value."""
        return 0 if member is None else self._out[member]

    def decode(self, value: int) -> E | None:
        """Our member."""
        return self._in.get(value)


ASSET_KINDS = EnumMap(asset_kind_pb2.AssetKind, AssetKind, "ASSET_KIND_")
ASSET_STATES = EnumMap(rental_service_pb2.AssetState, AssetState, "ASSET_STATE_")
DISPUTE_STATES = EnumMap(rental_service_pb2.ReturnDisputeState, DisputeState, "RETURN_DISPUTE_STATE_")
RESERVATION_STATES = EnumMap(reservation_service_pb2.ReservationState, ReservationState, "RESERVATION_STATE_")
RENTAL_STATES = EnumMap(rental_service_pb2.RentalState, RentalState, "RENTAL_STATE_")
DEPOSIT_STATES = EnumMap(deposits_service_pb2.DepositState, DepositState, "DEPOSIT_STATE_")
PAYMENT_STATUSES = EnumMap(deposits_service_pb2.PaymentStatus, PaymentStatus, "PAYMENT_STATUS_")
OUTCOMES = EnumMap(deposits_service_pb2.AdmittanceOutcome, AdmittanceOutcome, "ADMITTANCE_OUTCOME_")
ASSURANCE_LEVELS = EnumMap(identity_service_pb2.AssuranceLevel, AssuranceLevel, "ASSURANCE_LEVEL_")
LINE_KINDS = EnumMap(price_plan_pb2.PriceLineKind, LineKind, "PRICE_LINE_KIND_")
LINE_UNITS = EnumMap(price_plan_pb2.PriceLineUnit, LineUnit, "PRICE_LINE_UNIT_")
FACT_KINDS = EnumMap(fact_pb2.FactKind, FactKind, "FACT_KIND_")


def timestamp(moment: datetime) -> Timestamp:
    """A time on the wire."""
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def moment(stamp: Timestamp) -> datetime:
    """A time from the wire, aware, in UTC."""
    return stamp.ToDatetime(UTC)


def money(amount: Money) -> money_pb2.Money:
    """An amount on the wire."""
    return money_pb2.Money(currency_code=amount.currency, amount_minor=amount.amount_minor)
