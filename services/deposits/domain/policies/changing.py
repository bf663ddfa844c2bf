"""Changing a policy: how often, how far without a second person, and who the second person is.

A change is large when a mistake in it, or one dishonest member of staff, would cost the partner or its renters dearly
before anybody looks: it is then PROPOSED and decides nothing until somebody else approves. It is measured against what
decides for the scope now and against what decided a day ago, so that many small steps in a day are one large one. The
first policy of a kind changes nothing that was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.deposits.domain.policies.bounds import BOUNDS
from services.deposits.domain.policies.policy import ApprovalReason, Policy, PolicyDraft, PolicyState
from services.deposits.domain.policies.refusals import (
    approval_by_another,
    changed_too_often,
    state_not_allowed,
    too_many_lines,
)
from services.values.errors import invalid

MOST_CHANGES, CHANGES_WINDOW = 6, timedelta(hours=24)
"""Of one kind, whatever the scopes: a new scope for every change would be a way around."""
MOST_LINES = 16
"""Different lines of one kind at a time: rentals under all of them tell no more than four bits of a score."""
MOST_AHEAD = timedelta(days=366)
FAR_POINTS = 50


@dataclass(frozen=True, slots=True)
class Book:
    """What is known of a kind's policies when a change comes.

    `changes` were made in the last 24 hours; `compared` decide for the scope now, or decided a day ago; `lines` are
    those of other scopes in force and of whatever is scheduled or proposed.
    """

    changes: int
    compared: Sequence[PolicyDraft]
    lines: frozenset[int]


def admit_change(draft: PolicyDraft, book: Book, now: datetime) -> tuple[ApprovalReason, ...]:
    """Why the change needs a second person; nothing when it does not.

    Raises:
        Refusal: POLICY_CHANGED_TOO_OFTEN, TOO_MANY_POLICY_LINES; INVALID_FIELD for a moment that does not lie ahead.
    """
    if draft.effective_at is not None and not now < draft.effective_at <= now + MOST_AHEAD:
        raise invalid("effective_at", "lies ahead, at most 366 days; absent for at once")
    if book.changes >= MOST_CHANGES:
        raise changed_too_often()
    if len(book.lines | set(draft.lines)) > MOST_LINES:
        raise too_many_lines(MOST_LINES)
    found = {reason for before in book.compared for reason in large_because(draft, before)}
    return tuple(reason for reason in ApprovalReason if reason in found)


def large_because(draft: PolicyDraft, before: PolicyDraft) -> set[ApprovalReason]:
    """What makes a change large."""
    checks = {
        ApprovalReason.LINE_MOVED: _line_moved,
        ApprovalReason.BELOW_SAFE_LINE: _below_safe_line,
        ApprovalReason.DEPOSIT_MOVED: _deposit_moved,
        ApprovalReason.CAP_RAISED: _cap_raised,
        ApprovalReason.REQUIREMENT_EASED: _requirement_eased,
    }
    return {reason for reason, holds in checks.items() if holds(draft, before)}


def _ends(draft: PolicyDraft) -> tuple[int, int]:
    """The lowest line, where anything is reduced, and the threshold."""
    return draft.lines[0], draft.threshold


def _line_moved(draft: PolicyDraft, before: PolicyDraft) -> bool:
    return any(abs(new - old) > FAR_POINTS for new, old in zip(_ends(draft), _ends(before), strict=True))


def _below_safe_line(draft: PolicyDraft, before: PolicyDraft) -> bool:
    safe = BOUNDS[draft.asset_kind].safe_line
    return any(new < old and new < safe for new, old in zip(_ends(draft), _ends(before), strict=True))


def _deposit_moved(draft: PolicyDraft, before: PolicyDraft) -> bool:
    if draft.deposit.currency != before.deposit.currency:
        return True
    if bool(draft.rent_multiple_tenths) != bool(before.rent_multiple_tenths):
        return True
    return any(2 * abs(new - old) > old for new, old in zip(_sizes(draft), _sizes(before), strict=True))


def _sizes(draft: PolicyDraft) -> tuple[int, int, int]:
    """The fixed deposit, the multiple of the rent, and the smallest part of either, in hundredths."""
    fixed, tenths = draft.deposit.amount_minor, draft.rent_multiple_tenths
    last = draft.tiers[-1] if draft.tiers else None
    base = tenths or fixed
    if last is None:
        return fixed, tenths, base * 100
    return fixed, tenths, last.amount_minor * 100 if last.amount_minor else base * last.percent


def _cap_raised(draft: PolicyDraft, before: PolicyDraft) -> bool:
    if draft.max_open_waived > 2 * before.max_open_waived:
        return True
    lifted = not draft.max_waived_minor or draft.max_waived_minor > 2 * before.max_waived_minor
    return bool(before.max_waived_minor) and lifted


def _requirement_eased(draft: PolicyDraft, before: PolicyDraft) -> bool:
    easier_record = draft.clean_record_years < before.clean_record_years
    return easier_record or draft.required_assurance < before.required_assurance


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody makes of a version, why, and from when on it decides, if it does."""

    state: PolicyState
    effective_at: datetime
    by: str
    reason: str


def approve(policy: Policy, by: str, reason: str, now: datetime) -> Ruling:
    """In force from the moment it was meant for, or at once if that has passed.

    Raises POLICY_STATE_NOT_ALLOWED, APPROVAL_BY_ANOTHER.
    """
    _another_rules(policy, by)
    effective_at = max(policy.effective_at, now)
    state = PolicyState.SCHEDULED if effective_at > now else PolicyState.IN_FORCE
    return Ruling(state, effective_at, by, reason)


def reject(policy: Policy, by: str, reason: str) -> Ruling:
    """Never in force. Raises POLICY_STATE_NOT_ALLOWED, APPROVAL_BY_ANOTHER."""
    _another_rules(policy, by)
    return Ruling(PolicyState.REJECTED, policy.effective_at, by, reason)


def cancel(policy: Policy, by: str, reason: str) -> Ruling:
    """Never in force. Raises POLICY_STATE_NOT_ALLOWED."""
    if policy.state not in (PolicyState.PROPOSED, PolicyState.SCHEDULED):
        raise state_not_allowed(policy.state)
    return Ruling(PolicyState.CANCELLED, policy.effective_at, by, reason)


def _another_rules(policy: Policy, by: str) -> None:
    if policy.state is not PolicyState.PROPOSED:
        raise state_not_allowed(policy.state)
    if by == policy.author:
        raise approval_by_another()
