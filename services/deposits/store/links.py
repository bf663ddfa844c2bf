"""The links that a batch adds to the chains of its renters: one digest each, over the rows that are written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.deposits.domain.ledger.chain import digest_of, entry_text, moment_text, transfer_text


def link_rows(transfers: Sequence[tuple[Any, ...]], now: datetime) -> list[tuple[Any, ...]]:
    """Bucket, renter and digest, a row per renter; `transfers` are rows of `write_changes`."""
    at = moment_text(now)
    links: dict[tuple[int, str], list[str]] = {}
    for (
        bucket,
        transfer_id,
        deposit_id,
        renter_id,
        partner_id,
        kind,
        corrects,
        currency,
        accounts,
        amounts,
    ) in transfers:
        fields = (transfer_id, deposit_id, renter_id, partner_id, kind, at, corrects)
        entries = [entry_text(n, accounts[n], currency, amounts[n]) for n in range(len(accounts))]
        links.setdefault((bucket, renter_id), []).append(transfer_text(fields, entries))
    return [(*renter, digest_of(texts)) for renter, texts in links.items()]
