"""What a partner's feeds and labels say of it."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import available_timezones

from services.rental.domain.commands import CatalogueCommand
from services.values.errors import invalid


@dataclass(frozen=True, slots=True)
class Profile:
    """`language` is the one of all names (BCP 47), `opening_hours` in the form of OpenStreetMap ("24/7").

    `link_prefix` and a code together are the link that opens the partner's app at an asset; it may be empty.
    """

    name: str
    language: str
    time_zone: str
    contact_email: str
    opening_hours: str
    link_prefix: str


@dataclass(frozen=True, slots=True)
class SetFleetProfile(CatalogueCommand):
    """Say what feeds and labels say."""

    profile: Profile


def check_profile(profile: Profile) -> None:
    """Refuses a time zone that does not exist: INVALID_FIELD."""
    if profile.time_zone not in available_timezones():
        raise invalid("time_zone", "must be a name of the IANA time zone database")
