"""The links that a batch adds to the chains of its renters: one digest each, over the rows that are written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.deposits.domain.ledger.chain import digest_of, entry_text, moment_text, transfer_text


def link_rows(
    transfers: Sequence[dict[str, Any]], entries: Sequence[dict[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    """One row per renter, in the order in which their heads are locked."""
    at = moment_text(now)
    parts: dict[str, list[str]] = {row["transfer_id"]: [] for row in transfers}
    for e in entries:
        text = entry_text(e["position"], e["account"], e["currency"], e["amount_minor"])
        parts[e["transfer_id"]].append(text)
    links: dict[tuple[int, str], list[str]] = {}
    for t in transfers:
        fields = (t["transfer_id"], t["deposit_id"], t["renter_id"], t["partner_id"], t["kind"], at, t["corrects"])
        links.setdefault((t["bucket"], t["renter_id"]), []).append(transfer_text(fields, parts[t["transfer_id"]]))
    return [
        {"bucket": bucket, "renter_id": renter_id, "digest": digest_of(links[bucket, renter_id]).hex()}
        for bucket, renter_id in sorted(links)
    ]
