"""Documents, people, consent, partners and codes: the rules of identity, without I/O."""

from services.identity.domain.consent import PURPOSES, SCORING, Consent
from services.identity.domain.documents import ResidentIdCard, parse_phone, parse_resident_id_card, tidy_name
from services.identity.domain.facts import ScoringNews, consent_news, verified_news
from services.identity.domain.people import (
    MINIMUM_AGES,
    Person,
    Renter,
    RenterState,
    Standing,
    Verdict,
    age_on,
    local_day,
    old_enough,
    state_after,
)

__all__ = [
    "MINIMUM_AGES",
    "PURPOSES",
    "SCORING",
    "Consent",
    "Person",
    "Renter",
    "RenterState",
    "ResidentIdCard",
    "ScoringNews",
    "Standing",
    "Verdict",
    "age_on",
    "consent_news",
    "local_day",
    "old_enough",
    "parse_phone",
    "parse_resident_id_card",
    "state_after",
    "tidy_name",
    "verified_news",
]
