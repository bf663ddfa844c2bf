"""Renters with a score and bikes to scan, copied into databases: the same for everyone who is measured.

Ids are numbers in disguise, so that pgbench can make them too: renter 42 is `rnt_000…42` and the bucket of 42.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from services.scoring.domain import Fact, assess, facts_for_score, observe, spread, summarise
from services.scoring.models import DEFAULT_SCORECARD, read_model
from services.values.ids import BUCKETS

SCORED, UNSCORED = 10_000, 2_000
SCORE = 700
ASSETS = 200_000
MOST_OPEN = 100
MODEL = DEFAULT_SCORECARD
NOW = datetime.now(UTC)
LETTERS = "0123456789abcdefghijklmnopqrstuv"

Dsns = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """What the rows belong to, and how many assets there are."""

    partner_id: str
    price_plan_id: str
    processor_ref: str
    assets: int = ASSETS


def renter_id(number: int) -> str:
    """The id of a renter; those from SCORED on have no score."""
    return f"rnt_{number:026}{_letters(bucket(number))}"


def asset_code(number: int) -> str:
    """What is scanned."""
    return f"B{number}"


def bucket(number: int) -> int:
    """The renter's bucket."""
    return number % BUCKETS


async def populate(dsns: Dsns, names: Names) -> None:
    """Copies everybody and everything into the four databases (or schemas) of `dsns`."""
    for service, tables in _rows(names).items():
        connection = await asyncpg.connect(dsns[service])
        try:
            await connection.set_type_codec(
                "jsonb", schema="pg_catalog", format="binary", encoder=_jsonb, decoder=bytes
            )
            for table, (columns, rows) in tables.items():
                await connection.copy_records_to_table(table, records=rows, columns=columns)
            await connection.execute("ANALYZE")
        finally:
            await connection.close()


def _rows(names: Names) -> dict[str, dict[str, tuple[list[str], Iterator[tuple[Any, ...]]]]]:
    everybody = range(SCORED + UNSCORED)
    plan = names.price_plan_id
    assessment, facts = _history()
    return {
        "identity": {
            "renters": (
                [
                    "bucket",
                    "renter_id",
                    "state",
                    "adult",
                    "wrapped_key",
                    "sealed",
                    "created_at",
                    "document_verified_at",
                    "verify_after",
                ],
                ((bucket(n), renter_id(n), "VERIFIED", True, b"w" * 60, b"s" * 180, NOW, NOW, NOW) for n in everybody),
            ),
            "partner_links": (
                ["bucket", "renter_id", "partner_id", "linked_at"],
                ((bucket(n), renter_id(n), names.partner_id, NOW) for n in everybody),
            ),
            "consents": (
                _columns("bucket consent_id renter_id partner_id purpose text_version granted_at"),
                (
                    (bucket(n), f"cns{renter_id(n)[3:]}", renter_id(n), names.partner_id, "DEPOSIT_SCORING", "1", NOW)
                    for n in everybody
                ),
            ),
        },
        "scoring": {
            "scores": (
                [
                    "bucket",
                    "renter_id",
                    "facts_open",
                    "score",
                    "reason_codes",
                    "model_version",
                    "assessment",
                    "facts",
                    "computed_at",
                ],
                ((bucket(n), renter_id(n), True, SCORE, [], MODEL, assessment, len(facts), NOW) for n in range(SCORED)),
            ),
            "facts": (
                _columns("bucket fact_id renter_id kind occurred_at recorded_at subject about"),
                (
                    (
                        bucket(n),
                        fact.fact_id,
                        renter_id(n),
                        fact.kind.value,
                        fact.occurred_at,
                        NOW,
                        fact.subject,
                        fact.about,
                    )
                    for n in range(SCORED)
                    for fact in facts
                ),
            ),
        },
        "deposits": {
            "payment_methods": (
                [
                    "bucket",
                    "payment_method_id",
                    "renter_id",
                    "processor_ref",
                    "brand",
                    "last4",
                    "is_default",
                    "created_at",
                ],
                (
                    (bucket(n), f"pmt{renter_id(n)[3:]}", renter_id(n), names.processor_ref, "visa", "4242", True, NOW)
                    for n in everybody
                ),
            ),
        },
        "rental": {
            "assets": (
                _columns("partner_id asset_id asset_kind code price_plan_id state created_at"),
                (
                    (names.partner_id, f"ast_{n:026}", "BIKE", asset_code(n), plan, "AVAILABLE", NOW)
                    for n in range(names.assets)
                ),
            ),
        },
    }


def _history() -> tuple[dict[str, Any], list[Fact]]:
    """Facts that give SCORE, found by searching the scorecard, and the assessment that they lead to."""
    model = read_model(MODEL)
    facts = list(spread(facts_for_score(model, SCORE, {}), "", NOW))
    assessment = assess(model, summarise(observe(facts, NOW), NOW))
    if assessment.score != SCORE:
        raise AssertionError(f"the facts give {assessment.score}, not {SCORE}")
    return asdict(assessment), facts


def _rest(fact: Fact) -> tuple[Any, ...]:
    return fact.occurred_at, NOW, fact.subject, fact.about


def _letters(number: int) -> str:
    return LETTERS[number >> 5] + LETTERS[number & 31]


def _jsonb(value: Any) -> bytes:
    return b"\x01" + json.dumps(value, ensure_ascii=False).encode()


def _columns(names: str) -> list[str]:
    return names.split()
