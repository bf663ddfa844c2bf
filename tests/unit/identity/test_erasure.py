"""Erasure as a job over three services, whatever the order in which they answer, and however often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.privacy import (
    ASK_AGAIN,
    HOLDERS,
    LONGEST_PAUSE,
    Erasure,
    ErasureState,
    PrivacyStep,
    Step,
    StepState,
    answered,
    asked_again,
    begun,
    cancelled,
    to_ask,
)
from services.values.errors import Refusal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
READY, BLOCKED = Step(StepState.READY), Step(StepState.BLOCKED, ("OPEN_RENTAL",))
GONE = Step(StepState.ERASED, (), {"rows": 3}, {"books": 1})
ANSWERS = st.lists(st.tuples(st.sampled_from(HOLDERS), st.sampled_from([READY, BLOCKED, GONE])), max_size=30)


def _fresh() -> Erasure:
    return begun("era_1", "rnt_1", NOW, NOW)


def _told(erasure: Erasure, *answers: tuple[str, Step]) -> Erasure:
    for holder, answer in answers:
        erasure = answered(erasure, holder, answer, NOW)
    return erasure


def test_nobody_erases_before_everybody_is_ready() -> None:
    waiting = _told(_fresh(), ("rental", READY), ("deposits", READY))
    assert (waiting.state, to_ask(_fresh(), waiting)) == (ErasureState.PREPARING, None)
    erasing = _told(waiting, ("scoring", READY))
    assert erasing.state is ErasureState.ERASING
    assert to_ask(waiting, erasing) is PrivacyStep.ERASE
    assert not erasing.complete
    done = _told(erasing, *((holder, GONE) for holder in HOLDERS))
    assert done.complete
    assert dict(done.steps["rental"].erased) == {"rows": 3}


def test_one_that_is_blocked_stops_all_and_all_are_asked_again() -> None:
    blocked = _told(_fresh(), ("rental", BLOCKED), ("deposits", READY), ("scoring", READY))
    assert blocked.state is ErasureState.BLOCKED
    assert blocked.steps["rental"].reasons == ("OPEN_RENTAL",)
    again = asked_again(blocked)
    assert (again.state, to_ask(blocked, again)) == (ErasureState.PREPARING, PrivacyStep.PREPARE)
    assert {step.state for step in again.steps.values()} == {StepState.ASKED}


def test_the_pause_between_asks_grows_to_an_hour() -> None:
    erasure, pauses = _fresh(), []
    for _ in range(20):
        erasure = _told(erasure, ("rental", BLOCKED))
        pauses.append(erasure.ask_again_at - NOW)
        erasure = asked_again(erasure)
    assert pauses[:3] == [ASK_AGAIN, 2 * ASK_AGAIN, 4 * ASK_AGAIN]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def test_what_appears_between_ready_and_erased_blocks_and_nothing_is_erased_twice() -> None:
    ready = _told(_fresh(), *((holder, READY) for holder in HOLDERS))
    blocked = _told(ready, ("scoring", GONE), ("rental", BLOCKED))
    assert blocked.state is ErasureState.BLOCKED
    again = asked_again(blocked)
    assert again.steps["scoring"].state is StepState.ERASED
    erasing = _told(again, ("rental", READY), ("deposits", READY))
    assert erasing.state is ErasureState.ERASING
    assert _told(erasing, ("rental", GONE), ("deposits", GONE)).complete


def test_nobody_can_change_their_mind_once_something_is_erased() -> None:
    assert cancelled(_fresh()).state is ErasureState.CANCELLED
    erasing = _told(_fresh(), *((holder, READY) for holder in HOLDERS))
    blocked = _told(erasing, ("scoring", GONE), ("rental", BLOCKED))
    for late in (erasing, blocked, cancelled(_fresh())):
        with pytest.raises(Refusal, match="STATE_NOT_ALLOWED"):
            cancelled(late)


@given(ANSWERS)
def test_whatever_is_answered_it_ends_only_when_all_three_have_erased(answers: list[tuple[str, Step]]) -> None:
    erasure, gone = _fresh(), set()
    for holder, answer in answers:
        before = erasure
        erasure = answered(erasure, holder, answer, NOW)
        if erasure.state is ErasureState.ERASING and before.state is not ErasureState.ERASING:
            assert {step.state for step in erasure.steps.values()} <= {StepState.ASKED, StepState.ERASED}
        if erasure.steps[holder].state is StepState.ERASED:
            gone.add(holder)
    assert erasure.complete is (gone == set(HOLDERS))
    assert {holder for holder, step in erasure.steps.items() if step.state is StepState.ERASED} == gone


@given(ANSWERS, st.integers(0, 29))
def test_an_answer_that_comes_twice_is_an_answer_that_came_once(answers: list[tuple[str, Step]], at: int) -> None:
    once = _told(_fresh(), *answers[: at + 1])
    if answers[: at + 1]:
        twice = _told(once, answers[min(at, len(answers) - 1)])
        assert {h: s.state for h, s in twice.steps.items()} == {h: s.state for h, s in once.steps.items()}
        assert twice.ask_again_at - once.ask_again_at == timedelta()
