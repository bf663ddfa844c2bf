"""Limits per caller, and addresses that are locked out after a burst of failures."""

from __future__ import annotations

import pytest
from google.rpc import error_details_pb2

from services.runtime import lockout, rates
from services.runtime.lockout import Lockout, address_of
from services.runtime.rates import Rates, RecentCounters
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
    limited = Rates({Role.PARTNER: "3/second", Role.RENTER: "1/minute"}, "100/second")
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


def test_a_key_that_runs_wild_leaves_the_partners_other_keys_their_share(hands: Hands) -> None:
    limited = Rates({Role.PARTNER: "5/second"}, "3/second")
    for _ in range(3):
        limited.count(PARTNER, PARTNER.id, "fhk_wild")
    assert _refusal(limited.count, PARTNER, PARTNER.id, "fhk_wild").reason == "RATE_LIMITED"
    for _ in range(2):
        limited.count(PARTNER, PARTNER.id, "fhk_calm")
    assert _refusal(limited.count, PARTNER, PARTNER.id, "fhk_calm").reason == "RATE_LIMITED", "five in all"


def test_the_pause_is_told_as_retry_info(hands: Hands) -> None:
    limited = Rates({Role.RENTER: "1/minute"}, "100/second")
    limited.count(RENTER, RENTER.id)
    status, info = to_status(_refusal(limited.count, RENTER, RENTER.id)), error_details_pb2.RetryInfo()
    assert [detail.Unpack(info) for detail in status.details].count(True) == 1
    assert info.retry_delay.seconds > 0


def test_whoever_has_no_limit_is_not_counted() -> None:
    limited = Rates({Role.RENTER: "1/minute"}, "100/second")
    for _ in range(100):
        limited.count(PARTNER, PARTNER.id)


def test_counters_are_bounded_and_the_least_recent_goes() -> None:
    counters = RecentCounters(remembered=2)
    counters.incr("a", 60)
    counters.incr("b", 60)
    counters.incr("a", 60)
    counters.incr("c", 60)
    assert [counters.get(key) for key in "abc"] == [2, 0, 1]


def test_a_burst_locks_its_address_and_no_other_for_longer_each_time(hands: Hands) -> None:
    locks, pauses = Lockout(most_failures=3), []
    for _ in range(12):
        for _ in range(4):
            locks.must_be_open(lambda: "ipv4:192.0.2.1:4711", "wrong")
            locks.failed("ipv4:192.0.2.1:4711", "wrong")
        locks.must_be_open(lambda: "ipv4:192.0.2.2:4711", "wrong")
        refusal = _refusal(locks.must_be_open, lambda: "ipv4:192.0.2.1:9999", "wrong")
        assert refusal.reason == "AUTHENTICATION_LOCKED"
        pauses.append(int(refusal.metadata["retry_after_seconds"]))
        hands.now += pauses[-1] + 0.1
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == lockout.LONGEST_LOCK_SECONDS


def test_failures_that_are_not_a_burst_lock_nobody(hands: Hands) -> None:
    locks = Lockout(most_failures=3)
    for _ in range(50):
        locks.failed("ipv4:192.0.2.1:1", "wrong")
        hands.now += 30
        locks.must_be_open(lambda: "ipv4:192.0.2.1:1", "wrong")


def test_a_credential_that_was_good_is_let_in_from_a_locked_address(hands: Hands) -> None:
    locks = Lockout(most_failures=1)
    locks.succeeded("good")
    for _ in range(2):
        locks.failed("ipv6:[2001:db8::1]:1", "wrong")
    locks.must_be_open(lambda: "ipv6:[2001:db8::1]:2", "good")
    assert _refusal(locks.must_be_open, lambda: "ipv6:[2001:db8::1]:2", "new").reason == "AUTHENTICATION_LOCKED"
    locks.failed("ipv6:[2001:db8::1]:1", "good")
    assert _refusal(locks.must_be_open, lambda: "ipv6:[2001:db8::1]:2", "good").reason == "AUTHENTICATION_LOCKED"


@pytest.mark.parametrize(
    ("peer", "address"),
    [("ipv4:192.0.2.1:4711", "ipv4:192.0.2.1"), ("ipv6:[::1]:80", "ipv6:[::1]"), ("unix:/run/x", "unix:/run/x")],
)
def test_an_address_has_no_port(peer: str, address: str) -> None:
    assert address_of(peer) == address
