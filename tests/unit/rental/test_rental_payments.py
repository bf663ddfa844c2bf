"""The payment axis: replies and events in any order end alike, what is paid stays paid, and scoring hears it once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from rental_kit import NOON, PRICING, a_rental, a_security, after, moment

from services.rental.domain import (
    Change,
    ClosedBy,
    Closing,
    DepositEvent,
    DepositState,
    FactKind,
    FollowUp,
    PaymentStatus,
    Rental,
    RentalState,
    Settlement,
    deposit_cancelled,
    expired,
    returned,
    secured,
    settled,
    told,
)

BUSY = Settlement(DepositState.HELD, PaymentStatus.IN_PROGRESS)
PAID = Settlement(DepositState.CLOSED, PaymentStatus.PAID)
FAILED = Settlement(DepositState.WAIVED, PaymentStatus.FAILED)
OPEN = Settlement(DepositState.HELD, PaymentStatus.NONE)
FREE = Settlement(DepositState.CLOSED, PaymentStatus.NONE)


def a_returned(minutes: float = 10, deposit: DepositState = DepositState.HELD) -> Rental:
    rental = a_rental()
    rental = after(secured(rental, a_security(rental, deposit), moment()))
    ended = moment(now=NOON + timedelta(minutes=minutes))
    return after(returned(rental, ClosedBy(Closing.END, "end"), PRICING, ended))


def event(settlement: Settlement, minute: int) -> DepositEvent:
    return DepositEvent(f"evt_{minute}", a_rental().rental_id, settlement, NOON + timedelta(minutes=minute))


def play(rental: Rental, *news: Settlement | DepositEvent) -> tuple[Rental, list[FactKind]]:
    """The rental after replies (settlements) and events, and what scoring was told."""
    facts: list[FactKind] = []
    for item in news:
        change: Change | None = (
            told(rental, item, moment()) if isinstance(item, DepositEvent) else settled(rental, item, moment(now=NOON))
        )
        if change is not None:
            rental = change.after
            facts += [fact.kind for fact in change.facts]
    return rental, facts


@pytest.mark.parametrize("news", list(permutations([BUSY, event(BUSY, 20), event(PAID, 21)])))
def test_a_reply_that_events_overtook_changes_nothing(news: tuple[Settlement | DepositEvent, ...]) -> None:
    rental, facts = play(a_returned(), *news)
    assert (rental.state, rental.payment_status) == (RentalState.SETTLED, PaymentStatus.PAID)
    assert rental.follow_up is FollowUp.NONE
    assert facts == [FactKind.PAYMENT_ON_TIME]


def test_an_event_told_twice_is_told_once() -> None:
    rental, facts = play(a_returned(), BUSY, event(PAID, 21), event(PAID, 21), event(BUSY, 20))
    assert (rental.state, facts) == (RentalState.SETTLED, [FactKind.PAYMENT_ON_TIME])


def test_a_failed_payment_that_is_made_good_is_cured() -> None:
    news = [
        event(BUSY, 20), event(FAILED, 21), event(FAILED, 22), event(BUSY, 23), event(FAILED, 24), event(BUSY, 25),
        event(PAID, 26),
    ]  # fmt: skip
    rental, facts = play(a_returned(), *news)
    assert rental.state is RentalState.SETTLED
    assert facts == [FactKind.PAYMENT_FAILED, FactKind.PAYMENT_CURED]


def test_what_is_given_up_is_told_and_paying_it_cures_the_record() -> None:
    given_up = Settlement(DepositState.CLOSED, PaymentStatus.WRITTEN_OFF)
    rental, facts = play(a_returned(), event(FAILED, 21), event(given_up, 22), event(given_up, 23))
    assert (rental.state, rental.payment_status) == (RentalState.RETURNED, PaymentStatus.WRITTEN_OFF)
    assert facts == [FactKind.PAYMENT_FAILED, FactKind.PAYMENT_WRITTEN_OFF]
    rental, facts = play(rental, event(PAID, 24))
    assert (rental.state, facts) == (RentalState.SETTLED, [FactKind.PAYMENT_CURED])


def test_what_was_owed_for_over_a_day_was_paid_late() -> None:
    due = Settlement(DepositState.CLOSED, PaymentStatus.DUE)
    _, facts = play(a_returned(), event(due, 21), event(PAID, 10 + 24 * 60 + 1))
    assert facts == [FactKind.PAYMENT_LATE]
    _, facts = play(a_returned(), event(due, 21), event(PAID, 10 + 24 * 60))
    assert facts == [FactKind.PAYMENT_ON_TIME]


def test_a_hold_that_expired_closes_the_hand_over_and_nothing_else() -> None:
    gone = replace(event(OPEN, 5), hold_expired=True)
    waiting = after(secured(a_rental(), a_security(a_rental(), DepositState.PENDING), moment()))
    cancelled = after(told(waiting, gone, moment()))
    assert (cancelled.state, cancelled.cancel_reason) == (RentalState.CANCELLED, "HOLD_EXPIRED")
    riding = after(secured(a_rental(), a_security(a_rental(), DepositState.HELD), moment()))
    assert after(told(riding, gone, moment())).state is RentalState.ACTIVE


def test_an_older_event_does_not_undo_a_newer_one() -> None:
    rental, _ = play(a_returned(), event(FAILED, 30), event(BUSY, 20))
    assert rental.payment_status is PaymentStatus.FAILED


def test_a_free_ride_is_settled_when_the_deposit_is_closed_and_scoring_hears_of_no_payment() -> None:
    at_once, facts = play(a_returned(minutes=0, deposit=DepositState.WAIVED), FREE)
    assert (at_once.state, at_once.payment_status, facts) == (RentalState.SETTLED, PaymentStatus.NONE, [])
    voiding, _ = play(a_returned(minutes=0), OPEN)
    assert (voiding.state, voiding.follow_up) == (RentalState.RETURNED, FollowUp.NONE)
    voided, facts = play(voiding, event(FREE, 20))
    assert (voided.state, facts) == (RentalState.SETTLED, [])


def test_news_from_before_the_charge_neither_pays_it_nor_stops_the_asking() -> None:
    rental, facts = play(a_returned(), event(OPEN, 5), event(FREE, 6))
    assert (rental.state, rental.payment_status) == (RentalState.RETURNED, PaymentStatus.DUE)
    assert (rental.follow_up, facts) == (FollowUp.SETTLE, [])


def test_paid_is_not_settled_while_the_deposit_is_open() -> None:
    rental, _ = play(a_returned(), event(Settlement(DepositState.HELD, PaymentStatus.PAID), 20))
    assert (rental.state, rental.payment_status) == (RentalState.RETURNED, PaymentStatus.PAID)
    rental, facts = play(rental, event(Settlement(DepositState.CLOSED, PaymentStatus.FAILED), 21))
    assert (rental.state, rental.payment_status, facts) == (RentalState.SETTLED, PaymentStatus.PAID, [])


def test_a_cancelled_rental_rests_when_deposits_confirms_by_reply_or_by_event() -> None:
    rental = a_rental()
    pending = after(secured(rental, a_security(rental, DepositState.PENDING), moment()))
    late = after(expired(pending, moment(wall=NOON + timedelta(seconds=61))))
    assert late.follow_up is FollowUp.CANCEL
    replied = after(deposit_cancelled(late, DepositState.CANCELLED))
    heard, _ = play(late, event(Settlement(DepositState.CANCELLED, PaymentStatus.NONE), 5))
    for rested in (replied, heard):
        assert (rested.follow_up, rested.follow_up_at) == (FollowUp.NONE, None)
        assert rested.security.state is DepositState.CANCELLED
    assert deposit_cancelled(heard, DepositState.CANCELLED) is None


def test_an_active_rental_hears_about_its_deposit_and_rides_on() -> None:
    rental = a_rental()
    riding = after(secured(rental, a_security(rental, DepositState.HELD), moment()))
    heard, facts = play(riding, event(Settlement(DepositState.CLOSED, PaymentStatus.NONE), 20))
    assert (heard.state, heard.security.state, facts) == (RentalState.ACTIVE, DepositState.CLOSED, [])
