"""Who is calling: every RPC runs on behalf of exactly one of these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What kind of credential the caller showed (PRODUCT: "Who calls, with what")."""

    PARTNER = "PARTNER"
    RENTER = "RENTER"
    OPERATOR = "OPERATOR"
    SERVICE = "SERVICE"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    `id` is stable and safe to store and log: the partner id, the renter id, the operator's name or the service's
    name. `partner_id` is the partner whose app or key it is (None for operators and services). `scopes` is what a
    partner's key may be used for, None for everything.
    """

    role: Role
    id: str
    partner_id: str | None = None
    scopes: frozenset[str] | None = None
