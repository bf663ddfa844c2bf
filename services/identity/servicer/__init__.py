"""Proto ⇄ domain for identity: decode, call once, encode."""

from services.identity.servicer.internal import InternalServicer
from services.identity.servicer.privacy import PRIVACY_ACCESS, PrivacyInternalServicer, PrivacyServicer
from services.identity.servicer.public import ACCESS, PublicServicer

__all__ = [
    "ACCESS",
    "PRIVACY_ACCESS",
    "InternalServicer",
    "PrivacyInternalServicer",
    "PrivacyServicer",
    "PublicServicer",
]
