"""Who may call what, as data: one rule per RPC, a cell per role. The door enforces it; a test calls every cell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.values.callers import Caller, Role


class Reach(StrEnum):
    """How far a role reaches with an RPC: not at all, to what is its own, or to everybody's."""

    NONE = "NONE"
    OWN = "OWN"
    ANY = "ANY"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the matrix. `scope` is what a partner's key must include; empty when any key will do."""

    partner: Reach = Reach.NONE
    renter: Reach = Reach.NONE
    operator: Reach = Reach.NONE
    scope: str = ""

    def reach(self, role: Role) -> Reach:
        """The cell of a role; services have doors of their own."""
        return {Role.PARTNER: self.partner, Role.RENTER: self.renter, Role.OPERATOR: self.operator}.get(
            role, Reach.NONE
        )

    def admits(self, caller: Caller) -> bool:
        """Whether the caller's role, and the scopes of its key, allow the call at all."""
        if self.reach(caller.role) is Reach.NONE:
            return False
        return caller.scopes is None or not self.scope or self.scope in caller.scopes
