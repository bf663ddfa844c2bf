"""The same facts give the same score, in whatever order, batches and repetitions; consent changes as it may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain import (
    Author,
    Consent,
    ConsentChange,
    Fact,
    FactKind,
    FactState,
    NegativeRecord,
    Recorded,
    assess,
    corrected,
    observe,
    retracted,
    sift,
    summarise,
)
from services.scoring.domain.disputes import DisputeState, fact_after
from services.scoring.domain.facts import DEBTS, MADE_HERE, NEGATIVE
from services.scoring.domain.records import PROFILE_FIELDS
from services.scoring.domain.revisions import suspended
from services.scoring.domain.scorecard import LARGEST_LOSS_PER_RECORD
from services.scoring.models import DEFAULT_SCORECARD, read_model

MODEL = read_model(DEFAULT_SCORECARD)
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=901)
RENTER = "rnt_1"
AUTHOR = Author("ann", "it was wrong", NOW)

moments = st.integers(0, 900).map(lambda days: START + timedelta(days=days))
changes = st.builds(ConsentChange, st.just(RENTER), st.booleans(), moments)


@st.composite
def fact(draw: st.DrawFn) -> Fact:
    """Anything that can happen."""
    kind, at = draw(st.sampled_from(FactKind)), draw(moments)
    subject = draw(st.sampled_from(sorted(PROFILE_FIELDS))) if kind is FactKind.PROFILE_FIELD_COMPLETED else ""
    if kind in DEBTS | MADE_HERE | {FactKind.BILL_VERIFIED}:
        subject = draw(st.sampled_from(["a", "b", "c", "d"]))
    settled = draw(st.one_of(st.none(), st.integers(0, 5).map(lambda days: at + timedelta(days=days))))
    return Fact(
        draw(st.uuids()).hex,
        RENTER,
        kind,
        at,
        subject,
        draw(st.sampled_from(["", "ptn_1", "ptn_2"])),
        draw(st.sampled_from([None, 10, 3600])),
        NegativeRecord("court", "1", settled) if kind is FactKind.NEGATIVE_RECORD else None,
        draw(st.integers(300, 850)) if kind is FactKind.OUTSIDE_SCORE else None,
    )


facts = fact()


def score(known: Iterable[Fact], now: datetime = NOW) -> int | None:
    """The score of facts, once each."""
    once = {fact.fact_id: fact for fact in known}.values()
    return assess(MODEL, summarise(observe(once, now), now)).score


def in_force(known: Iterable[Recorded]) -> list[Fact]:
    """The facts that count."""
    return [one.fact for one in known if one.state is FactState.COUNTED]


@given(st.lists(facts, max_size=40), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(known: list[Fact], luck: object) -> None:
    again = known + known[: len(known) // 2]
    luck.shuffle(again)  # type: ignore[attr-defined]
    assert score(again) == score(known)


@given(st.lists(facts, max_size=40), facts)
def test_one_more_record_never_helps_when_negative_and_never_hurts_otherwise(known: list[Fact], more: Fact) -> None:
    before, after = score(known), score([*known, more])
    if before is None or after is None:
        return
    assert 350 <= after <= 950
    if more.kind in NEGATIVE:
        assert before - LARGEST_LOSS_PER_RECORD <= after <= before
    elif more.kind is not FactKind.OUTSIDE_SCORE:
        assert after >= before


@given(st.lists(facts, max_size=30), facts, facts)
def test_what_was_put_right_is_as_if_it_had_never_been_wrong(known: list[Fact], wrong: Fact, right: Fact) -> None:
    others = [Recorded(one, FactState.COUNTED, NOW) for one in known]
    told = Recorded(wrong, FactState.COUNTED, NOW)
    assert score(in_force([*others, retracted(told, AUTHOR)])) == score(known)
    if right.kind in MADE_HERE:
        return
    right = replace(right, fact_id=wrong.fact_id)
    assert score(in_force([*others, corrected(told, right, AUTHOR)])) == score([*known, right])


@given(st.lists(facts, max_size=30), facts)
def test_a_fact_in_dispute_does_not_count_and_counts_again_when_it_was_right(known: list[Fact], one: Fact) -> None:
    others = [Recorded(other, FactState.COUNTED, NOW) for other in known]
    disputed = suspended(Recorded(one, FactState.COUNTED, NOW), AUTHOR)
    assert score(in_force([*others, disputed])) == score(known)
    for state, after in (
        (DisputeState.REJECTED, [*known, one]),
        (DisputeState.WITHDRAWN, [*known, one]),
        (DisputeState.UPHELD, known),
        (DisputeState.LAPSED, known),
    ):
        assert score(in_force([*others, fact_after(disputed, state, AUTHOR)])) == score(after)


@given(st.lists(facts, min_size=1, max_size=30))
def test_a_score_changes_at_no_other_moment_than_it_says(known: list[Fact]) -> None:
    now, ends = NOW, NOW + timedelta(days=3653)
    while now < ends:
        changes_at = summarise(observe(known, now), now).changes_at
        if changes_at is None:
            assert score(known, now) == score(known, ends)
            return
        assert changes_at > now
        assert score(known, changes_at - timedelta(microseconds=1)) == score(known, now)
        now = changes_at


@given(st.lists(changes, max_size=12), st.randoms(use_true_random=False))
def test_the_latest_change_of_consent_counts_whatever_the_order(heard: list[ConsentChange], luck: object) -> None:
    def told(events: list[ConsentChange]) -> Consent:
        return sift(Consent(), events)[0]

    other = list(heard)
    luck.shuffle(other)  # type: ignore[attr-defined]
    assert told(heard) == told(other)
    if heard:
        latest = max(change.occurred_at for change in heard)
        sealed = any(not change.granted for change in heard if change.occurred_at == latest)
        assert told(heard).open is not sealed


@given(st.lists(st.one_of(facts, changes), max_size=20), st.integers(0, 20))
def test_batches_may_be_cut_anywhere(events: list[Fact | ConsentChange], cut: int) -> None:
    whole_consent, whole_facts = sift(Consent(), events)
    consent, first = sift(Consent(), events[:cut])
    consent, rest = sift(consent, events[cut:])
    assert (consent, first + rest) == (whole_consent, whole_facts)


@given(st.lists(facts, min_size=1, max_size=20))
def test_what_happens_while_sealed_leaves_no_trace(known: list[Fact]) -> None:
    sealed = ConsentChange(RENTER, granted=False, occurred_at=START)
    opened = ConsentChange(RENTER, granted=True, occurred_at=START + timedelta(days=1))
    assert sift(Consent(), [sealed, *known, opened]) == (Consent(True, opened.occurred_at), [])
