"""docs/events.md tells every kind of event, and every kind can come."""

from __future__ import annotations

import re
from pathlib import Path

from services.rental.domain import DepositState, EventKind, PaymentStatus

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text(encoding="utf-8")


def test_the_page_tells_every_kind_and_no_other() -> None:
    told = set(re.findall(r"`((?:rental|deposit|payment|reservation)\.\w+)`", PAGE))
    assert told == set(EventKind)


def test_every_state_of_a_deposit_and_a_payment_has_its_event() -> None:
    states = {f"deposit.{state.lower()}" for state in DepositState}
    assert {kind for kind in EventKind if kind.startswith("deposit.")} == states
    statuses = {f"payment.{status.lower()}" for status in PaymentStatus}
    assert {kind for kind in EventKind if kind.startswith("payment.")} == statuses
