"""What the tests of rental share: a clock to turn, rentals to start from, and neighbours that answer as told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.rental.domain import (
    AdmittanceOutcome,
    AssetId,
    AssetKind,
    Change,
    DepositId,
    DepositState,
    Moment,
    PartnerId,
    PaymentMethodId,
    PaymentStatus,
    PricePlanId,
    PriceSegment,
    PriceTerms,
    Pricing,
    Rental,
    RentalId,
    RenterId,
    Security,
    Settlement,
    Standing,
    StartRental,
    Timing,
)
from services.rental.operations import CheckItem, Origin, SecureItem, StartAsk
from services.runtime.statuses import upstream_unavailable
from services.values.errors import Refusal
from services.values.ids import new_id, new_id_of, new_renter_id
from services.values.money import Money

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TERMS = PriceTerms("CNY", 0, (PriceSegment(0, 0, 150, 30),), 0)
PRICING = Pricing(TERMS)
DEPOSIT = Money("CNY", 9900)


@dataclass
class Hands:
    """A clock that stands still until it is turned."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def turn(self, **duration: float) -> None:
        self.time += timedelta(**duration)


def moment(now: datetime = NOON, wall: datetime = NOON, timing: Timing | None = None) -> Moment:
    return Moment(now, wall, timing or Timing())


def a_rental(**fields: Any) -> Rental:
    """A REQUESTED rental of somebody, somewhere; the fields differ."""
    renter_id = RenterId(new_renter_id("rnt"))
    rental = Rental(
        rental_id=RentalId(new_id_of("rtl", renter_id)),
        partner_id=PartnerId(new_id("ptn")),
        renter_id=renter_id,
        asset_id=AssetId(new_id("ast")),
        asset_code="bike-1",
        asset_kind=AssetKind.BIKE,
        price_plan_id=PricePlanId(new_id("pln")),
        currency="CNY",
        payment_method_id=None,
        fingerprint=b"f" * 32,
        requested_at=NOON,
        activate_by=NOON + timedelta(seconds=60),
        follow_up_at=NOON + timedelta(seconds=5),
    )
    return replace(rental, **fields)


def a_security(rental: Rental | RentalId, state: DepositState, **fields: Any) -> Security:
    """How deposits secured the rental: the same deposit id whenever it is asked."""
    rental_id = rental.rental_id if isinstance(rental, Rental) else rental
    outcome = AdmittanceOutcome.ADMITTED if state is DepositState.WAIVED else AdmittanceOutcome.NOT_ADMITTED
    reasons = () if state is DepositState.WAIVED else ("FEW_RENTALS", "SHORT_HISTORY")
    deposit_id = DepositId(rental_id.replace("rtl_", "dep_"))
    return replace(Security(deposit_id, state, outcome, reasons, DEPOSIT), **fields)


def a_tombstone(rental: Rental) -> Security:
    """How deposits remembers a rental that was cancelled before it was secured."""
    return a_security(rental, DepositState.CANCELLED, outcome=None, reason_codes=(), amount=Money("XXX", 0))


def after(change: Change | None) -> Rental:
    """What the rental became."""
    assert change is not None
    return change.after


def ask(
    partner_id: PartnerId, renter_id: RenterId, code: str, request_id: str, method: PaymentMethodId | None = None
) -> StartAsk:
    """A scan."""
    return StartAsk(StartRental(partner_id, request_id, renter_id, code, method), Origin())


GOOD = Standing(verified=True, linked=True, old_enough=True, scoring_consent=True)


@dataclass
class FakeIdentity:
    """Identity as told: everybody is good, but for those named in `standings`."""

    standings: dict[str, Standing | Refusal] = field(default_factory=dict)
    adults_only: frozenset[AssetKind] = frozenset()
    down: bool = False
    frames: list[list[CheckItem]] = field(default_factory=list)

    async def check(self, items: Sequence[CheckItem]) -> list[Standing | Refusal]:
        self.frames.append(list(items))
        if self.down:
            return [upstream_unavailable()] * len(items)
        return [self._standing(item) for item in items]

    def _standing(self, item: CheckItem) -> Standing | Refusal:
        standing = self.standings.get(item.renter_id, GOOD)
        if isinstance(standing, Refusal) or item.asset_kind not in self.adults_only:
            return standing
        return replace(standing, old_enough=False)


@dataclass
class FakeDeposits:
    """Deposits as told, idempotent by rental id; `plan` says what a renter's deposit becomes (WAIVED unless told)."""

    plan: dict[str, DepositState | Refusal] = field(default_factory=dict)
    payments: dict[str, Settlement] = field(default_factory=dict)
    deposits: dict[RentalId, Security] = field(default_factory=dict)
    charges: dict[RentalId, Money] = field(default_factory=dict)
    purchases: dict[RentalId, int] = field(default_factory=dict)
    corrections: dict[str, tuple[Money, int]] = field(default_factory=dict)
    cancelled: set[RentalId] = field(default_factory=set)
    down: bool = False
    frames: Counter[str] = field(default_factory=Counter)

    async def secure(self, items: Sequence[SecureItem]) -> list[Security | Refusal]:
        self.frames["secure"] += 1
        return [upstream_unavailable() if self.down else self._secured(item.rental) for item in items]

    async def settle(self, rentals: Sequence[Rental]) -> list[Settlement | Refusal]:
        self.frames["settle"] += 1
        return [upstream_unavailable() if self.down else self._settled(rental) for rental in rentals]

    async def correct(self, rentals: Sequence[Rental]) -> list[Settlement | Refusal]:
        self.frames["correct"] += 1
        return [upstream_unavailable() if self.down else self._corrected(rental) for rental in rentals]

    async def cancel(self, rentals: Sequence[Rental]) -> list[DepositState | Refusal]:
        self.frames["cancel"] += 1
        if self.down:
            return [upstream_unavailable()] * len(rentals)
        self.cancelled |= {rental.rental_id for rental in rentals}
        return [DepositState.CANCELLED] * len(rentals)

    def _secured(self, rental: Rental) -> Security | Refusal:
        if rental.rental_id in self.cancelled:
            return a_tombstone(rental)
        planned = self.plan.get(rental.renter_id, DepositState.WAIVED)
        if isinstance(planned, Refusal):
            return planned
        return self.deposits.setdefault(rental.rental_id, a_security(rental, planned))

    def _settled(self, rental: Rental) -> Settlement:
        assert rental.charge is not None
        assert self.charges.setdefault(rental.rental_id, rental.charge) == rental.charge
        bought = min(rental.purchase.amount_minor, DEPOSIT.amount_minor) if rental.purchase else 0
        assert self.purchases.setdefault(rental.rental_id, bought) == bought
        free = rental.charge.amount_minor + bought == 0
        default = (
            Settlement(DepositState.CLOSED, PaymentStatus.NONE)
            if free
            else Settlement(self.deposits[rental.rental_id].state, PaymentStatus.IN_PROGRESS)
        )
        return replace(self.payments.get(rental.rental_id, default), purchase_minor=bought)

    def _corrected(self, rental: Rental) -> Settlement:
        assert rental.credit is not None
        known = self.corrections.setdefault(
            f"{rental.rental_id}-{rental.corrections}", (rental.credit, rental.credit_purchase_minor)
        )
        assert known == (rental.credit, rental.credit_purchase_minor)
        return Settlement(DepositState.CLOSED, PaymentStatus.PAID)
