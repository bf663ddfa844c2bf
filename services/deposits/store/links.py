"""The links that a batch adds to the chains of its renters: one digest each, over the rows that are written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.deposits.domain.ledger.chain import digest_of, entry_text, moment_text, transfer_text


def link_rows(
    transfers: Sequence[tuple[Any, ...]], entries: Sequence[tuple[Any, ...]], now: datetime
) -> list[tuple[Any, ...]]:
    """Bucket, renter and digest, a row per renter; transfers and entries are rows of `write_changes`."""
    at = moment_text(now)
    parts: dict[str, list[str]] = {transfer_id: [] for _, transfer_id, *_ in transfers}
    for _, transfer_id, position, _, account, currency, amount_minor in entries:
        parts[transfer_id].append(entry_text(position, account, currency, amount_minor))
    links: dict[tuple[int, str], list[str]] = {}
    for bucket, transfer_id, deposit_id, renter_id, partner_id, kind, corrects in transfers:
        fields = (transfer_id, deposit_id, renter_id, partner_id, kind, at, corrects)
        links.setdefault((bucket, renter_id), []).append(transfer_text(fields, parts[transfer_id]))
    return [(*renter, digest_of(texts)) for renter, texts in links.items()]
