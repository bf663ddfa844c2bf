"""What every part of the store shares: the database, the statements, the vault, and rows as domain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.runtime.vault import TextVault
from services.scoring.domain import Fact, FactKind, FactState, NegativeRecord, Recorded, earns, expiry_of
from services.values.ids import bucket_of
from services.values.sealed import Sealed


class Part:
    """A part of the store.

    Args:
        vault: seals case numbers, statements and reasons, each under the id of whom it is about.
        real_now: real time, for the outbox.
        published: called after a commit that wrote events.
    """

    def __init__(
        self, db: Database, vault: TextVault, real_now: Callable[[], datetime], published: Callable[[], None]
    ) -> None:
        self._db = db
        self._sql = load_queries("services.scoring")
        self._vault = vault
        self._real_now = real_now
        self._published = published


def buckets(renter_ids: Iterable[str]) -> list[int]:
    """The buckets of routed ids."""
    return [bucket_of(renter_id) for renter_id in renter_ids]


def sealed_of(row: Any) -> Sealed:
    """What is sealed in a row."""
    return Sealed(row["wrapped_key"], row["sealed"], row["key_version"])


def recorded_of(row: Any, vault: TextVault) -> Recorded:
    """A revision of a fact from its row."""
    return Recorded(
        fact_of(row, vault),
        FactState(row["state"]),
        row["recorded_at"],
        row["revision"],
        row["changed_by"],
        row["change_reason"],
    )


def fact_of(row: Any, vault: TextVault) -> Fact:
    """A fact from its row."""
    return Fact(
        row["fact_id"],
        row["renter_id"],
        FactKind(row["kind"]),
        row["occurred_at"],
        row["subject"],
        row["partner_id"],
        row["rental_seconds"],
        _record(row, vault),
        row["outside_score"],
    )


def _record(row: Any, vault: TextVault) -> NegativeRecord | None:
    if row["sealed"] is None:
        return None
    (case_number,) = vault.open_texts(row["renter_id"], sealed_of(row))
    return NegativeRecord(row["source"], case_number, row["settled_at"], row["wished_expiry"])


def fact_row(recorded: Recorded, vault: TextVault) -> dict[str, Any]:
    """A revision as a row, for jsonb, with what the domain derives from a fact beside it, to be counted by SQL."""
    fact, record = recorded.fact, recorded.fact.record
    row: dict[str, Any] = {
        "bucket": bucket_of(fact.renter_id),
        "fact_id": fact.fact_id,
        "renter_id": fact.renter_id,
        "kind": fact.kind,
        "occurred_at": fact.occurred_at.isoformat(),
        "revision": recorded.revision,
        "state": recorded.state,
        "subject": fact.subject,
        "partner_id": fact.partner_id,
        "about": fact.about,
        "rental_seconds": fact.rental_seconds,
        "earns": earns(fact),
        "outside_score": fact.outside_score,
        "expires_at": _iso(expiry_of(fact)),
        "changed_by": recorded.changed_by,
        "change_reason": recorded.change_reason,
    }
    if record is not None:
        sealed = vault.seal_texts(fact.renter_id, [record.case_number])
        row |= {
            "source": record.source,
            "settled_at": _iso(record.settled_at),
            "wished_expiry": _iso(record.expires_at),
            "wrapped_key": _bytea(sealed.wrapped_key),
            "sealed": _bytea(sealed.data),
            "key_version": sealed.key_version,
        }
    return row


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _bytea(data: bytes) -> str:
    """Bytes as PostgreSQL reads them in jsonb."""
    return "\\x" + data.hex()
