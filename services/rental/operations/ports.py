"""What the use cases need from outside: a store and two neighbours. Batches in, one outcome per item out, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.rental.domain import (
    NO_USAGE,
    Asset,
    AssetId,
    AssetKind,
    AssuranceLevel,
    Change,
    ClosedBy,
    CreateAsset,
    CreatePricePlan,
    DepositState,
    Fact,
    GrantPass,
    Happened,
    PartnerId,
    Pass,
    PricePlan,
    PricePlanId,
    PriceTerms,
    Pricing,
    Rental,
    RentalId,
    RentalState,
    RenterId,
    Reservation,
    ReservationId,
    RidePass,
    Security,
    Settlement,
    Standing,
    StartRental,
    Usage,
)
from services.values.errors import Refusal
from services.values.money import Money
from services.values.requests import Request


@dataclass(frozen=True, slots=True)
class Origin:
    """What travels with an item besides its content: until when its caller waits (monotonic seconds), and its trace."""

    deadline: float | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A StartRental with the id and times that its rental would get."""

    rental_id: RentalId
    command: StartRental
    fingerprint: bytes
    requested_at: datetime
    activate_by: datetime
    follow_up_at: datetime


@dataclass(frozen=True, slots=True)
class Close:
    """An EndRental, with what is known of the ride, or a CancelRental of `caller`."""

    rental_id: RentalId
    caller: PartnerId
    by: ClosedBy
    usage: Usage = NO_USAGE
    told_charge: Money | None = None


@dataclass(frozen=True, slots=True)
class Closable:
    """A rental with the terms it is priced by and its renter's passes for it, those that end first first.

    `reused` when the closing command's id closed another rental before.
    """

    rental: Rental
    terms: PriceTerms
    reused: bool
    passes: tuple[RidePass, ...] = ()

    @property
    def pricing(self) -> Pricing:
        """What the rental is priced by, with what is known of the ride so far."""
        return Pricing(self.terms, self.rental.usage, self.passes)


@dataclass(frozen=True, slots=True)
class Page:
    """Which rentals to list: newest first, older than `before`. A partner's, a renter's, or both."""

    partner_id: PartnerId | None
    renter_id: RenterId | None
    state: RentalState | None
    before: RentalId | None
    size: int
    asset_kind: AssetKind | None = None
    asset_code: str = ""
    city: str = ""
    requested_from: datetime | None = None
    requested_before: datetime | None = None
    overdue: bool = False


class RentalStore(Protocol):
    """The rentals, durably."""

    async def claim(self, claims: Sequence[Claim]) -> list[Rental | Refusal]:
        """A fresh REQUESTED rental that owns its asset; or the rental that this request made before; or
        ASSET_NOT_FOUND, ASSET_NOT_AVAILABLE."""

    async def read(self, rental_ids: Sequence[RentalId]) -> dict[RentalId, Rental]:
        """The rentals as they stand; unknown ids are left out."""

    async def read_to_close(self, closes: Sequence[Close]) -> list[Closable | None]:
        """The rentals with their price terms; None for unknown ids."""

    async def read_priced(self, rentals: Sequence[Rental]) -> dict[RentalId, Closable]:
        """The rentals as they stand, with their price terms."""

    async def was_done(self, request: Request) -> bool:
        """Whether this command was carried out before. Raises REQUEST_ID_REUSED."""

    async def take_waking(self, now: datetime, limit: int) -> list[Closable]:
        """Rentals whose `wake_at` has come, with their price terms. Nobody keeps them: who comes second changes
        nothing."""

    async def save(self, changes: Sequence[Change], wall: datetime, now: datetime) -> list[bool]:
        """Writes each change with its facts, events and command, and how its asset stands; False where the rental is
        no longer as it was `before`, or the command's id was used meanwhile: look again."""

    async def take_due(self, wall: datetime, recheck_at: datetime, lease_until: datetime, limit: int) -> list[Rental]:
        """Leases rentals whose follow-up is due."""

    async def events_after(self, rental_id: RentalId, sequence: int, limit: int) -> list[Happened]:
        """What happened to a rental after an event, in order."""

    async def list_rentals(self, page: Page) -> list[Rental]:
        """One page of rentals, newest first."""


@dataclass(frozen=True, slots=True)
class Reservable:
    """An asset that somebody wants to have kept."""

    asset_id: AssetId
    asset_kind: AssetKind


class ReservationStore(Protocol):
    """Reservations, durably."""

    async def find(self, request: Request) -> Reservation | None:
        """The reservation that this request made before. Raises REQUEST_ID_REUSED."""

    async def asset(self, partner_id: PartnerId, code: str) -> Reservable:
        """An asset by its code. Raises ASSET_NOT_FOUND."""

    async def reserve(self, request: Request, reservation: Reservation) -> Reservation:
        """Keeps a free asset. Raises ASSET_NOT_AVAILABLE, RESERVATION_OPEN, REQUEST_ID_REUSED."""

    async def cancel(self, request: Request, reservation: Reservation, now: datetime) -> Reservation:
        """Frees its asset. Raises RESERVATION_NOT_HELD, REQUEST_ID_REUSED."""

    async def read(self, reservation_id: ReservationId) -> Reservation | None:
        """One reservation."""

    async def expire(self, now: datetime, limit: int) -> int:
        """Frees assets that were kept for long enough; answers how many."""


class CatalogueStore(Protocol):
    """Price plans and assets, durably."""

    async def create_plan(self, command: CreatePricePlan, fingerprint: bytes, plan: PricePlan) -> PricePlan:
        """The plan as its name's next version, or the one that this request made before.

        Raises PRICE_PLAN_CURRENCY, REQUEST_ID_REUSED."""

    async def create_asset(self, command: CreateAsset, fingerprint: bytes, asset: Asset) -> Asset:
        """The asset, or the one that this request made before. Raises PRICE_PLAN_NOT_FOUND, ASSET_CODE_TAKEN,
        REQUEST_ID_REUSED."""


class PricingStore(Protocol):
    """What prices follow from, and passes, durably."""

    async def plan(self, partner_id: PartnerId, price_plan_id: PricePlanId) -> PricePlan:
        """A plan of the partner. Raises PRICE_PLAN_NOT_FOUND."""

    async def newest_plan(self, partner_id: PartnerId, name: str) -> PricePlan:
        """The newest version of a name. Raises PRICE_PLAN_NOT_FOUND."""

    async def plan_of_asset(self, partner_id: PartnerId, code: str) -> tuple[PricePlan, AssetKind]:
        """By what an asset is priced now, and its kind. Raises ASSET_NOT_FOUND."""

    async def usable_passes(
        self, renter_id: RenterId, partner_id: PartnerId, kind: AssetKind | None, at: datetime
    ) -> list[RidePass]:
        """What the renter's passes give a ride that starts at a time, those that end first first."""

    async def granted(self, command: GrantPass, fingerprint: bytes) -> Pass | None:
        """The pass that this request granted before. Raises REQUEST_ID_REUSED."""

    async def grant(self, command: GrantPass, fingerprint: bytes, new: Pass) -> Pass:
        """The pass, or the one that this request granted meanwhile. Raises REQUEST_ID_REUSED."""

    async def passes(self, renter_id: RenterId, partner_id: PartnerId | None, limit: int) -> list[Pass]:
        """The renter's passes at a partner or at all, those that end last first."""


@dataclass(frozen=True, slots=True)
class CheckItem:
    """May this person rent such a thing at this partner?"""

    renter_id: RenterId
    partner_id: PartnerId
    asset_kind: AssetKind | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class SecureItem:
    """Secure this rental; consent, and on what grounds the person is believed, were read in this very batch."""

    rental: Rental
    scoring_consent: bool
    origin: Origin
    assurance: AssuranceLevel | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A fact on its way out."""

    event_id: str
    fact: Fact


class Identity(Protocol):
    """Who may rent."""

    async def check(self, items: Sequence[CheckItem]) -> list[Standing | Refusal]:
        """Standing, link and consent; RENTER_NOT_FOUND, UPSTREAM_UNAVAILABLE."""


class Scoring(Protocol):
    """Takes facts."""

    async def record(self, facts: Sequence[Outgoing]) -> list[Refusal | None]:
        """None per fact that was taken."""


class Deposits(Protocol):
    """Secures and settles, idempotent by rental id."""

    async def secure(self, items: Sequence[SecureItem]) -> list[Security | Refusal]:
        """How each is secured; a rental that deposits remembers as cancelled has a CANCELLED deposit."""

    async def settle(self, rentals: Sequence[Rental]) -> list[Settlement | Refusal]:
        """How far each charge is paid."""

    async def correct(self, rentals: Sequence[Rental]) -> list[Settlement | Refusal]:
        """How far each charge is paid after `credit` was taken off it."""

    async def cancel(self, rentals: Sequence[Rental]) -> list[DepositState | Refusal]:
        """Where each deposit stands after its rental was cancelled."""
