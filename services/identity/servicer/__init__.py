"""Proto ⇄ domain for identity: decode, call once, encode."""

from services.identity.servicer.internal import InternalServicer
from services.identity.servicer.privacy import PRIVACY_ACCESS, PrivacyInternalServicer, PrivacyServicer
from services.identity.servicer.public import ACCESS, LIMITS, PublicServicer
from services.identity.servicer.staff import STAFF_ACCESS, StaffServicer

__all__ = [
    "ACCESS",
    "LIMITS",
    "PRIVACY_ACCESS",
    "STAFF_ACCESS",
    "InternalServicer",
    "PrivacyInternalServicer",
    "PrivacyServicer",
    "PublicServicer",
    "StaffServicer",
]
