"""The same facts give the same score, in whatever order, batches and repetitions; consent changes as it may."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.app import read_model
from services.scoring.domain import Consent, ConsentChange, Fact, FactKind, Observed, assess, sift, summarise
from services.scoring.domain.facts import NEGATIVE
from services.scoring.domain.scorecard import LARGEST_LOSS_PER_RECORD

MODEL = read_model("bike-1")
START = datetime(2024, 1, 1, tzinfo=UTC)
RENTER = "rnt_1"

moments = st.integers(0, 900).map(lambda days: START + timedelta(days=days))
facts = st.builds(Fact, st.uuids().map(str), st.just(RENTER), st.sampled_from(FactKind), moments)
changes = st.builds(ConsentChange, st.just(RENTER), st.booleans(), moments)


def score(known: Iterable[Fact]) -> int | None:
    """What the store would compute: facts once each, summed up by kind."""
    once = {fact.fact_id: fact for fact in known}.values()
    by_kind = groupby(sorted(once, key=lambda f: f.kind), key=lambda f: f.kind)
    observed = []
    for kind, group in by_kind:
        times = [fact.occurred_at for fact in group]
        observed.append(Observed(kind, len(times), min(times), max(times)))
    return assess(MODEL, summarise(observed)).score


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
    elif more.kind is not FactKind.JOINED:
        assert after >= before


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
