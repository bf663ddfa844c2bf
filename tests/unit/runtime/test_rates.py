"""Limits per caller, and addresses that are locked out after a burst of failures."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from google.rpc import error_details_pb2

from services.runtime import lockout, rates
from services.runtime.lockout import Lockout
from services.runtime.rates import Limit, Rates, RecentCounters
from services.runtime.statuses import to_status
from services.values.callers import Caller, Role
from services.values.errors import Category, Refusal

PARTNER, OTHER = Caller(Role.PARTNER, "ptn_1", "ptn_1"), Caller(Role.PARTNER, "ptn_2", "ptn_2")
RENTER = Caller(Role.RENTER, "rnt_1", "ptn_1")


class Hands:
    """A clock for the module under test."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    clock = Hands()
    monkeypatch.setattr(rates, "time", clock)
    monkeypatch.setattr(lockout, "time", clock)
    return clock


def _refusal(work: object, *args: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        work(*args)  # type: ignore[operator]
    return caught.value


def test_each_caller_has_a_count_of_its_own_and_a_fresh_one_when_the_window_is_over(hands: Hands) -> None:
    limited = Rates({Role.PARTNER: "3/second", Role.RENTER: "1/minute"})
    for _ in range(3):
        limited.count(PARTNER, PARTNER.id)
    refusal = _refusal(limited.count, PARTNER, PARTNER.id)
    assert (refusal.category, refusal.reason) == (Category.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert int(refusal.metadata["retry_after_seconds"]) >= 1
    limited.count(OTHER, OTHER.id)
    limited.count(RENTER, RENTER.id)
    hands.now += 1.1
    limited.count(PARTNER, PARTNER.id)
    assert 55 <= int(_refusal(limited.count, RENTER, RENTER.id).metadata["retry_after_seconds"]) <= 60


def test_the_pause_is_told_as_retry_info(hands: Hands) -> None:
    limited = Rates({Role.RENTER: "1/minute"})
    limited.count(RENTER, RENTER.id)
    status, info = to_status(_refusal(limited.count, RENTER, RENTER.id)), error_details_pb2.RetryInfo()
    assert [detail.Unpack(info) for detail in status.details].count(True) == 1
    assert info.retry_delay.seconds > 0


def test_whoever_has_no_limit_is_not_counted() -> None:
    limited = Rates({Role.RENTER: "1/minute"})
    for _ in range(100):
        limited.count(PARTNER, PARTNER.id)


def test_counters_are_bounded_and_the_least_recent_goes() -> None:
    counters = RecentCounters(remembered=2)
    for key in "abac":
        counters.hit(key, 9, 60)
    assert len(counters) == 2
    assert [counters.hit("a", 2, 60) > 0, counters.hit("b", 1, 60) > 0] == [True, False], "b begins anew"


def test_a_burst_locks_its_address_and_no_other_for_longer_each_time(hands: Hands) -> None:
    locks, pauses = Lockout(most_failures=3), []
    for _ in range(12):
        for _ in range(4):
            locks.must_be_open(lambda: "192.0.2.1", "wrong")
            locks.failed("192.0.2.1", "wrong")
        locks.must_be_open(lambda: "192.0.2.2", "wrong")
        refusal = _refusal(locks.must_be_open, lambda: "192.0.2.1", "wrong")
        assert refusal.reason == "AUTHENTICATION_LOCKED"
        pauses.append(int(refusal.metadata["retry_after_seconds"]))
        hands.now += pauses[-1] + 0.1
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == lockout.LONGEST_LOCK_SECONDS


def test_failures_that_are_not_a_burst_lock_nobody(hands: Hands) -> None:
    locks = Lockout(most_failures=3)
    for _ in range(50):
        locks.failed("192.0.2.1", "wrong")
        hands.now += 30
        locks.must_be_open(lambda: "192.0.2.1", "wrong")


def test_a_credential_that_was_good_is_let_in_from_a_locked_address(hands: Hands) -> None:
    locks = Lockout(most_failures=1)
    locks.succeeded("good")
    for _ in range(2):
        locks.failed("2001:db8::/64", "wrong")
    locks.must_be_open(lambda: "2001:db8::/64", "good")
    assert _refusal(locks.must_be_open, lambda: "2001:db8::/64", "new").reason == "AUTHENTICATION_LOCKED"


def test_a_credential_that_was_revoked_is_let_in_no_more(hands: Hands) -> None:
    locks = Lockout(most_failures=1)
    locks.succeeded("revoked")
    for _ in range(2):
        locks.must_be_open(lambda: "192.0.2.1", "revoked")
        locks.failed("192.0.2.1", "revoked")
    assert _refusal(locks.must_be_open, lambda: "192.0.2.1", "revoked").reason == "AUTHENTICATION_LOCKED"


def test_the_pause_that_is_told_is_long_enough(hands: Hands) -> None:
    limited = Rates({Role.RENTER: "1/minute"})
    limited.count(RENTER, RENTER.id)
    hands.now += 58.6
    told = int(_refusal(limited.count, RENTER, RENTER.id).metadata["retry_after_seconds"])
    hands.now += told
    limited.count(RENTER, RENTER.id)


def test_a_key_that_runs_wild_leaves_the_others_of_its_partner_their_share() -> None:
    limited = Rates({Role.PARTNER: "5/minute"}, api_key="3/minute")
    for _ in range(3):
        limited.count(PARTNER, PARTNER.id, "fhk_wild")
    assert _refusal(limited.count, PARTNER, PARTNER.id, "fhk_wild").reason == "RATE_LIMITED"
    for _ in range(2):
        limited.count(PARTNER, PARTNER.id, "fhk_tame")
    assert _refusal(limited.count, PARTNER, PARTNER.id, "fhk_third").reason == "RATE_LIMITED", "all keys together"
    limited.count(OTHER, OTHER.id, "fhk_other")


def test_no_counter_has_a_credential_in_its_name() -> None:
    limited = Rates({Role.PARTNER: "5/minute"}, api_key="3/minute")
    limited.count(PARTNER, PARTNER.id, "fhk_canary")
    assert "canary" not in str(limited._counters._counters)


@dataclass(frozen=True)
class Ask:
    """A request about somebody."""

    renter_id: str


def test_calls_about_one_person_are_counted_by_caller_and_rpc() -> None:
    limited = Rates(
        {}, by_method={"/s/Send": Limit("2/minute", "renter_id"), "/s/Check": Limit("1/minute", "renter_id")}
    )
    for _ in range(2):
        limited.count_request("/s/Send", PARTNER, Ask("rnt_1"))
    assert _refusal(limited.count_request, "/s/Send", PARTNER, Ask("rnt_1")).reason == "RATE_LIMITED"
    limited.count_request("/s/Send", PARTNER, Ask("rnt_2"))
    limited.count_request("/s/Send", OTHER, Ask("rnt_1"))
    limited.count_request("/s/Check", PARTNER, Ask("rnt_1"))
    for _ in range(9):
        limited.count_request("/s/Other", PARTNER, Ask("rnt_1"))


def test_counters_whose_window_is_over_go(hands: Hands) -> None:
    counters = RecentCounters(remembered=1_000)
    for number in range(100):
        counters.hit(f"old-{number}", 9, 1)
    hands.now += 2
    for number in range(100):
        counters.hit(f"new-{number}", 9, 1)
    assert len(counters) == 100
