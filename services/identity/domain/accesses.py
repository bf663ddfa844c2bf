"""Who saw a person's clear data: what, why and when. Append-only, and the person can read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

EVERYTHING = ("document_type", "document_number", "full_name", "phone")


@dataclass(frozen=True, slots=True)
class Access:
    """One time that clear data was seen. `actor` is an operator's name, or `registry`, `carrier`, `identity`."""

    access_id: str
    renter_id: str
    actor: str
    fields: tuple[str, ...]
    reason: str
    accessed_at: datetime
