"""Asking scoring under a policy: one frame for n people, and each answer in the policy's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.deposits.domain import AdmittanceOutcome, AssuranceLevel, PolicyDraft
from services.deposits.domain.policies import ASSURANCE_TOO_LOW, NO_SCORING_CONSENT, falls_short
from services.deposits.operations.ports import Answer, Question, Scoring
from services.values.errors import Refusal


@dataclass(frozen=True, slots=True)
class Asking:
    """One person to be judged by one version of a policy."""

    renter_id: str
    draft: PolicyDraft
    consents: bool
    assurance: AssuranceLevel
    traceparent: str = ""


async def ask(scoring: Scoring, askings: Sequence[Asking]) -> list[Answer | Refusal]:
    """One answer per asking; ADMITTED means above all lines of the policy.

    Scoring learns only of those for whom its answer can matter: they consent, and are believed on the grounds that the
    policy requires.
    """
    silent = [_silence(asking) for asking in askings]
    asked = [_question(asking) for asking, answer in zip(askings, silent, strict=True) if answer is None]
    answered = iter(await scoring.admit(asked) if asked else [])
    return [
        _under(asking.draft, next(answered)) if answer is None else answer
        for asking, answer in zip(askings, silent, strict=True)
    ]


def _silence(asking: Asking) -> Answer | None:
    """The answer without scoring, if that is how it is."""
    if not asking.consents:
        return _cannot_assess(NO_SCORING_CONSENT)
    return _cannot_assess(ASSURANCE_TOO_LOW) if falls_short(asking.draft, asking.assurance) else None


def _cannot_assess(code: str) -> Answer:
    return Answer(AdmittanceOutcome.CANNOT_ASSESS, (code,), "", None)


def _question(asking: Asking) -> Question:
    lowest, *higher = asking.draft.lines
    years = asking.draft.clean_record_years
    return Question(asking.renter_id, lowest, asking.traceparent, tuple(higher), years)


def _under(draft: PolicyDraft, answer: Answer | Refusal) -> Answer | Refusal:
    if isinstance(answer, Refusal) or answer.outcome is not AdmittanceOutcome.ADMITTED:
        return answer
    return answer if answer.tier >= len(draft.lines) else replace(answer, outcome=AdmittanceOutcome.NOT_ADMITTED)
