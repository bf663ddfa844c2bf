"""Where a call comes from, and whom a proxy is believed to speak for."""

from __future__ import annotations

from typing import Any

import pytest

from services.runtime.addresses import address_reader, parse_networks

PROXIES = "10.0.0.0/8, 2001:db8:ffff::7"


class Arrived:
    """A call from a peer, named as grpc names it."""

    def __init__(self, peer: str, *forwarded: str) -> None:
        self._peer = peer
        self._metadata = [("x-forwarded-for", value) for value in forwarded]

    def peer(self) -> str:
        return self._peer

    def invocation_metadata(self) -> Any:
        return [("user-agent", "test"), *self._metadata]


def address(trusted: str, peer: str, *forwarded: str) -> str:
    return address_reader(parse_networks(trusted))(Arrived(peer, *forwarded))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("peer", "seen"),
    [
        ("ipv4:192.0.2.1:4711", "192.0.2.1"),
        ("ipv6:%5B::1%5D:80", "::/64"),
        ("ipv6:[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2::/64"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:80", "192.0.2.1"),
        ("unix:/run/x", "unix:/run/x"),
        ("unix:", "unix:"),
        ("ipv4:nonsense", "ipv4:nonsense"),
    ],
)
def test_an_address_has_no_port_and_a_household_is_one(peer: str, seen: str) -> None:
    assert address("", peer) == seen


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("ipv4:10.1.2.3:1", ["192.0.2.1"], "192.0.2.1"),
        ("ipv4:10.1.2.3:1", ["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
        ("ipv4:10.1.2.3:1", ["192.0.2.1, 10.9.9.9"], "192.0.2.1"),
        ("ipv4:10.1.2.3:1", ["203.0.113.9", "192.0.2.1"], "192.0.2.1"),
        ("ipv4:10.1.2.3:1", ["10.5.5.5,10.6.6.6"], "10.5.5.5"),
        ("ipv4:10.1.2.3:1", ["192.0.2.1, unknown"], "10.1.2.3"),
        ("ipv4:10.1.2.3:1", [], "10.1.2.3"),
        ("ipv6:%5B::ffff:10.1.2.3%5D:1", ["2001:db8:1:2::3"], "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:ffff::7%5D:1", ["192.0.2.1"], "192.0.2.1"),
        ("ipv4:192.0.2.66:1", ["192.0.2.1"], "192.0.2.66"),
    ],
    ids=["one hop", "what its guest wrote", "two proxies", "two headers", "only proxies", "no address", "silent",
         "mapped", "over IPv6", "a stranger who claims to speak for somebody"],
)  # fmt: skip
def test_a_trusted_proxy_is_believed_and_nobody_else(peer: str, forwarded: list[str], seen: str) -> None:
    assert address(PROXIES, peer, *forwarded) == seen


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert address("", "ipv4:10.1.2.3:1", "192.0.2.1") == "10.1.2.3"
