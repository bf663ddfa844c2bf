"""Where a call comes from: the network address by which callers without a known credential are counted and locked out.

Behind a proxy every call has the proxy's address, and one guest could lock out all others. A proxy that is listed as
trusted is believed when it says whom it speaks for (`x-forwarded-for`); nobody else is.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

if TYPE_CHECKING:
    from services.runtime.interceptors.calls import Context

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
AddressOf: TypeAlias = "Callable[[Context], str]"

FORWARDED = "x-forwarded-for"
ONE_HOUSEHOLD_BITS = 64


def parse_networks(text: str) -> Networks:
    """Networks or addresses in a text, separated by commas; raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def address_reader(trusted: Networks) -> AddressOf:
    """How a call's address is read: the nearest hop that is no trusted proxy. What is no IP address is its own name."""

    def read(context: Context) -> str:
        peer = context.peer()
        address = _of_peer(peer)
        if address is None:
            return peer
        if trusted:
            address = _nearest_stranger(address, _forwarded(context), trusted)
        return _household(address)

    return read


def _nearest_stranger(peer: Address, forwarded: list[str], trusted: Networks) -> Address:
    """Each proxy appends whom it heard, so the list is read from its end; what a stranger wrote is not believed."""
    nearest = peer
    while forwarded and any(nearest in network for network in trusted):
        try:
            nearest = _plain(forwarded.pop())
        except ValueError:
            break
    return nearest


def _forwarded(context: Context) -> list[str]:
    values = [value for key, value in context.invocation_metadata() or () if key == FORWARDED]
    return [part.strip() for value in values if isinstance(value, str) for part in value.split(",")]


def _of_peer(peer: str) -> Address | None:
    """The address in grpc's name of a peer: "ipv4:192.0.2.1:4711", "ipv6:%5B2001:db8::1%5D:4711"; None for sockets."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return None
    try:
        return _plain(unquote(rest.rpartition(":")[0]).strip("[]"))
    except ValueError:
        return None


def _plain(text: str) -> Address:
    """The address in a text, IPv4 within IPv6 as IPv4; raises ValueError."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _household(address: Address) -> str:
    """One customer of an IPv6 provider has 2^64 addresses, so they count as one."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, ONE_HOUSEHOLD_BITS), strict=False))
