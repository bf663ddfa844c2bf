"""Proofs: a person shows that their score lies above a line, without the score, to one reader, for some hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.values.errors import Category, Refusal

DEFAULT_HOURS = 24
AUDIENCE = "freehold-proof"
"""No service takes a token for this audience as a credential."""
ISSUER = "freehold-scoring"
TYPE = "freehold-proof+jwt"
PURPOSE = "deposit_waiver"


@dataclass(frozen=True, slots=True)
class Proof:
    """A statement that somebody's score lay strictly above a line when it was issued. Times are whole seconds."""

    proof_id: str
    renter_id: str
    above: int
    shown_to: str
    nonce: str
    issued_at: datetime
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Proof({self.proof_id})"

    def claims(self) -> dict[str, Any]:
        """What is signed: nothing of it says who the person is, or how far above the line."""
        return {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": self.proof_id,
            "iat": int(self.issued_at.timestamp()),
            "exp": int(self.expires_at.timestamp()),
            "above": self.above,
            "on": self.issued_at.date().isoformat(),
            "shown_to": self.shown_to,
            "purpose": PURPOSE,
            **({"nonce": self.nonce} if self.nonce else {}),
        }


def draft(proof_id: str, renter_id: str, above: int, shown_to: str, nonce: str, hours: int, now: datetime) -> Proof:
    """A proof that begins now and ends so many hours later (0: a day)."""
    begins = now.replace(microsecond=0)
    return Proof(proof_id, renter_id, above, shown_to, nonce, begins, begins + timedelta(hours=hours or DEFAULT_HOURS))


def not_above() -> Refusal:
    """The refusal to state what is not so; why it is not so the person reads in GetMyScore."""
    return Refusal(Category.FAILED_PRECONDITION, "SCORE_NOT_ABOVE", "the score does not lie above that line")
