"""Documents, people, consent, partners and codes: the rules of identity, without I/O."""

from services.identity.domain.codes import (
    CODE_DIGITS,
    CODE_LIFE,
    CODES_WINDOW,
    MOST_CODES,
    MOST_TRIES,
    CodeInForce,
    refusal_of_try,
    tries_exceeded,
)
from services.identity.domain.consent import PURPOSES, SCORING, Consent, after
from services.identity.domain.documents import DocumentType, ResidentIdCard, parse_resident_id_card
from services.identity.domain.facts import ScoringNews, consent_news, verified_news
from services.identity.domain.names import parse_phone, tidy_text
from services.identity.domain.partners import ApiKey, Partner
from services.identity.domain.people import (
    MINIMUM_AGES,
    Person,
    Renter,
    RenterState,
    Sealed,
    Standing,
    Verdict,
    age_on,
    is_adult,
    local_day,
    old_enough,
    state_after,
)
from services.identity.domain.refusals import (
    api_key_not_found,
    consent_not_found,
    document_already_registered,
    partner_not_found,
    purpose_not_allowed,
    renter_not_found,
    renter_not_linked,
)

__all__ = [
    "CODES_WINDOW",
    "CODE_DIGITS",
    "CODE_LIFE",
    "MINIMUM_AGES",
    "MOST_CODES",
    "MOST_TRIES",
    "PURPOSES",
    "SCORING",
    "ApiKey",
    "CodeInForce",
    "Consent",
    "DocumentType",
    "Partner",
    "Person",
    "Renter",
    "RenterState",
    "ResidentIdCard",
    "ScoringNews",
    "Sealed",
    "Standing",
    "Verdict",
    "after",
    "age_on",
    "api_key_not_found",
    "consent_news",
    "consent_not_found",
    "document_already_registered",
    "is_adult",
    "local_day",
    "old_enough",
    "parse_phone",
    "parse_resident_id_card",
    "partner_not_found",
    "purpose_not_allowed",
    "refusal_of_try",
    "renter_not_found",
    "renter_not_linked",
    "state_after",
    "tidy_text",
    "tries_exceeded",
    "verified_news",
]
