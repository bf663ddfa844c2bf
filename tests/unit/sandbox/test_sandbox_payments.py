"""The processor's rules, as values: what a card declines, what an authorization allows, and what is conserved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sandbox.hosting import ApiError
from services.sandbox.processor.cards import BY_NAME
from services.sandbox.processor.commands import Kind, Pay
from services.sandbox.processor.payments import Payment, Status, as_of, begin, capture, void

NOW, LIFETIME = 1_000_000, 5_000


def pay(card: str = "visa", amount_minor: int = 9900, kind: Kind = Kind.AUTHORIZATION) -> Payment:
    return begin("auth_1", Pay(kind, amount_minor, "CNY", "pm_1", "dep_1"), BY_NAME[card], NOW, LIFETIME)


def parts(payment: Payment) -> tuple[Status, int, int, int, int]:
    return (
        payment.status,
        payment.captured_minor,
        payment.released_minor,
        payment.expired_minor,
        payment.open_minor,
    )


@pytest.mark.parametrize(
    ("card", "authorization", "charge"),
    [
        ("visa", None, None),
        ("declined", "generic_decline", "generic_decline"),
        ("insufficient_funds", "insufficient_funds", "insufficient_funds"),
        ("charge_declined", None, "generic_decline"),
        ("late", None, None),
    ],
)
def test_cards_decline_what_they_are_for(card: str, authorization: str | None, charge: str | None) -> None:
    assert pay(card).decline_code == authorization
    assert pay(card).status == (Status.DECLINED if authorization else Status.AUTHORIZED)
    assert pay(card, kind=Kind.CHARGE).decline_code == charge
    assert pay(card, kind=Kind.CHARGE).status == (Status.DECLINED if charge else Status.SUCCEEDED)


def test_captures_add_up_and_the_final_one_releases_the_rest() -> None:
    once = capture(pay(), 300, False, NOW)
    assert parts(once) == (Status.AUTHORIZED, 300, 0, 0, 9600)
    assert parts(capture(once, 600, True, NOW)) == (Status.CAPTURED, 900, 9000, 0, 0)


def test_captures_up_to_the_amount_end_it() -> None:
    assert parts(capture(pay(), 9900, False, NOW)) == (Status.CAPTURED, 9900, 0, 0, 0)


def test_a_void_keeps_what_was_captured() -> None:
    assert parts(void(capture(pay(), 300, False, NOW), NOW)) == (Status.VOIDED, 300, 9600, 0, 0)


def test_it_lapses_at_its_very_end() -> None:
    held = capture(pay(), 300, False, NOW)
    assert parts(as_of(held, NOW + LIFETIME - 1)) == (Status.AUTHORIZED, 300, 0, 0, 9600)
    assert parts(as_of(held, NOW + LIFETIME)) == (Status.EXPIRED, 300, 0, 9600, 0)


@pytest.mark.parametrize(
    ("payment", "at", "code"),
    [
        (pay(), NOW + LIFETIME, "authorization_expired"),
        (pay("declined"), NOW, "authorization_declined"),
        (void(pay(), NOW), NOW, "authorization_closed"),
        (capture(pay(), 1, True, NOW), NOW, "authorization_closed"),
    ],
)
def test_what_is_over_allows_nothing(payment: Payment, at: int, code: str) -> None:
    with pytest.raises(ApiError) as captured:
        capture(payment, 1, False, at)
    with pytest.raises(ApiError) as voided:
        void(payment, at)
    assert (captured.value.code, voided.value.code) == (code, code)


def test_a_capture_takes_no_more_than_what_is_open() -> None:
    with pytest.raises(ApiError) as refused:
        capture(capture(pay(), 300, False, NOW), 9601, False, NOW)
    assert refused.value.code == "amount_too_large"


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(1, 30), st.booleans(), st.booleans(), st.integers(0, LIFETIME)), max_size=8),
)
def test_money_is_conserved_whatever_is_tried(amount_minor: int, tries: list[tuple[int, bool, bool, int]]) -> None:
    payment = pay(amount_minor=amount_minor)
    for part_minor, final, is_void, later in sorted(tries, key=lambda one: one[3]):
        before = parts(payment)
        try:
            now = NOW + later
            payment = void(payment, now) if is_void else capture(payment, part_minor, final, now)
        except ApiError:
            assert parts(payment) == before
        _, captured, released, expired, still_open = parts(as_of(payment, NOW + later))
        assert captured + released + expired + still_open == amount_minor
        assert min(captured, released, expired, still_open) >= 0
        assert (as_of(payment, NOW + later).status == Status.AUTHORIZED) == (still_open > 0)
