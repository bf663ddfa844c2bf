"""Kinds are data: each has its file, its page, its age, its bounds and its place in the contract and the schema."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rental_kit import NOON, PRICING, a_rental, a_security, after, moment

from freehold.assets.v1 import asset_kind_pb2
from services.deposits.domain.policies import BOUNDS
from services.identity.domain import MINIMUM_AGES
from services.rental.domain import (
    KINDS,
    AssetKind,
    ClosedBy,
    Closing,
    DepositState,
    FactKind,
    Kind,
    PriceTerms,
    Pricing,
    Rental,
    check_told_charge,
    close_answer,
    returned,
    secured,
)
from services.rental.domain.kinds.page import page_of
from services.values.errors import Refusal
from services.values.money import Money

ROOT = Path(__file__).parents[3]
END = ClosedBy(Closing.END, "end-1")
FLAT = Pricing(PriceTerms("CNY", 10**9, (), 0))


def an_active(kind: AssetKind) -> Rental:
    rental = a_rental(asset_kind=kind)
    return after(secured(rental, a_security(rental, DepositState.WAIVED), moment()))


@pytest.mark.parametrize("kind", AssetKind)
def test_a_kind_is_known_wherever_it_has_to_be(kind: AssetKind) -> None:
    assert KINDS[kind].asset_kind is kind
    assert (ROOT / f"services/rental/domain/kinds/{kind.lower()}.py").exists()
    assert asset_kind_pb2.AssetKind.Value(f"ASSET_KIND_{kind}") > 0
    assert kind in MINIMUM_AGES
    assert kind in BOUNDS


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.asset_kind)
def test_the_page_of_a_kind_is_what_the_code_says(kind: Kind) -> None:
    page = (ROOT / f"docs/states/{kind.asset_kind.lower()}.md").read_text(encoding="utf-8")
    assert page == page_of(kind), "run .ci/state_pages.py"


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.asset_kind)
def test_a_page_draws_every_step_once(kind: Kind) -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): (\w+)$", page_of(kind), re.MULTILINE)
    assert sorted(drawn) == sorted((b, a, step.lower()) for (b, step), a in kind.machine.items())


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.asset_kind)
def test_a_kind_is_overdue_before_nobody_waits_for_it_any_more(kind: Kind) -> None:
    assert timedelta(0) < kind.late_after < kind.silence.after
    assert kind.total_minor > 0


@pytest.mark.parametrize("kind", [kind for kind in AssetKind if kind is not AssetKind.SHOP_VISIT])
def test_a_return_is_late_after_the_kinds_time_and_never_costs_more_than_the_thing(kind: AssetKind) -> None:
    late = KINDS[kind].late_after
    for took, fact in ((late, FactKind.RENTAL_RETURNED_ON_TIME), (late * 1.001, FactKind.RENTAL_RETURNED_LATE)):
        change = returned(an_active(kind), END, FLAT, moment(now=NOON + took))
        assert change.facts[0].kind is fact
        assert after(change).charge == Money("CNY", KINDS[kind].total_minor)


@pytest.mark.parametrize(
    ("kind", "told", "reason"),
    [
        (AssetKind.SHOP_VISIT, None, "CHARGE_REQUIRED"),
        (AssetKind.SHOP_VISIT, Money("CNY", 1234), None),
        (AssetKind.SHOP_VISIT, Money("CNY", 0), None),
        (AssetKind.SHOP_VISIT, Money("CNY", KINDS[AssetKind.SHOP_VISIT].total_minor + 1), "CHARGE_NOT_ALLOWED"),
        (AssetKind.SHOP_VISIT, Money("EUR", 1), "CHARGE_NOT_ALLOWED"),
        (AssetKind.BIKE, None, None),
        (AssetKind.BIKE, Money("CNY", 1), "CHARGE_NOT_ALLOWED"),
    ],
)
def test_who_says_what_a_rental_costs(kind: AssetKind, told: Money | None, reason: str | None) -> None:
    refusal = check_told_charge(an_active(kind), told)
    assert (refusal and refusal.reason) == reason


def test_a_visit_costs_what_the_shop_says_and_a_repeated_end_says_the_same() -> None:
    told = Money("CNY", 4250)
    over = after(returned(an_active(AssetKind.SHOP_VISIT), END, PRICING, moment(now=NOON + timedelta(minutes=9)), told))
    assert over.charge == told
    assert close_answer(over, END, told_charge=told) is over
    reused = close_answer(over, END, told_charge=replace(told, amount_minor=4251))
    assert isinstance(reused, Refusal)
    assert reused.reason == "REQUEST_ID_REUSED"
