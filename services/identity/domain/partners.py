"""Partners: the businesses that rent things out, and the keys of their apps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Partner:
    """A business."""

    partner_id: str
    display_name: str
    created_at: datetime


class ApiKeyScope(StrEnum):
    """What a key may be used for; names as in `freehold.identity.v1.ApiKeyScope`."""

    RENTERS = "RENTERS"
    RENTALS = "RENTALS"
    ASSETS = "ASSETS"
    DEPOSITS = "DEPOSITS"
    POLICIES = "POLICIES"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. No scopes mean all of them; `expires_at` and `last_used_at` are real time."""

    api_key_id: str
    partner_id: str
    display_name: str
    created_at: datetime
    revoked_at: datetime | None = None
    scopes: tuple[ApiKeyScope, ...] = ()
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
