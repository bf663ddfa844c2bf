"""Who is calling: every RPC runs on behalf of exactly one of these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What kind of credential the caller showed (PRODUCT: "Who calls, with what")."""

    PARTNER = "PARTNER"
    RENTER = "RENTER"
    STAFF = "STAFF"
    OPERATOR = "OPERATOR"
    SERVICE = "SERVICE"
    ANONYMOUS = "ANONYMOUS"


class StaffRole(StrEnum):
    """What somebody does at a partner; names as in `freehold.identity.v1.StaffRole`."""

    OWNER = "OWNER"
    MANAGER = "MANAGER"
    ANALYST = "ANALYST"
    SUPPORT = "SUPPORT"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    `id` is stable and safe to store and log: the partner id, the renter id, the staff id, the operator's name or the
    service's name. `partner_id` is the partner whose app, key or staff it is (None for all others). `scopes` is what a
    partner's key may be used for, None for everything. `session_id` is the login of somebody of a partner's staff.
    """

    role: Role
    id: str
    partner_id: str | None = None
    scopes: frozenset[str] | None = None
    staff_role: StaffRole | None = None
    session_id: str = ""


ANONYMOUS = Caller(Role.ANONYMOUS, "anonymous")
