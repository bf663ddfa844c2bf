"""The shared vocabulary: ids route by themselves, money never mixes, refusals carry what a caller can act on."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.values.errors import Category, Refusal, invalid
from services.values.ids import BUCKETS, bucket_of, is_id, made_at, new_id, new_id_of, new_renter_id
from services.values.money import Money, zero


def test_what_belongs_to_a_renter_carries_the_renters_bucket() -> None:
    renter = new_renter_id("rnt")
    rental, deposit = new_id_of("rtl", renter), new_id_of("dep", renter)
    assert bucket_of(rental) == bucket_of(deposit) == bucket_of(renter)
    assert new_id_of("rtl", rental)[-2:] == renter[-2:]


def test_buckets_fill_evenly() -> None:
    filled = Counter(bucket_of(new_renter_id("rnt")) for _ in range(BUCKETS * 20))
    assert set(filled) <= set(range(BUCKETS))
    assert len(filled) > BUCKETS * 0.99
    assert max(filled.values()) < 60


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = [new_id("ptn") for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000


def test_an_id_tells_when_it_was_made() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    made = made_at(new_id_of("opn", new_renter_id("rnt")))
    assert before <= made <= datetime.now(UTC)
    assert made_at(new_id("ptn")) >= made


@pytest.mark.parametrize(
    ("text", "routed", "expected"),
    [
        (new_id("ptn"), False, True),
        (new_renter_id("ptn"), True, True),
        (new_id("ptn"), True, False),
        (new_id("key"), False, False),
        ("ptn_", False, False),
        ("ptn_" + "z" * 26, False, False),
        ("", False, False),
    ],
)
def test_the_form_of_an_id(text: str, routed: bool, expected: bool) -> None:
    assert is_id(text, "ptn", routed=routed) is expected


amounts = st.integers(min_value=-(10**15), max_value=10**15)


@given(amounts, amounts)
def test_money_adds_and_subtracts_exactly(a: int, b: int) -> None:
    total = Money("CNY", a) + Money("CNY", b)
    assert total.amount_minor == a + b
    assert total - Money("CNY", b) == Money("CNY", a)
    assert Money("CNY", a).at_most(Money("CNY", b)).amount_minor == min(a, b)


@pytest.mark.parametrize("mix", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a.at_most(b)])
def test_currencies_do_not_mix(mix) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Refusal) as refused:
        mix(Money("CNY", 1), Money("EUR", 1))
    assert refused.value.reason == "CURRENCY_MISMATCH"


@pytest.mark.parametrize("amount", [1.0, True, "1", None])
def test_money_takes_integers_only(amount: object) -> None:
    with pytest.raises(TypeError):
        Money("CNY", amount)  # type: ignore[arg-type]
    assert zero("CNY") == Money("CNY", 0)


def test_a_refusal_names_the_field_and_passes_through_context_managers() -> None:
    @contextlib.contextmanager
    def passing():  # type: ignore[no-untyped-def]
        yield

    with pytest.raises(Refusal) as refused, passing():
        raise invalid("price.base_minor", "must not be negative")
    assert refused.value.category is Category.INVALID_ARGUMENT
    assert [(v.field, v.description) for v in refused.value.violations] == [
        ("price.base_minor", "must not be negative")
    ]
