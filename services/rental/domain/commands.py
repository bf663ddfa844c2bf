"""The commands that callers give, decoded, and their fingerprints."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from typing import Any

from services.rental.domain.assets import AssetKind
from services.rental.domain.ids import PartnerId, PaymentMethodId, PricePlanId, RentalId, RenterId
from services.rental.domain.pricing import NO_USAGE, PriceTerms, Usage
from services.values.money import Money


@dataclass(frozen=True, slots=True)
class Command:
    """Who commands (`caller`: the partner, who is also the owner of what is commanded) under which client-made id."""

    caller: PartnerId
    request_id: str


@dataclass(frozen=True, slots=True)
class CatalogueCommand(Command):
    """What a partner's app or its staff may command; `by` is whose request_id it is: the partner's, or the staff's."""

    by: str


@dataclass(frozen=True, slots=True)
class CreatePricePlan(CatalogueCommand):
    """Keep a price plan; with a name, as the name's next version."""

    terms: PriceTerms
    name: str = ""


@dataclass(frozen=True, slots=True)
class CreateAsset(CatalogueCommand):
    """Make an asset with the code that people scan; it costs what a plan says, or what a name's newest version says."""

    asset_kind: AssetKind
    code: str
    price_plan_id: PricePlanId | None
    city: str = ""
    asset_class: str = ""
    monthly_rent_minor: int = 0
    price_plan_name: str = ""


@dataclass(frozen=True, slots=True)
class StartRental(Command):
    """A scan. Without a payment method the renter's default serves when a hold is needed."""

    renter_id: RenterId
    asset_code: str
    payment_method_id: PaymentMethodId | None


@dataclass(frozen=True, slots=True)
class EndRental(Command):
    """The asset is back; where the partner says what a rental costs, it says so here."""

    rental_id: RentalId
    usage: Usage = NO_USAGE
    told_charge: Money | None = None


@dataclass(frozen=True, slots=True)
class CancelRental(Command):
    """The lock did not open."""

    rental_id: RentalId


@dataclass(frozen=True, slots=True)
class GrantPass(CatalogueCommand):
    """Give a renter a pass, from `valid_from` (None: from now)."""

    renter_id: RenterId
    asset_kind: AssetKind | None
    free_minutes: int
    percent_off: int
    valid_from: datetime | None
    valid_until: datetime


_SCOPE = {"caller", "request_id", "by"}


def fingerprint(command: Command) -> bytes:
    """SHA-256 of a command's content without its scope (who commands, request_id): equal content, equal fingerprint.

    What is not used is left out: a command that was sent before a field existed stays the same command.
    """
    return sha256(json.dumps(_content(command), sort_keys=True, default=_content).encode()).digest()


def _content(part: Any) -> Any:
    if isinstance(part, datetime):
        return part.isoformat()
    values = {field.name: (getattr(part, field.name), field.default) for field in fields(part)}
    return {name: value for name, (value, unused) in values.items() if name not in _SCOPE and value != unused}
