"""People: how far their real name is verified, how old they are, and what that lets them rent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import TYPE_CHECKING

from services.identity.domain.documents import DocumentType

if TYPE_CHECKING:
    from services.identity.domain.accounts import AssuranceLevel

ADULT_AGE = 18
MINIMUM_AGES = {"BIKE": 12, "E_BIKE": 16, "UMBRELLA": 12, "POWER_BANK": 12, "SHOP_VISIT": 16}
"""Youngest age per kind of asset. Bikes: Regulation on the Implementation of the Road Traffic Safety Law, article 72;
small things like bikes; a purchase from 16, when who earns their own living may contract (Civil Code, article 18)."""
NO_KIND = ""

_LOCAL = timezone(timedelta(hours=8))


class RenterState(StrEnum):
    """How far a real name is verified; names as in `freehold.identity.v1.RenterState`.

    The first four are what verification comes to and are stored; the others lie over them.
    """

    PENDING = "PENDING"
    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"
    IN_REVIEW = "IN_REVIEW"
    FROZEN = "FROZEN"
    MERGED = "MERGED"
    EXPIRED = "EXPIRED"
    ERASING = "ERASING"
    ERASED = "ERASED"


class Verdict(StrEnum):
    """What the registry says of a document and a name."""

    MATCH = "MATCH"
    MISMATCH = "MISMATCH"
    NOT_FOUND = "NOT_FOUND"
    UNCLEAR = "UNCLEAR"


@dataclass(frozen=True, slots=True)
class Person:
    """Personal data in the clear: never stored so, never logged; `repr` shows nothing.

    `document_key` is what makes the document one, however it is written; empty when that is the number itself.
    """

    document_type: DocumentType
    document_number: str
    full_name: str
    phone: str
    birth_date: date
    document_key: str = ""
    expires_on: date | None = None

    def __repr__(self) -> str:
        return "Person(…)"


@dataclass(frozen=True, slots=True)
class Renter:
    """A person as everybody else sees them."""

    renter_id: str
    state: RenterState
    phone_verified: bool
    created_at: datetime
    assurance_level: AssuranceLevel
    verified_until: datetime | None = None
    merged_into: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a person may rent at a partner, and whether they consent to scoring; read fresh."""

    verified: bool
    linked: bool
    old_enough: bool
    scoring_consent: bool
    assurance_level: AssuranceLevel


def local_day(now: datetime) -> date:
    """The calendar day in the renters' zone, UTC+8 without daylight saving."""
    return now.astimezone(_LOCAL).date()


def age_on(birth_date: date, day: date) -> int:
    """Completed years of life on a day; someone born on 29 February completes a year on 1 March."""
    before_birthday = (day.month, day.day) < (birth_date.month, birth_date.day)
    return day.year - birth_date.year - before_birthday


def old_enough(birth_date: date, asset_kind: str, day: date) -> bool:
    """Whether the person may rent that kind; a kind that is not listed is for adults."""
    return asset_kind == NO_KIND or age_on(birth_date, day) >= MINIMUM_AGES.get(asset_kind, ADULT_AGE)


def is_adult(birth_date: date, day: date) -> bool:
    """Whether the person may rent every kind."""
    return age_on(birth_date, day) >= ADULT_AGE
