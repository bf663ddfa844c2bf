"""What becomes of an account: which changes each state allows, and what everybody sees of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.identity.domain import (
    Account,
    AssuranceLevel,
    DocumentType,
    Person,
    RenterState,
    ReviewDecision,
    Verdict,
    after_verdict,
    face_checked,
    frozen,
    merged,
    recovered,
    retried,
    reviewed,
    unfrozen,
    verified_until,
)
from services.values.errors import Refusal
from services.values.sealed import Sealed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(days=365)
FRESH = Account("rnt_a", RenterState.PENDING, Sealed(b"k", b"d"), NOW, NOW)
VERIFIED = after_verdict(FRESH, Verdict.MATCH, UNTIL, NOW)
IN_REVIEW = after_verdict(FRESH, Verdict.UNCLEAR, UNTIL, NOW)
REJECTED = after_verdict(FRESH, Verdict.MISMATCH, UNTIL, NOW)
EXPIRED = replace(VERIFIED, verified_until=NOW)
FROZEN = frozen(VERIFIED, NOW)
MERGED = merged(VERIFIED, replace(FRESH, renter_id="rnt_b"), NOW)
ALL = {
    RenterState.PENDING: FRESH,
    RenterState.VERIFIED: VERIFIED,
    RenterState.IN_REVIEW: IN_REVIEW,
    RenterState.REJECTED: REJECTED,
    RenterState.EXPIRED: EXPIRED,
    RenterState.FROZEN: FROZEN,
    RenterState.MERGED: MERGED,
}
CHANGES: dict[str, tuple[Callable[[Account], Account], set[RenterState]]] = {
    "retry": (lambda a: retried(a, NOW, NOW), {RenterState.REJECTED, RenterState.EXPIRED}),
    "review": (lambda a: reviewed(a, ReviewDecision.APPROVE, UNTIL, NOW), {RenterState.IN_REVIEW}),
    "face": (lambda a: face_checked(a, NOW), {RenterState.VERIFIED}),
    "freeze": (lambda a: frozen(a, NOW), set(ALL) - {RenterState.FROZEN, RenterState.MERGED}),
    "unfreeze": (lambda a: unfrozen(a, NOW), {RenterState.FROZEN}),
    "recover": (lambda a: recovered(a, Sealed(b"n", b"n"), NOW), set(ALL) - {RenterState.MERGED}),
    "merge": (lambda a: merged(a, replace(FRESH, renter_id="rnt_c"), NOW), set(ALL) - {RenterState.MERGED}),
}


@pytest.mark.parametrize("state", list(ALL))
def test_everybody_sees_the_state(state: RenterState) -> None:
    assert ALL[state].shown(NOW) is state
    assert ALL[state].as_renter(NOW).state is state


@pytest.mark.parametrize("name", list(CHANGES))
@pytest.mark.parametrize("state", list(ALL))
def test_each_state_allows_its_changes_and_no_other(name: str, state: RenterState) -> None:
    change, allowed = CHANGES[name]
    if state in allowed:
        assert change(ALL[state]) != ALL[state]
        return
    with pytest.raises(Refusal) as caught:
        change(ALL[state])
    assert (caught.value.reason, caught.value.metadata) == ("STATE_NOT_ALLOWED", {"state": state})


def test_the_level_rises_with_the_evidence_and_falls_with_it() -> None:
    assert FRESH.level() is AssuranceLevel.CLAIMED, "a check digit proves nothing"
    assert VERIFIED.level() is AssuranceLevel.DOCUMENT_CHECKED
    seen = face_checked(VERIFIED, NOW)
    assert seen.level() is AssuranceLevel.FACE_CHECKED
    again = retried(replace(seen, verified_until=NOW), NOW, NOW)
    assert again.level() is AssuranceLevel.CLAIMED
    assert again.verify_round == seen.verify_round + 1


@pytest.mark.parametrize("state", [RenterState.VERIFIED, RenterState.IN_REVIEW, RenterState.REJECTED])
def test_a_late_verdict_changes_nothing(state: RenterState) -> None:
    for verdict in Verdict:
        assert after_verdict(ALL[state], verdict, UNTIL, NOW) == ALL[state]


def test_unfreezing_gives_back_what_was() -> None:
    for state in (RenterState.PENDING, RenterState.VERIFIED, RenterState.IN_REVIEW, RenterState.REJECTED):
        assert unfrozen(frozen(ALL[state], NOW), NOW) == ALL[state]


def test_a_verdict_that_comes_while_frozen_is_kept_for_later() -> None:
    waiting = frozen(FRESH, NOW)
    assert after_verdict(waiting, Verdict.MATCH, UNTIL, NOW).shown(NOW) is RenterState.FROZEN
    assert unfrozen(after_verdict(waiting, Verdict.MATCH, UNTIL, NOW), NOW).shown(NOW) is RenterState.VERIFIED


def test_an_account_is_not_merged_into_itself_nor_into_a_merged_one() -> None:
    for into in (VERIFIED, replace(MERGED, renter_id="rnt_z")):
        with pytest.raises(Refusal):
            merged(VERIFIED, into, NOW)


def test_recovery_takes_the_confirmation_of_the_old_phone_away() -> None:
    phoned = replace(VERIFIED, phone_verified_at=NOW)
    assert recovered(phoned, Sealed(b"n", b"n"), NOW).phone_verified_at is None


@pytest.mark.parametrize(
    ("expires_on", "until"),
    [
        (None, NOW + timedelta(days=5 * 365)),
        (date(2027, 1, 31), datetime(2027, 2, 1, tzinfo=UTC)),
        (date(2099, 1, 1), NOW + timedelta(days=5 * 365)),
    ],
)
def test_a_verification_lasts_five_years_or_as_long_as_the_document(expires_on: date | None, until: datetime) -> None:
    person = Person(DocumentType.PASSPORT, "n", "a", "p", date(1990, 1, 1), "k", expires_on)
    assert verified_until(person, NOW) == until
