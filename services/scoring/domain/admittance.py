"""The admittance decision: is this person's score strictly above that threshold? It has three answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

BAD_RECORD = "BAD_RECORD"
NO_SCORING_CONSENT = "NO_SCORING_CONSENT"
TOO_FEW_FACTS = "TOO_FEW_FACTS"


class Outcome(StrEnum):
    """The answers; the names are those of `freehold.scoring.v1.Outcome`."""

    ADMITTED = "ADMITTED"
    NOT_ADMITTED = "NOT_ADMITTED"
    CANNOT_ASSESS = "CANNOT_ASSESS"


@dataclass(frozen=True, slots=True)
class Standing:
    """The score in force: None while the facts are sealed or too few. Reasons are codes, most points lost first.

    `changes_at` is when a record runs out: from then on the score is another one, whether or not it was written down.
    `bad_record_at` is when the latest bad record that counts happened.
    """

    score: int | None
    sealed: bool
    reason_codes: tuple[str, ...]
    model_version: str
    facts_version: int = 0
    changes_at: datetime | None = None
    shadow_score: int | None = None
    shadow_version: str = ""
    bad_record_at: datetime | None = None

    def in_the_shadow(self) -> Standing:
        """The same person, as the challenger scores them."""
        return replace(self, score=self.shadow_score, model_version=self.shadow_version)


@dataclass(frozen=True, slots=True)
class Admittance:
    """The decision. Reasons say why not more; they are empty above every line. The score is for the record only.

    `tier` is how many lines of the policy the score lies above: 0 when not admitted.
    """

    outcome: Outcome
    reason_codes: tuple[str, ...]
    model_version: str
    score: int | None
    facts_version: int = 0
    tier: int = 0


def admit(
    standing: Standing, threshold: int, higher: Sequence[int] = (), clean_since: datetime | None = None
) -> Admittance:
    """Strictly above admits (PRODUCT: Admittance). Without a score there is nothing to compare, which is not bad.

    Args:
        higher: further lines, each above the one before; they make tiers and change nothing else.
        clean_since: a bad record that happened later is the only reason then, whatever the score: one answer tells one
            thing about a person.
    """
    version, score = standing.model_version, None if standing.sealed else standing.score
    if score is None:
        why = NO_SCORING_CONSENT if standing.sealed else TOO_FEW_FACTS
        return Admittance(Outcome.CANNOT_ASSESS, (why,), version, None, standing.facts_version)
    bad = standing.bad_record_at
    if clean_since is not None and bad is not None and bad > clean_since:
        return Admittance(Outcome.NOT_ADMITTED, (BAD_RECORD,), version, score, standing.facts_version)
    if score > threshold:
        tier = 1 + sum(score > line for line in higher)
        why_not_more = standing.reason_codes if tier <= len(higher) else ()
        return Admittance(Outcome.ADMITTED, why_not_more, version, score, standing.facts_version, tier)
    return Admittance(Outcome.NOT_ADMITTED, standing.reason_codes, version, score, standing.facts_version)
