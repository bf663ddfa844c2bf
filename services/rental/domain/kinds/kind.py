"""What a kind of asset is, as data: its state machine and the rules by which its rentals live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.rental.domain.assets import AssetKind
from services.rental.domain.states import RentalState, Step

Machine = Mapping[tuple[RentalState, Step], RentalState]
"""Every step that exists. Whoever writes a state takes it from here (`Rental.after`)."""


class ReturnPlace(StrEnum):
    """Where a thing goes back to."""

    RETURN_ZONE = "a return zone"
    ANY_STAND = "any stand"
    FREE_SLOT = "any cabinet with a free slot"
    EXIT = "the exit, where the shop tells the amount"


class PricedBy(StrEnum):
    """Who says what a rental costs: its price plan, by time, or the partner, in EndRental."""

    PLAN = "its price plan"
    PARTNER = "the partner, at the end"


@dataclass(frozen=True, slots=True)
class Silence:
    """What happens to a rental about which nobody has said anything for so long after it started.

    LOSE makes it a purchase; RETURN ends it, with nothing charged.
    """

    after: timedelta
    then: Step


@dataclass(frozen=True, slots=True)
class Contact:
    """How long a device that has ever reported may say nothing: then it is not contactable, and in the end missing.

    Both are counted from when it was last seen.
    """

    silent_after: timedelta
    missing_after: timedelta


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What maps draw, in the words of GBFS; `max_range_meters` with a full battery, None for what needs no charge."""

    form_factor: str
    propulsion_type: str
    max_range_meters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind. Who may rent it is identity's matter, the bounds of its deposit are deposits'.

    `late_after`: a thing that is out for longer is overdue, and late when it comes back. `total_minor` is the most that
    fare and purchase come to together, in minor units of whichever currency: whoever has paid so much has bought the
    thing. `reserve_for` is how long one can be kept for somebody who is on their way; None for not at all. `contact` is
    None for what has no device that could report, `vehicle` for what is none.
    """

    asset_kind: AssetKind
    title: str
    machine: Machine
    returned_to: ReturnPlace
    late_after: timedelta
    silence: Silence
    total_minor: int
    priced_by: PricedBy = PricedBy.PLAN
    reserve_for: timedelta | None = None
    contact: Contact | None = None
    vehicle: Vehicle | None = None
