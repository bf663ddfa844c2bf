"""Partners: the businesses that rent things out, and the keys of their apps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Partner:
    """A business."""

    partner_id: str
    display_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret."""

    api_key_id: str
    partner_id: str
    display_name: str
    created_at: datetime
    revoked_at: datetime | None = None
