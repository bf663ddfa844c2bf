"""What a policy says, may say, and how far it may change without a second person: one table per rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.deposits.domain import AdmittanceOutcome, AssuranceLevel, Policy, PolicyDraft, PolicyState
from services.deposits.domain.policies import (
    BOUNDS,
    MOST_CHANGES,
    MOST_LINES,
    ApprovalReason,
    Book,
    DecidedBy,
    Terms,
    Tier,
    admit_change,
    approve,
    cancel,
    decided_by,
    falls_short,
    fault_of,
    large_because,
    lines_passed,
    reject,
    terms,
)
from services.values.errors import Refusal
from services.values.money import Money

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HALF, TENTH = Tier(600, percent=50), Tier(640, percent=10)
BASE = PolicyDraft("ptn_1", "E_BIKE", 650, Money("CNY", 9900), 3, "a test")
RENT = Money("CNY", 3333)


def draft(**changes: Any) -> PolicyDraft:
    return replace(BASE, **changes)


@pytest.mark.parametrize(
    ("score", "passed", "said"),
    [
        (None, 0, Terms(False, 9900, 9900)),
        (600, 0, Terms(False, 9900, 9900)),
        (601, 1, Terms(False, 9900, 4950, HALF)),
        (640, 1, Terms(False, 9900, 4950, HALF)),
        (641, 2, Terms(False, 9900, 990, TENTH)),
        (650, 2, Terms(False, 9900, 990, TENTH)),
        (651, 3, Terms(True, 9900, 9900)),
    ],
)
def test_a_score_passes_the_lines_that_it_lies_strictly_above(score: int | None, passed: int, said: Terms) -> None:
    policy = draft(tiers=(HALF, TENTH))
    assert lines_passed(policy, score) == passed
    assert terms(policy, passed, None) == said


@pytest.mark.parametrize(
    ("changes", "rent", "full", "reduced"),
    [
        ({"tiers": (HALF,)}, RENT, 9900, 4950),
        ({"tiers": (HALF,), "rent_multiple_tenths": 15}, RENT, 4999, 2499),
        ({"tiers": (HALF,), "rent_multiple_tenths": 15}, None, 9900, 4950),
        ({"tiers": (HALF,), "rent_multiple_tenths": 15}, Money("EUR", 3333), 9900, 4950),
        ({"tiers": (HALF,), "rent_multiple_tenths": 15}, Money("CNY", 10**9), 200_000, 100_000),
        ({"tiers": (HALF,), "rent_multiple_tenths": 1}, Money("CNY", 10), 100, 50),
        ({"tiers": (Tier(600, amount_minor=3000),)}, None, 9900, 3000),
        ({"tiers": (Tier(600, percent=1),), "deposit": Money("CNY", 50)}, None, 50, 1),
    ],
)
def test_a_deposit_is_fixed_or_counted_in_rents_and_rounded_for_the_renter(
    changes: dict[str, Any], rent: Money | None, full: int, reduced: int
) -> None:
    said = [terms(draft(**changes), passed, rent) for passed in (0, 1, 2)]
    assert [(one.waives, one.full_minor, one.amount_minor) for one in said] == [
        (False, full, full),
        (False, full, reduced),
        (True, full, full),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, ""),
        ({"tiers": (HALF, TENTH)}, ""),
        ({"threshold": 449}, "threshold"),
        ({"threshold": 851}, "threshold"),
        ({"deposit": Money("CNY", 99)}, "deposit"),
        ({"deposit": Money("CNY", 200_001)}, "deposit"),
        ({"rent_multiple_tenths": 21}, "rent_multiple_tenths"),
        ({"tiers": (Tier(449, percent=50),)}, "tiers"),
        ({"tiers": (TENTH, HALF)}, "tiers"),
        ({"tiers": (Tier(650, percent=50),)}, "tiers"),
        ({"tiers": (HALF, Tier(640, percent=50))}, "tiers"),
        ({"tiers": (HALF, Tier(640, amount_minor=10))}, "tiers"),
        ({"tiers": (Tier(600, amount_minor=9900),)}, "tiers"),
        ({"tiers": (Tier(600, amount_minor=10),), "rent_multiple_tenths": 10}, "tiers"),
    ],
)
def test_a_policy_stays_within_its_kinds_bounds(changes: dict[str, Any], field: str) -> None:
    fault = fault_of(draft(**changes))
    assert ("" if fault is None else fault.violations[0].field) == field


def test_every_kind_has_a_safe_line_within_its_bounds() -> None:
    for bounds in BOUNDS.values():
        assert bounds.lowest_line < bounds.safe_line < bounds.highest_line


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ({}, {"threshold": 700, "reason": "other words"}, set()),
        ({}, {"threshold": 701}, {"LINE_MOVED"}),
        ({"threshold": 700}, {"threshold": 649}, {"LINE_MOVED"}),
        ({"threshold": 601}, {"threshold": 600}, set()),
        ({"threshold": 600}, {"threshold": 599}, {"BELOW_SAFE_LINE"}),
        ({"threshold": 560}, {"threshold": 590}, set()),
        ({}, {"tiers": (HALF,)}, set()),
        ({}, {"tiers": (Tier(599, percent=50),)}, {"LINE_MOVED", "BELOW_SAFE_LINE"}),
        ({}, {"tiers": (Tier(610, percent=49),)}, {"DEPOSIT_MOVED"}),
        ({}, {"deposit": Money("CNY", 14850)}, set()),
        ({}, {"deposit": Money("CNY", 14851)}, {"DEPOSIT_MOVED"}),
        ({}, {"deposit": Money("CNY", 4949)}, {"DEPOSIT_MOVED"}),
        ({}, {"deposit": Money("EUR", 9900)}, {"DEPOSIT_MOVED"}),
        ({}, {"rent_multiple_tenths": 10}, {"DEPOSIT_MOVED"}),
        ({"rent_multiple_tenths": 10}, {"rent_multiple_tenths": 15}, set()),
        ({"rent_multiple_tenths": 10}, {"rent_multiple_tenths": 16}, {"DEPOSIT_MOVED"}),
        ({}, {"max_open_waived": 6}, set()),
        ({}, {"max_open_waived": 7}, {"CAP_RAISED"}),
        ({}, {"max_waived_minor": 1}, set()),
        ({"max_waived_minor": 100}, {"max_waived_minor": 201}, {"CAP_RAISED"}),
        ({"max_waived_minor": 100}, {"max_waived_minor": 0}, {"CAP_RAISED"}),
        ({"clean_record_years": 5}, {"clean_record_years": 4}, {"REQUIREMENT_EASED"}),
        ({}, {"clean_record_years": 5, "required_assurance": AssuranceLevel.FACE_CHECKED}, set()),
        ({"required_assurance": AssuranceLevel.FACE_CHECKED}, {}, {"REQUIREMENT_EASED"}),
    ],
)
def test_what_makes_a_change_large(before: dict[str, Any], after: dict[str, Any], reasons: set[str]) -> None:
    assert large_because(draft(**after), draft(**before)) == {ApprovalReason(reason) for reason in reasons}


def test_a_change_is_compared_with_everything_that_decided_within_a_day() -> None:
    far, near = draft(threshold=590), draft(threshold=640)
    assert admit_change(BASE, Book(1, (near,), frozenset()), NOON) == ()
    assert admit_change(BASE, Book(1, (near, far), frozenset()), NOON) == (ApprovalReason.LINE_MOVED,)
    assert admit_change(BASE, Book(0, (), frozenset()), NOON) == (), "the first policy changes nothing that was"


@pytest.mark.parametrize(
    ("book", "effective_at", "reason"),
    [
        (Book(MOST_CHANGES, (), frozenset()), None, "POLICY_CHANGED_TOO_OFTEN"),
        (Book(0, (), frozenset(range(500, 500 + MOST_LINES))), None, "TOO_MANY_POLICY_LINES"),
        (Book(0, (), frozenset()), NOON, "INVALID_FIELD"),
        (Book(0, (), frozenset()), NOON + timedelta(days=367), "INVALID_FIELD"),
    ],
)
def test_what_is_refused_whatever_the_terms(book: Book, effective_at: datetime | None, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        admit_change(draft(effective_at=effective_at), book, NOON)
    assert refused.value.reason == reason


@pytest.mark.parametrize("state", list(PolicyState))
def test_who_may_rule_on_what(state: PolicyState) -> None:
    policy = Policy("pol_1", 2, "stf_author", NOON - timedelta(hours=1), BASE, state, NOON - timedelta(hours=2))
    answers = []
    for rule in (
        lambda: approve(policy, "stf_other", "fine", NOON),
        lambda: reject(policy, "stf_other", "no"),
        lambda: approve(policy, "stf_author", "mine", NOON),
        lambda: reject(policy, "stf_author", "mine"),
        lambda: cancel(policy, "stf_author", "mine"),
    ):
        try:
            answers.append(str(rule().state))
        except Refusal as refusal:
            answers.append(refusal.reason)
    past = "POLICY_STATE_NOT_ALLOWED"
    proposed = ["IN_FORCE", "REJECTED", "APPROVAL_BY_ANOTHER", "APPROVAL_BY_ANOTHER", "CANCELLED"]
    cancellable = "CANCELLED" if state is PolicyState.SCHEDULED else past
    assert answers == (proposed if state is PolicyState.PROPOSED else [past] * 4 + [cancellable])


def test_an_approved_version_comes_into_force_when_it_was_meant_to_or_at_once() -> None:
    for effective_at, since, state in (
        (NOON - timedelta(hours=1), NOON, PolicyState.IN_FORCE),
        (NOON + timedelta(hours=1), NOON + timedelta(hours=1), PolicyState.SCHEDULED),
    ):
        policy = Policy("pol_1", 2, "ptn_1", effective_at, BASE, PolicyState.PROPOSED, NOON)
        ruling = approve(policy, "stf_1", "fine", NOON)
        assert (ruling.effective_at, ruling.state) == (since, state)


def test_assurance_falls_short_only_below_what_is_required() -> None:
    policy = draft(required_assurance=AssuranceLevel.DOCUMENT_CHECKED)
    assert [falls_short(policy, level) for level in AssuranceLevel] == [True, True, False, False]
    assert not falls_short(BASE, AssuranceLevel.UNSPECIFIED)
    assert falls_short(policy, AssuranceLevel(99)), "a level that is not known here yet"


@pytest.mark.parametrize(
    ("outcome", "codes", "amount", "by"),
    [
        ("ADMITTED", (), 100, "THRESHOLD"),
        ("ADMITTED", ("EXPOSURE_CAP_REACHED",), 100, "EXPOSURE_CAP"),
        ("NOT_ADMITTED", ("SHORT_HISTORY",), 100, "NO_LINE"),
        ("NOT_ADMITTED", ("SHORT_HISTORY",), 50, "TIER"),
        ("NOT_ADMITTED", ("BAD_RECORD",), 100, "RECORD"),
        ("CANNOT_ASSESS", ("ASSURANCE_TOO_LOW",), 100, "ASSURANCE"),
        ("CANNOT_ASSESS", ("NO_SCORING_CONSENT",), 100, "NO_SCORE"),
        ("NONE", (), 0, "CANCELLATION"),
    ],
)
def test_a_decision_on_record_names_the_rule_that_made_it(
    outcome: str, codes: tuple[str, ...], amount: int, by: str
) -> None:
    assert decided_by(AdmittanceOutcome(outcome), codes, amount, 100) is DecidedBy(by)
