"""Ids: a prefix, a UUIDv7 in base 32 (sorts by time), and, for what belongs to a renter, the renter's bucket.

    ptn_069f2q7s3d3kt1j0c5o1m8f8tg        26 characters: not owned by a renter
    rtl_069f2q7s3d3kt1j0c5o1m8f8tg7k      28 characters: the last two are the renter's 10-bit bucket

A row that belongs to a renter is therefore routed by its id alone, and the hot tables lead with `bucket`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b

from uuid_utils import UUID, uuid7

BUCKETS = 1024
_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
_PLAIN, _ROUTED = 26, 28
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)

NewId = Callable[[str], str]


def new_id(prefix: str) -> str:
    """A fresh id of a thing that does not belong to a renter, such as `ptn_…`."""
    return f"{prefix}_{_fresh()}"


def new_renter_id(prefix: str) -> str:
    """A fresh id of a renter; its bucket is a hash of the id itself, so buckets fill evenly."""
    body = _fresh()
    return f"{prefix}_{body}{_letters(_hash(body))}"


def new_id_of(prefix: str, owner: str) -> str:
    """A fresh id of a thing that belongs to the renter with the id `owner`: it carries the renter's bucket."""
    return f"{prefix}_{_fresh()}{owner[-2:]}"


def bucket_of(routed_id: str) -> int:
    """The bucket (0 to 1023) that a routed id carries."""
    return _VALUE[routed_id[-2]] << 5 | _VALUE[routed_id[-1]]


def made_at(an_id: str) -> datetime:
    """When an id was made, by the clock of the process that made it: a UUIDv7 begins with 48 bits of milliseconds."""
    head = 0
    for letter in an_id.partition("_")[2][:10]:
        head = head << 5 | _VALUE[letter]
    return datetime.fromtimestamp((head >> 2) / 1000, UTC)


def is_id(text: str, prefix: str, *, routed: bool) -> bool:
    """Whether `text` has the form of an id with this prefix."""
    head, _, body = text.partition("_")
    return head == prefix and len(body) == (_ROUTED if routed else _PLAIN) and all(c in _VALUE for c in body)


def least_id_at(prefix: str, moment: datetime) -> str:
    """What every id of this prefix that is made at a (real) moment or later sorts after, and no earlier one does."""
    return f"{prefix}_{_body(int(moment.timestamp() * 1000) << 80)}"


def _fresh() -> str:
    value: UUID = uuid7()
    return _body(value.int)


def _body(value: int) -> str:
    bits = value << 2  # 130 bits, five a letter
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


def _hash(body: str) -> int:
    return int.from_bytes(blake2b(body.encode(), digest_size=2).digest()) % BUCKETS


def _letters(bucket: int) -> str:
    return _PAIRS[bucket]
