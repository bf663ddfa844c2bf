"""Sealing: the last links of a finished day, of all renters, under one root, which names the root of the day before.

A renter's last link of a day is the end of the chain as it was by the end of that day, where that was booked on it.

The tree is that of RFC 6962: leaves in the order of (bucket, renter_id), 0x00 before a leaf, 0x01 before a node.
Whoever keeps one root outside of the database can prove that nothing before it was rewritten.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256

GRACE = timedelta(minutes=5)
"""A day is closed to bookings so long after its end (business time)."""
DRAIN = timedelta(seconds=30)
"""A closed day is sealed so much later (real time): a statement that began before has ended, its own limit is 8 s."""


@dataclass(frozen=True, slots=True)
class Root:
    """One sealed day. `root` is empty while it is closed and not sealed yet."""

    day: date
    closed_at: datetime
    renters: int = 0
    root: bytes = b""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A renter's last link of a day."""

    renter_id: str
    link: int
    hash: bytes


@dataclass(slots=True)
class Tree:
    """A tree that grows leaf by leaf and keeps one node per level."""

    renters: int = 0
    _peaks: list[bytes] = field(default_factory=list)

    def add(self, leaf: Leaf) -> None:
        """The next leaf."""
        node = sha256(b"\x00" + f"{leaf.renter_id}|{leaf.link}|".encode() + leaf.hash).digest()
        number = self.renters
        while number & 1:
            node = sha256(b"\x01" + self._peaks.pop() + node).digest()
            number >>= 1
        self._peaks.append(node)
        self.renters += 1

    def top(self) -> bytes:
        """The hash over all leaves so far."""
        if not self._peaks:
            return sha256(b"").digest()
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = sha256(b"\x01" + peak + node).digest()
        return node


def root_of(previous: bytes, day: date, tree: Tree) -> bytes:
    """The root of a day after `previous`; b"" before the first."""
    return sha256(previous + day.isoformat().encode() + tree.renters.to_bytes(8) + tree.top()).digest()


def days_over(first: date, now: datetime) -> list[date]:
    """The days from `first` on that are over, by business time."""
    last = (now - GRACE).date()
    return [first + timedelta(days=n) for n in range(max(0, (last - first).days))]
