"""Proto ⇄ domain for identity: decode, call once, encode."""

from services.identity.servicer.internal import InternalServicer
from services.identity.servicer.public import ACCESS, PublicServicer

__all__ = ["ACCESS", "InternalServicer", "PublicServicer"]
