"""An account: one person's standing, and every change that it may go through. Pure functions from account to account.

PENDING → VERIFIED | REJECTED | IN_REVIEW      the registry
IN_REVIEW → VERIFIED | REJECTED                an operator
REJECTED, expired → PENDING                    a retry
any → frozen → as it was; any → merged         theft, a second account of one person
any → erasing → as it was; any → erased         the person's own wish
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from services.identity.domain.people import Person, Renter, RenterState, Verdict
from services.identity.domain.refusals import state_not_allowed
from services.values.sealed import Sealed

VERIFICATION_LASTS = timedelta(days=5 * 365)
"""A verification counts for five years, or until the document's last day if that is sooner."""


_ENDED = (RenterState.MERGED, RenterState.ERASING, RenterState.ERASED)


class AssuranceLevel(StrEnum):
    """On what grounds somebody is believed; names as in `freehold.identity.v1.AssuranceLevel` (NIST SP 800-63A)."""

    CLAIMED = "CLAIMED"
    DOCUMENT_CHECKED = "DOCUMENT_CHECKED"
    FACE_CHECKED = "FACE_CHECKED"


class ReviewDecision(StrEnum):
    """What an operator found; names as in `freehold.identity.v1.ReviewDecision`."""

    APPROVE = "APPROVE"
    REJECT = "REJECT"


@dataclass(frozen=True, slots=True)
class Account:
    """One person's standing. `state` is what verification came to; the rest lies over it.

    `verify_round` counts how often verification was begun: each round is a question of its own to the registry.
    """

    renter_id: str
    state: RenterState
    sealed: Sealed
    created_at: datetime
    verify_after: datetime
    document_verified_at: datetime | None = None
    phone_verified_at: datetime | None = None
    verified_until: datetime | None = None
    face_checked_at: datetime | None = None
    frozen_at: datetime | None = None
    merged_into: str = ""
    verify_round: int = 1
    erasing_at: datetime | None = None
    erased_at: datetime | None = None

    def shown(self, now: datetime) -> RenterState:
        """The state that everybody sees."""
        if self.erasing_at is not None:
            return RenterState.ERASING if self.erased_at is None else RenterState.ERASED
        if self.merged_into:
            return RenterState.MERGED
        if self.frozen_at is not None:
            return RenterState.FROZEN
        expired = self.verified_until is not None and self.verified_until <= now
        return RenterState.EXPIRED if self.state is RenterState.VERIFIED and expired else self.state

    def level(self) -> AssuranceLevel:
        """On what grounds the person is believed."""
        return level_of(document=self.state is RenterState.VERIFIED, face=self.face_checked_at is not None)

    def as_renter(self, now: datetime) -> Renter:
        """The person as everybody else sees them."""
        return Renter(
            self.renter_id,
            self.shown(now),
            self.phone_verified_at is not None,
            self.created_at,
            self.level(),
            self.verified_until,
            self.merged_into,
        )


def level_of(*, document: bool, face: bool) -> AssuranceLevel:
    """The level of somebody whose document, or besides it the face, was checked; a face alone proves nothing."""
    if not document:
        return AssuranceLevel.CLAIMED
    return AssuranceLevel.FACE_CHECKED if face else AssuranceLevel.DOCUMENT_CHECKED


def verified_until(person: Person, now: datetime) -> datetime:
    """Until when a verification counts that was made now."""
    lasts = now + VERIFICATION_LASTS
    return lasts if person.expires_on is None else min(lasts, _end_of(person.expires_on))


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def after_verdict(account: Account, verdict: Verdict, until: datetime, now: datetime) -> Account:
    """What the registry said; of an account that no longer waits for it, nothing changes."""
    if account.state is not RenterState.PENDING:
        return account
    if verdict is Verdict.MATCH:
        return _verified(account, until, now)
    state = RenterState.IN_REVIEW if verdict is Verdict.UNCLEAR else RenterState.REJECTED
    return replace(account, state=state)


def reviewed(account: Account, decision: ReviewDecision, until: datetime, now: datetime) -> Account:
    """What an operator decided; raises STATE_NOT_ALLOWED unless the account is in review."""
    _require(account, now, RenterState.IN_REVIEW)
    if decision is ReviewDecision.APPROVE:
        return _verified(account, until, now)
    return replace(account, state=RenterState.REJECTED)


def retried(account: Account, now: datetime, verify_after: datetime) -> Account:
    """The registry will be asked again; raises STATE_NOT_ALLOWED unless it was rejected or has expired."""
    _require(account, now, RenterState.REJECTED, RenterState.EXPIRED)
    return replace(
        account,
        state=RenterState.PENDING,
        verify_after=verify_after,
        face_checked_at=None,
        verify_round=account.verify_round + 1,
    )


def face_checked(account: Account, now: datetime) -> Account:
    """The face was compared; raises STATE_NOT_ALLOWED unless the document is verified."""
    _require(account, now, RenterState.VERIFIED)
    return replace(account, face_checked_at=now)


def frozen(account: Account, now: datetime) -> Account:
    """Nothing new can be rented; raises STATE_NOT_ALLOWED when nothing can be already."""
    _refuse(account, now, RenterState.FROZEN, *_ENDED)
    return replace(account, frozen_at=now)


def unfrozen(account: Account, now: datetime) -> Account:
    """As it was before; raises STATE_NOT_ALLOWED unless it is frozen."""
    _require(account, now, RenterState.FROZEN)
    return replace(account, frozen_at=None)


def recovered(account: Account, sealed: Sealed, now: datetime) -> Account:
    """With a new phone, which is not confirmed yet; raises STATE_NOT_ALLOWED for an account that has ended."""
    _refuse(account, now, *_ENDED)
    return replace(account, sealed=sealed, phone_verified_at=None)


def merged(account: Account, into: Account, now: datetime) -> Account:
    """Closed in favour of another account; raises STATE_NOT_ALLOWED when either has ended, or both are one."""
    for one in (account, into):
        _refuse(one, now, *_ENDED)
        if account.renter_id == into.renter_id:
            raise state_not_allowed(one.shown(now))
    return replace(account, merged_into=into.renter_id)


def _verified(account: Account, until: datetime, now: datetime) -> Account:
    return replace(account, state=RenterState.VERIFIED, document_verified_at=now, verified_until=until)


def must_be_erasable(account: Account, now: datetime) -> None:
    """Raises STATE_NOT_ALLOWED for a frozen account, which may be in wrong hands."""
    _refuse(account, now, RenterState.FROZEN)


def _refuse(account: Account, now: datetime, *states: RenterState) -> None:
    if account.shown(now) in states:
        raise state_not_allowed(account.shown(now))


def _require(account: Account, now: datetime, *states: RenterState) -> None:
    if account.shown(now) not in states:
        raise state_not_allowed(account.shown(now))
