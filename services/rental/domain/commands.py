"""The commands that callers give, decoded, and their fingerprints."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from hashlib import sha256

from services.rental.domain.assets import AssetKind
from services.rental.domain.ids import PartnerId, PaymentMethodId, PricePlanId, RentalId, RenterId
from services.rental.domain.pricing import PriceTerms
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
    """Keep a price plan."""

    terms: PriceTerms


@dataclass(frozen=True, slots=True)
class CreateAsset(CatalogueCommand):
    """Make an asset with the code that people scan."""

    asset_kind: AssetKind
    code: str
    price_plan_id: PricePlanId
    city: str = ""
    asset_class: str = ""
    monthly_rent_minor: int = 0


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
    told_charge: Money | None = None


@dataclass(frozen=True, slots=True)
class CancelRental(Command):
    """The lock did not open."""

    rental_id: RentalId


_SCOPE = {"caller", "request_id", "by"}


def fingerprint(command: Command) -> bytes:
    """SHA-256 of a command's content without its scope (who commands, request_id): equal content, equal fingerprint.

    What is not used is left out: a command that was sent before a field existed stays the same command.
    """
    content = {
        field.name: getattr(command, field.name)
        for field in fields(command)
        if field.name not in _SCOPE and getattr(command, field.name) != field.default
    }
    return sha256(json.dumps(content, sort_keys=True, default=asdict).encode()).digest()
