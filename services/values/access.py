"""Who may call what, as data: one rule per RPC, a cell per role. The door enforces it; a test calls every cell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.values.callers import Caller, Role, StaffRole


class Reach(StrEnum):
    """How far a role reaches with an RPC: not at all, to what is its own, or to everybody's."""

    NONE = "NONE"
    OWN = "OWN"
    ANY = "ANY"


OWNERS = frozenset({StaffRole.OWNER})
MANAGERS = OWNERS | {StaffRole.MANAGER}
SERVING = MANAGERS | {StaffRole.SUPPORT}
ANALYSTS = MANAGERS | {StaffRole.ANALYST}
ALL_STAFF = frozenset(StaffRole)
"""Who decides about people and keys; who about thresholds, prices, assets; who sees what customers did; who sees sums
only; everybody."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the matrix.

    `scope` is what a partner's key must include; empty when any key will do. `staff` is which of a partner's staff
    reach what is the partner's own. `anonymous` lets in whoever has no credential, because the request carries one.
    """

    partner: Reach = Reach.NONE
    renter: Reach = Reach.NONE
    operator: Reach = Reach.NONE
    scope: str = ""
    staff: frozenset[StaffRole] = frozenset()
    anonymous: bool = False

    def reach(self, role: Role) -> Reach:
        """The cell of a role; services have doors of their own."""
        cells = {Role.PARTNER: self.partner, Role.RENTER: self.renter, Role.OPERATOR: self.operator}
        cells |= {Role.STAFF: Reach.OWN} if self.staff else {}
        return cells.get(role, Reach.NONE)

    def admits(self, caller: Caller) -> bool:
        """Whether the caller's role, and the scopes of its key, allow the call at all."""
        if self.reach(caller.role) is Reach.NONE:
            return False
        if caller.role is Role.STAFF:
            return caller.staff_role in self.staff
        return caller.scopes is None or not self.scope or self.scope in caller.scopes
